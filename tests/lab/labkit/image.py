# SPDX-License-Identifier: GPL-2.0-or-later
"""Build the lab's base image from Debian packages, and cache it.

The image holds nothing of ours: what changes with every compile is in the
payload (payload.py).  So it is made once, in a few minutes, and kept in the
user's cache under a key made of all that goes into it: the package lists
below and this program's text.  Change either, and the next run makes a new
one.

Nothing here needs root.  apt resolves and downloads the packages with a
configuration, a package database and a cache of its own; the mirror and the
suites are those that the machine's own apt sources name, so no host name is
written here.  dpkg-deb unpacks them; no maintainer script runs, because the
lab's dom0 has an init of its own and needs none of what those set up.
mke2fs -d turns the tree into an ext4 file system.

What comes out, in one directory:

  root.img      dom0's root file system
  xen           the hypervisor
  vmlinuz       Debian's kernel, for dom0 and guests
  initrd.dom0   modules and an init that mount root.img
  guest.cpio    Debian's part of the guests' ramdisk
"""

import fcntl
import glob
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import time

from . import cpio

SUITE = 'bookworm'

# What dom0 runs: Xen's toolstack, what the device model links with, firmware
# for HVM guests, and what scenarios call.
PACKAGES = '''
    base-files bash bsdutils coreutils dash findutils gawk grep hostname libc-bin mawk
    mount procps psmisc sed tar util-linux login
    xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils
    linux-image-amd64 busybox-static
    bridge-utils ethtool iperf3 iproute2 iputils-ping kmod python3 tcpdump
    gdb-minimal strace
    libbpf1 libcap-ng0 libelf1 libfdt1 libglib2.0-0 liburing2 libpixman-1-0 libslirp0 zlib1g
    ipxe-qemu qemu-system-data seabios
'''.split()

# Modules, each with what it depends on.  The rest of the kernel package isn't
# put into the image.
DOM0_BOOT_MODULES = 'virtio_pci virtio_blk ext4 crc32c_generic'.split()
DOM0_MODULES = '''
    virtio_console xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs
    xen-netback tun bridge br_netfilter 8021q veth pktgen af_packet
    nf_tables nf_conntrack xt_physdev ip6_tables ip_tables iptable_filter
    vhost_net
'''.split()
GUEST_MODULES = 'xen-netfront pktgen 8021q af_packet'.split()

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
    usr/share/bug usr/lib/debug boot/config-* boot/System.map-*
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


def cache_dir():
    """Return the directory that holds what is slow to make."""
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(home, 'xen-nic-pg')


def image_key():
    """Return a hash of all that the image is made of."""
    digest = hashlib.sha256()
    for module in (__file__, cpio.__file__):
        with open(module, 'rb') as source:
            digest.update(source.read())
    return digest.hexdigest()[:16]


def run(*command, **options):
    """Run a command; raise ImageError with its output if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True,
                          errors='replace', check=False, **options)
    if done.returncode:
        raise ImageError('%s: exit code %d\n%s'
                         % (' '.join(command[:6]), done.returncode,
                            done.stdout[-3000:]))
    return done.stdout


def find_sources():
    """Return apt source lines for SUITE, from the machine's own mirrors."""
    listing = run('apt-get', 'indextargets', '--format',
                  '$(LABEL) $(REPO_URI)', 'Created-By: Packages')
    mirrors = {}
    for line in listing.splitlines():
        label, _, uri = line.partition(' ')
        mirrors.setdefault(label, uri)
    if 'Debian' not in mirrors:
        raise ImageError("no Debian mirror in this machine's apt sources "
                         "(apt-get indextargets lists none labelled Debian); "
                         "run apt-get update")
    lines = ['deb %s %s main' % (mirrors['Debian'], SUITE)]
    if 'Debian-Security' in mirrors:
        lines.append('deb %s %s-security main'
                     % (mirrors['Debian-Security'], SUITE))
    return lines


def download_packages(work):
    """Download PACKAGES and what they depend on; return the .deb files."""
    apt = os.path.join(work, 'apt')
    for part in ('lists/partial', 'cache/archives/partial', 'state'):
        os.makedirs(os.path.join(apt, part))
    with open(os.path.join(apt, 'sources.list'), 'w') as sources:
        sources.write('\n'.join(find_sources()) + '\n')
    open(os.path.join(apt, 'status'), 'w').close()
    settings = {
        'Dir::Etc::SourceList': apt + '/sources.list',
        'Dir::Etc::SourceParts': '/dev/null',
        'Dir::Etc::Preferences': '/dev/null',
        'Dir::Etc::PreferencesParts': '/dev/null',
        'Dir::State': apt + '/state',
        'Dir::State::Lists': apt + '/lists',
        'Dir::State::status': apt + '/status',
        'Dir::Cache': apt + '/cache',
        'APT::Architecture': 'amd64',
        'APT::Architectures': 'amd64',
        'APT::Install-Recommends': 'false',
        'APT::Sandbox::User': '',
        'Debug::NoLocking': 'true',
    }
    options = []
    for name, value in settings.items():
        options += ['-o', '%s=%s' % (name, value)]
    run('apt-get', '-qq', *options, 'update')
    run('apt-get', '-qq', '-y', *options, '--download-only', 'install',
        *PACKAGES)
    return sorted(glob.glob(apt + '/cache/archives/*.deb'))


def unpack_packages(debs, tree):
    """Unpack packages into @tree, where /bin and /lib are links to /usr."""
    for name in ('bin', 'sbin', 'lib', 'lib64'):
        os.makedirs(os.path.join(tree, 'usr', name))
        os.symlink('usr/' + name, os.path.join(tree, name))
    for deb in debs:
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb],
                              stdout=subprocess.PIPE) as unpack:
            run('tar', '-x', '--keep-directory-symlink', '--no-same-owner',
                '-C', tree, stdin=unpack.stdout)
        if unpack.returncode:
            raise ImageError('dpkg-deb cannot unpack ' + deb)


def kernel_release(tree):
    """Return the release of the one kernel in @tree."""
    releases = os.listdir(os.path.join(tree, 'lib/modules'))
    if len(releases) != 1:
        raise ImageError('expected one kernel, found: %s' % releases)
    return releases[0]


def find_modules(tree, names):
    """Return the files of modules @names in loading order, relative to @tree.

    Names that the kernel has built in are left out.
    """
    release = kernel_release(tree)
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


def index_modules(tree):
    """Run the tree's own depmod, with its own libraries, on the tree."""
    run(tree + '/lib64/ld-linux-x86-64.so.2', '--argv0', 'depmod',
        '--library-path', tree + '/lib/x86_64-linux-gnu',
        tree + '/bin/kmod', '-b', tree, kernel_release(tree))


def prune_tree(tree):
    """Delete what the lab never reads: documents, other modules."""
    index_modules(tree)
    keep = set(find_modules(tree, DOM0_BOOT_MODULES + DOM0_MODULES +
                            GUEST_MODULES))
    for path in glob.glob(tree + '/lib/modules/**/*.ko', recursive=True):
        if os.path.relpath(path, tree) not in keep:
            os.unlink(path)
    index_modules(tree)
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
                      'nobody:x:65534:65534:nobody:/:/bin/false\n',
        'etc/group': 'root:x:0:\ntty:x:5:\nkvm:x:100:\nnogroup:x:65534:\n',
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
             'var/lock': '/run/lock'}
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
        listing = run('readelf', '-d', '-l', os.path.join(tree, todo.pop()))
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


def write_dom0_initrd(tree, path):
    """Write the ramdisk that mounts dom0's root."""
    archive = cpio.Cpio(path)
    archive.add_dir('dev')
    archive.add_char_device('dev/console', 5, 1)
    archive.add_file('bin/busybox', os.path.join(tree, 'bin/busybox'))
    archive.add_data('init', DOM0_INITRD_INIT.encode(), 0o755)
    modules = find_modules(tree, DOM0_BOOT_MODULES)
    archive.add_data('modules', ''.join('/%s\n' % os.path.basename(m)
                                        for m in modules).encode())
    for module in modules:
        archive.add_file(os.path.basename(module),
                         os.path.join(tree, module))
    archive.close()


def write_guest_base(tree, path):
    """Write Debian's part of the guests' ramdisk."""
    archive = cpio.Cpio(path)
    for name in ('dev', 'proc', 'sys', 'tmp', 'run', 'root'):
        archive.add_dir(name)
    archive.add_char_device('dev/console', 5, 1)
    archive.add_file('bin/busybox', os.path.join(tree, 'bin/busybox'))
    for name in GUEST_PROGRAMS + find_libraries(tree, GUEST_PROGRAMS):
        archive.add_file(name, os.path.join(tree, name))
    release = kernel_release(tree)
    for module in find_modules(tree, GUEST_MODULES):
        archive.add_file(module, os.path.join(tree, module))
    for name in ('modules.dep', 'modules.alias', 'modules.builtin',
                 'modules.order'):
        name = os.path.join('lib/modules', release, name)
        archive.add_file(name, os.path.join(tree, name))
    archive.close()


def write_file_system(tree, path, spare_mib=256):
    """Write @tree as an ext4 file system of its size and some spare."""
    used = int(run('du', '-sm', tree).split()[0])
    run('mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-m', '0',
        '-E', 'root_owner=0:0', '-d', tree, path,
        '%dM' % (used + used // 8 + spare_mib))


def copy_hypervisor(tree, target):
    """Write the uncompressed hypervisor, and dom0's kernel."""
    xen = glob.glob(tree + '/boot/xen-4.17-amd64.gz')
    if len(xen) != 1:
        raise ImageError('no /boot/xen-4.17-amd64.gz in the packages')
    with gzip.open(xen[0]) as source, open(target + '/xen', 'wb') as out:
        shutil.copyfileobj(source, out)
    shutil.copy(tree + '/boot/vmlinuz-' + kernel_release(tree),
                target + '/vmlinuz')


def build_image(target, say):
    """Make all files of the image in the new directory @target."""
    work = target + '.work'
    shutil.rmtree(work, ignore_errors=True)
    shutil.rmtree(target, ignore_errors=True)
    tree = os.path.join(work, 'tree')
    os.makedirs(tree)
    steps = target + '.new'
    shutil.rmtree(steps, ignore_errors=True)
    os.makedirs(steps)
    say('downloading packages')
    debs = download_packages(work)
    say('unpacking %d packages' % len(debs))
    unpack_packages(debs, tree)
    prune_tree(tree)
    write_settings(tree)
    copy_hypervisor(tree, steps)
    write_dom0_initrd(tree, steps + '/initrd.dom0')
    write_guest_base(tree, steps + '/guest.cpio')
    say('writing the file system')
    write_file_system(tree, steps + '/root.img')
    shutil.rmtree(work)
    os.rename(steps, target)


def remove_old_images(keep):
    """Delete images of other keys: they are large, and can be made again."""
    for path in glob.glob(os.path.join(cache_dir(), 'lab-*')):
        if path != keep and os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)


def ensure_image(say=lambda text: print('lab: image: ' + text,
                                        file=sys.stderr, flush=True)):
    """Return the image's directory, having made the image if need be."""
    os.makedirs(cache_dir(), exist_ok=True)
    target = os.path.join(cache_dir(), 'lab-' + image_key())
    with open(os.path.join(cache_dir(), 'lab.lock'), 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            start = time.monotonic()
            build_image(target, say)
            remove_old_images(target)
            say('done in %d s' % (time.monotonic() - start))
    return target
