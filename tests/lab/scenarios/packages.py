# SPDX-License-Identifier: GPL-2.0-or-later
"""The host's package in a Debian dom0: installed, used, upgraded, removed.

dom0 is Debian with systemd, udev and Xen's own packages (labkit/dom0root.py), and
an administrator does there what docs/install.rst says: the first guest has the
package's example as its configuration, an upgrade and the removal happen under
it, and where the package tells what is to be done, that is done.  Guests must not
notice, and after the purge all must be as without the package: for a vif udev
loads xen-netback, which it mustn't before.
"""

from labkit import checks, flow

PACKAGES = True
BACKENDS = ['xen_nic_pg']

PACKAGE = 'qemu-xen-nic-pg'
EXAMPLES = '/usr/share/doc/%s/examples' % PACKAGE
DEB = '/lab/bin/*.deb'

# The same with a higher version
MAKE_NEWER = '''
rm -rf /tmp/newer && dpkg-deb -R %s /tmp/newer &&
sed -i 's/^Version: .*/&+1/' /tmp/newer/DEBIAN/control &&
dpkg-deb -Znone -b /tmp/newer /tmp/newer.deb
''' % DEB


def is_active(lab):
    """Tell whether the daemon runs."""
    return lab.machine.try_run('systemctl is-active xen-nic-pgd')[0] == 0


def has_netback(lab):
    """Tell whether the kernel's backend is loaded."""
    return lab.machine.try_run('[ -d /sys/module/xen_netback ]')[0] == 0


def find_advice(said):
    """Return the command that a package's script has told to type."""
    return next(line for line in said.splitlines() if line.startswith('  '))


def read_pids(lab, guest):
    """Return the process numbers of the daemon and of a guest's QEMU."""
    return lab.dom0('systemctl show -P MainPID xen-nic-pgd; '
                    'cat /run/xen-nic-pg/%d.pid' % guest.domid()).split()


def create_from_example(lab, guest, name):
    """Create a guest as the example of that name has it.

    What differs is what the lab's guests run.
    """
    own = [line for line in guest.config().splitlines()
           if line.split(' ')[0] in ('name', 'kernel', 'ramdisk', 'extra')]
    lab.dom0("xl create -q %s/%s.cfg 'disk=[]' %s"
             % (EXAMPLES, name, ' '.join("'%s'" % line for line in own)))
    guest.run('true')
    guest.forget_absence()


def check_examples(lab):
    """xl understands each of the examples."""
    lab.dom0('for file in %s/*.cfg; do xl create -n -q $file || exit; done'
             % EXAMPLES)
    lab.check(True, 'xl understands the examples')


def check_in_use(lab, guest, when):
    """The guest's vif is served by the package's QEMU, not by netback."""
    qemu = lab.backend.find_qemu(guest)
    program = lab.dom0('readlink /proc/%d/exe' % qemu)
    lab.check(program == lab.programs.qemu and not has_netback(lab),
              "%s: the guest's QEMU is the package's, and udev hasn't loaded "
              'xen-netback' % when, program)
    user = lab.dom0('stat -c %%U /proc/%d' % qemu)
    group = lab.dom0('cat /proc/%d/cgroup' % qemu)
    lab.check(user == 'xen-nic-pg' and
              'machine.slice/xen-nic-pg-%d-' % guest.domid() in group,
              "%s: it is the package's user's, in a scope of systemd's"
              % when, '%s: %s' % (user, group))
    checks.check_reachable(lab, guest, when)


def upgrade(lab, guest):
    """Install a newer version while the guest's connections go on."""
    lab.dom0(MAKE_NEWER)
    before = read_pids(lab, guest)
    with flow.busy(lab, 'upgraded', guest):
        lab.dom0('dpkg -i /tmp/newer.deb', 600)
    after = read_pids(lab, guest)
    lab.check(before[0] != after[0] and before[1] == after[1],
              'upgraded: another daemon runs, the same QEMU',
              'before: %s, after: %s' % (before, after))
    checks.detach_and_attach(lab, guest, 'upgraded')
    check_in_use(lab, guest, 'upgraded')


def remove(lab, guest):
    """Remove the package while the guest runs, and then purge it."""
    said = lab.dom0('dpkg -r ' + PACKAGE)
    lab.check('domains: %d' % guest.domid() in said and not is_active(lab),
              'removed: dpkg names the domain whose QEMU goes on', said)
    checks.check_reachable(lab, guest, 'removed')
    guest.destroy()
    lab.dom0(find_advice(said))
    lab.wait_for('! pgrep qemu-system')
    left = lab.find_leftovers()
    lab.check(not left, 'removed: guest, QEMU and tap end as dpkg has said',
              left)
    lab.dom0('dpkg -P ' + PACKAGE)
    left = lab.dom0('find / -xdev -path "*xen-nic-pg*" -not -path "/proc/*" '
                    '-not -path "/tmp/*"; ls -d /run/xen-nic-pg; '
                    'systemctl list-units --all | grep xen-nic-pgd; true')
    lab.check('/' not in left.replace("ls: cannot access '/run/xen-nic-pg'",
                                      '') and 'loaded' not in left,
              'purged: no file and no unit of it is left', left)


def live_without(lab):
    """Without the package, guests have the kernel's backend."""
    with lab.guest('netback', 'pv') as guest:
        lab.check(has_netback(lab), 'purged: for a vif, udev loads xen-netback')
        checks.check_reachable(lab, guest, 'purged')


def install_beside_netback(lab):
    """Install it while the kernel's backend is loaded."""
    said = lab.dom0('dpkg -i ' + DEB)
    lab.check('xen-netback is loaded' in said and not is_active(lab),
              'installed beside xen-netback: dpkg says that the daemon waits',
              said)
    lab.dom0(find_advice(said))
    with lab.guest('again', 'pv') as guest:
        check_in_use(lab, guest, 'netback unloaded as dpkg has said')


def run(lab):
    check_examples(lab)
    guest = lab.guest('guest', 'pv')
    create_from_example(lab, guest, 'pv')
    check_in_use(lab, guest, 'first guest')
    upgrade(lab, guest)
    remove(lab, guest)
    live_without(lab)
    install_beside_netback(lab)
