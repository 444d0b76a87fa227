# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver domain serves a guest, crashes under load and comes back.

The guest's vif has `backend=netdom`: in that domain `xl devd` calls vif-bridge,
and the daemon starts a QEMU for it.  Whom the guest talks to is a network
namespace behind netdom's bridge; dom0 isn't on that network.  While data moves
both ways netdom's kernel panics.  The guest lives on, and takes a vif from the
netdom that is started next.

All the while dom0 pings a guest that it serves itself.
"""

import contextlib

from labkit import checks, driverdomain, flow, guest as guests, moving
from labkit.namespace import Namespace

DISK = driverdomain.find_disk
BACKENDS = ('xen_nic_pg',)
BUILT_ONLY = True
BYTES = 16 << 20
UDP_MAX = 2000
PINGS = 100
ENOUGH = '/run/lab/enough'


@contextlib.contextmanager
def undisturbed(lab, guest):
    """Have dom0 ping a guest all the while; not one may be lost."""
    lab.dom0('rm -f ' + ENOUGH)
    await_end = lab.machine.start(
        'while [ ! -e %s ]; do ping -q -i 0.2 -c 5 -W 30 %s >/run/lab/pings '
        '|| { cat /run/lab/pings; exit 1; }; done' % (ENOUGH, guest.address()),
        3600)
    yield
    lab.dom0('touch ' + ENOUGH)
    code, output = await_end()
    lab.check(code == 0, 'dom0 has reached its own guest all the while',
              output)
    code, output = guest.try_run(guests.FIND_COMPLAINTS)
    lab.check(code == 0, "that guest's kernel has nothing to complain of",
              output)


def plug_in(netdom):
    """Plug somebody into the driver domain's bridge; return who that is."""
    behind = Namespace(netdom, 'behind', '10.0.0.8')
    behind.create()
    behind.plug('behind')
    netdom.run('ip link set behind master ' + guests.BRIDGE)
    return behind


def check_network(lab, guest, netdom):
    """Check what the guest and the one behind the driver domain exchange."""
    ports = netdom.run('bridge link')
    lab.check(guest.vif_name() in ports,
              "vif-bridge has put the vif into netdom's bridge", ports)
    for sender, receiver in ((guest, guest.peer), (guest.peer, guest)):
        checks.check_pings(lab, 'netdom', sender, receiver, PINGS)
    flow.check_both_ways(lab, 'netdom', guest, guest.peer, BYTES)
    flow.check_both_ways(lab, 'netdom', guest, guest.peer, UDP_MAX, 'udp')
    checks.detach_and_attach(lab, guest, 'netdom', netdom)


def check_gone(lab, domid, guest):
    """Check that nothing is left of a driver domain, but its guest."""
    listing = lab.dom0("xl list | awk '{ print $2 }'")
    lab.check(str(domid) not in listing.split(), 'crashed: netdom is gone',
              listing)
    mapped = moving.count_mapped(lab, domid)
    lab.check(guest.domid() in mapped and not any(mapped.values()),
              'crashed: it has nothing mapped any more',
              'mapped pages by domain: %s' % mapped)
    code, output = guest.try_run(guests.FIND_COMPLAINTS)
    lab.check(code == 0, "crashed: the guest's kernel has nothing to complain "
              'of', output)


def crash_and_restart(lab, netdom, guest):
    """Have the driver domain's kernel panic, and go on with another."""
    checks.start_load(guest)
    domid = netdom.domid()
    lab.check(moving.count_mapped(lab, domid)[guest.domid()] > 0,
              'netdom has pages of the guest mapped')
    netdom.start('echo c >/proc/sysrq-trigger')
    lab.wait_for('! xl domid ' + netdom.name)
    check_gone(lab, domid, guest)
    guest.run('killall iperf3')
    checks.detach(lab, guest)
    lab.check(True, 'crashed: the vif is detached')
    netdom.create()
    guest.peer = plug_in(netdom)
    checks.attach(lab, guest)
    checks.check_reachable(lab, guest, 'restarted, attached')


def run(lab):
    with lab.guest('bystander', number=3) as bystander, \
            undisturbed(lab, bystander), \
            driverdomain.DriverDomain(lab) as netdom:
        guest = lab.guest('user', vif='backend=netdom')
        guest.peer = plug_in(netdom)
        guest.create()
        check_network(lab, guest, netdom)
        crash_and_restart(lab, netdom, guest)
        checks.start_load(guest)
        lab.dom0('xl destroy ' + guest.name)
        left = lab.find_leftovers(netdom)
        lab.check(not left, 'netdom: nothing is left of the guest', left)
        checks.check_device_model_gone(lab, netdom)
