# SPDX-License-Identifier: GPL-2.0-or-later
"""Both netfronts on both backends, on both kernels, in PV and PVH guests.

The other scenarios have the stock netfront of 6.1 on xen_nic_pg.  Here each
value of a pairing, a kernel and a kind of guest meets each of the others once
at least, with less data; `lab run --frontend pg` and its other options have
any scenario in any pairing.  Two guests run at a time, on the stock bridge, of
which the first has our netfront and, if it is a PV guest, ends under load; what
loads a PVH guest for long is likely to meet a fault of the emulator's.

Our netfront is checked by more than the stock one, which the other scenarios
have; in a PV guest on xen_nic_pg, `netfront` has it.  Unlike the stock one it
takes to another backend that comes in place of the first, which here is
netback.
"""

from labkit import checks, flow

BACKENDS = ('xen_nic_pg',)
PINGS = 100
# By kind: emulated SVM takes several times as long
TCP_BYTES = {'pv': 16 << 20, 'pvh': 4 << 20}
UDP_MAX = {'pv': 9000, 'pvh': 2000}

# The backend, and two guests: netfront, kernel, kind
COUPLES = (
    ('netback', ('pg', '6.12', 'pv'), ('stock', '6.1', 'pv')),
    ('netback', ('pg', '6.1', 'pvh'), ('stock', '6.12', 'pvh')),
    ('xen_nic_pg', ('pg', '6.12', 'pvh'), ('stock', '6.12', 'pv')),
)


def check_ours(lab, guest, what):
    """Check further what a guest with our netfront does."""
    checks.check_persistent(lab, guest, what)
    flow.check_both_ways(lab, what, guest, lab.host, UDP_MAX[guest.kind],
                         'udp')
    if guest.kind == 'pvh':
        return
    flow.check_both_ways(lab, what, guest, lab.host, TCP_BYTES[guest.kind],
                         version=6)
    if lab.backend.name == 'netback':
        with flow.busy(lab, what + ': another backend', guest):
            lab.backend.replace(guest)


def check_guest(lab, guest, what):
    """Check one guest's network."""
    for sender, receiver in ((lab.host, guest), (guest, lab.host)):
        checks.check_pings(lab, what, sender, receiver, PINGS)
    flow.check_both_ways(lab, what, guest, lab.host, TCP_BYTES[guest.kind])
    checks.detach_and_attach(lab, guest, what)
    if guest.frontend == 'pg':
        check_ours(lab, guest, what)


def run_couple(lab, backend, guests):
    """Check two guests, and what they send each other."""
    left, right = (
        lab.guest('%s-%d' % (kind, number), kind, number, frontend=frontend,
                  kernel=kernel)
        for number, (frontend, kernel, kind) in enumerate(guests, 2))
    names = ['%s/%s, %s, %s' % (guest.frontend, backend, guest.kernel,
                                guest.kind) for guest in (left, right)]
    left.create()
    with right:
        for guest, name in zip((left, right), names):
            check_guest(lab, guest, name)
        flow.check_both_ways(lab, ' with '.join(names), left, right,
                             TCP_BYTES[left.kind])
    if left.kind == 'pv':
        checks.destroy_under_load(lab, left, names[0])
    else:
        left.destroy()


def run(lab):
    for backend, *guests in COUPLES:
        lab.use_backend(backend)
        run_couple(lab, backend, guests)
    lab.use_backend(lab.backend_name)
