# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever Linux' netback offers a guest, xen-nic-pg offers as well.

The same guest is started with both, in one boot.  What a backend says to a
frontend is in its directory in xenstore.  The toolstack writes there, too, and
keeps a copy of what it has written; a key that is the same there isn't the
backend's.  A key is as good as netback's if its value is the same, or is a
number that isn't below netback's.

What the guest makes of it, the offloads that ethtool lists, must be the same.
"""

BACKENDS = ('xen_nic_pg',)


def read_directory(lab, path):
    """Return the keys and values below a directory of xenstore."""
    lines = lab.dom0('xenstore-ls -f ' + path).splitlines()
    pairs = (line[len(path) + 1:].split(' = ', 1) for line in lines)
    return {key: value.strip('"') for key, value in pairs}


def read_offers(lab, domid):
    """Return what the backend of a guest's vif has written."""
    path = '/local/domain/0/backend/vif/%d/0' % domid
    lab.wait_for('[ "$(xenstore-read %s/state)" = 4 ]' % path)
    keys = read_directory(lab, path)
    toolstack = read_directory(lab, '/libxl/%d/device/vif/0' % domid)
    return {key: value for key, value in keys.items()
            if toolstack.get(key) != value}


def look_at(lab, name):
    """Return what a backend offers, and the offloads of its guest."""
    lab.use_backend(name)
    with lab.guest('features', 'pv') as guest:
        return read_offers(lab, guest.domid()), guest.run('ethtool -k eth0')


def is_as_good(ours, theirs):
    """Compare two values of one key; ours may be None."""
    if ours is not None and ours.isdigit() and theirs.isdigit():
        return int(ours) >= int(theirs)
    return ours == theirs


def format_table(theirs, ours):
    """Return a table of all keys."""
    row = '%-36s %-12s %-12s'
    rows = [('backend key', 'netback', 'xen_nic_pg')] + [
        (key, theirs.get(key, '-'), ours.get(key, '-'))
        for key in sorted({*theirs, *ours})]
    return '\n'.join((row % columns).rstrip() for columns in rows)


def run(lab):
    theirs, their_offloads = look_at(lab, 'netback')
    ours, our_offloads = look_at(lab, 'xen_nic_pg')
    lab.explain(format_table(theirs, ours))
    lab.check('feature-sg' in theirs and 'mac' not in theirs,
              "netback's own keys are told from the toolstack's", theirs)
    for key, value in sorted(theirs.items()):
        lab.check(is_as_good(ours.get(key), value), '%s is %s, with netback %s'
                  % (key, ours.get(key, 'missing'), value))
    lab.check(our_offloads == their_offloads, "the guest's offloads are those "
              "that it has with netback", 'with netback:\n%s\nwith xen_nic_pg:'
              '\n%s' % (their_offloads, our_offloads))
