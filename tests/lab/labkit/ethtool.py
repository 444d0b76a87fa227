# SPDX-License-Identifier: GPL-2.0-or-later
"""Switch offloads of a network interface, at any end of a flow (flow.py)."""

import contextlib

ALL = 'tx sg tso gso gro rx'


def switch(end, interface, offloads, state):
    """Switch what can be switched of some offloads to 'on' or 'off'."""
    # Some of them are fixed, or follow from others: each by itself, then.
    end.run('for f in %s; do ethtool -K %s $f %s; done; true'
            % (offloads, interface, state))


@contextlib.contextmanager
def switched_off(end, interface, offloads=ALL):
    """Have offloads off for a while; they were on before."""
    switch(end, interface, offloads, 'off')
    try:
        yield
    finally:
        switch(end, interface, offloads, 'on')


@contextlib.contextmanager
def dom0_switched_off(lab, guest):
    """Have all offloads off for what dom0 sends to a guest.

    The bridge, at least, outlives the guest, so they come back.
    """
    with switched_off(lab.host, guest.vif_name()), \
            switched_off(lab.host, 'xenbr0'):
        yield
