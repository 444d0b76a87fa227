# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the lab's base image from Debian packages, and cache it.

The image holds nothing of ours: what changes with every compile is in the
payload (payload.py).  So it is made once, in a few minutes, and kept in the
user's cache under a key made of all that goes into it: the package lists
below, this program's text, the host that is chosen (host.py), the kernels.
Change one, and the next run makes a new image; each host has one.

Nothing here needs root: packages are downloaded and unpacked as
scripts/debian.py tells.  No maintainer script runs, because the lab's dom0 has
an init of its own and needs none of what those set up.  mke2fs -d turns the
tree into an ext4 file system.  The kernels are those of scripts/kernels.py,
which has their headers as well.

What comes out, in one directory, KERNEL being a kernel's name:

  root.img         dom0's root file system
  xen              the hypervisor
  initrd.dom0      modules and an init that mount root.img
  modules.dom0/    what dom0 may load: lib/modules/RELEASE
  vmlinuz.dom0     dom0's kernel
  guest.cpio       Debian's programs for the guests' ramdisk
  vmlinuz-KERNEL   Debian's kernel, for guests
  modules-KERNEL/  what guests may load: lib/modules/RELEASE
"""

import glob
import gzip
import lzma
import os
import shutil

import debian
import kernels
import usercache

from . import cpio, host
from .host import HOST

# What dom0 runs: Xen's toolstack, what the device model links with, firmware
# for HVM guests, and what scenarios call.
PACKAGES = '''
    base-files bash bsdutils coreutils dash findutils gawk grep hostname libc-bin mawk
    mount procps psmisc sed tar util-linux login
    xen-hypervisor-{0.xen}-amd64 xen-utils-{0.xen} xenstore-utils
    busybox-static
    bridge-utils ethtool iperf3 iproute2 iputils-ping kmod python3 tcpdump
    net-tools nftables openvswitch-switch uuid-runtime
    gdb-minimal strace
    libbpf1 libcap-ng0 libfdt1 liburing2 libpixman-1-0 libseccomp2 libslirp0
    zlib1g {0.libraries}
    ipxe-qemu qemu-system-data seabios
'''.format(HOST).split()

# Modules; what they depend on follows.  The rest of the kernel package isn't
# put into the image.
DOM0_BOOT_MODULES = 'virtio_pci virtio_blk ext4 crc32c_generic'.split()
DOM0_MODULES = '''
    virtio_console xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
    xen-netback xen-blkback tun bridge br_netfilter 8021q veth pktgen af_packet
    nf_tables nf_conntrack xt_physdev ip6_tables ip_tables iptable_filter
    nft_chain_nat nft_masq nft_nat openvswitch vxlan vhost_net
'''.split()
GUEST_MODULES = '''
    xen-netfront pktgen 8021q af_packet netconsole xen-blkfront ext4
    crc32c_generic overlay xen-evtchn xen-gntdev xen-privcmd tun bridge veth
'''.split()

# Programs of the guests' ramdisk beside busybox; their libraries follow.
GUEST_PROGRAMS = 'usr/bin/iperf3 sbin/ethtool bin/ip'.split()

# What no run of the lab reads.
UNUSED = '''
    usr/share/doc usr/share/man usr/share/locale usr/share/i18n
    usr/share/info usr/share/lintian usr/share/perl usr/share/zoneinfo
    usr/lib/x86_64-linux-gnu/gconv usr/share/qemu/edk2*
    usr/share/qemu/openbios* usr/share/qemu/skiboot* usr/share/qemu/slof*
    usr/share/qemu/opensbi* usr/share/qemu/*.dtb usr/share/qemu/u-boot*
    usr/share/qemu/s390* usr/share/qemu/hppa* usr/share/qemu/palcode*
    usr/share/bug usr/lib/debug
'''.split()

DOM0_INITRD_INIT = '''#!/bin/busybox sh
# Mount dom0's root and the payload, and hand over to the payload's init.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
while read -r module; do
    /bin/busybox insmod "$module" || echo "lab: cannot load $module"
done </modules
/bin/busybox mount -t ext4 /dev/vda /root || exec /bin/busybox sh
/bin/busybox mount -t ext4 -o ro /dev/vdb /root/lab || exec /bin/busybox sh
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /lab/dom0/init
'''


class ImageError(Exception):
    """The image can't be built; the message says why."""


def unpack_packages(debs, tree):
    """Unpack packages into the new directory @tree."""
    debian.make_tree(tree)
    for deb in debs:
        debian.unpack(deb, tree)


def unpack_kernel(kernel, work):
    """Unpack a kernel and its modules below @work, once; return where."""
    tree = '%s/kernel-%s' % (work, kernel.release)
    if not os.path.isdir(tree):
        debian.make_tree(tree)
        debian.unpack(kernel.image, tree, './boot/vmlinuz-*',
                      './*lib/modules/*')
        index_modules(tree, kernel.release)
    return tree


def index_modules(tree, release):
    """Tell modprobe what modules there are."""
    debian.run('depmod', '-b', tree, release)


def find_modules(tree, release, names):
    """Return the files of modules @names in loading order, relative to @tree.

    Names that the kernel has built in are left out.
    """
    base = os.path.join('lib/modules', release)
    depends, paths = {}, {}
    with open(os.path.join(tree, base, 'modules.dep')) as lines:
        for line in lines:
            path, _, needed = line.partition(':')
            depends[path] = needed.split()
            name = os.path.basename(path).split('.')[0]
            paths[name.replace('-', '_')] = path
    with open(os.path.join(tree, base, 'modules.builtin')) as lines:
        builtin = {os.path.basename(line.strip()).split('.')[0]
                   .replace('-', '_') for line in lines}
    order = []
    for name in (n.replace('-', '_') for n in names):
        if name in builtin:
            continue
        if name not in paths:
            raise ImageError('kernel %s has no module %s' % (release, name))
        # modules.dep lists the farthest dependency last.
        for path in reversed([paths[name]] + depends[paths[name]]):
            if path not in order:
                order.append(path)
    return [os.path.join(base, path) for path in order]


def copy_modules(source, release, names, tree):
    """Copy modules @names, and what they need, from one tree to another.

    They aren't compressed there, as busybox wants them.
    """
    base = os.path.join('lib/modules', release)
    os.makedirs(os.path.join(tree, base))
    for path in find_modules(source, release, names):
        opener = lzma.open if path.endswith('.xz') else open
        target = os.path.join(tree, path.removesuffix('.xz'))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with opener(os.path.join(source, path), 'rb') as module, \
                open(target, 'wb') as out:
            shutil.copyfileobj(module, out)
    for path in glob.glob(os.path.join(source, base, 'modules.builtin*')):
        shutil.copy(path, os.path.join(tree, base))
    shutil.copy(os.path.join(source, base, 'modules.order'),
                os.path.join(tree, base))
    index_modules(tree, release)


def prune_tree(tree):
    """Delete what the lab never reads."""
    for pattern in UNUSED:
        for path in glob.glob(os.path.join(tree, pattern)):
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)


def write_settings(tree):
    """Write the few files of /etc that maintainer scripts would make."""
    files = {
        'etc/passwd': 'root:x:0:0:root:/root:/bin/bash\n'
                      'xen-nic-pg:x:900:900::/nonexistent:/bin/false\n'
                      'nobody:x:65534:65534:nobody:/:/bin/false\n',
        'etc/group': 'root:x:0:\ntty:x:5:\nkvm:x:100:\nxen-nic-pg:x:900:\n'
                     'nogroup:x:65534:\n',
        'etc/hostname': 'dom0\n',
        'etc/hosts': '127.0.0.1 localhost dom0\n::1 localhost\n',
        'etc/nsswitch.conf': 'hosts: files\n',
        'root/.profile': 'PS1="dom0# "\n',
    }
    for name, text in files.items():
        path = os.path.join(tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as out:
            out.write(text)
    for name in ('proc', 'sys', 'dev', 'run', 'tmp', 'lab', 'root'):
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    links = {'usr/bin/awk': 'gawk', 'var/run': '/run',
             'var/lock': '/run/lock',
             'usr/sbin/ovs-vswitchd':
             '/usr/lib/openvswitch-switch/ovs-vswitchd'}
    for name, target in links.items():
        link = os.path.join(tree, name)
        if os.path.isdir(link) and not os.path.islink(link):
            shutil.rmtree(link)
        if not os.path.lexists(link):
            os.symlink(target, link)


def find_libraries(tree, programs):
    """Return the shared libraries that @programs load, relative to @tree."""
    folders = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu']
    found, todo = [], list(programs)
    while todo:
        listing = debian.run('readelf', '-d', '-l',
                             os.path.join(tree, todo.pop()))
        for line in listing.splitlines():
            if 'NEEDED' in line:
                path = find_library(tree, folders,
                                    line.split('[')[1].rstrip(']'))
            elif 'program interpreter: ' in line:
                path = line.split(': ')[1].strip('/]')
            else:
                continue
            if path not in found:
                found.append(path)
                todo.append(path)
    return found


def find_library(tree, folders, name):
    """Return where a shared library is, relative to @tree."""
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.exists(os.path.join(tree, path)):
            return path
    raise ImageError('no package of the image has ' + name)


def write_dom0_initrd(tree, release, path):
    """Write the ramdisk that mounts dom0's root."""
    archive = cpio.Cpio(path)
    archive.add_dir('dev')
    archive.add_char_device('dev/console', 5, 1)
    archive.add_file('bin/busybox', os.path.join(tree, 'bin/busybox'))
    archive.add_data('init', DOM0_INITRD_INIT.encode(), 0o755)
    modules = find_modules(tree, release, DOM0_BOOT_MODULES)
    archive.add_data('modules', ''.join('/%s\n' % os.path.basename(m)
                                        for m in modules).encode())
    for module in modules:
        archive.add_file(os.path.basename(module),
                         os.path.join(tree, module))
    archive.close()


def write_guest_base(tree, path):
    """Write Debian's programs for the guests' ramdisk."""
    archive = cpio.Cpio(path)
    for name in ('dev', 'proc', 'sys', 'tmp', 'run', 'root'):
        archive.add_dir(name)
    archive.add_char_device('dev/console', 5, 1)
    archive.add_file('bin/busybox', os.path.join(tree, 'bin/busybox'))
    for name in GUEST_PROGRAMS + find_libraries(tree, GUEST_PROGRAMS):
        archive.add_file(name, os.path.join(tree, name))
    archive.close()


def write_file_system(tree, path, spare_mib=256):
    """Write @tree as an ext4 file system of its size and some spare."""
    used = int(debian.run('du', '-sm', tree).split()[0])
    debian.run('mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0',
               '-E', 'root_owner=0:0', '-d', tree, path,
               '%dM' % (used + used // 8 + spare_mib))


def write_hypervisor(tree, path):
    """Write the uncompressed hypervisor."""
    xen = 'boot/xen-%s-amd64.gz' % HOST.xen
    if not os.path.exists(os.path.join(tree, xen)):
        raise ImageError('no /%s in the packages' % xen)
    with gzip.open(os.path.join(tree, xen)) as source, \
            open(path, 'wb') as out:
        shutil.copyfileobj(source, out)


def find_dom0_kernel(apt, folder):
    """Return dom0's kernel: one of the guests', or one for it alone.

    @folder: a new directory for the latter
    """
    if HOST.kernel:
        return kernels.ensure_kernels()[HOST.kernel]
    kernels.fetch_kernel(apt, None, folder)
    return kernels.open_kernel('dom0', folder)


def add_dom0_kernel(kernel, work, dom0, target):
    """Add dom0's kernel to the image, and its modules to the tree @dom0."""
    tree = unpack_kernel(kernel, work)
    shutil.copy('%s/boot/vmlinuz-%s' % (tree, kernel.release),
                target + '/vmlinuz.dom0')
    modules = target + '/modules.dom0'
    copy_modules(tree, kernel.release, DOM0_BOOT_MODULES + DOM0_MODULES,
                 modules)
    shutil.copytree(modules, dom0, dirs_exist_ok=True)
    write_dom0_initrd(dom0, kernel.release, target + '/initrd.dom0')


def add_guest_kernel(kernel, work, target):
    """Add a guests' kernel to the image."""
    tree = unpack_kernel(kernel, work)
    shutil.copy('%s/boot/vmlinuz-%s' % (tree, kernel.release),
                '%s/vmlinuz-%s' % (target, kernel.name))
    copy_modules(tree, kernel.release, GUEST_MODULES,
                 '%s/modules-%s' % (target, kernel.name))


def build_image(target, work, say):
    """Make all files of the image in the directory @target."""
    tree = work + '/tree'
    say('downloading packages')
    apt = debian.Apt(work + '/apt', suite=HOST.suite)
    debs = apt.download_all(PACKAGES)
    say('unpacking %d packages' % len(debs))
    unpack_packages(debs, tree)
    prune_tree(tree)
    write_settings(tree)
    write_hypervisor(tree, target + '/xen')
    write_guest_base(tree, target + '/guest.cpio')
    say('unpacking the kernels')
    add_dom0_kernel(find_dom0_kernel(apt, work + '/linux'), work, tree, target)
    for kernel in kernels.ensure_kernels().values():
        add_guest_kernel(kernel, work, target)
    say('writing the file system')
    write_file_system(tree, target + '/root.img')


def image_key():
    """Return a key of all that the image is made of."""
    return usercache.make_key(
        [__file__, cpio.__file__, host.__file__, debian.__file__],
        [HOST.suite] + [os.path.basename(kernel.image) for kernel
                        in kernels.ensure_kernels().values()])


def ensure_image():
    """Return the image's directory, having made the image if need be."""
    return usercache.ensure(HOST.suite + '-lab', image_key(), build_image,
                            'lab: image of ' + HOST.suite)
