# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces: they stand for machines that the lab doesn't have.

The lab's machine has no network.  Who is to be met behind dom0, or behind a
driver domain, is a network namespace there, and a pair of veth interfaces is
the cable.  For checks.py and flow.py it is an end, as a guest is.

A namespace can also stand for a Xen host: what is run in it sees its network
only.  So the daemon and xl, run there (backend.py), make taps and call Xen's
scripts there, and Open vSwitch has a directory of its own there.
"""

import shlex


class Namespace:
    """A network namespace, from create() to remove(), or by `with`."""

    kind = 'namespace'

    def __init__(self, place, name, addr):
        """Describe a namespace.

        @place: where it is: dom0, or a driver domain
        @addr: its IPv4 address
        """
        self.place = place
        self.name = name
        self.addr = addr

    def __enter__(self):
        self.create()
        return self

    def __exit__(self, failure, *unused):
        if failure is None:
            self.remove()

    def create(self):
        """Make it."""
        self.place.run('ip netns add {0} && ip -n {0} link set lo up && '
                       'mkdir -p {1}'.format(self.name, self.directory()))

    def directory(self):
        """Where what runs in it has its files: nobody else has any there."""
        return '/run/lab/namespaces/' + self.name

    def remove(self):
        """Remove it, and with it what is plugged in."""
        self.place.run('ip netns del ' + self.name)

    def address(self, _version=4):
        """Its IPv4 address; there is no other."""
        return self.addr

    def plug(self, there):
        """Lay a cable: to eth0 here, from a new interface in its place."""
        self.place.run(
            'ip link add {there} type veth peer name eth0 netns {name} && '
            'ip link set {there} up && ip -n {name} link set eth0 up && '
            'ip -n {name} addr add {addr}/24 dev eth0'.format(
                there=there, name=self.name, addr=self.addr))

    def enter(self, command):
        """Return what runs a shell command in it."""
        return 'OVS_RUNDIR=%s ip netns exec %s bash -c %s' % (
            self.directory(), self.name, shlex.quote(command))

    def run(self, command, timeout=300):
        """Run a shell command in it; it must succeed."""
        return self.place.run(self.enter(command), timeout)

    def try_run(self, command, timeout=300):
        """Run a shell command in it; return exit code and output."""
        return self.place.try_run(self.enter(command), timeout)
