# SPDX-License-Identifier: Apache-2.0
"""The results as markdown: medians, ratios to Docker, budgets and what misses them."""
import platform
import statistics

from rows import SCALE


def markdown(results, bench):
    names = [p.name for p in bench.engines]
    lines = [f'Medians; kernel {platform.release()}, {bench.rounds} rounds, engines in turn.', '']
    lines += main_table(results, bench, names)
    stock = [r for r in bench.rows if r.stock and results[r.key].get(('docker', 'stock'))]
    if stock:
        lines += [''] + stock_table(results, stock)
    lines += [f'- {note}' for note in sorted(set(bench.notes))]
    lines += [f'- FAILED {failure}' for failure in sorted(set(bench.failures))]
    return '\n'.join(lines)


def median(results, key, name, kind='own'):
    values = results[key].get((name, kind))
    return statistics.median(values) if values else None


def show(value, unit):
    if value is None:
        return '–'
    value /= SCALE[unit]
    return f'{value:.3g} {unit}' if abs(value) < 100 else f'{value:.0f} {unit}'


def ratio(mine, other):
    if not mine or not other:
        return '–'
    return f'1/{other / mine:.1f}' if mine < other else f'{mine / other:.1f}x'


def main_table(results, bench, names):
    head = ['what'] + names + ['berth : docker', 'budget', 'verdict']
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    for row in bench.rows:
        mine, other = (median(results, row.key, n) for n in ('berth', 'docker'))
        cells = [row.title] + [show(median(results, row.key, n), row.unit) for n in names]
        cells += [ratio(mine, other), budget(row), verdict(row, mine, other, bench)]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return lines


def budget(row):
    parts = []
    if row.budget:
        parts.append(f'≤ 1/{1 / row.budget:.0f}')
    if row.limit:
        parts.append(f'≤ {show(row.limit, row.unit)}')
    return ', '.join(parts)


def verdict(row, mine, other, bench):
    if mine is None or bench.smoke:
        return ''
    if row.limit and mine > row.limit:
        return f'MISSED by {show(mine - row.limit, row.unit)}'
    if row.budget and other and mine > other * row.budget:
        return f'MISSED by {show(mine - other * row.budget, row.unit)}'
    if row.budget and not other:
        return 'no Docker to compare with'
    return 'ok'


def stock_table(results, stock):
    floor = statistics.median(results['version'][('docker', 'stock')] or [0])
    lines = [f'Driven by the stock docker command, less its `--version` ({show(floor, "ms")}):', '',
             '| what | berth | docker | berth : docker |', '|---|---|---|---|']
    for row in stock:
        pair = [median(results, row.key, n, 'stock') for n in ('berth', 'docker')]
        pair = [v - floor if v is not None else None for v in pair]
        lines.append(f'| {row.title} | {show(pair[0], row.unit)} | {show(pair[1], row.unit)} | '
                     f'{ratio(*pair)} |')
    return lines
