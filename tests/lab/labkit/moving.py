# SPDX-License-Identifier: GPL-2.0-or-later
"""Save, restore and migrate a guest whose connections are busy.

xl save -c saves the guest and lets the same domain go on; xl save and
xl restore, and xl migrate to the machine it is on, make a new domain, to
which the vif must connect anew.

Nothing of the old connection may be left.  Xen tells which pages of a domain
are mapped (xl debug-keys g): the old domain must be gone from that list, since
one with a page still mapped stays in it.
"""

import re

from . import flow

SAVED = '/run/lab/saved'
# What is done, the command, and whether that makes a new domain
SAVE = ('saved, going on', 'xl save -c {name} ' + SAVED, False)
RESTORE = ('saved and restored', 'xl save {name} {saved} && xl restore {saved}'
           .replace('{saved}', SAVED), True)
# An empty command in place of ssh has the receiver run here
MIGRATE = ('migrated', "xl migrate -s '' {name} 'xl migrate-receive'", True)


def count_mapped(lab, mapper=None):
    """Return how many pages of each domain are mapped, by domain id.

    @mapper: the id of the domain that has mapped them; None: any
    """
    log = lab.dom0('xl debug-keys g && xl dmesg')
    dump = log.rpartition("gnttab_usage_print_all [")[2]
    mapped = {}
    for domid, by in re.findall(
            r'grant-table for remote d(\d+)|\[0x[0-9a-f]+\] +(\d+)', dump):
        if domid:
            current = int(domid)
            mapped[current] = 0
        elif mapper in (None, int(by)):
            mapped[current] += 1
    return mapped


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


def move(lab, guest, prefix, how):
    """Do one of the above to a guest whose connections are busy."""
    what, command, anew = how
    what = '%s: %s' % (prefix, what)
    before = guest.domid()
    lab.dom0(command.format(name=guest.name) + '; code=$?; rm -f %s; '
             'exit $code' % SAVED, 900)
    lab.check((guest.domid() != before) == anew, what + ': xl is content')
    flow.wait_for_traffic(lab, guest)
    if anew:
        check_gone(lab, guest, what, before)
