# SPDX-License-Identifier: GPL-2.0-or-later
"""Measure guests' network: TCP, packet rates, latency, processor time.

Every measurement counts what has arrived, at the receiver.  Rates of packets
come from the kernel's pktgen at one end, without clones (Linux 6.1's netback
crashes on those), sent to an address that the receiver's IP stack drops at
once, and from the receiving interface's counter over a fixed time.  pktgen
makes no frames above the MTU; those come from labgso, in the same way.  The
largest that Linux hands to a vif without segmenting them have 65,534 bytes.

Processor time is what Xen says of each domain, in tenths of a second, before
and after TCP, over what TCP has carried.
"""

import collections
import json
import re

from . import machine as machines

SECONDS = 3
RAMP = 1.5
NOWHERE = '10.9.9.9'
GIB = 1 << 30

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

LABGSO_START = '''
labgso {device} {mac} {source} {nowhere} {size} >/tmp/labgso.log 2>&1 &
echo $! >/tmp/labgso.pid
sleep 0.5
kill -0 $(cat /tmp/labgso.pid) || {{ cat /tmp/labgso.log; exit 1; }}
'''

LABGSO_STOP = 'kill $(cat /tmp/labgso.pid)'

# The largest frame that pktgen makes, Ethernet's check sum not counted
PKTGEN_MAX = 1514

COUNT = '''
count() {{
    read up idle </proc/uptime
    cd /sys/class/net/{device}/statistics
    echo "$up $(cat rx_packets) $(cat rx_bytes)"
}}
sleep {ramp}; count; sleep {seconds}; count
'''

# 1451 is iperf3's port, and 0A a socket that listens.
SERVE = ('pidof iperf3 >/dev/null || iperf3 -s -D; '
         'until grep -q ":1451 .* 0A " /proc/net/tcp6; do sleep 0.2; done')

# What TCP carried, in Mbit/s, and how long dom0's and the guests' processors
# have worked for each GiB of it
Transfer = collections.namedtuple('Transfer', 'rate dom0 guests')


def read_cpu_seconds(lab):
    """Return the processor time that each domain has had, by its name."""
    rows = (line.split() for line in lab.dom0('xl list').splitlines()[1:])
    return {row[0]: float(row[-1]) for row in rows}


def measure_transfer(lab, client, server, arguments='', seconds=SECONDS):
    """Have iperf3 run between two ends; return a Transfer.

    @client, @server: guests, or lab.host
    @arguments: of the client, for instance -R, and the server sends
    """
    server.run(SERVE)
    before = read_cpu_seconds(lab)
    output = client.run('iperf3 -J -c %s -t %g %s' % (
        server.address(), seconds, arguments))
    after = read_cpu_seconds(lab)
    received = json.loads(output[output.index('{'):])['end']['sum_received']
    spent = {name: (after[name] - before[name]) * GIB / received['bytes']
             for name in before}
    return Transfer(received['bits_per_second'] / 1e6, spent.pop('Domain-0'),
                    sum(spent.values()))


def measure_tcp(lab, guest, to_guest, connections=1):
    """Return a Transfer between dom0 and a guest."""
    return measure_transfer(lab, lab.host, guest, '-P %d %s' % (
        connections, '' if to_guest else '-R'))


def count_rate(output, size):
    """Return frames per second from two lines of COUNT's.

    Frames that somebody has segmented on the way aren't what was to be
    measured.
    """
    (t0, n0, b0), (t1, n1, b1) = (map(float, line.split())
                                  for line in output.split('\n')[-2:])
    if b1 - b0 < (n1 - n0) * size / 2:
        raise machines.CommandError(
            'frames of %d bytes have come with %.0f bytes on average'
            % (size, (b1 - b0) / (n1 - n0)))
    return (n1 - n0) / (t1 - t0)


def measure_frames(lab, guest, to_guest, size, seconds=SECONDS):
    """Return the rate at which frames of a size arrive, in frames a second."""
    vif = guest.vif_name()
    if to_guest:
        device, mac, source = vif, guest.mac, lab.host.address()
        sender, receiver, counted = lab.dom0, guest.run, 'eth0'
    else:
        device, source = 'eth0', guest.address()
        mac = lab.dom0('cat /sys/class/net/xenbr0/address')
        sender, receiver, counted = guest.run, lab.dom0, vif
    start, stop = ((PKTGEN_START, PKTGEN_STOP) if size <= PKTGEN_MAX
                   else (LABGSO_START, LABGSO_STOP))
    sender(start.format(device=device, size=size, mac=mac, nowhere=NOWHERE,
                        source=source))
    output = receiver(COUNT.format(device=counted, ramp=RAMP,
                                   seconds=seconds))
    sender(stop)
    return count_rate(output, size)


def measure_ping(lab, guest, count=500):
    """Return the average time of a ping from dom0, in microseconds."""
    output = lab.dom0('ping -A -q -c %d -W 30 %s' % (count, guest.address()))
    return float(re.search('= [0-9.]+/([0-9.]+)/', output).group(1)) * 1000
