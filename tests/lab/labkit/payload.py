# SPDX-License-Identifier: GPL-2.0-or-later
"""Make the payload: the disk with all that is ours, new for each run.

dom0 mounts it on /lab:

  dom0/           init and agent
  bin/            the device model under test, the tools, the lab's programs
  guest/initrd    the guests' ramdisk: Debian's part with ours behind it
  guest/vmlinuz   Debian's kernel

Our programs come from the build directory as the build left them; one that
isn't built is left out, so that the lab runs with the kernel's backend alone.
"""

import os
import shutil

from . import cpio, image

LAB = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(LAB))
# Where builds are, and where the lab puts its results.
BUILD = os.environ.get('LAB_BUILD') or os.path.join(TOP, 'build')

# Paths below that.
DEVICE_MODEL = 'qemu/qemu-system-x86_64'
DAEMON = 'meson/tools/xen-nic-pgd'
PROGRAMS = ['meson/tests/lab/labflow', 'meson/tests/lab/labxdp']
FLOOR = 'meson/tests/bench/bench-native'

# Of the sources.
STAT = os.path.join(TOP, 'tools/xen-nic-pg-stat')


def built(name):
    """Return the path of a built program, or None."""
    path = os.path.join(BUILD, name)
    return path if os.access(path, os.X_OK) else None


def write_guest_initrd(base, path):
    """Write the guests' ramdisk: Debian's part, then ours."""
    own = path + '.own'
    archive = cpio.Cpio(own)
    archive.add_file('init', os.path.join(LAB, 'guest/init'))
    for program in filter(None, map(built, PROGRAMS)):
        archive.add_file('lab/bin/' + os.path.basename(program), program)
    archive.close()
    with open(path, 'wb') as out:
        for part in (base, own):
            with open(part, 'rb') as source:
                shutil.copyfileobj(source, out)
    os.unlink(own)


def write_payload(image_dir, work):
    """Make the payload from the present builds; return its path."""
    tree = os.path.join(work, 'payload')
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(LAB, 'dom0'), tree + '/dom0')
    os.makedirs(tree + '/bin')
    os.makedirs(tree + '/guest')
    for program in filter(None, map(built, [DEVICE_MODEL, DAEMON, FLOOR] +
                                    PROGRAMS)):
        shutil.copy(program, tree + '/bin')
    shutil.copy(STAT, tree + '/bin')
    shutil.copy(image_dir + '/vmlinuz', tree + '/guest')
    write_guest_initrd(image_dir + '/guest.cpio', tree + '/guest/initrd')
    path = os.path.join(work, 'payload.img')
    if os.path.exists(path):
        os.unlink(path)
    image.write_file_system(tree, path, spare_mib=16)
    shutil.rmtree(tree)
    return path
