# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver domain: a guest whose vifs' backend is this project's device.

It has the system that dom0 has, from the same disks: dom0's xen-blkback gives
it the image, which is there once more since dom0 writes to its own, and the
payload.  Its ramdisk is that of any guest; over its console the image is
mounted below what it writes, which stays in memory, and from then on commands
are run in that system.  There run what an administrator would start in a
driver domain: `xl devd`, which calls Xen's scripts, and the daemon.

Its bridge has the name of dom0's, and nothing else in common with it.
"""

import shlex

from . import backend as backends
from . import guest as guests
from . import image
from . import lab as labs
from .host import HOST

# In megabytes: a system, its files in memory and a QEMU for each guest
MEMORY = 512
ROOT = '/system'
PATH = '/lab/bin:/usr/lib/xen-%s/bin:/usr/sbin:/usr/bin' % HOST.xen

MOUNT = '''
modprobe -a xen-blkfront ext4 overlay && mkdir -p /image /written {root} &&
mount -t ext4 -o ro /dev/xvda /image && mount -t tmpfs tmpfs /written &&
mkdir /written/upper /written/work && mount -t overlay -o \
lowerdir=/image,upperdir=/written/upper,workdir=/written/work none {root} &&
mount -t ext4 -o ro /dev/xvdb {root}/lab && ln -s fd/0 /dev/stdin &&
for name in proc sys dev run tmp; do
    mount -o bind /$name {root}/$name || exit
done'''.format(root=ROOT)

# The modules are the guest's own, whatever kernel dom0 has.
MODULES = 'modprobe -a xen-evtchn xen-gntdev xen-privcmd tun bridge veth'

# A bridge to the domain's network card, if it had one
START = '''
mkdir -p /run/lab /var/log/xen /var/lib/xen /run/xen &&
ip link add {bridge} type bridge && ip link set {bridge} up &&
xl devd'''.format(bridge=guests.BRIDGE)


def find_disk():
    """Return the image, as the disk that a scenario with a driver domain has.
    """
    return image.ensure_image() + '/root.img'


class DriverDomain(guests.Guest):
    """A driver domain, known to xl by its name."""

    on_crash = 'destroy'

    def __init__(self, lab, name='netdom', number=9):
        super().__init__(
            lab, name, number=number, vif=None, memory=MEMORY,
            extra='lab.netfront=no',
            options='driver_domain = 1\n'
            'disk = ["phy:%s,xvda,r", "phy:/dev/vdb,xvdb,r"]'
            % lab.find_device(find_disk()))
        self.backend = backends.XenNicPg(lab, self)
        self.mounted = False

    def __exit__(self, failure, *unused):
        if failure is not None:
            self.lab.explain(self.try_run(labs.LOG_COMMAND, 60)[1])
        super().__exit__(failure)

    def create(self):
        """Start the domain and what makes it one for drivers."""
        self.lab.dom0('modprobe xen-blkback')
        self.mounted = False
        super().create()
        self.run(MODULES)
        self.run(MOUNT)
        self.mounted = True
        self.run(START)
        self.backend.start()

    def enter(self, command):
        """Return what runs a shell command in its system."""
        if not self.mounted:
            return command
        return 'PATH=%s chroot %s /bin/bash -c %s' % (PATH, ROOT,
                                                      shlex.quote(command))
