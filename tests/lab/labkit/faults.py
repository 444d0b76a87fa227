# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults of the emulated machine, told apart from those of what is tested.

The emulated SVM, which PVH and HVM guests run on, has been seen to kill such a
guest by a triple fault, and Xen itself by a double fault (docs/lab.rst).  A
backend is a program that writes to granted pages, so it can't do that.  A PVH
guest that stood still has been seen once; why isn't known, nor whether another
backend would have spared it.  So that is taken for the emulator's only if the
guest doesn't even answer on its console, which a guest does that merely waits
for its network.  A scenario that has come across one of these is repeated.
What a fault of ours does to a guest it does again, and that fails.
"""

# What Xen says last, whatever has ended it; a double fault may keep it from
# saying why.
XEN_DEATHS = ('Panic on CPU', '*** DOUBLE FAULT ***')

TRIPLE_FAULT = 'Triple fault'


def xen_has_died(console):
    """Tell from the machine's console whether Xen has crashed."""
    return any(words in console for words in XEN_DEATHS)


def is_spoilt(console):
    """Tell from the console whether there is nothing to wait for any more.

    That is, whether Xen or a guest is dead, by no fault of what is tested.
    """
    return xen_has_died(console) or TRIPLE_FAULT in console


def find_fault(console, silent_kinds):
    """Return what the emulator has done to a guest or to Xen, or ''.

    @console: what Xen and dom0's kernel have printed
    @silent_kinds: of what kind the guests are that don't answer at all
    """
    if xen_has_died(console):
        return 'Xen itself has crashed'
    if TRIPLE_FAULT in console:
        return 'a guest was lost to a triple fault in the emulated SVM'
    for kind in silent_kinds:
        if kind in ('pvh', 'hvm'):
            return 'a %s guest stands still, on its console too' % kind
    return ''
