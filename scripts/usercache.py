# SPDX-License-Identifier: GPL-2.0-or-later
"""What is slow to make, kept in the user's cache for all clones.

An entry is a directory KIND-KEY; the key is made of all that the entry comes
from, so that an entry is never changed, only replaced by one with another
key.  It gets its name when it is complete, and others of its kind, which are
large and can be made again, are deleted then.
"""

import fcntl
import glob
import hashlib
import os
import shutil
import sys
import time


def directory():
    """Return the user's cache directory of this project."""
    home = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(home, 'xen-nic-pg')


def make_key(paths, words=()):
    """Return a key made of files' contents and of further words."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, 'rb') as source:
            digest.update(source.read())
    for word in words:
        digest.update(word.encode() + b'\0')
    return digest.hexdigest()[:16]


def remove_others(kind, keep):
    """Delete the entries of a kind, but for one."""
    for path in glob.glob(os.path.join(directory(), kind + '-*')):
        if path != keep and os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)


def ensure(kind, key, make, title):
    """Return an entry's directory, having made the entry if need be.

    make(target, work, say) fills the directories target and work, of which
    the second is deleted then; say(text) tells the user what is going on.
    """
    def say(text):
        print('%s: %s' % (title, text), file=sys.stderr, flush=True)

    base = os.path.join(directory(), kind)
    target = '%s-%s' % (base, key)
    os.makedirs(directory(), exist_ok=True)
    with open(base + '.lock', 'w', encoding='utf-8') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(target):
            start = time.monotonic()
            new, work = target + '.new', target + '.work'
            for path in (new, work):
                shutil.rmtree(path, ignore_errors=True)
                os.mkdir(path)
            make(new, work, say)
            shutil.rmtree(work)
            os.rename(new, target)
            remove_others(kind, target)
            say('done in %d s' % (time.monotonic() - start))
    return target
