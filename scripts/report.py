# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests' results in TAP, as they come, for scripts that are tests."""


class Report:
    """Print TAP and count."""

    def __init__(self):
        self.count = 0
        self.failed = False

    def add(self, good, title, detail=''):
        """Print a test's result; if it is bad, with what explains it."""
        self.count += 1
        self.failed |= not good
        print('%sok %d - %s' % ('' if good else 'not ', self.count, title))
        if not good:
            for line in detail.splitlines():
                print('# ' + line)

    def end(self):
        """Print the plan; return the exit code."""
        print('1..%d' % self.count)
        return int(self.failed)
