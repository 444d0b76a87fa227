# SPDX-License-Identifier: GPL-2.0-or-later
"""Two guests on the stock bridge talk to each other.

vif-bridge, as Xen ships it, puts both vifs into the bridge; frames between
the guests never enter dom0's own network stack.
"""

PORT = 6000
BYTES = 64 << 20


def exchange(lab, sender, receiver, version):
    """Send random data from one guest to the other; check it."""
    log = '/tmp/flow-from-%s-%d' % (sender.name, version)
    address = receiver.address(version)
    receiver.run('labflow receive tcp %s %d >%s 2>&1 & '
                 'until grep -qs . %s; do sleep 0.2; done'
                 % (address, PORT + version, log, log))
    sent = sender.run('labflow send tcp %s %d %d %d'
                      % (address, PORT + version, version, BYTES), 900)
    received = receiver.run('until grep -q "sha256\\|labflow:" %s; do '
                            'sleep 0.2; done; grep -v ready %s' % (log, log))
    lab.check(sent == received and 'sha256' in sent,
              '%s to %s: %d MiB of TCP over IPv%d'
              % (sender.kind, receiver.kind, BYTES >> 20, version),
              'sent: %s\nreceived: %s' % (sent, received))


def run(lab):
    with lab.guest('left', 'pv', 2) as left, \
            lab.guest('right', 'pvh', 3) as right:
        ports = lab.dom0('bridge link')
        lab.check(all(guest.vif_name() in ports for guest in (left, right)),
                  'vif-bridge has put both vifs into the bridge', ports)
        code, output = left.try_run('ping -q -c 100 -i 0.1 -W 30 '
                                    + right.address(), 600)
        lab.check(code == 0 and ' 0% packet loss' in output,
                  '100 pings from guest to guest, none lost', output)
        for version in (4, 6):
            exchange(lab, left, right, version)
            exchange(lab, right, left, version)
