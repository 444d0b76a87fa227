# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests on the stock bridge talk to each other.

vif-bridge, as Xen ships it, puts both vifs into the bridge; frames between
the guests never enter dom0's own network stack.
"""

from labkit import flow

BYTES = 64 << 20


def run(lab):
    with lab.guest('left', 'pv', 2) as left, \
            lab.guest('right', 'pvh', 3) as right:
        ports = lab.dom0('bridge link')
        lab.check(all(guest.vif_name() in ports for guest in (left, right)),
                  'vif-bridge has put both vifs into the bridge', ports)
        code, output = left.try_run('ping -q -c 100 -i 0.1 -W 30 '
                                    + right.address(), 600)
        lab.check(code == 0 and ' 0% packet loss' in output,
                  '100 pings from guest to guest, none lost', output)
        for version in (4, 6):
            for sender, receiver in ((left, right), (right, left)):
                flow.check(lab, '%s to %s: IPv%d: %s' % (
                    sender.kind, receiver.kind, version,
                    flow.describe('tcp', BYTES)),
                    sender, receiver, receiver.address(version), 'tcp', BYTES)
