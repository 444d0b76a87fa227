# SPDX-License-Identifier: GPL-2.0-or-later
"""Send random data from one end to another, and compare what both saw.

An end is whatever has run(): a guest, or lab.host, which is dom0.  labflow, at
both ends, computes SHA-256 over what it sends and what it receives, and prints
a line that must be the same (see labflow.c).

Flows that are started together run at the same time: an end gets one command
that starts all of its senders in the background, as a guest carries out only
one command at a time.
"""

import contextlib
import itertools

PORTS = itertools.count(6000)
ENDLESS = 1 << 60
PATIENCE = 300
# What is enough to tell that data moves
MOVED_BYTES = 8 << 20

RECEIVE = ('labflow receive {protocol} {listen} {port}{last} '
           '>/tmp/received-{port} 2>&1 & '
           'until grep -qs . /tmp/received-{port}; do sleep 0.2; done')
SEND = ('labflow send {protocol} {address} {port} {port} {amount} '
        '>/tmp/sent-{port} 2>&1 & echo $! >/tmp/sender-{port}')
STOP = 'kill $(cat /tmp/sender-{port}) || true'
FINISH = ('until grep -q "sha256\\|labflow:" /tmp/{side}-{port}; do '
          'sleep 0.2; done; grep -v ready /tmp/{side}-{port}')


class Flow:
    """Random data from one end to another."""

    def __init__(self, sender, receiver, address, protocol='tcp',
                 amount=ENDLESS, listen=None, port=None):
        """Describe a flow; start() starts it.

        @address: the receiver's address, as the sender has it
        @protocol: 'tcp', @amount bytes in all, or until stop(); or 'udp', a
                   datagram of each size up to @amount
        @listen: where the receiver listens, if that isn't @address
        @port: the port, if it matters
        """
        self.sender = sender
        self.receiver = receiver
        self.names = {'protocol': protocol, 'address': address,
                      'listen': listen or address,
                      'port': port or next(PORTS), 'amount': amount,
                      'last': ' %d' % amount if protocol == 'udp' else ''}

    def at(self, side, command):
        """Return an end, 'sent' or 'received', and what it is to run."""
        return (self.sender if side == 'sent' else self.receiver,
                command.format(side=side, **self.names))


def run_at(commands):
    """Run commands, each at its end, all of an end in one go."""
    by_end = {}
    for end, command in commands:
        by_end.setdefault(end, []).append(command)
    for end, several in by_end.items():
        end.run('\n'.join(several), PATIENCE)


def start(flows):
    """Start flows, all at the same time."""
    run_at(flow.at('received', RECEIVE) for flow in flows)
    run_at(flow.at('sent', SEND) for flow in flows)


def stop(flows):
    """End TCP flows that would go on for ever."""
    run_at(flow.at('sent', STOP) for flow in flows)


def finish(flows):
    """Wait for the end of flows; return what both ends say of each."""
    said = []
    for flow in flows:
        lines = []
        for side in ('sent', 'received'):
            end, command = flow.at(side, FINISH)
            lines.append(end.run(command, PATIENCE))
        said.append(tuple(lines))
    return said


def describe(protocol, amount):
    """Say how much is sent, and how."""
    return ('%d MiB of TCP' % (amount >> 20) if protocol == 'tcp'
            else 'UDP, every size to %d' % amount)


def compare(lab, what, flows):
    """Wait for the end of flows; check that both ends of each saw the same."""
    said = finish(flows)
    lab.check(all(sent == received and 'sha256' in sent
                  for sent, received in said), what,
              '\n'.join('sent: %s\nreceived: %s' % pair for pair in said))
    return [sent for sent, _ in said]


def check(lab, what, *args, **options):
    """Have one flow, as Flow() has them; return the hash of its data."""
    flows = [Flow(*args, **options)]
    start(flows)
    return compare(lab, what, flows)[0].split()[-1]


def check_both_ways(lab, what, one, other, amount, protocol='tcp', version=4):
    """Have one flow from one end to another, and then one back."""
    for sender, receiver in ((one, other), (other, one)):
        check(lab, '%s: IPv%d, %s to %s: %s' % (
            what, version, sender.kind, receiver.kind,
            describe(protocol, amount)),
            sender, receiver, receiver.address(version), protocol, amount)


def wait_for_traffic(lab, guest):
    """Wait until the guest's present vif has moved data both ways."""
    for name in ('rx_bytes', 'tx_bytes'):
        path = '/sys/class/net/%s/statistics/%s' % (guest.vif_name(), name)
        before = int(lab.wait_for('cat ' + path))
        lab.wait_for('[ "$(cat %s)" -gt %d ]' % (path, before + MOVED_BYTES))


@contextlib.contextmanager
def busy(lab, what, guest):
    """Have connections between dom0 and a guest live on, one each way.

    They carry data before and after what is done meanwhile.
    """
    flows = [Flow(sender, receiver, receiver.address())
             for sender, receiver in ((guest, lab.host), (lab.host, guest))]
    start(flows)
    wait_for_traffic(lab, guest)
    yield
    wait_for_traffic(lab, guest)
    stop(flows)
    lab.say(', '.join(compare(lab, what + ': the connections have lived '
                              'through it all, data unchanged', flows)))
