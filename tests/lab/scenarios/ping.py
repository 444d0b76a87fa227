# SPDX-License-Identifier: GPL-2.0-or-later
"""1,000 pings each way, none lost."""

from labkit import checks

COUNT = 1000


def run(lab):
    for kind in ('pv', 'pvh'):
        with lab.guest('ping-' + kind, kind) as guest:
            for sender, receiver in ((lab.host, guest), (guest, lab.host)):
                checks.check_pings(lab, kind, sender, receiver, COUNT)
