# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian packages, downloaded and unpacked without root.

apt resolves and downloads with a configuration, a package database and a
cache of its own, so the user's stay as they are, and what is installed on
this machine doesn't matter.  The mirrors are those that the machine's own apt
sources name, so no host name is written here.  dpkg-deb unpacks; no
maintainer script runs.

Where they have to run, as in a Debian that is to be used as one, mmdebstrap
installs it.
"""

import glob
import os
import subprocess

SUITE = 'bookworm'
BACKPORTS = SUITE + '-backports'

# A user's path doesn't name the folders of depmod and mke2fs.
ENVIRONMENT = {**os.environ, 'LC_ALL': 'C.UTF-8',
               'PATH': os.environ['PATH'] + ':/usr/sbin:/sbin'}


class DebianError(Exception):
    """Packages can't be had, or not be used; the message says why."""


def run(*command, **options):
    """Run a command; raise DebianError with its output if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT,
                          errors='replace', check=False, **options)
    if done.returncode:
        raise DebianError('%s: exit code %d\n%s'
                          % (' '.join(command[:6]), done.returncode,
                             done.stdout[-3000:]))
    return done.stdout


def find_sources(suite, *further):
    """Return apt source lines for a suite and further, by the own mirrors."""
    listing = run('apt-get', 'indextargets', '--format',
                  '$(LABEL) $(REPO_URI)', 'Created-By: Packages')
    mirrors = {}
    for line in listing.splitlines():
        label, _, uri = line.partition(' ')
        mirrors.setdefault(label, uri)
    if 'Debian' not in mirrors:
        raise DebianError("no Debian mirror in this machine's apt sources "
                          "(apt-get indextargets lists none labelled Debian); "
                          "run apt-get update")
    lines = ['deb %s %s main' % (mirrors['Debian'], name)
             for name in (suite, *further)]
    if 'Debian-Security' in mirrors:
        lines.append('deb %s %s-security main'
                     % (mirrors['Debian-Security'], suite))
    return lines


def write_sources(path, suite, *further):
    """Write find_sources()'s lines to a file."""
    with open(path, 'w', encoding='utf-8') as sources:
        sources.write('\n'.join(find_sources(suite, *further)) + '\n')


class Apt:
    """An apt of its own, for a machine on which nothing is installed."""

    def __init__(self, folder, *further, suite=SUITE):
        """Make it in the new directory @folder, for @suite and @further.

        Of @further, packages are only taken where a call asks for it.
        """
        self.archives = os.path.join(folder, 'cache/archives')
        for part in ('lists/partial', 'cache/archives/partial', 'state'):
            os.makedirs(os.path.join(folder, part))
        write_sources(folder + '/sources.list', suite, *further)
        open(os.path.join(folder, 'status'), 'w', encoding='utf-8').close()
        settings = {
            'Dir::Etc::SourceList': folder + '/sources.list',
            'Dir::Etc::SourceParts': '/dev/null',
            'Dir::Etc::Preferences': '/dev/null',
            'Dir::Etc::PreferencesParts': '/dev/null',
            'Dir::State': folder + '/state',
            'Dir::State::Lists': folder + '/lists',
            'Dir::State::status': folder + '/status',
            'Dir::Cache': folder + '/cache',
            'APT::Architecture': 'amd64',
            'APT::Architectures': 'amd64',
            'APT::Install-Recommends': 'false',
            'APT::Sandbox::User': '',
            'Debug::NoLocking': 'true',
        }
        self.command = ['apt-get', '-qq']
        for name, value in settings.items():
            self.command += ['-o', '%s=%s' % (name, value)]
        run(*self.command, 'update')

    def download_all(self, packages):
        """Download @packages and what they need; return the .deb files."""
        run(*self.command, '-y', '--download-only', 'install', *packages)
        return sorted(glob.glob(self.archives + '/*.deb'))

    def list_all(self, packages, suite=None):
        """Return the names of @packages and of what they need.

        @suite: take this suite's packages, where it has them
        """
        plan = run(*self.command, *prefer(suite), '--simulate', 'install',
                   *packages)
        return [line.split()[1] for line in plan.splitlines()
                if line.startswith('Inst ')]

    def download(self, packages, target, suite=None):
        """Download just @packages to the directory @target."""
        run(*self.command, *prefer(suite), 'download', *packages, cwd=target)


def prefer(suite):
    """Return apt's option for a suite to be preferred, if there is one."""
    return ['--target-release', suite] if suite else []


def bootstrap(work, target, packages, *options, suite=SUITE):
    """Have mmdebstrap install a minimal Debian with @packages.

    It does so for good, maintainer scripts and all, as root or in a user
    namespace.

    @work: a directory for what is needed meanwhile
    @target: the tar file, or /dev/null where a hook does all that is wanted
    @options: further options, such as hooks
    """
    sources = os.path.join(work, 'sources.list')
    write_sources(sources, suite)
    return run('mmdebstrap', '--variant=minbase',
               '--include=' + ','.join(packages),
               '--aptopt=APT::Install-Recommends "false"', *options,
               suite, target, sources)


def unpack_root(archive, tree):
    """Unpack bootstrap()'s tar file into the new directory @tree.

    All its files are the user's own there, and /dev is empty.
    """
    os.mkdir(tree)
    run('tar', '-xf', archive, '-C', tree, '--no-same-owner',
        '--exclude=./dev/*')


def make_tree(tree):
    """Make the directory @tree for packages, with /lib a link to /usr/lib.

    Newer suites' packages have all below /usr, older ones haven't.
    """
    for name in ('bin', 'sbin', 'lib', 'lib64'):
        os.makedirs(os.path.join(tree, 'usr', name))
        os.symlink('usr/' + name, os.path.join(tree, name))


def unpack(deb, tree, *names):
    """Unpack a package into @tree: all of it, or paths by patterns."""
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb],
                          stdout=subprocess.PIPE) as source:
        run('tar', '-x', '--keep-directory-symlink', '--no-same-owner',
            '--wildcards', '-C', tree, *names, stdin=source.stdout)
    if source.returncode:
        raise DebianError('dpkg-deb cannot unpack ' + deb)
