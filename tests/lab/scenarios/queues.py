# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with four vCPUs has four queues, and all of them carry traffic.

netfront takes as many queues as the guest has processors and the backend
allows, and chooses one by a flow's hash.  Eight connections each way at the
same time, and their acknowledgements, miss one of the queues once in a
while: then there are eight more each way.

Loaded again with another number, netfront has that many, and the other queues
are idle.
"""

from labkit import checks

BACKENDS = ('xen_nic_pg',)
QUEUES = 4


def run(lab):
    lab.use_backend('xen_nic_pg', 'max-queues=%d' % QUEUES)
    with lab.guest('queues', 'pv', vcpus=QUEUES) as guest:
        checks.check_queues(lab, guest, QUEUES)
        guest.reload_driver('max_queues=2')
        checks.check_queues(lab, guest, 2)
    lab.use_backend('xen_nic_pg')
