# SPDX-License-Identifier: GPL-2.0-or-later
"""An HVM guest whose device model is our QEMU, device and all.

xl starts a device model for an HVM guest anyway; device_model_override makes
it ours, and device_model_args_hvm adds the device.  No daemon runs, so that
nobody else can serve the vif.
"""

from labkit import checks, flow

BYTES = 64 << 20


def play(lab):
    """The scenario itself, with no daemon around."""
    with lab.guest('hvm', 'hvm') as guest:
        checks.check_pings(lab, 'hvm', guest, lab.host, 100, '-i 0.1')
        flow.check_both_ways(lab, 'hvm', guest, lab.host, BYTES)


def run(lab):
    ours = lab.backend.name == 'xen_nic_pg'
    if ours:
        lab.backend.stop()
    play(lab)
    if ours:
        lab.backend.start()
