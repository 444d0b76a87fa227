# SPDX-License-Identifier: GPL-2.0-or-later
"""What ethtool -K switches in the guest takes effect at the backend.

On a vif's own tap, the guest's TCP comes in GSO frames as long as it has tso
and what tso needs, sg and, for IPv6, the transmit checksum, and in none
without.  On a tap without virtio-net header the device has to compute what the
guest leaves to it, and counts that: segments, and checksums.  netfront can't
have rx and the IPv4 transmit checksum switched off.

Each setting is switched and switched back, and data must arrive unchanged.
"""

from labkit import ethtool, flow
from labkit.guest import NO_BRIDGE

BACKENDS = ('xen_nic_pg',)
BYTES = 8 << 20
FIXED = ('rx-checksumming', 'tx-checksum-ipv4')
TAP = 'tap,id=net,ifname=lab0,script=no,downscript=no,vnet_hdr=off'

# What is off, and the versions of IP for which there is still GSO
SETTINGS = (
    ('', (4, 6)),
    ('tso', ()),
    ('gso', (4, 6)),
    ('tso gso', ()),
    ('sg', ()),
    ('tx', (4,)),
)


def send(lab, guest, version, what):
    """Send data from the guest; return what it has added to the counters."""
    before, _ = guest.counters()
    flow.check(lab, '%s: IPv%d: %s' % (what, version,
                                       flow.describe('tcp', BYTES)),
               guest, lab.host, lab.host.address(version), 'tcp', BYTES)
    after, _ = guest.counters()
    return after - before


def check_fixed(lab, guest):
    """Check that what netfront can't do without stays."""
    with ethtool.switched_off(guest, 'eth0', 'rx tx'):
        listing = guest.run('ethtool -k eth0')
    lab.check(all(name + ': on [fixed]' in listing for name in FIXED),
              'netfront has %s always' % ' and '.join(FIXED), listing)


def check_own_tap(lab):
    """A tap that takes all offloads."""
    with lab.guest('offloads') as guest:
        check_fixed(lab, guest)
        for offloads, versions in SETTINGS:
            what = 'without ' + offloads if offloads else 'all on'
            with ethtool.switched_off(guest, 'eth0', offloads):
                for version in (4, 6):
                    added = send(lab, guest, version, what)
                    lab.check(
                        bool(added['gso-frames']) == (version in versions) and
                        not added['software-segments'],
                        '%s: IPv%d: %d of %d frames are GSO' % (
                            what, version, added['gso-frames'],
                            added['frames']), added)


def check_software(lab):
    """A tap for which the device computes checksums and segments."""
    lab.use_backend('xen_nic_pg', 'netdev=net', '-netdev ' + TAP)
    with lab.guest('offloads-software', vif=NO_BRIDGE) as guest:
        lab.dom0('ip link set lab0 master xenbr0 up')
        for offloads, version, segments, checksums in (
                ('', 4, True, True), ('', 6, True, True),
                ('tso', 4, False, True), ('tso', 6, False, True),
                ('tx', 6, False, False)):
            what = 'software: ' + ('without ' + offloads if offloads
                                   else 'all on')
            with ethtool.switched_off(guest, 'eth0', offloads):
                added = send(lab, guest, version, what)
            lab.check(bool(added['software-segments']) == segments and
                      bool(added['software-checksums']) == checksums,
                      '%s: IPv%d: the device has made %d segments and %d '
                      'checksums' % (what, version,
                                     added['software-segments'],
                                     added['software-checksums']), added)
    lab.use_backend('xen_nic_pg')


def run(lab):
    check_own_tap(lab)
    check_software(lab)
