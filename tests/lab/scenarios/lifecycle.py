# SPDX-License-Identifier: GPL-2.0-or-later
"""Vifs come and go in all ways there are, and nothing is left behind.

Detach and attach, the guest's driver unloaded and loaded, guest reboot,
destroy under load; with xen_nic_pg, a restart of its daemon while guests
talk.  After each the guest must be reachable, or nothing of it may be left:
no domain, tap, xenstore entry, process or open file.
"""

from labkit import checks


def device_model_files(lab, guest):
    """Return how many files the guest's device model has open."""
    return int(lab.dom0('ls /proc/%d/fd | wc -l'
                        % lab.backend.find_qemu(guest)))


def reboot(lab, guest):
    """Let the guest reboot."""
    before = guest.domid()
    guest.start('reboot -f')
    lab.wait_for('[ "$(xl domid %s)" -gt %d ]' % (guest.name, before))
    guest.run('true', 600)
    guest.forget_absence()
    checks.check_reachable(lab, guest, guest.kind + ': rebooted')
    lab.check('vif%d.' % before not in lab.dom0('ip -br link'),
              '%s: rebooted: the old interface is gone' % guest.kind)


def restart_daemon(lab, guest):
    """End the daemon, and start it again, while the guest runs."""
    pid = lab.backend.find_process(guest)
    lab.backend.stop()
    checks.check_reachable(lab, guest, guest.kind + ': daemon ended')
    lab.backend.start()
    checks.check_reachable(lab, guest, guest.kind + ': daemon started again')
    again = lab.backend.find_process(guest)
    lab.check(pid == again, '%s: the daemon has adopted what ran'
              % guest.kind, 'QEMU was process %d, is %d' % (pid, again))


def live_through(lab, kind):
    """Take one guest through all of it."""
    ours = lab.backend.name == 'xen_nic_pg'
    guest = lab.guest('life-' + kind, kind)
    guest.create()
    checks.check_reachable(lab, guest, kind + ': created')
    checks.detach_and_attach(lab, guest, kind)
    guest.reload_driver()
    checks.check_reachable(lab, guest, kind + ': driver loaded again')
    if ours:
        before = device_model_files(lab, guest)
    for _ in range(3):
        guest.reload_driver()
    checks.check_reachable(lab, guest, kind + ': driver loaded thrice more')
    if ours:
        after = device_model_files(lab, guest)
        lab.check(after == before, '%s: QEMU has as many files open as before'
                  % kind, 'before: %d, after: %d' % (before, after))
        restart_daemon(lab, guest)
    reboot(lab, guest)
    checks.destroy_under_load(lab, guest, kind)


def run(lab):
    for kind in ('pv', 'pvh'):
        live_through(lab, kind)
    if lab.backend.name == 'xen_nic_pg':
        checks.check_device_model_gone(lab)
