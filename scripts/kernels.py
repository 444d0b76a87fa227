# SPDX-License-Identifier: GPL-2.0-or-later
"""The Linux kernels that our netfront is built for, and that guests run.

Each is a Debian kernel: its image and its headers are downloaded together, so
that a module built with the one loads into the other.  What comes out, in the
user's cache, for each kernel:

  debs/       linux-image, linux-headers (two), linux-kbuild
  headers/    those but the image, unpacked

The headers' makefile includes another by its absolute path, which is mended
to go by its own place.  The links between them are relative already.
"""

import collections
import glob
import os

import debian
import usercache

# By the kernel's name: the suite that has it, or None for what Debian 12 and
# its security updates have.
SUITES = {'6.1': None, '6.12': debian.BACKPORTS}

PACKAGES = ['linux-image-amd64', 'linux-headers-amd64']

# Of what those need, what belongs to one kernel
OWN = ('linux-image-', 'linux-headers-', 'linux-kbuild-')

# The makefile's include line
INCLUDE = 'include /usr/src/'
MENDED = 'include $(dir $(realpath $(lastword $(MAKEFILE_LIST))))../'


class Kernel(collections.namedtuple('Kernel', 'name release folder')):
    """A kernel: its name, what uname -r says, where its packages are."""

    @property
    def build(self):
        """The directory that modules are built in: make -C."""
        return '%s/headers/usr/src/linux-headers-%s' % (self.folder,
                                                        self.release)

    @property
    def image(self):
        """The package with the kernel and its modules."""
        return self.find_deb('linux-image-%s_' % self.release)

    @property
    def debs(self):
        """All its packages."""
        return sorted(glob.glob(self.folder + '/debs/*.deb'))

    def find_deb(self, start):
        """Return the one package whose file name begins with @start."""
        found = [deb for deb in self.debs
                 if os.path.basename(deb).startswith(start)]
        if len(found) != 1:
            raise debian.DebianError('expected one package %s, found: %s'
                                     % (start, found))
        return found[0]


def mend_makefile(path):
    """Let the headers' makefile be used where it is."""
    with open(path, encoding='utf-8') as source:
        text = source.read()
    if text.count(INCLUDE) != 1:
        raise debian.DebianError('%s has no line "%s..."' % (path, INCLUDE))
    with open(path, 'w', encoding='utf-8') as mended:
        mended.write(text.replace(INCLUDE, MENDED))


def fetch_kernel(apt, suite, folder):
    """Download a kernel's packages, and unpack its headers."""
    os.makedirs(folder + '/debs')
    debian.make_tree(folder + '/headers')
    names = [name for name in apt.list_all(PACKAGES, suite)
             if name.startswith(OWN) and name not in PACKAGES]
    apt.download(names, folder + '/debs', suite)
    for deb in glob.glob(folder + '/debs/*.deb'):
        if not os.path.basename(deb).startswith('linux-image-'):
            debian.unpack(deb, folder + '/headers')
    mend_makefile('%s/headers/usr/src/linux-headers-%s/Makefile'
                  % (folder, find_release(folder)))


def open_kernel(name, folder):
    """Return the kernel that fetch_kernel() has put into @folder."""
    return Kernel(name, find_release(folder), folder)


def find_release(folder):
    """Return the release of the kernel in an entry's directory."""
    releases = os.listdir(folder + '/headers/lib/modules')
    if len(releases) != 1:
        raise debian.DebianError('expected one kernel, found: %s' % releases)
    return releases[0]


def fetch_kernels(target, work, say):
    """Fill the cache's entry."""
    say('downloading %s' % ' and '.join('Linux ' + name for name in SUITES))
    apt = debian.Apt(work + '/apt', debian.BACKPORTS)
    for name, suite in SUITES.items():
        fetch_kernel(apt, suite, os.path.join(target, name))


def ensure_kernels():
    """Return the kernels by their names, having fetched them if need be."""
    key = usercache.make_key([__file__, debian.__file__])
    folder = usercache.ensure('linux', key, fetch_kernels, 'guest: kernels')
    return {name: open_kernel(name, os.path.join(folder, name))
            for name in SUITES}
