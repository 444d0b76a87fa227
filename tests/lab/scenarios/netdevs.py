# SPDX-License-Identifier: GPL-2.0-or-later
"""A vif on a -netdev of the user's choice: tap, user, dgram.

The daemon is started with netdev= and a -netdev for the QEMUs to come, and
goes on serving those that run.  tap takes offloads as the device's own tap
does; user and dgram take none, so that the device computes checksums and
segments in software what the guest leaves to it.  Xen's hotplug script has
nothing to do with a netdev that isn't the vif's own tap.
"""

import contextlib

from labkit import flow
from labkit.guest import NO_BRIDGE

BACKENDS = ('xen_nic_pg',)
BYTES = 32 << 20
FORWARDED = 7000


def serve(lab, netdev, daemon=''):
    """Let the guests that come from now on have a vif on this netdev."""
    lab.use_backend('xen_nic_pg', 'netdev=net', '-netdev ' + netdev, daemon)


def use_tap(lab):
    """A tap that has a name of its own, put into the bridge by hand."""
    serve(lab, 'tap,id=net,ifname=lab0,script=no,downscript=no')
    with lab.guest('on-tap', vif=NO_BRIDGE) as guest:
        lab.dom0('ip link set lab0 master xenbr0 up')
        flow.check_both_ways(lab, 'tap', guest, lab.host, BYTES)
        tx, rx = guest.counters()
        lab.check(tx['gso-frames'] and rx['gso-frames'] and
                  not tx['software-segments'] and not rx['software-segments'],
                  'tap: segmentation is left to the ends', (tx, rx))
    lab.check('lab0' not in lab.dom0('ip -br link'),
              'tap: gone with its QEMU')


def use_user(lab):
    """QEMU's own network stack, which stands for dom0's loopback."""
    guest = lab.guest('on-user', vif=NO_BRIDGE)
    serve(lab, 'user,id=net,net=10.0.0.0/24,host=10.0.0.1,'
          'hostfwd=tcp:127.0.0.1:%d-%s:%d'
          % (FORWARDED, guest.address(), FORWARDED))
    with guest:
        flow.check(lab, 'user: pv to dom0: ' + flow.describe('tcp', BYTES),
                   guest, lab.host, '10.0.0.1', 'tcp', BYTES,
                   listen='127.0.0.1')
        flow.check(lab, 'user: dom0 to pv: ' + flow.describe('tcp', BYTES),
                   lab.host, guest, '127.0.0.1', 'tcp', BYTES,
                   listen=guest.address(), port=FORWARDED)


def use_dgram(lab):
    """Two guests whose QEMUs send each other datagrams, one a frame.

    The other's socket is looked for each time, so these can't be jailed.
    """
    names = ('left', 'right')
    guests = []
    with contextlib.ExitStack() as stack:
        for number, (here, there) in enumerate(zip(names, reversed(names)), 2):
            serve(lab, 'dgram,id=net,local.type=unix,local.path=/run/lab/%s,'
                  'remote.type=unix,remote.path=/run/lab/%s' % (here, there),
              '--user root')
            guests.append(stack.enter_context(lab.guest(
                'on-' + here, number=number, vif=NO_BRIDGE)))
        flow.check_both_ways(lab, 'dgram', *guests, BYTES)
        tx, _ = guests[0].counters()
        lab.check(tx['gso-frames'] and tx['software-segments'],
                  'dgram: the device has segmented in software', tx)


def run(lab):
    use_tap(lab)
    use_user(lab)
    use_dgram(lab)
    lab.use_backend('xen_nic_pg')
