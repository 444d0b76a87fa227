# SPDX-License-Identifier: GPL-2.0-or-later
"""Find the scenarios and run them.

A scenario's name is its file's name, its title the first line of its
docstring.  BACKENDS and FRONTENDS, if it has these, name the backends and the
guests' netfronts that it makes sense for; with others it is skipped.  DISK, if
it has that, returns the path of a file system; dom0 has it as a further disk,
see Lab.find_device().  One with PACKAGES has a Debian dom0, with the package
under test in it (programs.py); one that is BUILT_ONLY is skipped there, as it
runs the daemon elsewhere than in dom0.  One that is ON_DEMAND runs only where it
is named.
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
        self.disk = getattr(module, 'DISK', None)
        self.packages = getattr(module, 'PACKAGES', False)
        self.built_only = getattr(module, 'BUILT_ONLY', False)
        self.on_demand = getattr(module, 'ON_DEMAND', False)

    def suits(self, backend, frontend, packages):
        """Tell whether the scenario makes sense for a pairing."""
        return ((self.backends is None or backend in self.backends) and
                (self.frontends is None or frontend in self.frontends) and
                not (packages and self.built_only))


def find_names():
    """Return the names of all scenarios."""
    return sorted(os.path.basename(path)[:-3]
                  for path in glob.glob(FOLDER + '/*.py'))


def run_scenarios(names, backend, packages, **guest_options):
    """Run scenarios, printing TAP; return whether all went well.

    @packages: whether all have what is under test from packages
    @guest_options: what guests are like by default, as Guest() has it
    """
    frontend = guest_options['frontend']
    scenarios = [Scenario(name) for name in names or find_names()]
    scenarios = [scenario for scenario in scenarios
                 if names or not scenario.on_demand]
    # Those with a dom0 of their own come last, which saves a boot.
    scenarios.sort(key=lambda scenario: scenario.packages)
    lab = labs.Lab(backend, guest_options=guest_options, packages=packages)
    lab.disks = sorted({
        scenario.disk() for scenario in scenarios
        if scenario.disk and scenario.suits(backend, frontend, packages)})
    good = True
    try:
        for scenario in scenarios:
            if not scenario.suits(backend, frontend, packages):
                lab.scenario = scenario.name
                lab.record(True, 'not for %s/%s%s # SKIP'
                           % (frontend, backend,
                              ' from packages' if packages else ''))
                continue
            lab.use_packages(packages or scenario.packages)
            if not lab.play(scenario):
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
