# SPDX-License-Identifier: GPL-2.0-or-later
"""The network backends that the lab can put under a guest.

  netback      Linux's xen-netback, in dom0's kernel: what everyone runs
  xen_nic      QEMU's own xen-net-device
  xen_nic_pg   this project's device, started by xen-nic-pgd

netback and xen_nic_pg are picked up by the toolstack's backend/vif: the
guest's config is the same.  xen_nic calls its backend "qnic", which xl can't
ask for; so its guest is created paused and without a vif, and a QEMU attached
to it by hand makes the vif.

Only one of the first and the last may be active: loaded, xen-netback claims
every vif.  start() and stop() make changing over in one boot possible.
"""

LOG_DIR = '/run/lab/qemu'
RUN_DIR = '/run/xen-nic-pg'


class Backend:
    """What all backends share."""

    own_vif = False             # makes vifs without xl
    is_program = False          # one of those under test (programs.py)
    device_model_arguments = ()  # what makes an HVM guest's QEMU the backend

    def __init__(self, lab, place=None):
        """Describe a backend; start() starts it.

        @place: where its programs and xl run: a namespace, a driver domain
                (which has no xl create); None: dom0
        """
        self.lab = lab
        self.place = place or lab.host

    def start(self):
        """Make vifs be served by this backend."""

    def stop(self):
        """End what start() began."""

    def create(self, guest):
        """Create a guest with its vif."""
        guest.place = self.place
        self.place.run('xl create -q ' + guest.write_config())

    def clean_up(self, guest):
        """End what create() began beside the guest."""

    def find_key(self, guest, key):
        """Return where xenstore has a key of a guest's vif."""
        return '/local/domain/0/backend/vif/%d/0/%s' % (guest.domid(), key)


class Netback(Backend):
    """Linux's xen-netback."""

    name = 'netback'

    def start(self):
        self.lab.dom0('modprobe xen-netback')

    def stop(self):
        self.lab.dom0('modprobe -r xen-netback')

    def replace(self, guest):
        """Let the backend go, and another come.

        It waits to be told that its interface has been put where it belongs.
        """
        self.lab.dom0('cd /sys/bus/xen-backend/drivers/vif && '
                      'echo {0} >unbind && echo {0} >bind && '
                      'xenstore-write {1} connected'
                      .format('vif-%d-0' % guest.domid(),
                              self.find_key(guest, 'hotplug-status')))
        self.bring_back(guest)

    def bring_back(self, guest):
        """Put a guest's new interface into the bridge, and wait for it.

        What does so when xl makes a vif isn't told of this one.  With the
        address that vif-bridge gives, the bridge keeps its own.
        """
        self.lab.wait_for('ip link set %s address fe:ff:ff:ff:ff:ff master '
                          'xenbr0 up' % guest.vif_name())
        self.lab.wait_for('[ "$(xenstore-read %s)" = 4 ]'
                          % self.find_key(guest, 'state'))


class XenNic(Backend):
    """QEMU's own xen-net-device, one QEMU for each guest."""

    name = 'xen_nic'
    own_vif = True
    is_program = True

    def create(self, guest):
        config = guest.write_config()
        self.lab.dom0('xl create -q -p ' + config)
        domid = guest.domid()
        tap = 'vif%d.0' % domid
        self.lab.dom0(
            'ip tuntap add {tap} mode tap vnet_hdr && '
            'ip link set {tap} master xenbr0 up && '
            '(setsid {qemu} -M xenpv -xen-attach -xen-domid {domid} '
            '-nodefaults -no-user-config -display none -L /usr/share/qemu '
            '-netdev tap,id=net,ifname={tap},script=no,downscript=no '
            '-device xen-net-device,idx=0,netdev=net,mac={mac} '
            '</dev/null >/run/lab/xen_nic-{domid}.log 2>&1 & '
            'echo $! >/run/lab/{name}.pid)'.format(
                tap=tap, qemu=self.lab.programs.qemu, domid=domid, mac=guest.mac,
                name=guest.name))
        self.lab.wait_for('xenstore-read /local/domain/0/backend/qnic/%d/0/'
                          'state' % domid)
        self.lab.dom0('xl unpause ' + guest.name)

    def clean_up(self, guest):
        # The log's name has the domain's id, which is gone by now.
        self.lab.dom0(
            'pid=$(cat /run/lab/{name}.pid) || exit 0; '
            'tap=$(tr "\\0" "\\n" </proc/$pid/cmdline | '
            "sed -n 's/.*ifname=\\([^,]*\\).*/\\1/p'); "
            'kill $pid; while [ -d /proc/$pid ]; do sleep 0.1; done; '
            'ip link del $tap; rm /run/lab/{name}.pid'.format(
                name=guest.name))


class XenNicPg(Backend):
    """This project's device, under its daemon."""

    name = 'xen_nic_pg'
    is_program = True
    device_model_arguments = ('-device', 'xen-nic-pg,id=pg')

    def start(self, device='', arguments='', daemon=''):
        """Start the daemon.

        @device: options of the device, for guests that come from now on
        @arguments: further arguments of their QEMUs
        @daemon: further arguments of the daemon
        """
        self.lab.programs.start_daemon(
            self.place, '--log-dir %s %s %s -- %s'
            % (LOG_DIR, device and '--device-opts ' + device, daemon,
               arguments))

    def stop(self):
        self.lab.programs.stop_daemon(self.place)

    def find_qemu(self, guest):
        """Return the id of the process that serves a guest.

        The pid file names its parent, if it is jailed.
        """
        pid = self.find_process(guest)
        return int(self.lab.dom0('pgrep -P %d || echo %d' % (pid, pid)))

    def find_process(self, guest):
        """Return what the pid file of a guest's QEMU says."""
        return int(self.lab.dom0('cat %s/%d.pid' % (RUN_DIR, guest.domid())))

    def wait_for_next(self, guest, before):
        """Wait until another QEMU serves a guest than that process."""
        self.lab.wait_for('read -r pid <%s/%d.pid && [ "$pid" != %d ]'
                          % (RUN_DIR, guest.domid(), before))
        self.lab.wait_for('[ "$(xenstore-read %s)" = 4 ]'
                          % self.find_key(guest, 'state'))

    def replace(self, guest):
        """Let the guest's QEMU end, and wait for the next to serve it."""
        before = self.find_process(guest)
        self.lab.dom0('kill %d' % before)
        self.wait_for_next(guest, before)


BACKENDS = {cls.name: cls for cls in (Netback, XenNic, XenNicPg)}
