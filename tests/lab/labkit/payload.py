# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the payload: the disk with all that is ours, new for each run.

dom0 mounts it on /lab:

  dom0/                 init and agent
  bin/                  the device model under test and the tools, or the
                        package with them (programs.py); the lab's programs
  guest/initrd-KERNEL   the guests' ramdisk: Debian's part, ours behind it, and
                        the modules of both
  guest/vmlinuz-KERNEL  Debian's kernel

Our programs and modules come from the build directory as the build left them;
one that isn't built is left out, so that the lab runs with the kernel's
backend and netfront alone.
"""

import glob
import os
import shutil

import kernels

from . import cpio, image
from .host import HOST

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(LAB))
# Where builds are, and where the lab puts its results.
BUILD = os.environ.get('LAB_BUILD') or os.path.join(TOP, HOST.folder)

# Paths below that.
DEVICE_MODEL = 'qemu/qemu-system-x86_64'
DAEMON = 'meson/tools/xen-nic-pgd'
PROGRAMS = ['meson/tests/lab/' + name
            for name in ('labflow', 'labgso', 'labxdp', 'labcall', 'labkeys')]
FLOOR = 'meson/tests/bench/bench-native'
NETFRONT = 'guest/%s/xen-netfront-pg.ko'    # % a kernel's name
GUEST_PACKAGE = 'deb/xen-netfront-pg-dkms_*.deb'
HOST_PACKAGE = 'deb/qemu-xen-nic-pg_*.deb'

# Of the sources.
STAT = os.path.join(TOP, 'tools/xen-nic-pg-stat')


def built(name):
    """Return the path of a built program, or None."""
    path = os.path.join(BUILD, name)
    return path if os.path.exists(path) else None


def add_modules(archive, modules, kernel, tree):
    """Add to a guest's ramdisk what it may load, our module with it.

    @modules: the directory with Debian's modules
    @tree: a new directory to put them together
    """
    shutil.copytree(modules, tree)
    netfront = built(NETFRONT % kernel.name)
    if netfront:
        updates = '%s/lib/modules/%s/updates' % (tree, kernel.release)
        os.mkdir(updates)
        shutil.copy(netfront, updates)
        image.index_modules(tree, kernel.release)
    archive.add_tree(tree)
    shutil.rmtree(tree)


def write_guest_initrd(image_dir, kernel, path):
    """Write a kernel's ramdisk for guests: Debian's part, then ours."""
    own = path + '.own'
    archive = cpio.Cpio(own)
    archive.add_file('init', os.path.join(LAB, 'guest/init'))
    for program in filter(None, map(built, PROGRAMS)):
        archive.add_file('lab/bin/' + os.path.basename(program), program)
    for package in glob.glob(os.path.join(BUILD, GUEST_PACKAGE)):
        archive.add_file('lab/%s.deb' % os.path.basename(package)
                         .split('_')[0], package)
    add_modules(archive, '%s/modules-%s' % (image_dir, kernel.name), kernel,
                path + '.modules')
    archive.close()
    with open(path, 'wb') as out:
        for part in (image_dir + '/guest.cpio', own):
            with open(part, 'rb') as source:
                shutil.copyfileobj(source, out)
    os.unlink(own)


def write_payload(image_dir, work, programs):
    """Make the payload from the present builds; return its path.

    @programs: the files under test
    """
    tree = os.path.join(work, 'payload')
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(LAB, 'dom0'), tree + '/dom0')
    os.makedirs(tree + '/bin')
    os.makedirs(tree + '/guest')
    for program in [*programs, *filter(None, map(built, [FLOOR] + PROGRAMS))]:
        shutil.copy(program, tree + '/bin')
    for kernel in kernels.ensure_kernels().values():
        shutil.copy('%s/vmlinuz-%s' % (image_dir, kernel.name),
                    tree + '/guest')
        write_guest_initrd(image_dir, kernel,
                           '%s/guest/initrd-%s' % (tree, kernel.name))
    path = os.path.join(work, 'payload.img')
    if os.path.exists(path):
        os.unlink(path)
    image.write_file_system(tree, path, spare_mib=16)
    shutil.rmtree(tree)
    return path
