# SPDX-License-Identifier: GPL-2.0-or-later
"""Our netfront in a PV guest, in depth, on both kernels.

Queues, and what xenstore, ethtool and the backend say of them; then, while a
connection each way is busy, the guest is saved and restored, its vif gets
another backend without a farewell of the first, and its driver is loaded
again.  All the while pages stay mapped and are used again; without the driver
none of the guest's is, and the stock driver can have the vif.

On 6.1 there are offloads, datagrams of all sizes, a large MTU, a VLAN and
netconsole as well, and what Debian's kernel offers in place of KASAN: checks of
slab objects and free pages, and pages that are cleared at once.
"""

from labkit import checks, ethtool, flow, moving

BACKENDS = ('xen_nic_pg',)
DRIVER = 'xen-netfront-pg'
QUEUES = 4
BYTES = 8 << 20
QUEUE_BYTES = 2 << 20
UDP_MAX = 9000
# By kernel: further words of its command line, where all kinds are carried
KERNELS = {'6.1': 'slub_debug=FZPU page_poison=1 init_on_free=1', '6.12': ''}

# What Xen has of a PV guest: the rings of its console and its xenstore
MAPPED_WITHOUT = 2

MTU = 9000
# Of an ICMP message, without the headers of IP and ICMP
MTU_PING = MTU - 28

VLAN = '''
modprobe 8021q; ip link add link {0} name lab.5 type vlan id 5 &&
ip addr add {1}/24 dev lab.5 && ip link set lab.5 up
'''

LINES = 20
LISTEN = '''
import socket
port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
port.bind(("10.0.0.1", 6666))
open("/run/lab/listening", "w")
text = b""
while text.count(b"netconsole line") < %d:
    text += port.recv(2000)
print(text.decode())
''' % LINES
CONSOLE = '''
modprobe netconsole netconsole=@{0}/eth0,6666@10.0.0.1/{1} || exit 1
for n in $(seq {2}); do echo "<0>netconsole line $n" >/dev/kmsg; done
modprobe -r netconsole
'''


def check_ethtool(lab, guest):
    """Check what the driver says of itself."""
    output = guest.run('ethtool -i eth0; ethtool -l eth0')
    lab.check('driver: %s\n' % DRIVER in output and
              output.count('Combined:\t%d' % QUEUES) == 2,
              'ethtool shows the driver, and %d queues' % QUEUES, output)


def check_hits(lab, guest):
    """Check that pages which have been mapped are used again."""
    before = guest.counters()
    flow.check_both_ways(lab, 'mapped pages', guest, lab.host, BYTES,
                         version=6)
    for name, old, new in zip(('tx', 'rx'), before, guest.counters()):
        hits, copies = (new[key] - old[key]
                        for key in ('persistent-hits', 'copies'))
        lab.check(hits > 9 * copies, '%s: %d hits, %d copies'
                  % (name, hits, copies), new)
        lab.check(0 < new['mapped'] <= new['mapped-max'],
                  '%s: %d pages of %d are mapped'
                  % (name, new['mapped'], new['mapped-max']), new)


def switch_offloads(lab, guest):
    """Switch offloads while connections are busy, and do without all."""
    with flow.busy(lab, 'offloads', guest):
        for name in ethtool.ALL.split():
            with ethtool.switched_off(guest, 'eth0', name):
                guest.run('sleep 0.5')
    with ethtool.switched_off(guest, 'eth0'), \
            ethtool.dom0_switched_off(lab, guest):
        flow.check_both_ways(lab, 'offloads off', guest, lab.host, BYTES)


def set_mtu(lab, guest, mtu):
    """Set the MTU at both ends."""
    guest.run('ip link set eth0 mtu %d' % mtu)
    lab.dom0('ip link set %s mtu %d && ip link set xenbr0 mtu %d'
             % (guest.vif_name(), mtu, mtu))


def use_large_frames(lab, guest):
    """Have a large MTU for a while."""
    set_mtu(lab, guest, MTU)
    for sender, receiver in ((lab.host, guest), (guest, lab.host)):
        checks.check_pings(lab, 'MTU %d' % MTU, sender, receiver, 20,
                           '-i 0.1 -s %d' % MTU_PING)
    with ethtool.switched_off(guest, 'eth0', 'tso gso'):
        flow.check_both_ways(lab, 'MTU %d, no GSO' % MTU, guest, lab.host,
                             BYTES)
    set_mtu(lab, guest, 1500)
    checks.check_reachable(lab, guest, 'MTU 1500')


def use_vlan(lab, guest):
    """Send data over a VLAN.

    A tap passes on frames whose checksum is left to the guest, also behind a
    VLAN's tag, where Linux's own netfront doesn't look for it.
    """
    address = guest.address().replace('10.0.0', '10.0.5')
    guest.run(VLAN.format('eth0', address))
    lab.dom0(VLAN.format('xenbr0', '10.0.5.1'))
    for sender, receiver, to in ((guest, lab.host, '10.0.5.1'),
                                 (lab.host, guest, address)):
        flow.check(lab, 'VLAN: %s to %s: %s' % (
            sender.kind, receiver.kind, flow.describe('tcp', BYTES)),
            sender, receiver, to, 'tcp', BYTES)
    for end in (guest, lab.host):
        end.run('ip link del lab.5')


def use_netconsole(lab, guest):
    """Have the guest's kernel send its messages to dom0."""
    listen = lab.machine.start("rm -f /run/lab/listening; python3 -c '%s'"
                               % LISTEN)
    lab.wait_for('[ -e /run/lab/listening ]')
    guest.run(CONSOLE.format(guest.address(), lab.dom0(
        'cat /sys/class/net/xenbr0/address'), LINES))
    code, output = listen()
    lab.check(code == 0, 'netconsole: %d lines have come' % LINES, output)


def carry_all_kinds(lab, guest):
    """Have all kinds of frames carried."""
    switch_offloads(lab, guest)
    flow.check_both_ways(lab, 'small and large', guest, lab.host, UDP_MAX,
                         'udp')
    use_large_frames(lab, guest)
    use_vlan(lab, guest)
    use_netconsole(lab, guest)


def live_through(lab, guest):
    """Have the connection to the backend end in all ways there are."""
    with flow.busy(lab, 'saved', guest):
        moving.move(lab, guest, 'saved', moving.RESTORE)
    with flow.busy(lab, 'backend', guest):
        lab.backend.replace(guest)
    checks.check_persistent(lab, guest, 'another backend')
    with flow.busy(lab, 'driver', guest):
        guest.reload_driver('max_queues=2')
    checks.check_queues(lab, guest, 2, QUEUE_BYTES)


def check_nothing_mapped(lab, guest):
    """Check that nothing of the guest's is mapped without its driver."""
    guest.unload_driver()
    mapped = moving.count_mapped(lab)[guest.domid()]
    lab.check(mapped == MAPPED_WITHOUT, 'without the driver, %d pages are '
              'mapped' % mapped, mapped)


def change_drivers(lab, guest):
    """Let the stock driver have the vif, and ours again."""
    guest.frontend = 'stock'
    guest.load_driver()
    checks.check_reachable(lab, guest, 'the stock driver after ours')
    flow.check_both_ways(lab, 'the stock driver', guest, lab.host, BYTES)
    guest.unload_driver()
    guest.frontend = 'pg'
    guest.load_driver()
    checks.check_reachable(lab, guest, 'our driver again')


def run(lab):
    lab.use_backend('xen_nic_pg', 'max-queues=%d' % QUEUES)
    for kernel, words in KERNELS.items():
        with lab.guest('netfront', vcpus=QUEUES, frontend='pg', kernel=kernel,
                       extra=words) as guest:
            lab.say('Linux ' + guest.run('uname -r'))
            check_ethtool(lab, guest)
            checks.check_persistent(lab, guest, 'Linux ' + kernel)
            checks.check_queues(lab, guest, QUEUES, QUEUE_BYTES)
            check_hits(lab, guest)
            if words:
                carry_all_kinds(lab, guest)
            live_through(lab, guest)
            check_nothing_mapped(lab, guest)
            change_drivers(lab, guest)
    lab.use_backend('xen_nic_pg')
