# SPDX-License-Identifier: GPL-2.0-or-later
"""Compare frontends and backends in one boot, in turn, over several rounds.

Emulation is noisy and slow, so absolute figures say little; ratios of medians
of the same run say more.  A side is a pairing, "pg/xen_nic_pg" for instance:
which netfront the guest has, and what serves its vif.  In each round each side
gets guests of its own, once one vCPU is measured, and once two.  The floor has
none: it is a program in dom0 that does nothing but write to a tap, or read
from it.

A system call takes some 150 times as long there as on the machine itself, and
so does a guest's answer.  The backend "polling" has poll-max-ns, the time that
a queue's thread looks for work before it sleeps, as many times its default.

The results go to build/bench/lab.json, a list with one object for each
measurement and side.
"""

import collections
import os
import sys

from . import guest as guests
from . import lab as labs
from . import machine as machines
from . import measure
from . import payload

sys.path.append(os.path.join(payload.TOP, 'tests/bench'))
import figures  # noqa: E402

# name: backend, options of the device
BACKENDS = {
    'netback': ('netback', ''),
    'xen_nic': ('xen_nic', ''),
    'xen_nic_pg': ('xen_nic_pg', ''),
    'polling': ('xen_nic_pg', 'poll-max-ns=5000000'),
}

PAIRINGS = tuple('%s/%s' % (frontend, backend) for frontend in guests.FRONTENDS
                 for backend in BACKENDS)
FLOORS = ('floor', 'floor-batched')
SIDES = PAIRINGS + FLOORS
DEFAULT_SIDES = ('stock/netback', 'stock/xen_nic_pg', 'pg/netback',
                 'pg/xen_nic_pg')

# What the floor measures
FLOOR_MEASUREMENTS = ('tx60', 'tx1496', 'rx60', 'rx1496')

# what: (bench, direction, frame_bytes)
# vcpus: of the guest, which has as many queues
# measure: a function of the lab, the guest and a peer, a guest as well;
#          it returns a number, or a measure.Transfer
# peer: whether it needs that
Measurement = collections.namedtuple('Measurement',
                                     'what unit vcpus measure peer',
                                     defaults=[False])


def frames(direction, size):
    """Describe how a rate of frames is measured."""
    bench = 'pktgen' if size <= measure.PKTGEN_MAX else 'gso'
    return Measurement((bench, direction, size), 'pps', 1,
                       lambda lab, guest, _: measure.measure_frames(
                           lab, guest, direction == 'rx', size))


def tcp(direction):
    """Describe how one TCP connection is measured."""
    return Measurement(('tcp', direction, None), 'Mbit/s', 1,
                       lambda lab, guest, _: measure.measure_tcp(
                           lab, guest, direction == 'rx'))


def tcp_on_queues(direction, queues, connections=4):
    """Describe how several connections are measured, on several queues."""
    return Measurement(('tcp-%dq' % queues, direction, None), 'Mbit/s', queues,
                       lambda lab, guest, _: measure.measure_tcp(
                           lab, guest, direction == 'rx', connections))


MEASUREMENTS = {
    'tx60': frames('tx', 60),
    'tx1496': frames('tx', 1496),
    'tx65534': frames('tx', 65534),
    'rx60': frames('rx', 60),
    'rx1496': frames('rx', 1496),
    'rx65534': frames('rx', 65534),
    'tcp-tx': tcp('tx'),
    'tcp-rx': tcp('rx'),
    'ping': Measurement(('ping', 'rx', None), 'us', 1,
                        lambda lab, guest, _: measure.measure_ping(
                            lab, guest)),
    'tcp-bridge': Measurement(('tcp', 'bridge', None), 'Mbit/s', 1,
                              lambda lab, guest, peer:
                              measure.measure_transfer(lab, guest, peer),
                              peer=True),
    'tcp-tx-2q': tcp_on_queues('tx', 2),
    'tcp-rx-2q': tcp_on_queues('rx', 2),
}

# What the project aims at: the ratio of two sides' medians, at least
OURS = 'pg/xen_nic_pg'
AIMS = tuple((OURS, peer, name, least)
             for name, *ratios in (('tx60', 1.46, 1.46),
                                   ('tx1496', 1.5, 1.5),
                                   ('rx60', 1.6, 2.0),
                                   ('rx1496', 1.3, 1.6),
                                   ('tcp-tx', 1.3, 1.48),
                                   ('tcp-rx', 1.0, 1.2),
                                   ('tcp-bridge', 1.2, 1.5))
             for peer, least in zip(('stock/xen_nic_pg', 'stock/netback'),
                                    ratios)) + tuple(
    ('stock/xen_nic_pg', peer, name, least)
    for peer, least in (('stock/netback', 0.5), ('stock/xen_nic', 30))
    for name in ('tcp-tx', 'tcp-rx'))

# The ratios that are printed
RATIOS = ((OURS, 'stock/xen_nic_pg'), (OURS, 'stock/netback'),
          ('stock/xen_nic_pg', 'stock/netback'),
          ('pg/netback', 'stock/netback'))


class Bench:
    """A lab that goes through sides, and what was measured so far."""

    def __init__(self, lab, names, kind, kernel):
        """Describe what is to be measured.

        @names: which of MEASUREMENTS
        @kind, @kernel: of the guests
        """
        self.lab = lab
        self.names = names
        self.kind = kind
        self.kernel = kernel
        self.results = figures.Figures()

    def add(self, side, what, unit, value, **facts):
        """Note a value, and show it."""
        self.results.add(side, what, unit, value, **facts)
        self.lab.say('%s: %s: %.1f %s' % (side, figures.label(what), value,
                                          unit))

    def run_side(self, side):
        """Measure all there is to measure of a side."""
        if side in FLOORS:
            self.run_floor(side)
            return
        frontend, name = side.split('/')
        backend, options = BACKENDS[name]
        self.lab.use_backend(backend, *filter(None, [options]))
        facts = {'backend': backend, 'options': options, 'frontend': frontend,
                 'kernel': self.kernel, 'guest': self.kind}
        for vcpus in (1, 2):
            chosen = [MEASUREMENTS[name] for name in self.names
                      if MEASUREMENTS[name].vcpus == vcpus]
            if chosen:
                self.run_guests(side, chosen, vcpus, facts)
        self.lab.find_leftovers()

    def run_guests(self, side, chosen, vcpus, facts):
        """Measure what needs guests with that many vCPUs.

        The peer comes last, as its presence costs a little.
        """
        def describe(name, number):
            return self.lab.guest(name, self.kind, number, vcpus=vcpus,
                                  frontend=facts['frontend'],
                                  kernel=self.kernel)

        with describe('bench', 2) as guest:
            facts = {**facts, 'queues': vcpus,
                     'persistent': guest.is_persistent()}
            for measurement in chosen:
                if not measurement.peer:
                    self.run(side, measurement, guest, None, facts)
            with_peer = [one for one in chosen if one.peer]
            if with_peer:
                with describe('peer', 3) as peer:
                    for measurement in with_peer:
                        self.run(side, measurement, guest, peer, facts)

    def run(self, side, measurement, guest, peer, facts):
        """Carry out one measurement."""
        bench, direction, size = measurement.what
        value = measurement.measure(self.lab, guest, peer)
        if isinstance(value, measure.Transfer):
            self.add(side, measurement.what, measurement.unit, value.rate,
                     **facts)
            for domain, seconds in (('dom0', value.dom0),
                                    ('guest', value.guests)):
                self.add(side, ('%s-cpu-%s' % (bench, domain), direction,
                                size), 's/GiB', seconds, **facts)
        else:
            self.add(side, measurement.what, measurement.unit, value, **facts)

    def run_floor(self, side):
        """Measure the tap in dom0."""
        for name in FLOOR_MEASUREMENTS:
            if name not in self.names:
                continue
            what = MEASUREMENTS[name].what
            output = self.lab.dom0('bench-native %s --frame=%d %s --seconds=2'
                                   % (side, what[2],
                                      '--rx' if what[1] == 'rx' else ''))
            self.add(side, what, 'pps', float(output.split()[0]),
                     backend=side, options='', frontend=None, kernel=None,
                     guest=None, queues=1, persistent=False)

    def check_aims(self):
        """Return what of the project's aims the medians miss."""
        missed = []
        for side, peer, name, least in AIMS:
            what = MEASUREMENTS[name].what
            ratio = self.results.ratio(side, peer, what)
            if ratio is not None and ratio < least:
                missed.append('%s: %s is %.2f times %s, expected at least %s'
                              % (figures.label(what), side, ratio, peer,
                                 least))
        return missed


def run_bench(sides, names, rounds, kind, kernel, path=None):
    """Run the comparison; return whether the project's aims are met.

    @sides, @names: which of SIDES and of MEASUREMENTS
    """
    path = path or os.path.join(payload.BUILD, 'bench', 'lab.json')
    lab = labs.Lab('netback')
    bench = Bench(lab, names, kind, kernel)
    try:
        lab.boot()
        for number in range(rounds):
            lab.say('round %d of %d' % (number + 1, rounds))
            for side in sides:
                bench.run_side(side)
            bench.results.write(path)
    except (machines.CommandError, machines.MachineError):
        lab.show_logs()
        raise
    finally:
        lab.stop()
    print(bench.results.format_table(sides, []))
    print(bench.results.format_table([], [pair for pair in RATIOS
                                          if {*pair} <= {*sides}]))
    print('Written to ' + os.path.relpath(path))
    missed = bench.check_aims()
    for line in missed:
        print('missed: ' + line)
    return not missed
