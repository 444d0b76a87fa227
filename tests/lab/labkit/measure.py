# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure a guest's network: TCP, packet rates, latency.

Every measurement counts what has arrived, at the receiver.  Rates of packets
come from the kernel's pktgen at one end, without clones (Linux 6.1's netback
crashes on those), sent to an address that the receiver's IP stack drops at
once, and from the receiving interface's counter over a fixed time.
"""

import json
import re

SECONDS = 5
RAMP = 2
NOWHERE = '10.9.9.9'

PKTGEN_START = '''
modprobe pktgen
pg() {{ echo "$2" >/proc/net/pktgen/$1; }}
pg pgctrl reset
pg kpktgend_0 "add_device {device}"
pg {device} "count 0"
pg {device} "clone_skb 0"
pg {device} "pkt_size {size}"
pg {device} "delay 0"
pg {device} "dst {nowhere}"
pg {device} "src_min {source}"
pg {device} "src_max {source}"
pg {device} "dst_mac {mac}"
(pg pgctrl start) >/dev/null 2>&1 &
sleep 0.5
'''

PKTGEN_STOP = '''
echo stop >/proc/net/pktgen/pgctrl
sleep 1
echo reset >/proc/net/pktgen/pgctrl
'''

COUNT = '''
count() {{
    read up idle </proc/uptime
    echo "$up $(cat /sys/class/net/{device}/statistics/rx_packets)"
}}
sleep {ramp}; count; sleep {seconds}; count
'''


def iperf_rate(output):
    """Return Mbit/s as the receiver saw them."""
    end = json.loads(output[output.index('{'):]).get('end', {})
    return end['sum_received']['bits_per_second'] / 1e6


def measure_tcp(lab, guest, to_guest, seconds=SECONDS):
    """Return the rate of one TCP connection, in Mbit/s."""
    guest.run('pidof iperf3 >/dev/null || iperf3 -s -D')
    lab.wait_for('timeout 5 bash -c "</dev/tcp/%s/5201"' % guest.address())
    return iperf_rate(lab.dom0('iperf3 -J -c %s -t %d %s' % (
        guest.address(), seconds, '' if to_guest else '-R')))


def count_rate(output):
    """Return packets per second from two lines of uptime and counter."""
    (t0, n0), (t1, n1) = (map(float, line.split())
                          for line in output.split('\n')[-2:])
    return (n1 - n0) / (t1 - t0)


def measure_pktgen(lab, guest, to_guest, size, seconds=SECONDS):
    """Return the rate at which frames arrive, in packets per second."""
    vif = guest.vif_name()
    if to_guest:
        device, mac, source = vif, guest.mac, '10.0.0.1'
        sender, receiver, counted = lab.dom0, guest.run, 'eth0'
    else:
        device, source = 'eth0', guest.address()
        mac = lab.dom0('cat /sys/class/net/xenbr0/address')
        sender, receiver, counted = guest.run, lab.dom0, vif
    sender(PKTGEN_START.format(device=device, size=size, mac=mac,
                               nowhere=NOWHERE, source=source))
    output = receiver(COUNT.format(device=counted, ramp=RAMP,
                                   seconds=seconds))
    sender(PKTGEN_STOP)
    return count_rate(output)


def measure_ping(lab, guest, count=500):
    """Return the average time of a ping from dom0, in microseconds."""
    output = lab.dom0('ping -A -q -c %d -W 30 %s' % (count, guest.address()))
    return float(re.search('= [0-9.]+/([0-9.]+)/', output).group(1)) * 1000
