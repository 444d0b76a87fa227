# SPDX-License-Identifier: GPL-2.0-or-later
"""Vifs come and go in all ways there are, and nothing is left behind.

Detach and attach, the guest's driver unloaded and loaded, guest reboot,
destroy under load; with xen_nic_pg, a restart of its daemon while guests
talk.  After each the guest must be reachable, or nothing of it may be left:
no domain, tap, xenstore entry, process or open file.
"""

import re


def check_reachable(lab, guest, what):
    """Check that pings come through in both directions."""
    code, output = lab.machine.try_run(
        'ping -q -c 20 -i 0.1 -W 30 ' + guest.address(), 300)
    if code == 0:
        code, output = guest.try_run('ping -q -c 20 -i 0.1 -W 30 10.0.0.1')
    lab.check(code == 0 and ' 0% packet loss' in output,
              '%s: %s' % (guest.kind, what), output)


def device_model_files(lab, guest):
    """Return how many files the guest's device model has open."""
    return int(lab.dom0('ls /proc/$(cat /run/xen-nic-pg/%d.pid)/fd | wc -l'
                        % guest.domid()))


def detach_and_attach(lab, guest):
    """Take the vif away and give it back."""
    vif = guest.vif_name()
    lab.dom0('xl network-detach %s 0' % guest.name)
    lab.check(vif not in lab.dom0('ip -br link'),
              '%s: detached: the interface is gone' % guest.kind)
    guest.run('while [ -e /sys/class/net/eth0 ]; do sleep 0.2; done')
    lab.dom0('xl network-attach %s %s'
             % (guest.name, guest.vif_spec().replace(',', ' ')))
    guest.configure_net()
    check_reachable(lab, guest, 'attached again: reachable')


def reboot(lab, guest):
    """Let the guest reboot."""
    before = guest.domid()
    guest.start('reboot -f')
    lab.wait_for('[ "$(xl domid %s)" -gt %d ]' % (guest.name, before))
    guest.run('true', 600)
    check_reachable(lab, guest, 'rebooted: reachable')
    lab.check('vif%d.' % before not in lab.dom0('ip -br link'),
              '%s: rebooted: the old interface is gone' % guest.kind)


def destroy_under_load(lab, guest):
    """Destroy the guest while TCP runs in both directions."""
    guest.run('iperf3 -s -D -p 5201; iperf3 -s -D -p 5202')
    for port, reverse in ((5201, ''), (5202, '-R')):
        lab.dom0('(setsid iperf3 -c %s -p %d %s -t 600 >/run/lab/load-%d '
                 '2>&1 &)' % (guest.address(), port, reverse, port))
    lab.wait_for('grep -q "[1-9].*bits/sec" /run/lab/load-5201 && '
                 'grep -q "[1-9].*bits/sec" /run/lab/load-5202')
    code, output = lab.machine.try_run('xl destroy ' + guest.name)
    lab.backend.clean_up(guest)
    lab.dom0('killall -q iperf3; true')
    lab.check(code == 0 and 'error' not in output,
              '%s: destroyed under load: xl is content' % guest.kind, output)
    left = lab.find_leftovers()
    lab.check(not left, '%s: destroyed under load: nothing is left'
              % guest.kind, left)


def restart_daemon(lab, guest):
    """End the daemon, and start it again, while the guest runs."""
    pid = lab.dom0('cat /run/xen-nic-pg/%d.pid' % guest.domid())
    lab.backend.stop()
    check_reachable(lab, guest, 'daemon ended: still reachable')
    lab.backend.start()
    check_reachable(lab, guest, 'daemon started again: still reachable')
    again = lab.dom0('cat /run/xen-nic-pg/%d.pid' % guest.domid())
    lab.check(pid == again, '%s: the daemon has adopted what ran'
              % guest.kind, 'QEMU was process %s, is %s' % (pid, again))


def check_device_model_gone(lab):
    """Check that no device model and none of its files is left."""
    left = ''
    for _ in range(60):
        left = lab.dom0('pgrep -af xen-attach; ls /run/xen-nic-pg | '
                        'grep -E "qmp|pid$"; sleep 0.5; true')
        left = '\n'.join(line for line in left.splitlines()
                         if not re.search('pgrep|xen-nic-pgd', line))
        if not left:
            break
    lab.check(not left, 'no device model is left', left)


def live_through(lab, kind):
    """Take one guest through all of it."""
    ours = lab.backend.name == 'xen_nic_pg'
    guest = lab.guest('life-' + kind, kind)
    guest.create()
    check_reachable(lab, guest, 'created: reachable')
    detach_and_attach(lab, guest)
    guest.reload_driver()
    check_reachable(lab, guest, 'driver loaded again: reachable')
    if ours:
        before = device_model_files(lab, guest)
    for _ in range(3):
        guest.reload_driver()
    check_reachable(lab, guest, 'driver loaded thrice more: reachable')
    if ours:
        after = device_model_files(lab, guest)
        lab.check(after == before, '%s: QEMU has as many files open as before'
                  % kind, 'before: %d, after: %d' % (before, after))
        restart_daemon(lab, guest)
    reboot(lab, guest)
    destroy_under_load(lab, guest)


def run(lab):
    for kind in ('pv', 'pvh'):
        live_through(lab, kind)
    if lab.backend.name == 'xen_nic_pg':
        check_device_model_gone(lab)
