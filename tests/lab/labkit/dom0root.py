# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the root file system of a Debian dom0, and cache it.

The lab's usual dom0 has just what the lab needs, and an init of the lab's own.
This one is Debian as an administrator would have it: systemd, udev, Xen's
packages with what starts them.  In it our package is what it is for its users,
with a unit to be started and a module that udev isn't to load.

mmdebstrap makes it, as root or in a user namespace, and installs as well what
our package depends on, by what that says itself.  Our package isn't in it.
The hypervisor, the kernel and the ramdisk are the image's, and so are the
kernel's modules.
"""

import glob
import os
import shutil

import debian
import usercache

from . import image, payload
from .host import HOST

# Debian's init, Xen's toolstack, and what scenarios call
PACKAGES = '''
    systemd-sysv udev
    xen-utils-{0.xen} xenstore-utils
    bridge-utils busybox-static ethtool iperf3 iproute2 iputils-ping kmod
    procps psmisc python3 strace tcpdump
'''.format(HOST).split()

FILES = {
    'etc/hostname': 'dom0\n',
    'etc/hosts': '127.0.0.1 localhost dom0\n::1 localhost\n',
    'etc/default/xen': 'XENCONSOLED_ARGS="--log=guest"\n',
    'etc/systemd/system/lab-agent.service': '''[Unit]
Description=The lab's agent
After=xen.service xendomains.service

[Service]
Environment=HOME=/root LANG=C TERM=linux
Environment=PATH=/lab/bin:/usr/lib/xen-{0.xen}/bin:/usr/sbin:/usr/bin
RuntimeDirectory=lab
ExecStartPre=/lab/dom0/bridge
ExecStart=/lab/dom0/agent

[Install]
WantedBy=multi-user.target
'''.format(HOST),
}
LINKS = {
    'etc/systemd/system/multi-user.target.wants/lab-agent.service':
        '../lab-agent.service',
}


def find_package():
    """Return the path of our package."""
    found = glob.glob(os.path.join(payload.BUILD, payload.HOST_PACKAGE))
    if len(found) != 1:
        raise LookupError('expected one package %s below %s, found: %s; try '
                          '"make deb"' % (payload.HOST_PACKAGE, payload.BUILD,
                                          found))
    return found[0]


def list_dependencies():
    """Return the names of what our package depends on."""
    depends = debian.run('dpkg-deb', '-f', find_package(), 'Depends')
    return [one.split('|')[0].split()[0].removesuffix(':any')
            for one in depends.split(',')]


def write_files(tree):
    """Write what makes this Debian the lab's dom0."""
    for name, text in FILES.items():
        path = os.path.join(tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
    for name, target in LINKS.items():
        os.symlink(target, os.path.join(tree, name))
    os.mkdir(tree + '/lab')


def build_root(target, work, say):
    """Make the file system in the directory @target."""
    tree = work + '/tree'
    say('installing Debian with Xen\'s toolstack')
    debian.bootstrap(work, work + '/root.tar',
                     PACKAGES + list_dependencies(), suite=HOST.suite)
    debian.unpack_root(work + '/root.tar', tree)
    shutil.copytree(image.ensure_image() + '/modules.dom0', tree,
                    dirs_exist_ok=True)
    write_files(tree)
    say('writing the file system')
    image.write_file_system(tree, target + '/root.img')


def ensure_root():
    """Return the file system's path, having made it if need be."""
    key = usercache.make_key(
        [__file__, debian.__file__],
        [os.path.basename(image.ensure_image()), *list_dependencies()])
    return usercache.ensure(HOST.suite + '-dom0root', key, build_root,
                            'lab: Debian dom0') + '/root.img'
