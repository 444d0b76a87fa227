# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the programs under test come from, and how the daemon is started.

  BuildTree   the programs as the build left them, on the payload, in the lab's
              own dom0
  Packages    the host's package, installed by dpkg in a Debian dom0
              (dom0root.py); systemd starts the daemon, with the options that
              /etc/default has
"""

from . import dom0root, payload


class BuildTree:
    """The programs that were built last."""

    qemu = '/lab/bin/qemu-system-x86_64'
    needs = (payload.DEVICE_MODEL, payload.DAEMON)

    def find_missing(self):
        """Return what hasn't been built."""
        return [name for name in self.needs if not payload.built(name)]

    @staticmethod
    def find_root(image_dir):
        """Return the file system that dom0 has as its root."""
        return image_dir + '/root.img'

    @staticmethod
    def list_files():
        """Return the files that the payload has in bin/."""
        return [*filter(None, map(payload.built, BuildTree.needs)),
                payload.STAT]

    def install(self, lab):
        """Make the programs be there, in a machine that has just booted."""

    def start_daemon(self, place, options):
        """Start the daemon in dom0, or whatever else runs commands."""
        place.run('xen-nic-pgd --daemonize --pidfile /run/lab/xen-nic-pgd.pid '
                  '--qemu %s %s' % (self.qemu, options))

    def stop_daemon(self, place):
        """End the daemon."""
        place.run('pid=$(cat /run/lab/xen-nic-pgd.pid); kill $pid; '
                  'while [ -d /proc/$pid ]; do sleep 0.1; done')


class Packages:
    """The package that was built last."""

    qemu = '/usr/libexec/xen-nic-pg/qemu-system-x86_64'

    @staticmethod
    def find_missing():
        """Return what hasn't been built; find_root() looks for the package."""
        return []

    @staticmethod
    def find_root(_image_dir):
        """Return the file system that dom0 has as its root."""
        return dom0root.ensure_root()

    @staticmethod
    def list_files():
        """Return the files that the payload has in bin/."""
        return [dom0root.find_package()]

    def install(self, lab):
        """Make the programs be there, in a machine that has just booted."""
        lab.dom0('dpkg -i /lab/bin/*.deb')

    def start_daemon(self, place, options):
        """Start the daemon; systemd does so in dom0 only."""
        place.run("echo 'XEN_NIC_PGD_ARGS=\"%s\"' >/etc/default/xen-nic-pgd && "
                  'systemctl restart xen-nic-pgd' % options)

    def stop_daemon(self, place):
        """End the daemon."""
        place.run('systemctl stop xen-nic-pgd')
