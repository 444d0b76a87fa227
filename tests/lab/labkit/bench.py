# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare backends in one boot, in turn, over several rounds.

Emulation is noisy and slow, so absolute figures say little; ratios of medians
of the same run say more.  In each round each backend gets a guest of its own.
The results go to build/bench/lab.json, a list with one object for each
measurement and backend.
"""

import os
import sys

from . import lab as labs
from . import machine as machines
from . import measure
from . import payload

sys.path.append(os.path.join(payload.TOP, 'tests/bench'))
import figures  # noqa: E402

ORDER = ('netback', 'xen_nic', 'xen_nic_pg')

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


def run_round(lab, kind, results):
    """Measure all there is to measure with the lab's backend."""
    with lab.guest('bench', kind) as guest:
        persistent = is_persistent(lab, guest)
        for measurement in MEASUREMENTS:
            bench, direction, size, unit, function = measurement
            value = function(lab, guest)
            results.add(lab.backend.name, (bench, direction, size), unit,
                        value, backend=lab.backend.name, frontend='stock',
                        persistent=persistent, queues=1, guest=kind)
            lab.say('%s: %s %s %s: %.1f %s' % (lab.backend.name, bench,
                                               direction, size or '', value,
                                               unit))
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


def run_bench(backends, kind, rounds, path=None):
    """Run the comparison; return whether the project's aims are met."""
    lab = labs.Lab(backends[0])
    results = figures.Figures()
    try:
        lab.boot()
        for number in range(rounds):
            for name in backends:
                if lab.backend.name != name:
                    lab.use_backend(name)
                lab.say('round %d of %d: %s' % (number + 1, rounds, name))
                run_round(lab, kind, results)
    except (machines.CommandError, machines.MachineError):
        lab.show_failure('')
        raise
    finally:
        lab.stop()
    path = path or os.path.join(payload.BUILD, 'bench', 'lab.json')
    results.write(path)
    last = backends[-1]
    print(results.format_table(backends,
                               [(last, name) for name in backends[:-1]]))
    print('Written to ' + os.path.relpath(path))
    if set(backends) != set(ORDER):
        return True
    missed = check_ratios(results)
    for line in missed:
        print('missed: ' + line)
    return not missed
