# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests on the stock bridge talk to each other.

vif-bridge, as Xen ships it, puts both vifs into the bridge; frames between
the guests never enter dom0's own network stack.
"""

from labkit import checks, flow

BYTES = 64 << 20


def run(lab):
    with lab.guest('left', 'pv', 2) as left, \
            lab.guest('right', 'pvh', 3) as right:
        ports = lab.dom0('bridge link')
        lab.check(all(guest.vif_name() in ports for guest in (left, right)),
                  'vif-bridge has put both vifs into the bridge', ports)
        checks.check_pings(lab, 'bridge', left, right, 100, '-i 0.1')
        for version in (4, 6):
            flow.check_both_ways(lab, 'bridge', left, right, BYTES,
                                 version=version)
