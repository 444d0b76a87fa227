# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures of several sides, measured in turn: medians, ratios, JSON.

A side is what is compared, "xen_nic_pg" for instance.  What is measured is
named by bench ("tcp", "packets"), direction ("tx" is from the guest, "rx" to
it) and the size of a frame in bytes, or None.
"""

import json
import os
import statistics


class Figures:
    """What has been measured so far."""

    def __init__(self):
        self.rows = {}

    def add(self, side, what, unit, value, **facts):
        """Add one run's value; facts are further members of its row."""
        bench, direction, size = what
        row = self.rows.setdefault((side, what), {
            'bench': bench, 'direction': direction, 'frame_bytes': size,
            **facts, 'unit': unit, 'runs': []})
        row['runs'].append(round(value, 1))
        row['median'] = statistics.median(row['runs'])

    def median(self, side, what):
        """Return the median, or None if that wasn't measured."""
        row = self.rows.get((side, what))
        return row and row['median']

    def ratio(self, above, below, what):
        """Return one side's median divided by another's, or None."""
        values = self.median(above, what), self.median(below, what)
        return values[0] / values[1] if all(values) else None

    def write(self, path):
        """Write all rows, with their medians, to a file."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as out:
            json.dump(list(self.rows.values()), out, indent=2)
            out.write('\n')

    def format_table(self, sides, ratios):
        """Return a table: the sides' medians, then ratios of two sides each.

        What was measured are the rows, in the order of the first time.
        """
        heads = list(sides) + ['%s / %s' % pair for pair in ratios]
        widths = [max(len(head), 9) + 2 for head in heads]
        units = {what: row['unit'] for (_, what), row in self.rows.items()}
        lines = ['%-26s' % ('median' if sides else 'ratio') + ''.join(
            head.rjust(width) for head, width in zip(heads, widths))]
        for what, unit in units.items():
            cells = [format_number(self.median(side, what), '%.1f')
                     for side in sides]
            cells += [format_number(self.ratio(*pair, what), '%.2f')
                      for pair in ratios]
            lines.append('%-26s' % (label(what) + ', ' + unit) + ''.join(
                cell.rjust(width) for cell, width in zip(cells, widths)))
        return '\n'.join(lines)


def label(what):
    """Name what was measured, for people."""
    bench, direction, size = what
    return ' '.join(filter(None, [bench, direction, size and '%d B' % size]))


def format_number(value, how):
    """Return a number as text, or a dash if there's none."""
    return '-' if value is None else how % value
