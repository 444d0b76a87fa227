# SPDX-License-Identifier: GPL-2.0-or-later
"""Build a Debian guest's root file system, and cache it.

The lab's other guests live in a ramdisk that we put together.  This is Debian
as its installer leaves it, with a package database, a kernel, that kernel's
headers and DKMS, for what our package does to such a system.  mmdebstrap makes
it, as root or in a user namespace, and installs the packages for good, as that
takes minutes under emulation.

Two things are made smaller because depmod and update-initramfs would take
minutes over them in the guest: of the kernel's modules those are left that a
guest of the lab has a use for, and the initramfs is told to hold these few.
"""

import os

import debian
import kernels
import usercache

from . import image

KERNEL = '6.1'
MODULES = 'xen-netfront xen-blkfront ext4 crc32c_generic'.split()

# What DKMS and the kernel's packages need, beside a minimal Debian
PACKAGES = '''
    dkms initramfs-tools kmod linux-base linux-compiler-gcc-12-x86 make
    libelf1 libssl3
'''.split()

NO_DOCUMENTS = ['--dpkgopt=path-exclude=/usr/share/%s/*' % name
                for name in ('doc', 'info', 'locale', 'man')]

# Run by mmdebstrap for each kernel package that was copied in
INSTALL = 'chroot "$1" sh -c "dpkg -i /tmp/*.deb && rm /tmp/*.deb"'

INITRAMFS = '''printf "MODULES=list\\n" >"$1/etc/initramfs-tools/conf.d/lab"
printf "%%s\\n" %s >>"$1/etc/initramfs-tools/modules"''' % ' '.join(MODULES)


def make_tree(work, tree, kernel):
    """Have mmdebstrap make the system, and unpack it to @tree."""
    debian.bootstrap(work, work + '/root.tar', PACKAGES, *NO_DOCUMENTS,
                     '--customize-hook=' + INITRAMFS,
                     '--customize-hook=copy-in %s /tmp'
                     % ' '.join(kernel.debs),
                     '--customize-hook=' + INSTALL)
    debian.unpack_root(work + '/root.tar', tree)


def prune_modules(tree, release):
    """Delete the modules that are of no use in a guest of the lab."""
    keep = image.find_modules(tree, release, MODULES)
    for folder, _, names in os.walk('%s/lib/modules/%s' % (tree, release)):
        for path in (os.path.join(folder, name) for name in names):
            if path.endswith('.ko') and (os.path.relpath(path, tree)
                                         not in keep):
                os.unlink(path)
    image.index_modules(tree, release)


def build_root(target, work, say):
    """Make the file system in the directory @target."""
    kernel = kernels.ensure_kernels()[KERNEL]
    tree = work + '/tree'
    say('installing Debian with Linux %s and DKMS' % kernel.release)
    make_tree(work, tree, kernel)
    prune_modules(tree, kernel.release)
    say('writing the file system')
    image.write_file_system(tree, target + '/root.img')


def ensure_root():
    """Return the file system's path, having made it if need be."""
    key = usercache.make_key(
        [__file__, debian.__file__],
        [os.path.basename(kernels.ensure_kernels()[KERNEL].image)])
    return usercache.ensure('guestroot', key, build_root,
                            'lab: Debian guest') + '/root.img'
