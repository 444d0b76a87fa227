# SPDX-License-Identifier: GPL-2.0-or-later
"""What a scenario gets: dom0, guests, checks.

A scenario is a Python file in scenarios/ with a function run(lab).  It says
what dom0 and the guests do and calls lab.check() for what must hold; a
command that fails, or a guest that doesn't answer, fails the scenario as
well.  Several scenarios share one boot.  After each the lab checks that
nothing is left behind; after a failure the machine is booted anew, so that no
scenario suffers from another.  A scenario that the emulated machine has spoilt
(faults.py) is repeated, and that is told.
"""

import json
import os
import sys
import time

from . import backend as backends
from . import faults
from . import guest as guests
from . import machine as machines
from . import payload
from . import programs

LOG_COMMAND = '''
for log in /run/lab/*.log /run/lab/qemu/*.log /run/xen-nic-pg/*.log; do
    [ -s "$log" ] && echo "--- $log" && tail -n 40 "$log"
done
for log in /var/log/xen/*.log; do
    [ -s "$log" ] && echo "--- $log" && tail -n 15 "$log"
done
for log in /var/log/xen/console/*.log; do
    [ -s "$log" ] && echo "--- $log" && grep -av '^@lab\\|^[A-Za-z0-9+/=]*$' \\
        "$log" | tail -n 25
done
journalctl -q -u xen-nic-pgd -n 40 2>/dev/null
echo "--- xl list"; xl list
echo "--- counters"; timeout 60 xen-nic-pg-stat --json --once
echo "--- backends in xenstore"
xenstore-ls /local/domain/0/backend 2>&1 | tail -n 60
echo "--- links"; ip -br link
echo "--- dmesg"; dmesg | tail -n 20
'''

# Where the CPUs of guests that stand still are, twice
STILL_COMMAND = '''
for _ in 1 2; do
    xl vcpu-list
    for id in $(xl list | awk 'NR > 2 { print $2 }'); do
        /usr/lib/xen-*/bin/xenctx -a "$id" 2>&1 | head -n 20
    done
    sleep 1
done
'''

# xl list is for dom0 only
LEFT_COMMAND = '''
xl list 2>/dev/null | awk 'NR > 1 && $1 != "Domain-0"'
ip -o link | grep -oE 'vif[0-9]+\\.[0-9]+[^:@]*'
for kind in vif qnic; do
    xenstore-ls -f backend/$kind 2>/dev/null |
        grep -vE "backend/$kind(/[0-9]+)? = "
done
true
'''


class CheckFailed(Exception):
    """A check of a scenario did not hold."""

    def __init__(self, what, detail):
        super().__init__('\n'.join(filter(None, (what, str(detail)))))
        self.what = what


class Lab:
    """A machine with a backend, and the results so far."""

    def __init__(self, backend_name, out_dir=None, tap=True,
                 guest_options=None, packages=False):
        """Describe a lab; boot() starts it.

        @packages: take what is under test from packages, in a Debian dom0
        @guest_options: what guests are like by default, as Guest() has it
        """
        self.out_dir = out_dir or os.path.join(payload.BUILD, 'lab')
        self.disks = []
        self.packages = packages
        self.programs = None
        self.machine = None
        self.backend_name = backend_name
        self.host = guests.Dom0(self)
        self.backend = backends.BACKENDS[backend_name](self)
        self.tap = tap
        self.guest_options = guest_options or {}
        self.scenario = None
        self.results = []
        self.kinds = {}
        self.repeated = 0

    def say(self, text):
        """Tell whoever watches what is going on."""
        print('# ' + text, file=sys.stderr, flush=True)

    def boot(self):
        """Start the machine and the backend that the lab was made for."""
        self.programs = (programs.Packages() if self.packages
                         else programs.BuildTree())
        self.backend = backends.BACKENDS[self.backend_name](self)
        missing = self.programs.find_missing()
        if missing and self.backend.is_program:
            raise LookupError('backend %s: not built: %s (below %s); try '
                              '"make lab-image"' % (self.backend.name,
                                                    ' '.join(missing),
                                                    payload.BUILD))
        self.boot_machine()
        self.programs.install(self)
        self.backend.start()

    def boot_machine(self, attempts=3):
        """Boot Xen and dom0; try again if the emulator got stuck.

        Nothing of what is tested runs yet, so this hides no fault of it.
        """
        self.say('booting Xen')
        start = time.monotonic()
        self.machine = machines.Machine(self.out_dir, self.programs,
                                        self.disks)
        try:
            self.machine.boot()
        except machines.MachineError as error:
            self.machine = None
            if attempts == 1:
                raise
            self.explain(error)
            self.boot_machine(attempts - 1)
        else:
            self.say('dom0 is up after %d s' % (time.monotonic() - start))

    def stop(self):
        """Switch the machine off."""
        if self.machine:
            self.machine.stop()
            self.machine = None

    def use_packages(self, packages):
        """Have the next scenarios' programs from packages, or from the build.

        Each has a dom0 of its own.
        """
        if packages != self.packages:
            self.stop()
            self.packages = packages

    def usable(self):
        """Tell whether dom0 still answers."""
        return self.machine is not None and self.machine.alive()

    def find_device(self, disk):
        """Return what dom0 calls a scenario's disk."""
        return '/dev/vd%c' % (ord('c') + self.disks.index(disk))

    def use_backend(self, name, *options, place=None):
        """Change over to another backend; no guest may be running.

        @options: as its start() has them
        @place: where it runs, if not in dom0 itself
        """
        self.backend.stop()
        self.backend = backends.BACKENDS[name](self, place)
        self.backend.start(*options)

    def dom0(self, command, timeout=300):
        """Run a shell command in dom0; it must succeed."""
        return self.machine.run(command, timeout)

    def wait_for(self, command, timeout=300):
        """Repeat a command in dom0 until it succeeds; return its output."""
        return self.dom0('until %s; do sleep 0.2; done 2>/dev/null'
                         % command, timeout)

    def read_stats(self, guest, devid=0):
        """Return the counters of a guest's vif, as its QEMU gives them."""
        sample = json.loads(self.dom0(
            'xen-nic-pg-stat --json --once --timeout 60 %d.%d'
            % (guest.domid(), devid)))
        return sample['vifs'][0]['stats']

    def guest(self, *args, **options):
        """Describe a guest; `with lab.guest(…) as g` runs it."""
        guest = guests.Guest(self, *args,
                             **{**self.guest_options, **options})
        self.kinds[guest.name] = guest.kind
        return guest

    def check(self, holds, what, detail=''):
        """Record that something holds; a failure ends the scenario."""
        if not holds:
            raise CheckFailed(what, detail)
        self.record(True, what)

    def record(self, holds, what):
        """Note one result, and print it in TAP."""
        self.results.append({'scenario': self.scenario, 'check': what,
                             'backend': self.backend.name,
                             **self.guest_options, 'ok': holds})
        if self.tap:
            print('%s %d - %s: %s' % ('ok' if holds else 'not ok',
                                      len(self.results), self.scenario, what),
                  flush=True)

    def show_logs(self):
        """Print what the machine's programs have said."""
        if self.usable():
            self.explain(self.machine.try_run(LOG_COMMAND, 120)[1])
        else:
            self.explain('the machine ended; its console:')
        self.explain('\n'.join(
            self.machine.read_console().splitlines()[-40:]))

    def explain(self, text):
        """Print text as TAP diagnostics."""
        for line in str(text).splitlines():
            print('#   ' + line, flush=True)

    def find_leftovers(self, place=None):
        """Return what guests have left behind, once it had time to go.

        @place: where their backends ran; None: in dom0
        """
        place = place or self.host
        left = ''
        for _ in range(100):
            left = place.run(LEFT_COMMAND)
            if not left:
                break
            time.sleep(0.5)
        return left

    def find_emulator_fault(self):
        """Return what the emulated machine has done to Xen or a guest."""
        if not self.machine:
            return ''
        return faults.find_fault(self.machine.read_console(),
                                 map(self.kinds.get, self.machine.silent))

    def show_silent_guests(self):
        """Print what is to be known of guests that don't answer."""
        if self.machine.silent and self.usable():
            self.explain(self.machine.try_run(STILL_COMMAND, 120)[1])

    def record_failure(self, failure):
        """Note why a scenario has ended early, and what helps to explain it."""
        if isinstance(failure, CheckFailed):
            self.record(False, failure.what)
        else:
            self.record(False, 'everything could be carried out')
        self.explain(failure)
        if self.machine:
            self.show_silent_guests()
            self.show_logs()

    def play(self, scenario, repeats=2):
        """Run one scenario; return whether all went well."""
        self.scenario = scenario.name
        start = time.monotonic()
        self.say('%s: %s' % (scenario.name, scenario.title))
        try:
            if not self.usable():
                self.boot()
            scenario.run(self)
            left = self.find_leftovers()
            self.check(not left, 'nothing is left behind', left)
        except (CheckFailed, machines.CommandError, machines.MachineError,
                LookupError) as failure:
            fault = self.find_emulator_fault()
            if repeats and fault:
                self.say('%s: %s once more' % (fault, scenario.name))
                self.show_silent_guests()
                self.stop()
                self.repeated += 1
                return self.play(scenario, repeats - 1)
            self.record_failure(failure)
            return False
        finally:
            self.say('%s: %d s' % (scenario.name, time.monotonic() - start))
        return True

    def write_results(self, path):
        """Write all results as JSON."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as out:
            json.dump(self.results, out, indent=2)
            out.write('\n')
