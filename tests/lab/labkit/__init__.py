# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's modules: image, payload, machine, guest, scenarios, bench."""
