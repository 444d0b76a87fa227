# SPDX-License-Identifier: GPL-2.0-or-later
"""Write initial ramdisks: cpio archives in the "newc" format.

The kernel unpacks concatenated newc archives one after the other, so a
ramdisk's slow part (Debian's files, cached) and its quick part (our own) are
archives of their own.  Writing the format here, rather than calling cpio(1),
lets a user who isn't root add the device node /dev/console.
"""

import os
import stat


class Cpio:
    """An archive that is being written to @path."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.inode = 1
        self.seen = set()

    def _put(self, name, mode, data=b'', rdev=(0, 0)):
        """Append one member, its header and data padded to 4 bytes."""
        encoded = name.encode() + b'\0'
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0,
                  rdev[0], rdev[1], len(encoded), 0)
        head = b'070701' + b''.join(b'%08X' % f for f in fields) + encoded
        self.file.write(head + bytes(-len(head) % 4))
        self.file.write(data + bytes(-len(data) % 4))
        self.inode += 1

    def add_parents(self, name):
        """Add the directories above @name that aren't there yet."""
        parent = os.path.dirname(name)
        if parent and parent not in self.seen:
            self.add_parents(parent)
            self.add_dir(parent)

    def add_dir(self, name):
        """Add a directory."""
        if name not in self.seen:
            self.add_parents(name)
            self.seen.add(name)
            self._put(name, stat.S_IFDIR | 0o755)

    def add_link(self, name, target):
        """Add a symbolic link."""
        self.add_parents(name)
        self._put(name, stat.S_IFLNK | 0o777, target.encode())

    def add_data(self, name, data, mode=0o644):
        """Add a regular file with the given content."""
        self.add_parents(name)
        self._put(name, stat.S_IFREG | mode, data)

    def add_file(self, name, path):
        """Add a copy of the file at @path, with its permissions."""
        with open(path, 'rb') as source:
            self.add_data(name, source.read(),
                          stat.S_IMODE(os.stat(path).st_mode))

    def add_tree(self, folder):
        """Add all files below a directory, by their paths from there."""
        for place, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                self.add_file(os.path.relpath(path, folder), path)

    def add_char_device(self, name, major, minor):
        """Add a character device node."""
        self.add_parents(name)
        self._put(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def close(self):
        """Write the trailer and finish the file."""
        self._put('TRAILER!!!', 0)
        self.file.close()
