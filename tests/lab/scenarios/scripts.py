# SPDX-License-Identifier: GPL-2.0-or-later
"""Xen's own vif scripts, unmodified: vif-route, vif-nat, vif-openvswitch.

vif-bridge is what the other scenarios have; here it is told to give the vif's
interface another name.  For vif-route and vif-nat dom0 gets an uplink, a cable
to a network namespace that stands for the world: with vif-route that one has a
route to the guest; with vif-nat it has none, and dom0 lends its own address,
both ways.

For vif-openvswitch there are two hosts, a namespace each, in which the daemon,
xl and an Open vSwitch run.  Between the switches is a VXLAN tunnel, so that the
guests of both are on one network.
"""

from labkit import checks, flow
from labkit.namespace import Namespace

BACKENDS = ('xen_nic_pg',)
BUILT_ONLY = True
BYTES = 16 << 20
PINGS = 100
HERE, THERE = '192.0.2.1', '192.0.2.2'
FORWARDED = 7000

# The tunnel takes 50 bytes of what the cable's frames have room for.
TUNNELLED_MTU = 1450

MASQUERADE = '''
nft add table ip lab
nft 'add chain ip lab out {{ type nat hook postrouting priority srcnat; }}'
nft 'add chain ip lab in {{ type nat hook prerouting priority dstnat; }}'
nft add rule ip lab out oifname uplink masquerade
nft add rule ip lab in iifname uplink tcp dport {port} dnat to {address}
'''

SWITCH = '''
OVS_DBDIR=$OVS_RUNDIR OVS_LOGDIR=$OVS_RUNDIR \\
    /usr/share/openvswitch/scripts/ovs-ctl --system-id={name} \\
    --no-mlockall --no-monitor --no-record-hostname start &&
ovs-vsctl add-br ovsbr0 -- add-port ovsbr0 tunnel -- \\
    set interface tunnel type=vxlan options:remote_ip={peer} options:key=7
'''


def use_bridge(lab):
    """The guest's interface has a name of the user's choice."""
    with lab.guest('named', vif='vifname=lan0') as guest:
        ports = lab.dom0('bridge link')
        lab.check(' lan0: ' in ports,
                  'vif-bridge has put lan0 into the bridge', ports)
        checks.check_reachable(lab, guest, 'vif-bridge')
    lab.wait_for('! ip link show lan0')
    lab.check(True, 'vif-bridge: destroyed: lan0 is gone')


def use_route(lab, world):
    """The guest is an address behind dom0."""
    world.run('ip route add default via ' + HERE)
    with lab.guest('routed', vif='script=vif-route,ip=10.0.0.2,'
                   'gatewaydev=uplink') as guest:
        routes = lab.dom0('ip route show dev ' + guest.vif_name())
        lab.check(guest.address() in routes,
                  'vif-route has made a route to the guest', routes)
        guest.run('ip route add default dev eth0')
        for sender, receiver in ((guest, world), (world, guest)):
            checks.check_pings(lab, 'vif-route', sender, receiver, PINGS)
        flow.check_both_ways(lab, 'vif-route', guest, world, BYTES)
    world.run('ip route del default')


def use_nat(lab, world):
    """The guest has dom0's address; a port of that is the guest's."""
    with lab.guest('masked', vif='script=vif-nat,ip=10.0.0.2') as guest:
        lab.dom0(MASQUERADE.format(port=FORWARDED, address=guest.address()))
        # vif-nat gives dom0's end the guest's address and 127
        guest.run('ip route add default via 10.0.0.129')
        checks.check_pings(lab, 'vif-nat', guest, world, PINGS)
        what = 'vif-nat: %s: ' + flow.describe('tcp', BYTES)
        flow.check(lab, what % 'masqueraded', guest, world, world.address(),
                   'tcp', BYTES)
        flow.check(lab, what % 'to a port of dom0', world, guest, HERE, 'tcp',
                   BYTES, listen=guest.address(), port=FORWARDED)
    lab.dom0('nft delete table ip lab')


def use_uplink(lab):
    """Guests whose frames dom0 routes."""
    with Namespace(lab.host, 'world', THERE) as world:
        world.plug('uplink')
        lab.dom0('ip addr add %s/24 dev uplink && '
                 'sysctl -q -w net.ipv4.ip_forward=1' % HERE)
        use_route(lab, world)
        use_nat(lab, world)
        lab.dom0('sysctl -q -w net.ipv4.ip_forward=0')


def start_host(host, peer):
    """Connect a host to the cable, and its switch to the peer's."""
    host.run('ip addr add %s/24 dev uplink && ip link set uplink up'
             % host.address())
    host.run(SWITCH.format(name=host.name, peer=peer.address()))


def list_ports(host):
    """Return the ports of a host's switch."""
    return host.run('ovs-vsctl list-ports ovsbr0').split()


def check_guests(lab, hosts, guests):
    """Check what two guests exchange through the tunnel."""
    for host, guest in zip(hosts, guests):
        ports = list_ports(host)
        lab.check(sorted(ports) == ['tunnel', guest.vif_name()],
                  'vif-openvswitch: a port of the switch %s is the vif'
                  % host.name, ports)
        guest.run('ip link set eth0 mtu %d' % TUNNELLED_MTU)
    checks.check_pings(lab, 'vif-openvswitch', *guests, PINGS)
    for version in (4, 6):
        flow.check_both_ways(lab, 'vif-openvswitch', *guests, BYTES,
                             version=version)


def use_openvswitch(lab):
    """A guest on each of two hosts, whose switches have a tunnel."""
    with Namespace(lab.host, 'left', HERE) as left, \
            Namespace(lab.host, 'right', THERE) as right:
        left.run('ip link add uplink type veth peer name uplink netns right')
        hosts = (left, right)
        start_host(left, right)
        start_host(right, left)
        guests = []
        for number, host in enumerate(hosts, 2):
            lab.use_backend('xen_nic_pg', place=host)
            guests.append(lab.guest(
                'on-' + host.name, number=number, bridge='ovsbr0',
                vif='script=vif-openvswitch,mtu=%d' % TUNNELLED_MTU))
            guests[-1].create()
        check_guests(lab, hosts, guests)
        for host, guest in zip(hosts, guests):
            guest.check_log()
            guest.destroy()
            lab.check(list_ports(host) == ['tunnel'],
                      'vif-openvswitch: destroyed: its port is gone')
        lab.use_backend(lab.backend_name)
        for host in hosts:
            host.run('/usr/share/openvswitch/scripts/ovs-ctl stop')


def run(lab):
    use_bridge(lab)
    use_uplink(lab)
    use_openvswitch(lab)
