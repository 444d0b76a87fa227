# SPDX-License-Identifier: GPL-2.0-or-later
"""An HVM guest whose device model is our QEMU, device and all.

xl starts a device model for an HVM guest anyway; device_model_override makes
it ours, and device_model_args_hvm adds the device.  No daemon runs, so that
nobody else can serve the vif.
"""

from labkit import flow

BYTES = 64 << 20


def play(lab):
    """The scenario itself, with no daemon around."""
    with lab.guest('hvm', 'hvm') as guest:
        code, output = guest.try_run('ping -q -c 100 -i 0.1 -W 30 10.0.0.1',
                                     600)
        lab.check(code == 0 and ' 0% packet loss' in output,
                  '100 pings guest to dom0, none lost', output)
        for sender, receiver in ((guest, lab.host), (lab.host, guest)):
            flow.check(lab, '%s to %s: %s' % (sender.kind, receiver.kind,
                                              flow.describe('tcp', BYTES)),
                       sender, receiver, receiver.address(), 'tcp', BYTES)


def run(lab):
    ours = lab.backend.name == 'xen_nic_pg'
    if ours:
        lab.backend.stop()
    play(lab)
    if ours:
        lab.backend.start()
