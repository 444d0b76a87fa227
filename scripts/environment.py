# SPDX-License-Identifier: GPL-2.0-or-later
"""The environment that test programs run in.

With AddressSanitizer and UBSan, a finding ends the program, so that no test
overlooks it; with ThreadSanitizer, the program ends with a failure.  Leaks that
aren't ours are known by the functions on their stacks, GLib's included, which
takes the unwinder that needs no frame pointers.

ThreadSanitizer sees by malloc() and free() when one thread's memory becomes
another's, so GLib has to use these for list elements too, and no slabs.
"""

import os

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

SANITIZERS = {
    'ASAN_OPTIONS': 'fast_unwind_on_malloc=0',
    'LSAN_OPTIONS': ('print_suppressions=0:suppressions=' +
                     TOP + '/tests/qtest/leaks.supp'),
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': ('print_suppressions=0:suppressions=' +
                     TOP + '/tests/qtest/races.supp'),
}


def for_xensim(build, binary):
    """Return what a program wants to know that starts QEMU on xensim.

    binary is the folder of a QEMU below the build directory: qemu,
    qemu-newer, qemu-sanitized or qemu-races.
    """
    env = {'XEN_NIC_PG_QEMU': os.path.join(build, binary,
                                           'qemu-system-x86_64'),
           'XENSIM_LIBRARIES': build + '/meson/tests/xensim'}
    if binary in ('qemu-sanitized', 'qemu-races'):
        env['XEN_NIC_PG_SANITIZED'] = '1'
        env.update(SANITIZERS)
    if binary == 'qemu-races':
        env['G_SLICE'] = 'always-malloc'
    return env
