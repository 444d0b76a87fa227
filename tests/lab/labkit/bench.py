# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare backends in one boot, in turn, over several rounds.

Emulation is noisy and slow, so absolute figures say little; ratios of medians
of the same run say more.  In each round each side, a backend with its options,
gets a guest of its own.  The floor has none: it is a program in dom0 that does
nothing but write to a tap, or read from it.

A system call takes some 150 times as long there as on the machine itself, and
so does a guest's answer.  The side "polling" has poll-max-ns, the time that a
queue's thread looks for work before it sleeps, as many times its default.

The results go to build/bench/lab.json, a list with one object for each
measurement and side.
"""

import os
import sys

from . import lab as labs
from . import machine as machines
from . import measure
from . import payload

sys.path.append(os.path.join(payload.TOP, 'tests/bench'))
import figures  # noqa: E402

# name: backend, options of the device
SIDES = {
    'netback': ('netback', ''),
    'xen_nic': ('xen_nic', ''),
    'xen_nic_pg': ('xen_nic_pg', ''),
    'polling': ('xen_nic_pg', 'poll-max-ns=5000000'),
}

# The floor's sides, and what of the table below it measures
FLOORS = ('floor', 'floor-batched')
FLOOR_MEASUREMENTS = (('tx', 60), ('tx', 1496), ('rx', 60))

# bench, direction, frame_bytes, unit, function of a lab and a guest
MEASUREMENTS = (
    ('tcp', 'tx', None, 'Mbit/s',
     lambda lab, guest: measure.measure_tcp(lab, guest, False)),
    ('tcp', 'rx', None, 'Mbit/s',
     lambda lab, guest: measure.measure_tcp(lab, guest, True)),
    ('pktgen', 'tx', 60, 'pps',
     lambda lab, guest: measure.measure_pktgen(lab, guest, False, 60)),
    ('pktgen', 'tx', 1496, 'pps',
     lambda lab, guest: measure.measure_pktgen(lab, guest, False, 1496)),
    ('pktgen', 'rx', 60, 'pps',
     lambda lab, guest: measure.measure_pktgen(lab, guest, True, 60)),
    ('ping', 'rx', None, 'us', measure.measure_ping),
)


def is_persistent(lab, guest):
    """Tell whether guest and backend have agreed on persistent grants."""
    path = '/local/domain/%d/device/vif/0/feature-persistent' % guest.domid()
    code, output = lab.machine.try_run('xenstore-read ' + path)
    return (lab.backend.name == 'xen_nic_pg' and code == 0 and
            output.strip() == '1')


def run_floor(lab, results):
    """Measure the tap in dom0."""
    for direction, size in FLOOR_MEASUREMENTS:
        for name in FLOORS:
            output = lab.dom0('bench-native %s --frame=%d %s --seconds=2' % (
                name, size, '--rx' if direction == 'rx' else ''))
            rate = float(output.split()[0])
            results.add(name, ('pktgen', direction, size), 'pps', rate,
                        backend=name, frontend=None, persistent=False,
                        queues=1, guest=None)
            lab.say('%s: %s %d: %.1f pps' % (name, direction, size, rate))


def use_side(lab, name):
    """Change over to a side."""
    backend, options = SIDES[name]
    lab.use_backend(backend, *filter(None, [options]))


def run_side(lab, side, kind, results):
    """Measure all there is to measure of a side, which the lab is using."""
    with lab.guest('bench', kind) as guest:
        persistent = is_persistent(lab, guest)
        for measurement in MEASUREMENTS:
            bench, direction, size, unit, function = measurement
            value = function(lab, guest)
            results.add(side, (bench, direction, size), unit, value,
                        backend=lab.backend.name, options=SIDES[side][1],
                        frontend='stock', persistent=persistent, queues=1,
                        guest=kind)
            lab.say('%s: %s %s %s: %.1f %s' % (side, bench, direction,
                                               size or '', value, unit))
    lab.find_leftovers()


def check_ratios(results):
    """Return what of the project's aims the medians miss."""
    missed = []
    for direction in ('tx', 'rx'):
        for peer, least in (('netback', 0.5), ('xen_nic', 30)):
            ratio = results.ratio('xen_nic_pg', peer, ('tcp', direction, None))
            if ratio < least:
                missed.append('tcp %s: xen_nic_pg / %s is %.2f, expected at '
                              'least %s' % (direction, peer, ratio, least))
    return missed


def run_bench(sides, kind, rounds, path=None):
    """Run the comparison; return whether the project's aims are met."""
    path = path or os.path.join(payload.BUILD, 'bench', 'lab.json')
    lab = labs.Lab(SIDES[sides[0]][0])
    results = figures.Figures()
    try:
        lab.boot()
        for number in range(rounds):
            lab.say('round %d of %d' % (number + 1, rounds))
            run_floor(lab, results)
            for name in sides:
                use_side(lab, name)
                run_side(lab, name, kind, results)
            results.write(path)
    except (machines.CommandError, machines.MachineError):
        lab.show_failure('')
        raise
    finally:
        lab.stop()
    ours = [name for name in sides if SIDES[name][0] == 'xen_nic_pg']
    print(results.format_table(
        [*sides, *FLOORS],
        [(name, 'netback') for name in ours if 'netback' in sides]))
    print('Written to ' + os.path.relpath(path))
    if not {'netback', 'xen_nic', 'xen_nic_pg'} <= set(sides):
        return True
    missed = check_ratios(results)
    for line in missed:
        print('missed: ' + line)
    return not missed
