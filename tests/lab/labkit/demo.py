# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo: what the project does, in three minutes.

A real Xen boots, xl starts an unmodified Linux guest, and its traffic goes
through xen-nic-pg and a tap on the stock bridge.  Data must arrive unchanged,
pings must all come back; then a table shows what was measured, and the
device's counters.
"""

import json
import os
import re
import time

from . import flow
from . import lab as labs
from . import machine as machines
from . import measure
from . import payload

BYTES = 16 << 20
PINGS = 100


def check_pings(lab, guest):
    """Ping the guest; all pings must come back."""
    output = lab.dom0('ping -A -q -c %d -W 30 %s' % (PINGS, guest.address()))
    if ' 0% packet loss' not in output:
        raise labs.CheckFailed('no ping is lost', output)
    return float(re.search('= [0-9.]+/([0-9.]+)/', output).group(1))


def play(lab, results):
    """Do all of the demo, filling @results."""
    start = time.monotonic()
    lab.boot()
    results['boot_seconds'] = round(time.monotonic() - start, 1)
    lab.say('xl create: a PV guest, Debian\'s kernel and xen-netfront')
    start = time.monotonic()
    with lab.guest('demo', 'pv') as guest:
        results['create_seconds'] = round(time.monotonic() - start, 1)
        lab.say(lab.dom0('bridge link | sed "s/ state.*//"; '
                         'xl list demo | tail -n 1').replace('\n', '\n# '))
        lab.say('%d pings' % PINGS)
        results['ping_ms'] = check_pings(lab, guest)
        for name, sender, receiver in (
                ('guest_to_dom0', guest, lab.host),
                ('dom0_to_guest', lab.host, guest)):
            lab.say('%d MiB of random data, %s'
                    % (BYTES >> 20, name.replace('_', ' ')))
            results['sha256_' + name] = flow.check(
                lab, name, sender, receiver, receiver.address(), 'tcp', BYTES)
        for name, to_guest in (('guest_to_dom0', False),
                               ('dom0_to_guest', True)):
            lab.say('TCP with iperf3, ' + name.replace('_', ' '))
            results['tcp_mbit_' + name] = round(
                measure.measure_tcp(lab, guest, to_guest).rate, 1)
        if lab.backend.name == 'xen_nic_pg':
            results['counters'] = lab.read_stats(guest)
    left = lab.find_leftovers()
    if left:
        raise labs.CheckFailed('nothing is left behind', left)


def print_counters(counters):
    """Print the counters that aren't 0, side by side for tx and rx."""
    for number, queue in enumerate(counters['queues']):
        print('\nqueue %d %31s %15s' % (number, 'tx', 'rx'))
        tx, rx = ({**side, **{'drops: ' + reason: count for reason, count
                              in side.get('drops', {}).items()}}
                  for side in (queue['tx'], queue['rx']))
        for name in tx:
            if name != 'drops' and (tx[name] or rx.get(name)):
                print('  %-22s %15s %15s' % (name, tx[name],
                                             rx.get(name, '-')))


def print_results(results, backend):
    """Print the table."""
    print('\nAn unmodified Linux guest on Xen, through %s' % backend)
    rows = (('boot of Xen and dom0', 'boot_seconds', 's'),
            ('xl create until the guest is up', 'create_seconds', 's'),
            ('ping', 'ping_ms', 'ms'),
            ('TCP guest to dom0', 'tcp_mbit_guest_to_dom0', 'Mbit/s'),
            ('TCP dom0 to guest', 'tcp_mbit_dom0_to_guest', 'Mbit/s'))
    for label, key, unit in rows:
        print('  %-32s %10s %s' % (label, results[key], unit))
    for name in ('guest_to_dom0', 'dom0_to_guest'):
        print('  %-32s %10s' % ('%d MiB %s' % (BYTES >> 20,
                                               name.replace('_', ' ')),
                                'intact'))
    if 'counters' in results:
        print_counters(results['counters'])
    print('\n(emulated: compare figures with each other, not with hardware)')


def run_demo(backend, packages):
    """Run the demo; return whether it passed."""
    lab = labs.Lab(backend, tap=False, packages=packages)
    results = {'backend': backend, 'guest': 'pv', 'pass': False}
    try:
        play(lab, results)
        results['pass'] = True
    except (labs.CheckFailed, machines.CommandError, machines.MachineError,
            LookupError) as failure:
        lab.record_failure(failure)
    finally:
        lab.stop()
    path = os.path.join(payload.BUILD, 'demo', 'results.json')
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as out:
        json.dump(results, out, indent=2)
        out.write('\n')
    if results['pass']:
        print_results(results, backend)
    print('demo: ' + ('PASS' if results['pass'] else 'FAIL'))
    return results['pass']
