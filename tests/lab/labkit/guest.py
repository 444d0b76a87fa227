# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests: unmodified Debian kernels with a ramdisk, started by xl create.

A guest has one of the kernels that scripts/kernels.py names, and one of two
netfronts: the kernel's own, "stock", or ours, "pg".

A guest has a number; from it come its addresses (10.0.0.N and fd00::N) and
its vif's MAC address.  dom0 is 10.0.0.1 and fd00::1, on the bridge xenbr0.
Which backend serves the vif is the matter of backend.py.

Xen doesn't trust the emulated machine's TSC and would by default trap each of
a guest's many readings of it, which real hardware doesn't need.  PVH guests
under load have been seen to die of it, by a triple fault right behind rdtsc.
So guests have tsc_mode "native".
"""

import collections

from . import payload

# By the netfront: its module, and its name among the drivers of the Xen bus
FRONTENDS = {'stock': ('xen-netfront', 'vif'),
             'pg': ('xen-netfront-pg', 'xen-netfront-pg')}

KINDS = ('pv', 'pvh', 'hvm')

BRIDGE = 'xenbr0'

# What a vif's settings say if nothing is to be done for it in dom0
NO_BRIDGE = 'script=/lab/dom0/vif-nowhere'

CONFIGURE = ('until [ -e /sys/class/net/eth0 ]; do sleep 0.2; done; '
             'ip link set eth0 up && ip addr replace {0}/24 dev eth0 && '
             'ip addr replace {1}/64 dev eth0 nodad')

# What a kernel says of a fault, or of a grant that couldn't be ended; prints
# such lines, and then fails
FIND_COMPLAINTS = ("! dmesg | grep -E '\\b(BUG|WARNING|Oops|Call Trace|UBSAN)"
                   "\\b|deferring g|still in use|leak|corrupt|pagealloc'")


class Dom0:
    """dom0, as an end of the guests' network."""

    kind = 'dom0'

    def __init__(self, lab):
        self.lab = lab
        self.run = lab.dom0

    def try_run(self, command, timeout=300):
        """Run a shell command; return exit code and output."""
        return self.lab.machine.try_run(command, timeout)

    @staticmethod
    def address(version=4):
        """dom0's IPv4 or IPv6 address on the bridge."""
        return 'fd00::1' if version == 6 else '10.0.0.1'


class Guest:
    """One guest, known to xl by its name."""

    on_crash = 'preserve'   # as xl's config has it

    def __init__(self, lab, name, kind='pv', number=2, vif='', options='',
                 extra='', vcpus=1, memory=256, frontend='stock',
                 kernel='6.1', bridge=BRIDGE):
        """Describe a guest; create() starts it.

        @vif: further settings of the vif ("devid=1,rate=…"); None: no vif
        @options: further lines for the xl config
        @extra: further words for the kernel's command line
        @memory: in MiB
        @frontend: the netfront, 'stock' or 'pg'
        @kernel: the name of the kernel
        @bridge: where the vif belongs
        """
        self.lab = lab
        self.name = name
        self.kind = kind
        self.number = number
        self.vif = vif
        self.options = options
        self.extra = extra
        self.vcpus = vcpus
        self.memory = memory
        self.frontend = frontend
        self.kernel = kernel
        self.bridge = bridge
        self.place = lab.host
        self.peer = lab.host    # who talks to it

    def __enter__(self):
        self.create()
        return self

    def __exit__(self, failure, *unused):
        # After a failure there is something to be seen, and then no machine.
        if failure is None:
            self.check_log()
            self.destroy()

    @property
    def mac(self):
        """The vif's MAC address."""
        return '00:16:3e:00:00:%02x' % self.number

    def address(self, version=4):
        """The guest's IPv4 or IPv6 address."""
        return ('fd00::%d' if version == 6 else '10.0.0.%d') % self.number

    def vif_spec(self):
        """What an xl config or xl network-attach says of the vif."""
        return ','.join(filter(None, ['mac=' + self.mac, 'type=vif',
                                      'bridge=' + self.bridge, self.vif]))

    def config(self):
        """The xl config."""
        lines = ['name = "%s"' % self.name,
                 'type = "%s"' % self.kind,
                 'kernel = "/lab/guest/vmlinuz-%s"' % self.kernel,
                 'ramdisk = "/lab/guest/initrd-%s"' % self.kernel,
                 'extra = "console=hvc0 quiet lab.addr=%d%s %s"'
                 % (self.number,
                    ' lab.netfront=pg' if self.frontend == 'pg' else '',
                    self.extra),
                 'memory = %d' % self.memory,
                 'vcpus = %d' % self.vcpus,
                 'tsc_mode = "native"',
                 'on_crash = "%s"' % self.on_crash]
        if self.kind == 'hvm':
            lines += self.device_model_config()
        if self.vif is not None and not self.lab.backend.own_vif:
            lines.append('vif = ["%s"]' % self.vif_spec())
        return '\n'.join(lines) + '\n' + self.options + '\n'

    def device_model_config(self):
        """The lines of an HVM guest's config that are about its QEMU.

        Firmware that QEMU loads comes from Debian's packages.
        """
        arguments = ['-L', '/usr/share/qemu', '-L', '/usr/share/seabios']
        arguments += self.lab.backend.device_model_arguments
        return ['vga = "none"', 'vnc = 0',
                'device_model_version = "qemu-xen"',
                'device_model_override = "%s"' % self.lab.programs.qemu,
                'device_model_args_hvm = [%s]'
                % ', '.join('"%s"' % word for word in arguments)]

    def write_config(self):
        """Put the xl config into dom0; return its path there."""
        path = '/run/lab/%s.cfg' % self.name
        self.lab.dom0("cat >%s <<'END'\n%s\nEND" % (path, self.config()))
        return path

    def create(self):
        """Start the guest, and wait until it takes commands."""
        if self.frontend == 'pg' and not payload.built(
                payload.NETFRONT % self.kernel):
            raise LookupError('frontend pg: not built: %s (below %s); try '
                              '"make lab-image"'
                              % (payload.NETFRONT % self.kernel,
                                 payload.BUILD))
        self.lab.backend.create(self)
        if self.kind == 'hvm':
            self.lab.say('%s: hvm: waiting for the firmware and the kernel'
                         % self.name)
        self.run('true', timeout=600)
        self.forget_absence()

    def forget_absence(self):
        """Have the peer look for the guest's addresses anew.

        What it has sent to one that was gone makes it think that nobody has
        the address, for some seconds and pings more.
        """
        for version in (4, 6):
            self.peer.run('ip -%d neigh flush to %s'
                          % (version, self.address(version)))

    def destroy(self):
        """End the guest at once."""
        self.place.try_run('xl destroy ' + self.name)
        self.lab.backend.clean_up(self)

    def domid(self):
        """The guest's present domain id."""
        return int(self.lab.dom0('xl domid ' + self.name))

    def vif_name(self, devid=0):
        """What dom0 calls the guest's network interface."""
        return 'vif%d.%d' % (self.domid(), devid)

    def is_persistent(self):
        """Tell whether both ends have agreed on persistent grants."""
        code, output = self.lab.machine.try_run(
            'xenstore-read /local/domain/%d/device/vif/0/feature-persistent'
            % self.domid())
        return (self.lab.backend.name == 'xen_nic_pg' and code == 0 and
                output.strip() == '1')

    def counters(self):
        """Return the counters of the two directions, summed over queues."""
        total = {'tx': collections.Counter(), 'rx': collections.Counter()}
        for queue in self.lab.read_stats(self)['queues']:
            for direction, sums in total.items():
                sums.update({name: value for name, value
                             in queue[direction].items() if name != 'drops'})
        return total['tx'], total['rx']

    def configure_net(self):
        """Give a vif that is new to the guest its addresses."""
        self.run(CONFIGURE.format(self.address(4), self.address(6)))
        self.forget_absence()

    def unload_driver(self):
        """Unload the guest's netfront."""
        module, driver = FRONTENDS[self.frontend]
        self.run('echo vif-0 >/sys/bus/xen/drivers/%s/unbind; modprobe -r %s'
                 % (driver, module))

    def load_driver(self, parameters=''):
        """Load the guest's netfront, and give the vif its addresses."""
        self.run('modprobe %s %s' % (FRONTENDS[self.frontend][0], parameters))
        self.configure_net()

    def reload_driver(self, parameters=''):
        """Unload and load the guest's netfront."""
        self.unload_driver()
        self.load_driver(parameters)

    def check_log(self):
        """Fail if our netfront has made the guest's kernel complain."""
        if self.frontend == 'pg':
            self.run(FIND_COMPLAINTS)

    def enter(self, command):
        """Return what runs a shell command where it is to run."""
        return command

    def run(self, command, timeout=300):
        """Run a shell command in the guest; it must succeed."""
        return self.lab.machine.run(self.enter(command), timeout, op='guest',
                                    guest=self.name)

    def try_run(self, command, timeout=300):
        """Run a shell command in the guest; return exit code and output."""
        return self.lab.machine.try_run(self.enter(command), timeout,
                                        op='guest', guest=self.name)

    def start(self, command, timeout=300):
        """Start a shell command; return a function that awaits it."""
        return self.lab.machine.start(self.enter(command), timeout, op='guest',
                                      guest=self.name)
