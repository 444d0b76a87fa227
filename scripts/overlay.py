# SPDX-License-Identifier: GPL-2.0-or-later
"""What our tree adds to QEMU's.

Two kinds of files of QEMU's tree are ours to write:

- files that we add: copied from our tree, to the same path or one that
  says what QEMU calls it (SERIES below);
- files of QEMU's that get lines of ours: meson.build, trace-events and a
  table of contents.  They are made anew from the pristine file each time, so
  that doing it twice changes nothing.  A line is put after an anchor; an
  anchor that isn't there exactly once is an error, as QEMU has changed then.

Both follow from the names of our files; adding one needs no edit here.

The files belong to parts, in an order in which each part builds without the
later ones.  qemu-overlay writes all of them; for make-patches, each part is
a patch.
"""

import glob
import os

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Parts, and for each: patterns of our files, and their folder in QEMU's tree
# where it isn't the same.
SERIES = {
    'grant-cache': [
        ('hw/xen/xen-grant*.[ch]', None),
        ('include/hw/xen/xen-grant*.h', None),
    ],
    'device': [
        ('hw/net/xen_nic_pg*.[ch]', None),
    ],
    'tests': [
        ('tests/unit/test-xen-*.c', None),
    ],
    'docs': [
        ('docs/xen-nic-pg.rst', 'docs/system/i386'),
        ('docs/specs/xen-nic-*.rst', None),
    ],
}

# What each unit test links: "name: source..." with paths in QEMU's tree.
TEST_SOURCES = 'tests/unit/sources'


class OverlayError(Exception):
    """QEMU's tree or ours isn't as expected; the message says where."""


def read_file(path):
    """Return a file's text."""
    with open(path, encoding='utf-8') as source:
        return source.read()


def find_files(part):
    """Map the paths in QEMU's tree of a part's files to ours."""
    found = {}
    for pattern, folder in SERIES[part]:
        for path in sorted(glob.glob(os.path.join(TOP, pattern))):
            name = os.path.relpath(path, TOP)
            if folder:
                name = os.path.join(folder, os.path.basename(name))
            found[name] = path
    return found


def insert(text, name, anchor, lines, before=False):
    """Put lines after (or before) the one line that is the anchor."""
    if not lines:
        return text
    whole = anchor + '\n'
    if ('\n' + text).count('\n' + whole) != 1:
        raise OverlayError('%s: expected one line "%s"' % (name, anchor))
    own = ''.join(line + '\n' for line in lines)
    where = ('\n' + text).index('\n' + whole)
    if not before:
        where += len(whole)
    return text[:where] + own + text[where:]


def sources_in(files, folder):
    """Return the names of the C files in a folder, without it."""
    return [os.path.basename(name) for name in files
            if os.path.dirname(name) == folder and name.endswith('.c')]


def list_sources(names):
    """Return meson's lines for a list of files."""
    return ["  '%s'," % name for name in names]


def add_grant_sources(text, name, files):
    """hw/xen/meson.build"""
    return insert(text, name, "  'xen-bus.c',",
                  list_sources(sources_in(files, 'hw/xen')))


def add_device_sources(text, name, files):
    """hw/net/meson.build"""
    names = sources_in(files, 'hw/net')
    lines = (["system_ss.add(when: 'CONFIG_XEN_BUS', if_true: files("] +
             list_sources(names) + ['))'] +
             ["system_ss.add(when: ['CONFIG_XEN_BUS', linux_io_uring])"]
             ) if names else []
    return insert(text, name, "system_ss.add(when: 'CONFIG_XEN_BUS', "
                  "if_true: files('xen_nic.c'))", lines)


def add_trace_events(text, pattern):
    """Append our trace events, without their own SPDX line."""
    for path in sorted(glob.glob(os.path.join(TOP, pattern))):
        own = read_file(path).splitlines()
        own = [line for line in own if not line.startswith('# SPDX-')]
        text += '\n' + '\n'.join(own).strip('\n') + '\n'
    return text


def add_grant_events(text, _name, _files):
    """hw/xen/trace-events"""
    return add_trace_events(text, 'hw/xen/xen-grant*.trace-events')


def add_device_events(text, _name, _files):
    """hw/net/trace-events"""
    return add_trace_events(text, 'hw/net/xen_nic_pg*.trace-events')


def read_test_sources():
    """Map each unit test's name to what it links."""
    table = {}
    text = read_file(os.path.join(TOP, TEST_SOURCES))
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith('#'):
            name, colon, sources = line.partition(':')
            if not colon:
                raise OverlayError('%s:%d: expected "test: source...", not '
                                   '"%s"' % (TEST_SOURCES, number, line))
            table[name.strip()] = sources.split()
    return table


def add_tests(text, name, files):
    """tests/unit/meson.build"""
    table = read_test_sources()
    tests = [test[:-2] for test in sources_in(files, 'tests/unit')]
    for test in sorted(set(tests) ^ set(table)):
        raise OverlayError('%s and tests/unit/*.c disagree on %s: it is in '
                           'one of them only' % (TEST_SOURCES, test))
    lines = []
    for test in tests:
        sources = ["'../../%s'" % source if '/' in source else source
                   for source in table[test]]
        lines += ["    '%s': [" % test]
        lines += ['      %s,' % source for source in sources]
        lines += ['    ],']
    if lines:
        lines = ['if have_system', '  tests += {'] + lines + ['  }', 'endif',
                                                              '']
    return insert(text, name, 'test_env = environment()', lines, before=True)


def list_documents(files, prefix):
    """Return a table of contents' lines for the documents below a folder."""
    return ['   ' + os.path.splitext(document[len(prefix):])[0]
            for document in files if document.startswith(prefix)]


def add_document(text, name, files):
    """docs/system/target-i386.rst"""
    return insert(text, name, '   i386/xenpvh',
                  list_documents(files, 'docs/system/'))


def add_specification(text, name, files):
    """docs/specs/index.rst"""
    return insert(text, name, '   aspeed-intc',
                  list_documents(files, 'docs/specs/'))


EDITS = {
    'grant-cache': {
        'hw/xen/meson.build': add_grant_sources,
        'hw/xen/trace-events': add_grant_events,
    },
    'device': {
        'hw/net/meson.build': add_device_sources,
        'hw/net/trace-events': add_device_events,
    },
    'tests': {
        'tests/unit/meson.build': add_tests,
    },
    'docs': {
        'docs/system/target-i386.rst': add_document,
        'docs/specs/index.rst': add_specification,
    },
}


def make_part(part, pristine):
    """Return what a part writes: a map from path to content."""
    files = find_files(part)
    for name in files:
        if os.path.exists(os.path.join(pristine, name)):
            raise OverlayError('%s: QEMU has a file of that name' % name)
    content = {name: read_file(path) for name, path in files.items()}
    for name, edit in EDITS[part].items():
        before = read_file(os.path.join(pristine, name))
        after = edit(before, name, files)
        if after != before:
            content[name] = after
    return content


def make_overlay(pristine):
    """Return what all parts write."""
    content = {}
    for part in SERIES:
        content.update(make_part(part, pristine))
    return content


def write_if_changed(path, text):
    """Write a file unless it has that content; return whether it did."""
    if os.path.exists(path) and read_file(path) == text:
        return False
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as target:
        target.write(text)
    return True
