# SPDX-License-Identifier: GPL-2.0-or-later
"""How programs with AddressSanitizer and UBSan run: options by environment.

A finding ends the program, so that no test overlooks it.  Leaks that aren't
ours are known by the functions on their stacks, GLib's included, which takes
the unwinder that needs no frame pointers.
"""

import os

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

ENVIRONMENT = {
    'ASAN_OPTIONS': 'fast_unwind_on_malloc=0',
    'LSAN_OPTIONS': ('print_suppressions=0:suppressions=' +
                     TOP + '/tests/qtest/leaks.supp'),
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
}
