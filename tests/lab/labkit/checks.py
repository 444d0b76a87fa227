# SPDX-License-Identifier: GPL-2.0-or-later
"""What several scenarios do to a guest and its vif, and what must hold then.

Each function calls lab.check() for what must hold.
"""

import re

from . import flow

# Each round that leaves one of four queues idle has a probability of 4 %.
QUEUE_ROUNDS = 8
QUEUE_FLOWS = 8


def count_lost(output):
    """Return how many pings of an iputils or busybox ping got no answer."""
    sent, received = re.search(
        r'(\d+) packets transmitted, (\d+) (?:packets )?received',
        output).groups()
    return int(sent) - int(received)


def check_pings(lab, what, sender, receiver, count, options='-A'):
    """Check that each ping from one end to another is answered."""
    _, output = sender.try_run('ping -q %s -c %d -W 30 %s' % (
        options, count, receiver.address()), 600)
    lab.check('transmitted' in output and count_lost(output) == 0,
              '%s: %d pings %s to %s, none lost' % (
                  what, count, sender.kind, receiver.kind), output)


def check_reachable(lab, guest, what):
    """Check that pings come through in both directions."""
    for sender, receiver in ((guest.peer, guest), (guest, guest.peer)):
        check_pings(lab, what, sender, receiver, 20, '-i 0.1')


def check_persistent(lab, guest, what):
    """Check what our netfront says of persistent grants, if a guest has it."""
    if guest.frontend != 'pg':
        return
    ours = lab.backend.name == 'xen_nic_pg'
    said = guest.run('ethtool -S eth0 | sed -n "s/^ *persistent: //p"')
    offered = lab.dom0('xenstore-read /local/domain/%d/device/vif/0/'
                       'feature-persistent' % guest.domid())
    lab.check((said, offered) == ('1' if ours else '0', '1'),
              '%s: persistent grants are offered, and %sused'
              % (what, '' if ours else 'not '),
              'ethtool: %s, xenstore: %s' % (said, offered))


def detach(lab, guest):
    """Take the vif away."""
    lab.dom0('xl network-detach %s 0' % guest.name)
    guest.run('while [ -e /sys/class/net/eth0 ]; do sleep 0.2; done')


def attach(lab, guest):
    """Give the vif back."""
    lab.dom0('xl network-attach %s %s'
             % (guest.name, guest.vif_spec().replace(',', ' ')))
    guest.configure_net()


def detach_and_attach(lab, guest, what, place=None):
    """Take the vif away and give it back.

    @place: where its backend runs; None: in dom0
    """
    vif = guest.vif_name()
    detach(lab, guest)
    lab.check(vif not in (place or lab.host).run('ip -br link'),
              what + ': detached: the interface is gone')
    attach(lab, guest)
    check_reachable(lab, guest, what + ': attached again')


def start_load(guest):
    """Have TCP run in both directions."""
    peer = guest.peer
    guest.run('iperf3 -s -D -p 5201; iperf3 -s -D -p 5202')
    for port, reverse in ((5201, ''), (5202, '-R')):
        peer.run('(setsid iperf3 -c %s -p %d %s -t 600 >/tmp/load-%d 2>&1 &)'
                 % (guest.address(), port, reverse, port))
    peer.run('until grep -q "[1-9].*bits/sec" /tmp/load-5201 && '
             'grep -q "[1-9].*bits/sec" /tmp/load-5202; do sleep 0.2; done '
             '2>/dev/null')


def destroy_under_load(lab, guest, what):
    """Destroy the guest while TCP runs in both directions."""
    guest.check_log()
    start_load(guest)
    code, output = lab.machine.try_run('xl destroy ' + guest.name)
    lab.backend.clean_up(guest)
    guest.peer.run('killall -q iperf3; true')
    lab.check(code == 0 and 'error' not in output,
              what + ': destroyed under load: xl is content', output)
    left = lab.find_leftovers()
    lab.check(not left, what + ': destroyed under load: nothing is left', left)


def check_device_model_gone(lab, place=None):
    """Check that no device model and none of its files is left.

    @place: where they ran; None: in dom0
    """
    left = ''
    for _ in range(60):
        left = (place or lab.host).run(
            'pgrep -af xen-attach; ls /run/xen-nic-pg | '
            'grep -E "qmp|pid$"; sleep 0.5; true')
        left = '\n'.join(line for line in left.splitlines()
                         if not re.search('pgrep|xen-nic-pgd', line))
        if not left:
            break
    lab.check(not left, 'no device model is left', left)


def count_frames(lab, guest):
    """Return the frames of each queue and direction."""
    return {(number, direction): queue[direction]['frames']
            for number, queue in enumerate(lab.read_stats(guest)['queues'])
            for direction in ('tx', 'rx')}


def send_on_queues(lab, guest, amount):
    """Have connections both ways at the same time."""
    flows = [flow.Flow(sender, receiver, receiver.address(), 'tcp', amount)
             for sender, receiver in ((guest, lab.host), (lab.host, guest))
             for _ in range(QUEUE_FLOWS)]
    flow.start(flows)
    flow.compare(lab, '%s: %d times %s each way, at the same time'
                 % (guest.kind, QUEUE_FLOWS, flow.describe('tcp', amount)),
                 flows)


def check_queues(lab, guest, number, amount=4 << 20):
    """Check that the guest uses that many queues, each of them both ways."""
    asked = lab.dom0('xenstore-read /local/domain/%d/device/vif/0/'
                     'multi-queue-num-queues' % guest.domid())
    lab.check(asked == str(number), '%s: netfront takes %d queues'
              % (guest.kind, number), asked)
    expected = {(queue, direction) for queue in range(number)
                for direction in ('tx', 'rx')}
    before = count_frames(lab, guest)
    used = set()
    for _ in range(QUEUE_ROUNDS):
        send_on_queues(lab, guest, amount)
        after = count_frames(lab, guest)
        used = {key for key, count in after.items() if count > before[key]}
        if used == expected:
            break
    lab.check(used == expected, '%s: each of %d queues has carried frames '
              'both ways' % (guest.kind, number),
              'before: %s\nafter: %s' % (before, after))
