# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest is saved, restored and migrated while its TCP connections go on.

Two connections, one each way, are open all the while; they must move data
again after each, and both ends must have seen the same.  Nothing of the old
connection may be left (labkit/moving.py), and of the new domain as many pages
must be mapped as of the first, unless there are more since they are granted
persistently.
"""

from labkit import flow, moving

# Debian's Xen has no shadow paging, so it can't tell which pages a PV guest
# writes while it runs: "Failed to enable logdirty", whatever the backend is.
KINDS = {'pv': (moving.SAVE, moving.RESTORE), 'pvh': (moving.MIGRATE,)}


def move_about(lab, kind):
    """Take one guest through all of it."""
    with lab.guest('moving', kind) as guest:
        mapped = moving.count_mapped(lab)[guest.domid()]
        with flow.busy(lab, kind, guest):
            for how in KINDS[kind]:
                moving.move(lab, guest, kind, how)
        now = moving.count_mapped(lab)
        lab.check(guest.is_persistent() or now.get(guest.domid()) == mapped,
                  '%s: %d pages are mapped, as before it moved'
                  % (kind, mapped), 'mapped pages by domain: %s' % now)


def run(lab):
    for kind in KINDS:
        move_about(lab, kind)
