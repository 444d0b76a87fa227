# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest attaches an XDP program to its vif, and takes it off again.

netfront asks for room in front of each frame before it runs such a program, in
the key xdp-headroom, and goes through Reconfiguring while traffic runs.  From
then on the program looks for frames behind that room, and drops what isn't a
frame there (labxdp.c).

netfront itself drops what doesn't fit into one page then, so dom0 sends no
GSO.  A frame that is on the ring at the change isn't where the program looks
for it.  TCP recovers from that; UDP is sent only while nothing changes.

Our netfront has no XDP.
"""

import re

from labkit import ethtool, flow

FRONTENDS = ('stock',)
TCP_BYTES = 16 << 20
# Larger ones are fragments: they take another queue, and overtake others.
UDP_MAX = 1472
START = ('rm -f /tmp/xdp; labxdp eth0 >/tmp/xdp 2>&1 & '
         'echo $! >/tmp/xdp.pid; '
         'until grep -qs "attached\\|labxdp:" /tmp/xdp; do sleep 0.2; done; '
         'cat /tmp/xdp')
STOP = ('kill $(cat /tmp/xdp.pid); until grep -q "passed\\|labxdp:" /tmp/xdp; '
        'do sleep 0.2; done; tail -n 1 /tmp/xdp')


def check_flows(lab, guest, what):
    """Check TCP and UDP both ways."""
    for protocol, amount in (('tcp', TCP_BYTES), ('udp', UDP_MAX)):
        flow.check_both_ways(lab, what, guest, lab.host, amount, protocol)


def check_headroom(lab, guest, expected):
    """Check that netfront has asked for that, and is connected again."""
    domid = guest.domid()
    lab.wait_for('[ "$(xenstore-read /local/domain/0/backend/vif/%d/0/state)" '
                 '= 4 ]' % domid)
    room = lab.dom0('xenstore-read /local/domain/%d/device/vif/0/xdp-headroom'
                    % domid)
    lab.check(room == expected, 'connected, with an XDP headroom of %s'
              % expected, room)


def attach_and_detach(lab, guest):
    """Have the program attached for a while, while connections are busy."""
    with flow.busy(lab, 'while it is attached', guest):
        output = guest.run(START)
        lab.check(output == 'attached', 'the program is attached', output)
        check_headroom(lab, guest, '256')
    check_flows(lab, guest, 'attached')
    output = guest.run(STOP)
    lab.check(re.match('[1-9][0-9]* passed', output),
              'taken off; it has counted: ' + output, output)
    check_headroom(lab, guest, '0')


def run(lab):
    with lab.guest('xdp', 'pv', vcpus=2) as guest, \
            ethtool.dom0_switched_off(lab, guest):
        attach_and_detach(lab, guest)
        check_flows(lab, guest, 'detached')
