# SPDX-License-Identifier: GPL-2.0-or-later
"""An HVM guest whose device model is our QEMU, device and all.

xl starts a device model for an HVM guest anyway; device_model_override makes
it ours, and device_model_args_hvm adds the device.  No daemon runs, so that
nobody else can serve the vif.
"""

BYTES = 64 << 20


def exchange(lab, guest, to_guest):
    """Send random data one way; check it."""
    port = 6000 + to_guest
    receiver, sender, address = ((guest.run, lab.dom0, guest.address())
                                 if to_guest else
                                 (lab.dom0, guest.run, '10.0.0.1'))
    log = '/tmp/hvm-flow-%d' % port
    receiver('labflow receive tcp %s %d >%s 2>&1 & '
             'until grep -qs . %s; do sleep 0.2; done'
             % (address, port, log, log))
    sent = sender('labflow send tcp %s %d 1 %d' % (address, port, BYTES), 900)
    received = receiver('until grep -q "sha256\\|labflow:" %s; do '
                        'sleep 0.2; done; grep -v ready %s' % (log, log))
    lab.check(sent == received and 'sha256' in sent, '%s: %d MiB of TCP'
              % ('dom0 to guest' if to_guest else 'guest to dom0',
                 BYTES >> 20), 'sent: %s\nreceived: %s' % (sent, received))


def play(lab):
    """The scenario itself, with no daemon around."""
    with lab.guest('hvm', 'hvm') as guest:
        code, output = guest.try_run('ping -q -c 100 -i 0.1 -W 30 10.0.0.1',
                                     600)
        lab.check(code == 0 and ' 0% packet loss' in output,
                  '100 pings guest to dom0, none lost', output)
        for to_guest in (False, True):
            exchange(lab, guest, to_guest)


def run(lab):
    ours = lab.backend.name == 'xen_nic_pg'
    if ours:
        lab.backend.stop()
    play(lab)
    if ours:
        lab.backend.start()
