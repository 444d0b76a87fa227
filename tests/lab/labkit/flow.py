# SPDX-License-Identifier: GPL-2.0-or-later
"""Send random data from one end to another, and compare what both saw.

An end is whatever has run(): a guest, or lab.host, which is dom0.  labflow, at both
ends, computes SHA-256 over what it sends and what it receives, and prints a
line that must be the same (see labflow.c).
"""

import itertools

PORTS = itertools.count(6000)

START = ('labflow receive {protocol} {listen} {port}{last} >{log} 2>&1 & '
         'until grep -qs . {log}; do sleep 0.2; done')
FINISH = ('until grep -q "sha256\\|labflow:" {log}; do sleep 0.2; done; '
          'grep -v ready {log}')


def send(sender, receiver, address, protocol, amount, listen=None,
         port=None):
    """Send data; return what both ends say of it.

    @address: the receiver's address, as the sender has it
    @protocol: 'tcp', @amount bytes in all; or 'udp', a datagram of each size
               up to @amount
    @listen: where the receiver listens, if that isn't @address
    @port: the port, if it matters
    """
    port = port or next(PORTS)
    names = {'protocol': protocol, 'listen': listen or address, 'port': port,
             'last': ' %d' % amount if protocol == 'udp' else '',
             'log': '/tmp/flow-%d' % port}
    receiver.run(START.format(**names))
    sent = sender.run('labflow send %s %s %d %d %d'
                      % (protocol, address, port, port, amount), 900)
    return sent, receiver.run(FINISH.format(**names))


def describe(protocol, amount):
    """Say how much is sent, and how."""
    return ('%d MiB of TCP' % (amount >> 20) if protocol == 'tcp'
            else 'UDP, every size to %d' % amount)


def check(lab, what, *args, **options):
    """Send data as send() does, and check that both ends saw the same."""
    sent, received = send(*args, **options)
    lab.check(sent == received and 'sha256' in sent, what,
              'sent: %s\nreceived: %s' % (sent, received))
    return sent.split()[-1]
