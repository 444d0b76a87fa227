# SPDX-License-Identifier: GPL-2.0-or-later
"""A scratch git repository, to make and to try the patch series in.

It begins with one commit, tagged "pristine": the few files of QEMU's that our
parts edit.  The user's git configuration has no say in it.  Author and date are
those of our own repository, so that the same commit gives the same patches.
"""

import os
import subprocess

import overlay


def ask_git(*arguments):
    """Return what git says about our own repository, or None."""
    done = subprocess.run(['git', '-C', overlay.TOP, *arguments],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          universal_newlines=True, check=False)
    return done.stdout.strip() or None


def make_identity():
    """Return git's environment: who signs the patches, and when."""
    name = (ask_git('config', 'user.name') or
            ask_git('log', '-1', '--format=%an'))
    mail = (ask_git('config', 'user.email') or
            ask_git('log', '-1', '--format=%ae'))
    date = ask_git('log', '-1', '--format=%cI')
    if not (name and mail and date):
        raise overlay.OverlayError(
            'git knows no author: set user.name and user.email')
    return {
        'GIT_AUTHOR_NAME': name, 'GIT_COMMITTER_NAME': name,
        'GIT_AUTHOR_EMAIL': mail, 'GIT_COMMITTER_EMAIL': mail,
        'GIT_AUTHOR_DATE': date, 'GIT_COMMITTER_DATE': date,
    }


class Scratch:
    """A repository with the pristine files that our parts edit."""

    def __init__(self, folder, pristine):
        self.folder = folder
        clean = {key: value for key, value in os.environ.items()
                 if not key.startswith('GIT_')}
        self.environment = {**clean, **make_identity(),
                            'GIT_CONFIG_GLOBAL': os.devnull,
                            'GIT_CONFIG_NOSYSTEM': '1'}
        self.git('init', '-q', '-b', 'main')
        for edits in overlay.EDITS.values():
            for name in edits:
                self.write(name, overlay.read_file(
                    os.path.join(pristine, name)))
        self.commit('pristine')
        self.git('tag', 'pristine')

    def git(self, *arguments, **options):
        """Run git in the repository."""
        subprocess.run(['git', *arguments], cwd=self.folder, check=True,
                       env=self.environment, **options)

    def write(self, name, text):
        """Write a file below the repository."""
        overlay.write_if_changed(os.path.join(self.folder, name), text)

    def commit(self, message):
        """Commit all there is, signed off."""
        self.git('add', '-A')
        self.git('commit', '-q', '-s', '-m', message)
