# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU that is taken over can do little else than serve its guest.

What is in /proc of its processes, what becomes of system calls that it makes
itself (labcall), and what its gate lets through to xenstore, where `sh` stands
in QEMU's place.  What docs/security.rst says to be possible still is looked
at, too, so that it is true.  Afterwards the guest is served as before.
"""

import errno
import shlex

from labkit import checks

BACKENDS = ('xen_nic_pg',)

USER = 900      # xen-nic-pg, in the image
SECCOMP_FILTER = '2'
# setgid, setuid, net_admin, sys_chroot: what its start takes
CAPABILITIES = '00000000000410c0'

# By x86-64's number: see syscall(2)
OPEN, PTRACE, SETUID, MKNOD, CHROOT = 2, 101, 105, 133, 161
FORK, EXECVE, KILL, SETPRIORITY, SOCKET, CLOSE = 57, 59, 62, 141, 41, 3
O_RDWR, O_CREAT, S_IFCHR, PTRACE_ATTACH = 0o2, 0o100, 0o20000, 16
AF_INET, SOCK_STREAM = 2, 1

NODES = ['./dev/net/tun', './dev/null', './dev/xen/evtchn', './dev/xen/gntdev']

DENIED = (
    ('open a file of dom0', errno.ENOENT, OPEN, '/etc/passwd', 0),
    ('open its own log', errno.ENOENT, OPEN, '/run/lab/qemu', 0),
    ('open privcmd', errno.ENOENT, OPEN, '/dev/xen/privcmd', O_RDWR),
    ('open xenbus', errno.ENOENT, OPEN, '/dev/xen/xenbus', O_RDWR),
    ('see processes', errno.ENOENT, OPEN, '/proc/self/status', 0),
    ('make a file', errno.EROFS, OPEN, '/new', O_CREAT | O_RDWR, 0o600),
    ('make a device node', errno.EROFS, MKNOD, '/new', S_IFCHR, 0x101),
    ('leave its root directory', errno.EPERM, CHROOT, '/dev'),
    ('be root', errno.EPERM, SETUID, 0),
    ('fork', errno.EPERM, FORK),
    ('execute a program', errno.EPERM, EXECVE, '/bin/sh', 0, 0),
    ('kill others', errno.ESRCH, KILL, -1, 9),
    ('trace its gate', errno.EPERM, PTRACE, PTRACE_ATTACH, 1, 0, 0),
    ('raise its priority', errno.EPERM, SETPRIORITY, 0, 0, -20),
)

# What QEMU's filter has for what no program does by mistake
FATAL = (165, 'none', '/dev', 'tmpfs', 0, 0)    # mount

POSSIBLE = (
    ('open the grant table device', OPEN, '/dev/xen/gntdev', O_RDWR),
    ('open the event channel device', OPEN, '/dev/xen/evtchn', O_RDWR),
    ('make a socket of IP', SOCKET, AF_INET, SOCK_STREAM, 0),
)

GATE = ('cd /run/lab && mkdir -p jail && xen-nic-pgd --gate gate 0 %d jail '
        '%d %d /bin/sh -c %s 2>&1')


def read_status(lab, pid):
    """Return what the kernel says of a process, by name."""
    lines = lab.dom0('cat /proc/%d/status' % pid).splitlines()
    return {name: value.strip() for name, _, value in
            (line.partition(':') for line in lines)}


def check_identity(lab, pid, what):
    """Check who a process is, and what it may."""
    status = read_status(lab, pid)
    ids = {number for key in ('Uid', 'Gid') for number in status[key].split()}
    lab.check(ids == {str(USER)} and status['Groups'] in ('', str(USER)),
              '%s is its user, and nobody else' % what, status)
    lab.check(all(int(status[key], 16) == 0
                  for key in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb')),
              '%s has no capabilities' % what, status)
    lab.check(status['CapBnd'] == CAPABILITIES and status['NoNewPrivs'] == '1',
              '%s has none to gain' % what, status)


def check_surroundings(lab, pid):
    """Check what QEMU has open, and what it could open."""
    files = lab.dom0('readlink /proc/%d/fd/*' % pid)
    lab.check('xen/gntdev' in files and 'privcmd' not in files and
              'xenbus' not in files, 'QEMU has no hypercalls', files)
    found = lab.dom0('cd /proc/%d/root && find . -type c; '
                     'find . ! -type c ! -type d' % pid)
    lab.check(sorted(found.split()) == NODES,
              "QEMU's root directory has four device nodes", found)
    limits = lab.dom0('cat /proc/%d/limits' % pid)
    lab.check('Max open files            4096                 4096' in limits
              and 'Max data size             1073741824' in limits,
              "QEMU's memory and files are limited", limits)


def call(lab, pid, number, *arguments):
    """Have a process make a system call; return its result, as text."""
    return lab.dom0('labcall %d %d %s' % (pid, number, shlex.join(
        map(str, arguments))))


def check_calls(lab, pid):
    """Check what system calls come to."""
    for what, error, *words in DENIED:
        result = call(lab, pid, *words)
        lab.check(result == str(-error), "it can't %s: %s"
                  % (what, errno.errorcode[error]), result)
    for what, *words in POSSIBLE:
        result = call(lab, pid, *words)
        lab.check(result.isdigit(), 'as documented, it can %s' % what, result)
        call(lab, pid, CLOSE, result)


def try_gate(lab, guest, command):
    """Run a command that sees xenstore as a guest's QEMU does."""
    return lab.machine.try_run(GATE % (guest.domid(), USER, USER,
                                       shlex.quote(command)))


def check_gate(lab, guest, other):
    """Check what of xenstore is to be had, and how much.

    Some of Xen's commands don't do here, as they make transactions.
    """
    vif = 'backend/vif/%d/0' % guest.domid()
    others = 'backend/vif/%d/0' % other.domid()
    for command in ('xenstore-read %s/state' % vif,
                    'xenstore-read /local/domain/%d' % guest.domid(),
                    'xenstore-read /local/domain/0/%s/mac' % vif,
                    'xenstore-write %s/feature-test 1' % vif,
                    'xenstore-write device-model/%d/x0 1' % guest.domid()):
        code, output = try_gate(lab, guest, command)
        lab.check(code == 0, 'its gate lets through: %s' % command, output)
    for command in ('xenstore-read %s/state' % others,
                    'xenstore-write %s/state 6' % others,
                    'xenstore-read /local/domain/%d' % other.domid(),
                    'xenstore-read backend/vif',
                    'xenstore-read /',
                    'xenstore-write %s/script /bin/sh' % vif,
                    'xenstore-write %s/new 1' % vif,
                    'xenstore-write /local/domain/%d/name x' % guest.domid(),
                    'xenstore-write /tool/x 1',
                    'xenstore-read %s/state %s/mac' % (vif, vif)):
        code, output = try_gate(lab, guest, command)
        lab.check(code != 0 and 'gate' not in output,
                  "its gate doesn't let through: %s" % command, output)
    # How many nodes are written, watched, listed, removed
    for prefix, number, counts in (
            ('backend/vif/%d/' % guest.domid(), 1, [0, 1, 1, 0]),
            ('backend/vif/%d/' % other.domid(), 1, [0, 0, 0, 0]),
            ('device-model/%d/x' % guest.domid(), 1100,
             [1024, 256, 1024, 1100])):
        code, output = try_gate(lab, guest, 'labkeys %s %d' % (prefix, number))
        lab.check((code, output.split()) == (0, list(map(str, counts))),
                  'its gate lets through so many and no more: labkeys %s %d'
                  % (prefix, number), output)


def run(lab):
    with lab.guest('confined') as guest, lab.guest('other',
                                                   number=3) as other:
        gate = lab.backend.find_process(guest)
        qemu = lab.backend.find_qemu(guest)
        check_identity(lab, qemu, 'QEMU')
        check_identity(lab, gate, 'its gate')
        lab.check(read_status(lab, qemu)['Seccomp'] == SECCOMP_FILTER,
                  "QEMU's system calls are filtered")
        check_surroundings(lab, qemu)
        check_calls(lab, qemu)
        check_gate(lab, guest, other)
        for each in (guest, other):
            checks.check_reachable(lab, each, each.name)
        lab.check(lab.backend.find_qemu(guest) == qemu,
                  'the same QEMU serves the guest as before')
        lab.check(call(lab, qemu, *FATAL) == 'killed',
                  'it is killed when it tries to mount')
        lab.backend.wait_for_next(guest, gate)
        checks.check_reachable(lab, guest, 'the next QEMU')
