# SPDX-License-Identifier: GPL-2.0-or-later
"""The package of our netfront in a Debian guest: installed, used, removed.

The guest has a disk with Debian on it (labkit/guestroot.py), and works in it
as an administrator would: dpkg installs the package, DKMS builds the module, and
from then on modprobe, asked for a vif's driver as udev asks, has ours take the
vif, and the initramfs has it too.  Once the package is removed, both have the
kernel's own again.
"""

from labkit import guestroot

DISK = guestroot.ensure_root
FRONTENDS = ['stock']
ON_DEMAND = True

PACKAGE = 'xen-netfront-pg-dkms'
MOUNT = '''
modprobe xen-blkfront && modprobe ext4 && mkdir -p /debian &&
mount -t ext4 /dev/xvda /debian &&
mount --bind /proc /debian/proc && mount --bind /sys /debian/sys &&
mount --bind /dev /debian/dev && mount -t tmpfs tmpfs /debian/tmp &&
cp /lab/%s.deb /debian/tmp
''' % PACKAGE
UNLOAD = '''
for driver in vif xen-netfront-pg; do
    echo vif-0 >/sys/bus/xen/drivers/$driver/unbind
    rmmod $(echo $driver | sed s/^vif$/xen-netfront/)
done 2>/dev/null; true
'''


class Debian:
    """The Debian on the guest's disk."""

    def __init__(self, lab, guest):
        self.lab = lab
        self.guest = guest
        guest.run(MOUNT)

    def run(self, command, timeout=900):
        """Run a command in it."""
        return self.guest.run(
            "env DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin "
            "chroot /debian /bin/sh -ec '%s'" % command, timeout)

    def check_driver(self, expected, when):
        """Check who gets the vif if a driver for it is asked for."""
        self.guest.run(UNLOAD)
        self.run('modprobe xen:vif')
        self.guest.configure_net()
        driver = self.guest.run(
            'basename $(readlink /sys/class/net/eth0/device/driver)')
        self.lab.check(driver == expected, '%s, eth0 is driven by %s'
                       % (when, expected), driver)
        self.guest.run('ping -c 10 -A -W 30 ' + self.lab.host.address())
        self.lab.check(True, '%s, dom0 answers' % when)

    def check_initramfs(self, has_ours, when):
        """Check whether the initramfs has our module."""
        modules = self.run('lsinitramfs /boot/initrd.img-$(uname -r) | '
                           'grep netfront')
        self.lab.check('/xen-netfront.ko' in modules and
                       ('/xen-netfront-pg.ko' in modules) == has_ours,
                       '%s, the initramfs has %s' % (
                           when, 'ours too' if has_ours else 'not ours'),
                       modules)


def run(lab):
    lab.dom0('modprobe xen-blkback')
    with lab.guest('dkms', 'pv', 5, vcpus=2, memory=768,
                   kernel=guestroot.KERNEL, extra='lab.netfront=no',
                   options='disk = ["phy:%s,xvda,w"]'
                   % lab.find_device(DISK())) as guest:
        system = Debian(lab, guest)
        system.check_driver('vif', 'before')
        system.run('dpkg -i /tmp/%s.deb' % PACKAGE)
        status = system.run('dkms status')
        lab.check('installed' in status, 'DKMS has built the module', status)
        system.check_driver('xen-netfront-pg', 'installed')
        system.check_initramfs(True, 'installed')
        system.run('dpkg -P ' + PACKAGE)
        system.check_driver('vif', 'removed')
        system.check_initramfs(False, 'removed')
        left = system.run('find /etc /lib /usr /var/lib/dkms '
                          '-name "*netfront[-_]pg*"')
        lab.check(not left, 'removed, no file of it is left', left)
