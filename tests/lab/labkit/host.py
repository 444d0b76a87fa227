# SPDX-License-Identifier: GPL-2.0-or-later
"""Which Debian the lab's host is: that of Xen, of dom0 and of its programs.

The guests are the same on each host.  What differs between hosts is all here,
and the rest of the lab asks HOST.  It is chosen by LAB in the environment, as
in "make check-lab LAB=trixie", and is bookworm by default.

For another suite than this machine's, QEMU and the tools are built in a Debian
of that suite (scripts/in-suite), to a folder of its own.
"""

import collections
import os
import sys

import debian

# suite      what Debian calls it
# xen        the version of Xen, as packages' names have it
# kernel     dom0's, by its name in kernels.py; None: the suite's own
# libraries  those of QEMU whose packages have other names elsewhere
# folder     of its builds and results, below the project
Host = collections.namedtuple('Host', 'suite xen kernel libraries folder')

HOSTS = {host.suite: host for host in (
    Host('bookworm', '4.17', '6.1', 'libelf1 libglib2.0-0', 'build'),
    Host('trixie', '4.20', None, 'libelf1t64 libglib2.0-0t64', 'build/trixie'),
)}


def choose_host():
    """Return the host that the environment names."""
    name = os.environ.get('LAB') or debian.SUITE
    if name not in HOSTS:
        sys.exit('lab: LAB=%s: no such host; there are: %s'
                 % (name, ' '.join(HOSTS)))
    return HOSTS[name]


HOST = choose_host()
