# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare backends in one boot, in turn, over several rounds.

Emulation is noisy and slow, so absolute figures say little; ratios of medians
of the same run say more.  In each round each backend gets a guest of its own.
The results go to build/bench/lab.json, a list with one object for each
measurement and backend.
"""

import json
import os
import statistics

from . import lab as labs
from . import machine as machines
from . import measure
from . import payload

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


class Results:
    """What has been measured so far."""

    def __init__(self, kind):
        self.kind = kind
        self.rows = {}

    def add(self, backend, persistent, measurement, value):
        """Add one run's value."""
        bench, direction, size, unit, _ = measurement
        row = self.rows.setdefault((backend, bench, direction, size), {
            'bench': bench, 'direction': direction, 'frame_bytes': size,
            'backend': backend, 'frontend': 'stock',
            'persistent': persistent, 'queues': 1, 'guest': self.kind,
            'unit': unit, 'runs': []})
        row['runs'].append(round(value, 1))

    def finish(self):
        """Return all rows with their medians."""
        for row in self.rows.values():
            row['median'] = statistics.median(row['runs'])
        return list(self.rows.values())

    def format_table(self, backends):
        """Return a table of medians and of ratios to the last backend."""
        last = backends[-1]
        heads = ['%15s' % name for name in backends]
        heads += ['%15s' % ('/ ' + name) for name in backends[:-1]]
        lines = ['%-28s' % 'median' + ''.join(heads)]
        for bench, direction, size, unit, _ in MEASUREMENTS:
            label = ' '.join(filter(None, [bench, direction, size and
                                           '%d B' % size, unit]))
            cells, values = [], []
            for name in backends:
                row = self.rows.get((name, bench, direction, size))
                values.append(row and row['median'])
                cells.append('%15.1f' % row['median'] if row
                             else '%15s' % '-')
            for value in values[:-1]:
                cells.append('%15.2f' % (values[-1] / value)
                             if value and values[-1] else '%15s' % '-')
            lines.append('%-28s' % label + ''.join(cells))
        lines.append('The columns "/" are %s divided by that backend.' % last)
        return '\n'.join(lines)


def run_round(lab, kind, results):
    """Measure all there is to measure with the lab's backend."""
    with lab.guest('bench', kind) as guest:
        persistent = is_persistent(lab, guest)
        for measurement in MEASUREMENTS:
            bench, direction, size, unit, function = measurement
            value = function(lab, guest)
            results.add(lab.backend.name, persistent, measurement, value)
            lab.say('%s: %s %s %s: %.1f %s' % (lab.backend.name, bench,
                                               direction, size or '', value,
                                               unit))
    lab.find_leftovers()


def check_ratios(results):
    """Return what of the project's aims the medians miss."""
    missed = []
    for direction in ('tx', 'rx'):
        rates = {name: results.rows[name, 'tcp', direction, None]['median']
                 for name in ORDER}
        for peer, least in (('netback', 0.5), ('xen_nic', 30)):
            ratio = rates['xen_nic_pg'] / rates[peer]
            if ratio < least:
                missed.append('tcp %s: xen_nic_pg / %s is %.2f, expected at '
                              'least %s' % (direction, peer, ratio, least))
    return missed


def run_bench(backends, kind, rounds, path=None):
    """Run the comparison; return whether the project's aims are met."""
    lab = labs.Lab(backends[0])
    results = Results(kind)
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
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as out:
        json.dump(results.finish(), out, indent=2)
        out.write('\n')
    print(results.format_table(backends))
    print('Written to ' + os.path.relpath(path))
    if set(backends) != set(ORDER):
        return True
    missed = check_ratios(results)
    for line in missed:
        print('missed: ' + line)
    return not missed
