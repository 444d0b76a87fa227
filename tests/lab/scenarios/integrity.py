# SPDX-License-Identifier: GPL-2.0-or-later
"""Random data each way over TCP and UDP, the same at the far end.

256 MiB over TCP, and UDP datagrams of every size from 1 to 9,000 bytes, which
are fragmented from 1,473 bytes on; each way, over IPv4 and IPv6, with
offloads as they come and with all of them off.  labflow computes SHA-256 at
both ends.  A PVH guest, where that takes several times as long, gets all of that
over IPv4 with offloads, and a part of it otherwise.

Behind xen_nic_pg, a PV guest gets a part again over IPv4, with offloads, for
each of the data path's options switched off.
"""

from labkit import ethtool, flow

# (bytes of TCP, largest UDP datagram)
FULL = (256 << 20, 9000)
PART = (32 << 20, 2000)
OPTIONS = ('io-uring=off', 'queue-threads=off', 'tap-port=off')


def amounts(kind, offloads, version, options):
    """Return how much is carried in one of the cases."""
    if kind == 'pv':
        return (PART[0], FULL[1]) if options else FULL
    return FULL if offloads == 'on' and version == 4 else PART


def check_all_flows(lab, guest, kind, offloads, options='', versions=(4, 6)):
    """Check both protocols over the versions of IP, both ways."""
    name = ': '.join(filter(None, [kind, options, 'offloads ' + offloads]))
    for version in versions:
        for protocol, amount in zip(('tcp', 'udp'), amounts(
                kind, offloads, version, options)):
            flow.check_both_ways(lab, name, guest, lab.host, amount, protocol,
                                 version)


def run(lab):
    for kind in ('pv', 'pvh'):
        with lab.guest('integrity-' + kind, kind) as guest:
            check_all_flows(lab, guest, kind, 'on')
            with ethtool.switched_off(guest, 'eth0'), \
                    ethtool.dom0_switched_off(lab, guest):
                check_all_flows(lab, guest, kind, 'off')
    if lab.backend.name == 'xen_nic_pg':
        for options in OPTIONS:
            lab.use_backend('xen_nic_pg', options)
            with lab.guest('integrity-' + options.partition('=')[0]) as guest:
                check_all_flows(lab, guest, 'pv', 'on', options, (4,))
        lab.use_backend('xen_nic_pg')
