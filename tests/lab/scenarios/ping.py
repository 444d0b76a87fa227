# SPDX-License-Identifier: GPL-2.0-or-later
"""1,000 pings each way, none lost.

Small frames, one at a time, and then larger ones that fill several slots.
"""

import re

COUNT = 1000


def lost(output):
    """Return how many pings of an iputils or busybox ping got no answer."""
    sent, received = re.search(
        r'(\d+) packets transmitted, (\d+) (?:packets )?received',
        output).groups()
    return int(sent) - int(received)


def run(lab):
    for kind in ('pv', 'pvh'):
        with lab.guest('ping-' + kind, kind) as guest:
            _, output = lab.machine.try_run(
                'ping -A -q -c %d -W 30 %s' % (COUNT, guest.address()), 600)
            lab.check('transmitted' in output and lost(output) == 0,
                      '%s: %d pings dom0 to guest, none lost'
                      % (kind, COUNT), output)
            _, output = guest.try_run(
                'ping -A -q -c %d -W 30 10.0.0.1' % COUNT, 600)
            lab.check('transmitted' in output and lost(output) == 0,
                      '%s: %d pings guest to dom0, none lost'
                      % (kind, COUNT), output)
