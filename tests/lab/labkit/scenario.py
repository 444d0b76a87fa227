# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the scenarios and run them.

A scenario's name is its file's name, its title the first line of its
docstring.  BACKENDS and FRONTENDS, if it has these, name the backends and the
guests' netfronts that it makes sense for; with others it is skipped.
"""

import glob
import importlib.util
import os

from . import lab as labs
from . import payload

FOLDER = os.path.join(payload.LAB, 'scenarios')


class Scenario:
    """One scenario file."""

    def __init__(self, name):
        path = os.path.join(FOLDER, name + '.py')
        spec = importlib.util.spec_from_file_location('scenario_' + name,
                                                      path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.name = name
        self.title = module.__doc__.splitlines()[0]
        self.run = module.run
        self.backends = getattr(module, 'BACKENDS', None)
        self.frontends = getattr(module, 'FRONTENDS', None)

    def suits(self, backend, frontend):
        """Tell whether the scenario makes sense for a pairing."""
        return ((self.backends is None or backend in self.backends) and
                (self.frontends is None or frontend in self.frontends))


def find_names():
    """Return the names of all scenarios."""
    return sorted(os.path.basename(path)[:-3]
                  for path in glob.glob(FOLDER + '/*.py'))


def run_scenarios(names, backend, **guest_options):
    """Run scenarios, printing TAP; return whether all went well.

    @guest_options: what guests are like by default, as Guest() has it
    """
    lab = labs.Lab(backend, guest_options=guest_options)
    good = True
    try:
        for scenario in map(Scenario, names or find_names()):
            if not scenario.suits(backend, guest_options['frontend']):
                lab.scenario = scenario.name
                lab.record(True, 'not for %s/%s # SKIP'
                           % (guest_options['frontend'], backend))
            elif not lab.play(scenario):
                good = False
                lab.stop()
    finally:
        lab.stop()
    if lab.repeated:
        lab.say("repeated %d scenario%s for the emulator's sake"
                % (lab.repeated, 's' if lab.repeated > 1 else ''))
    lab.write_results(lab.out_dir + '/results.json')
    print('1..%d' % len(lab.results))
    failed = sum(not result['ok'] for result in lab.results)
    print('lab: %d passed, %d failed' % (len(lab.results) - failed, failed),
          flush=True)
    return good
