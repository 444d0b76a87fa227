# SPDX-License-Identifier: GPL-2.0-or-later
"""A frontend that writes nonsense into xenstore is refused, with a reason.

The guest's own driver isn't loaded: dom0 writes into the frontend's directory
in its place, and moves the frontend's state on.  The backend must say what is
wrong in its error node, where Xen's tools look for it, and not connect.
Another guest's vif goes on all the while, and in the end the same vif takes
the real driver.
"""

BACKENDS = ('xen_nic_pg',)

GOOD = {'tx-ring-ref': '8', 'rx-ring-ref': '9', 'event-channel': '12',
        'request-rx-copy': '1', 'feature-rx-notify': '1', 'feature-sg': '1'}
LONG = '9' * 200

# What is wrong, the keys that make it so (None: missing), and a word that the
# error must have.
CASES = (
    ('tx-ring-ref missing', {'tx-ring-ref': None}, 'tx-ring-ref'),
    ('rx-ring-ref missing', {'rx-ring-ref': None}, 'rx-ring-ref'),
    ('event-channel missing', {'event-channel': None}, 'event-channel'),
    ('request-rx-copy missing', {'request-rx-copy': None}, 'request-rx-copy'),
    ('tx-ring-ref is a word', {'tx-ring-ref': 'eight'}, 'tx-ring-ref'),
    ('rx-ring-ref is negative', {'rx-ring-ref': '-1'}, "'-1'"),
    ('rx-ring-ref has a tail', {'rx-ring-ref': '8;9'}, 'rx-ring-ref'),
    ('event-channel is empty', {'event-channel': ''}, 'event-channel'),
    ('tx-ring-ref is huge', {'tx-ring-ref': LONG}, 'tx-ring-ref'),
    ('event-channel is huge', {'event-channel': LONG}, 'event-channel'),
    ('event-channel-rx missing', {'event-channel-tx': '12'},
     'event-channel-rx'),
    ('feature-persistent is a word', {'feature-persistent': 'yes'},
     'feature-persistent'),
    ('tx-ring-ref beyond the grant table', {'tx-ring-ref': '4294967295'},
     'tx-ring-ref'),
    ('ring references that do not map',
     {'tx-ring-ref': '1000', 'rx-ring-ref': '1001'}, 'ring'),
)

# What an earlier case may have left
KEYS = sorted(set(GOOD).union(*(changes for _, changes, _ in CASES)))


def write_frontend(lab, frontend, changes):
    """Write a frontend's keys as a bad driver would, then its state."""
    keys = dict(GOOD, **changes)
    commands = ['xenstore-rm %s/%s 2>/dev/null' % (frontend, key)
                for key in KEYS]
    commands += ["xenstore-write -- %s/%s '%s'" % (frontend, key, value)
                 for key, value in keys.items() if value is not None]
    commands.append('xenstore-write %s/state 4' % frontend)
    lab.dom0('; '.join(commands))


def reset(lab, frontend, backend):
    """Take the vif back to the state in which a frontend may connect."""
    lab.dom0('xenstore-write %s/state 6' % frontend)
    lab.wait_for('xenstore-read %s/state | grep -q "[256]"' % backend)
    lab.dom0('xenstore-rm %s 2>/dev/null; xenstore-write %s/state 1'
             % ('/local/domain/0/error', frontend))
    lab.wait_for('xenstore-read %s/state | grep -q 2' % backend)


def run(lab):
    with lab.guest('good', 'pv', 2) as good, \
            lab.guest('bad', 'pv', 3, extra='lab.netfront=no') as bad:
        domid = bad.domid()
        frontend = '/local/domain/%d/device/vif/0' % domid
        backend = '/local/domain/0/backend/vif/%d/0' % domid
        error = '/local/domain/0/error/backend/vif/%d/0/error' % domid
        for what, changes, word in CASES:
            write_frontend(lab, frontend, changes)
            text = lab.wait_for('xenstore-read ' + error, 60)
            state = lab.dom0('xenstore-read %s/state' % backend)
            lab.check(word in text and state != '4',
                      '%s: "%s"' % (what, text[:150]),
                      'state %s, error: %s' % (state, text))
            reset(lab, frontend, backend)
        code, output = good.try_run('ping -q -c 20 -i 0.1 -W 30 10.0.0.1')
        lab.check(code == 0 and ' 0% packet loss' in output,
                  'the other vif goes on', output)
        bad.load_driver()
        code, output = bad.try_run('ping -q -c 20 -i 0.1 -W 30 10.0.0.1')
        lab.check(code == 0 and ' 0% packet loss' in output,
                  'the same vif takes the real driver', output)
