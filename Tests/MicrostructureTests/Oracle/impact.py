"""Price impact over one-second bars (REFERENCE 2.4): Kyle, Amihud, Roll, Hasbrouck."""

import math
from dataclasses import dataclass

import numpy as np

from trades import flow_of
from vectors import SECOND

BARS, WARM_UP = 60, 20

@dataclass
class Bars:
    """Whole seconds from `first` on, up to the clock's last; a close of 0 means no trade yet. All in whole units."""

    first: int
    close: list
    signed: list
    dollars: list
    # ±√(p·q) of each trade.
    roots: list


def bars_of(vectors, flow):
    start = int(vectors.clock[0]) // SECOND
    count = int(vectors.clock[-1]) // SECOND - start + 1
    close, signed, dollars = ([0] * count for _ in range(3))
    roots = [[] for _ in range(count)]
    for time, p, q, sign in zip(flow.time_ns.tolist(), flow.price.tolist(), flow.quantity.tolist(), flow.sign.tolist()):
        if p <= 0:
            continue
        k = time // SECOND - start
        close[k] = p
        signed[k] += sign * q
        dollars[k] += p * q
        roots[k].append(sign * math.sqrt(p * q))
    for k in range(1, count):
        close[k] = close[k] or close[k - 1]
    return Bars(start, close, signed, dollars, roots)


def slope(x, y):
    """Ordinary least squares with intercept, of whole numbers, exact until the one division; NaN without variance."""
    n, sx = len(x), sum(x)
    variance = n * sum(a * a for a in x) - sx * sx
    return (n * sum(a * b for a, b in zip(x, y)) - sx * sum(y)) / variance if variance else math.nan


def slope_of_reals(x, y):
    if min(x) == max(x):
        return math.nan
    mx, my = math.fsum(x) / len(x), math.fsum(y) / len(y)
    return math.fsum((a - mx) * (b - my) for a, b in zip(x, y)) / math.fsum((a - mx) ** 2 for a in x)


def roll(changes):
    """2√(−cov(Δpₜ, Δpₜ₋₁)), the sample covariance of pairs of neighbours; NaN when it is not negative."""
    now, before = changes[1:], changes[:-1]
    n = len(now)
    numerator = n * sum(a * b for a, b in zip(now, before)) - sum(now) * sum(before)
    return 2 * math.sqrt(-numerator / (n * (n - 1))) if numerator < 0 else math.nan


def measures(tape, bars, current):
    """The four columns while the clock is in second `current`."""
    complete = current - bars.first
    # A second before which there was no price has no change: the first, partial one never counts.
    moved = [k for k in range(max(1, complete - BARS), complete) if bars.close[k - 1]]
    if len(moved) < WARM_UP:
        return [math.nan] * 4
    changes = [bars.close[k] - bars.close[k - 1] for k in moved]
    returns = [math.log1p(d / bars.close[k - 1]) for k, d in zip(moved, changes)]
    signed = [bars.signed[k] for k in moved]
    dollar_unit = tape.price_unit * tape.quantity_unit
    illiquidity = [abs(r) / (bars.dollars[k] / dollar_unit) for k, r in zip(moved, returns) if bars.dollars[k] > 0]
    pressure = [math.fsum(bars.roots[k]) / math.sqrt(dollar_unit) for k in moved]
    return [
        slope(signed, changes) * tape.quantity_unit / tape.price_unit,
        math.fsum(illiquidity) / len(illiquidity) if illiquidity else math.nan,
        roll(changes) / tape.price_unit,
        slope_of_reals(pressure, returns),
    ]


def impact_columns(tape, vectors):
    names = ("kyle_lambda", "amihud", "roll_spread", "hasbrouck_lambda")
    bars = bars_of(vectors, flow_of(tape, vectors))
    seconds, place = np.unique(vectors.time_ns // SECOND, return_inverse=True)
    table = np.array([measures(tape, bars, int(s)) for s in seconds]).reshape(-1, 4)
    return {name: table[place, k] for k, name in enumerate(names)}
