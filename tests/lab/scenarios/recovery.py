# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMUs are killed a hundred times, and much else goes wrong, and is mended.

Two TCP connections, one each way, live through some of it, with each netfront;
not through the hundred, as they would keep the emulator busy.  What QEMUs held
is counted before the first is killed and after the last; two guests' are killed
at a time, since each takes more than a second to start under emulation.  Then
what a QEMU needs is taken away before it is killed: somebody must be told what
is wrong, and once it is mended the vif must come back by itself.
"""

import contextlib
import re
import time

from labkit import backend, checks, flow, moving

BACKENDS = ('xen_nic_pg',)

ENDLESS = '--restarts 10000'
DAEMON_LOG = backend.LOG_DIR + '/xen-nic-pgd.log'

# In each of two guests
KILLS = 50
# What a guest answers while its QEMU is there, many times a second
LOAD = 'ping -q -i 0.02 -s 1400 %s >/dev/null & '

# Kill a guest's QEMU, or its parent, which is its end as well, and wait until
# the next has connected.  What the first had is mapped anew by then.
# Looking for that costs little, as what looks competes with what starts.
KILL = '''
read -r pid <{run}/{domid}.pid
for i in $(seq {count}); do
    [ $((i % 2)) = 1 ] && kill -9 $(pgrep -P $pid) || kill -9 $pid
    before=$pid
    until read -r pid <{run}/{domid}.pid && [ "$pid" != $before ]; do
        sleep 0.1
    done 2>/dev/null
    until [ "$(xenstore-read {state})" = 4 ]; do
        sleep 0.1
    done
    sleep {pause}
done
'''

# What dom0 holds, of which there must be no more after a hundred kills
HELD = {
    'files of the daemon': 'ls /proc/$(cat /run/lab/xen-nic-pgd.pid)/fd',
    'files in its directories': 'ls {run} {log}',
    'interfaces': 'ls /sys/class/net',
    'nodes in xenstore': 'xenstore-ls -f',
    'event channels': 'lsevtchn 0',
    'processes': 'pgrep "^(qemu-system-x86|xen-nic-pg)"',
    'mounts': 'cat /proc/mounts',
}
# The kernel's own caches grow, and a process may come and go
SPARE_MEMORY_KIB = 32 << 10


def kill(lab, *guests, count=1, pause=0, load=''):
    """Kill guests' QEMUs, and wait until the next serve them; count times.

    @pause: for how many seconds they do so
    @load: a command that is ended afterwards
    """
    loops = ['(%s) & loops="$loops $!"; ' % KILL.format(
        count=count, run=backend.RUN_DIR, domid=guest.domid(), pause=pause,
        state=lab.backend.find_key(guest, 'state')) for guest in guests]
    lab.dom0('%s loops=; %s wait $loops && kill $(jobs -p) 2>/dev/null; true'
             % (load, ''.join(loops)), 600)


def count_held(lab):
    """Count what dom0 holds, by kind."""
    held = {what: int(lab.dom0('%s | wc -l' % command.format(
        run=backend.RUN_DIR, log=backend.LOG_DIR)))
        for what, command in HELD.items()}
    held['mapped pages'] = sum(moving.count_mapped(lab).values())
    return held


def free_memory(lab):
    """Return how much memory dom0 could give to programs, in KiB."""
    return int(lab.dom0('echo 3 >/proc/sys/vm/drop_caches; '
                        "awk '/MemAvailable/ { print $2 }' /proc/meminfo"))


def measure_silence(lab, guest):
    """Kill a guest's QEMU; return for how long it didn't answer, in s."""
    lab.dom0('(setsid ping -D -i 0.02 %s >/run/lab/ping 2>&1 & '
             'echo $! >/run/lab/ping.pid); sleep 0.5' % guest.address())
    kill(lab, guest)
    lab.dom0('sleep 2; kill -INT $(cat /run/lab/ping.pid)')
    times = [float(found) for found in re.findall(
        r'\[([\d.]+)\].*time=', lab.dom0('cat /run/lab/ping'))]
    return max(later - earlier for earlier, later in zip(times, times[1:]))


def check_silence(lab, guest):
    """Say how long a guest is without its network; it must be again."""
    spans = sorted(measure_silence(lab, guest) for _ in range(2))
    lab.say('%s netfront: no answer for %s s when its QEMU was killed'
            % (guest.frontend, ', '.join('%.2f' % span for span in spans)))
    lab.check(spans[-1] < 10, '%s netfront: its network is back by itself'
              % guest.frontend, spans)


def kill_many(lab, *guests):
    """Kill QEMUs again and again, and see that nothing is left behind."""
    kill(lab, *guests)  # the first ones learn what is there from the start
    before, memory = count_held(lab), free_memory(lab)
    start = time.monotonic()
    kill(lab, *guests, count=KILLS, pause=0.2,
         load=''.join(LOAD % guest.address() for guest in guests))
    lab.say('%d kills in %d s' % (KILLS * len(guests),
                                  time.monotonic() - start))
    lab.dom0('sleep 1')
    after, lost = count_held(lab), memory - free_memory(lab)
    lab.check(all(after[what] <= before[what] for what in before),
              'killed %d times under load: nothing is left behind'
              % (KILLS * len(guests)),
              'before: %s\nafter: %s' % (before, after))
    lab.check(lost < SPARE_MEMORY_KIB, 'nor is memory lost',
              '%d KiB less' % lost)


def restart_daemon(lab, guest):
    """Kill the daemon, then QEMU, and start the daemon again."""
    with flow.busy(lab, 'the daemon is killed, and then QEMU', guest):
        lab.dom0('kill -9 $(cat /run/lab/xen-nic-pgd.pid)')
        end_qemu(lab, guest)
        lab.backend.start(daemon=ENDLESS)
    checks.check_reachable(lab, guest, 'the daemon is killed, and then QEMU')


def update_xenstored(lab, guest):
    """Have xenstored leave its place, and its connections, to another."""
    what = 'xenstored is updated'
    with flow.busy(lab, what, guest):
        lab.dom0('xenstore-control live-update $(type -P xenstored)')
    command_line = lab.dom0('tr "\\0" " " </proc/$(pgrep -x xenstored)/cmdline')
    lab.check(' -U' in command_line, what + ': it has been', command_line)
    guest.reload_driver()
    checks.check_reachable(lab, guest, what + ': driver loaded again')
    kill(lab, guest)
    checks.check_reachable(lab, guest, what + ': QEMU is killed')


@contextlib.contextmanager
def broken(lab, guest, what, message, breaking, mending):
    """Break something; what is done inside must be told of, and end well."""
    lab.dom0(breaking)
    lab.dom0(': >' + DAEMON_LOG)
    yield
    error = lab.backend.find_key(guest, 'error')
    lab.wait_for("grep -q '%s' %s" % (message, DAEMON_LOG))
    said = lab.wait_for('xenstore-read ' + error)
    lab.check(message in said, '%s: the log and xenstore say so' % what, said)
    lab.dom0(mending)
    lab.wait_for('[ "$(xenstore-read %s)" = 4 ]'
                 % lab.backend.find_key(guest, 'state'))
    checks.check_reachable(lab, guest, what + ', and is mended')
    lab.check(lab.machine.try_run('xenstore-read ' + error)[0] != 0,
              what + ': the complaint is taken back')


def end_qemu(lab, guest):
    """Kill a guest's QEMU, and wait for nothing."""
    lab.dom0('kill -9 %d' % lab.backend.find_process(guest))


def miss_devices(lab, guest):
    """Take the device nodes away that a QEMU needs."""
    for node in ('/dev/xen/gntdev', '/dev/net/tun'):
        with broken(lab, guest, 'no ' + node, 'QEMU needs ' + node,
                    'mv %s /run/lab/node' % node, 'mv /run/lab/node ' + node):
            end_qemu(lab, guest)


def fill_disk(lab, guest):
    """Leave no room for the next pid file."""
    with broken(lab, guest, 'a full disk', 'No space left on device',
                'kill -STOP $(cat /run/lab/xen-nic-pgd.pid)',
                'rm %s/fill' % backend.RUN_DIR):
        end_qemu(lab, guest)
        lab.dom0('cd {0} && rm {1}.pid; dd if=/dev/zero of=fill bs=4k; '
                 'kill -CONT $(cat /run/lab/xen-nic-pgd.pid)'
                 .format(backend.RUN_DIR, guest.domid()))


def run_out_of_grants(lab, guest):
    """Let Linux map no grants at all, which the guest's next driver meets."""
    limit = '/sys/module/xen_gntdev/parameters/limit'
    before = lab.dom0('cat ' + limit)
    error = '/local/domain/0/error/backend/vif/%d/0/error' % guest.domid()
    guest.unload_driver()
    lab.dom0('echo 0 >' + limit)
    guest.start('modprobe xen-netfront')()
    said = lab.wait_for('xenstore-read ' + error)
    lab.dom0('echo %s >%s' % (before, limit))
    lab.check('cannot map tx-ring-ref' in said,
              'no grants can be mapped: xenstore says so', said)
    lab.dom0('grep -q "cannot map tx-ring-ref" %s/%d.log'
             % (backend.LOG_DIR, guest.domid()))
    guest.reload_driver()
    checks.check_reachable(lab, guest, 'grants can be mapped again')


def miss_bridge(lab, guest):
    """Attach a vif to a bridge that there isn't."""
    vif = '/local/domain/0/backend/vif/%d/1' % guest.domid()
    lab.dom0(': >' + DAEMON_LOG)
    code, output = lab.machine.try_run('xl network-attach %s bridge=nosuch'
                                       % guest.name)
    lab.check(code != 0, 'a bridge that is missing: xl says so', output)
    said = lab.wait_for('xenstore-read %s/error' % vif)
    lab.check('its hotplug script has failed' in said and 'nosuch' in said and
              said in lab.dom0('cat ' + DAEMON_LOG),
              'a bridge that is missing: the log and xenstore say so', said)
    lab.dom0('ip link add nosuch type bridge && xl network-detach %s 1 && '
             'ip link del nosuch' % guest.name)
    lab.wait_for('! ip link show vif%d.1' % guest.domid())
    checks.check_reachable(lab, guest, 'a bridge that is missing: vif 0')


@contextlib.contextmanager
def small_disk(lab):
    """Have a small file system where the daemon puts its files."""
    lab.backend.stop()
    lab.dom0('mount -t tmpfs -o mode=700,size=64k none ' + backend.RUN_DIR)
    lab.backend.start(daemon=ENDLESS)
    yield
    lab.backend.stop()
    lab.dom0('umount ' + backend.RUN_DIR)
    lab.backend.start()


def run(lab):
    with small_disk(lab):
        with lab.guest('ours', frontend='pg', number=3) as guest:
            check_silence(lab, guest)
            with flow.busy(lab, 'pg netfront', guest):
                kill(lab, guest, count=3, pause=1)
        with lab.guest('stock') as guest:
            check_silence(lab, guest)
            with lab.guest('other', number=4) as other:
                kill_many(lab, guest, other)
            restart_daemon(lab, guest)
            update_xenstored(lab, guest)
            miss_devices(lab, guest)
            fill_disk(lab, guest)
            run_out_of_grants(lab, guest)
            miss_bridge(lab, guest)
