# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with four vCPUs has four queues, and all of them carry traffic.

netfront takes as many queues as the guest has processors and the backend
allows, and chooses one by a flow's hash.  Eight connections each way at the
same time, and their acknowledgements, miss one of the queues once in a
while: then there are eight more each way.

Loaded again with another number, netfront has that many, and the other queues
are idle.
"""

from labkit import flow

BACKENDS = ('xen_nic_pg',)
QUEUES = 4
FLOWS = 8
BYTES = 4 << 20
# Each round that leaves a queue idle has a probability of 4 %.
ROUNDS = 8


def send_flows(lab, guest):
    """Have connections both ways at the same time."""
    flows = [flow.Flow(sender, receiver, receiver.address(), 'tcp', BYTES)
             for sender, receiver in ((guest, lab.host), (lab.host, guest))
             for _ in range(FLOWS)]
    flow.start(flows)
    flow.compare(lab, '%s: %d times %s each way, at the same time'
                 % (guest.kind, FLOWS, flow.describe('tcp', BYTES)), flows)


def count_frames(lab, guest):
    """Return the frames of each queue and direction."""
    return {(number, direction): queue[direction]['frames']
            for number, queue in enumerate(lab.read_stats(guest)['queues'])
            for direction in ('tx', 'rx')}


def check_queues(lab, guest, number):
    """Check that the guest uses that many queues, each of them both ways."""
    asked = lab.dom0('xenstore-read /local/domain/%d/device/vif/0/'
                     'multi-queue-num-queues' % guest.domid())
    lab.check(asked == str(number), '%s: netfront takes %d queues'
              % (guest.kind, number), asked)
    expected = {(queue, direction) for queue in range(number)
                for direction in ('tx', 'rx')}
    before = count_frames(lab, guest)
    used = set()
    for _ in range(ROUNDS):
        send_flows(lab, guest)
        after = count_frames(lab, guest)
        used = {key for key, count in after.items() if count > before[key]}
        if used == expected:
            break
    lab.check(used == expected, '%s: each of %d queues has carried frames '
              'both ways' % (guest.kind, number),
              'before: %s\nafter: %s' % (before, after))


def run(lab):
    lab.use_backend('xen_nic_pg', 'max-queues=%d' % QUEUES)
    with lab.guest('queues', 'pv', vcpus=QUEUES) as guest:
        check_queues(lab, guest, QUEUES)
        guest.reload_driver('max_queues=2')
        check_queues(lab, guest, 2)
    lab.use_backend('xen_nic_pg')
