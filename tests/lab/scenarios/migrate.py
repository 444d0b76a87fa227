# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest is saved, restored and migrated while its TCP connections go on.

xl save -c saves the guest and lets the same domain go on; xl save and
xl restore, and xl migrate to the machine it is on, make a new domain, to
which the vif must connect anew.  Two connections, one each way, are open all
the while; they must move data again, and both ends must have seen the same.

Nothing of the old connection may be left.  Xen tells which pages of a domain
are mapped (xl debug-keys g): the old domain must be gone from that list, since
one with a page still mapped stays in it, and of the new one as many pages must
be mapped as of the first.
"""

import re

from labkit import flow

SAVED = '/run/lab/saved'
COMMANDS = (
    ('saved, going on', 'xl save -c {name} ' + SAVED, False),
    ('saved and restored', 'xl save {name} {saved} && xl restore {saved}'
     .replace('{saved}', SAVED), True),
    # An empty command in place of ssh has the receiver run here
    ('migrated', "xl migrate -s '' {name} 'xl migrate-receive'", True),
)
# Debian's Xen has no shadow paging, so it can't tell which pages a PV guest
# writes while it runs: "Failed to enable logdirty", whatever the backend is.
KINDS = {'pv': COMMANDS[:2], 'pvh': COMMANDS[2:]}
MOVED_BYTES = 8 << 20


def count_mapped(lab):
    """Return how many pages of each domain are mapped, by domain id."""
    log = lab.dom0('xl debug-keys g && xl dmesg')
    dump = log.rpartition("gnttab_usage_print_all [")[2]
    mapped = {}
    for domid, entry in re.findall(
            r'grant-table for remote d(\d+)|(\[0x[0-9a-f]+\]) +\d', dump):
        if domid:
            current = int(domid)
            mapped[current] = 0
        elif entry:
            mapped[current] += 1
    return mapped


def wait_for_traffic(lab, guest):
    """Wait until the guest's present vif has moved data both ways."""
    for name in ('rx_bytes', 'tx_bytes'):
        path = '/sys/class/net/%s/statistics/%s' % (guest.vif_name(), name)
        start = int(lab.wait_for('cat ' + path))
        lab.wait_for('[ "$(cat %s)" -gt %d ]' % (path, start + MOVED_BYTES))


def check_gone(lab, guest, what, domid):
    """Check that nothing of a former domain is left."""
    left = ''
    for _ in range(60):
        left = lab.dom0('ip -o link | grep -o "vif%d\\.0"; '
                        'ls /run/xen-nic-pg 2>/dev/null | grep "^%d\\."; '
                        'sleep 0.5' % (domid, domid))
        if not left:
            break
    mapped = count_mapped(lab)
    lab.check(not left and domid not in mapped and guest.domid() in mapped,
              what + ': nothing is left of the old domain',
              '%s\nmapped pages by domain: %s' % (left, mapped))


def move(lab, guest, what, command, anew):
    """Do one of COMMANDS to a guest whose connections are busy."""
    before = guest.domid()
    lab.dom0(command.format(name=guest.name) + '; code=$?; rm -f %s; '
             'exit $code' % SAVED, 900)
    lab.check((guest.domid() != before) == anew, what + ': xl is content')
    wait_for_traffic(lab, guest)
    if anew:
        check_gone(lab, guest, what, before)


def move_about(lab, kind):
    """Take one guest through all of it."""
    with lab.guest('moving', kind) as guest:
        mapped = count_mapped(lab)[guest.domid()]
        flows = [flow.Flow(sender, receiver, receiver.address())
                 for sender, receiver in ((guest, lab.host),
                                          (lab.host, guest))]
        flow.start(flows)
        wait_for_traffic(lab, guest)
        for what, command, anew in KINDS[kind]:
            move(lab, guest, '%s: %s' % (kind, what), command, anew)
        flow.stop(flows)
        said = flow.compare(lab, kind + ': the connections have lived '
                            'through it all, data unchanged', flows)
        lab.say(', '.join(said))
        now = count_mapped(lab)
        lab.check(now.get(guest.domid()) == mapped,
                  '%s: %d pages are mapped, as before it moved'
                  % (kind, mapped), 'mapped pages by domain: %s' % now)


def run(lab):
    for kind in KINDS:
        move_about(lab, kind)
