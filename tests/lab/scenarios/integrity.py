# SPDX-License-Identifier: GPL-2.0-or-later
"""Random data each way over TCP and UDP, the same at the far end.

256 MiB over TCP, and UDP datagrams of every size from 1 to 9,000 bytes, which
are fragmented from 1,473 bytes on; each way, over IPv4 and IPv6, with
offloads as they come and with all of them off.  labflow computes SHA-256 at
both ends.  A PVH guest, where that takes several times as long, gets the full
amount over IPv4 with offloads, and a part of it otherwise.
"""

from labkit.guest import DOM0_ADDRESS

TCP_BYTES = 256 << 20
TCP_BYTES_PART = 32 << 20
UDP_MAX = 9000
OFFLOADS = 'tx sg tso gso gro rx'.split()
PORT = 5000


def disable_offloads(lab, guest):
    """Switch off what can be switched off at both ends of the vif."""
    # Some of them are fixed, or follow from others: each by itself, then.
    loop = 'for f in %s; do ethtool -K %%s $f off; done; true' % (
        ' '.join(OFFLOADS))
    guest.run(loop % 'eth0')
    lab.dom0(loop % guest.vif_name())
    lab.dom0(loop % 'xenbr0')


def flow(lab, guest, to_guest, version, protocol, amount):
    """Send data one way; return what both ends say of it."""
    lab.port = getattr(lab, 'port', PORT) + 1
    log = '/tmp/flow-%d' % lab.port
    address = guest.address(version) if to_guest else DOM0_ADDRESS[version]
    receiver = guest.run if to_guest else lab.dom0
    sender = lab.dom0 if to_guest else guest.run
    last = ' %d' % amount if protocol == 'udp' else ''
    receiver('labflow receive %s %s %d%s >%s 2>&1 & '
             'until grep -qs . %s; do sleep 0.2; done'
             % (protocol, address, lab.port, last, log, log))
    sent = sender('labflow send %s %s %d %d %d'
                  % (protocol, address, lab.port, lab.port, amount), 900)
    received = receiver('until grep -q "sha256\\|labflow" %s; do '
                        'sleep 0.2; done; grep -v ready %s' % (log, log))
    return sent, received


def check_flow(lab, guest, to_guest, version, protocol, amount, label):
    """Send data one way and check that it is the same at both ends."""
    sent, received = flow(lab, guest, to_guest, version, protocol, amount)
    what = ('%d MiB' % (amount >> 20) if protocol == 'tcp'
            else 'every size to %d' % amount)
    lab.check(sent == received and 'sha256' in sent,
              '%s: %s over IPv%d, %s, %s' % (
                  label, protocol.upper(), version,
                  'dom0 to guest' if to_guest else 'guest to dom0', what),
              'sent: %s\nreceived: %s' % (sent, received))


def tcp_bytes(kind, offloads, version):
    """Return how much TCP carries in one of the cases."""
    if kind == 'pv' or (offloads == 'on' and version == 4):
        return TCP_BYTES
    return TCP_BYTES_PART


def check_all_flows(lab, guest, kind, offloads):
    """Check both protocols over both versions of IP, both ways."""
    for version in (4, 6):
        for protocol, amount in (('tcp', tcp_bytes(kind, offloads, version)),
                                 ('udp', UDP_MAX)):
            for to_guest in (False, True):
                check_flow(lab, guest, to_guest, version, protocol, amount,
                           '%s: offloads %s' % (kind, offloads))


def run(lab):
    for kind in ('pv', 'pvh'):
        with lab.guest('integrity-' + kind, kind) as guest:
            check_all_flows(lab, guest, kind, 'on')
            disable_offloads(lab, guest)
            check_all_flows(lab, guest, kind, 'off')
