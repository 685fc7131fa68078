"""Trades counted by the orders that took: takers, their signed volume against its volatility, what the book has after a sweep."""

import math
from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from activity import WINDOWS, blank, epochs
from trades import flow_of, running
from vectors import SECOND

MEDIAN_TAKERS = 50
FLOW_WINDOWS, FLOW_MEMORY, FLOW_WARM_UP = (1, 5, 30, 120), 3600, 60
RESILIENCE_LEVELS, RESILIENCE_SECONDS = 10, 1


@dataclass
class Taker:
    """Consecutive trades of one venue time and side, as (event, time, price, quantity)."""

    venue_ns: int
    sign: int
    trades: list = field(default_factory=list)

    @property
    def start(self):
        return self.trades[0][1]

    def until(self, event):
        """Its trades before and at an event."""
        return [t for t in self.trades if t[0] <= event]


def takers_of(tape, vectors):
    takers = []
    for i, kind in enumerate(tape.kind):
        row = tape.row[i]
        if kind != "trade" or tape.trade_backfilled[row] or tape.trade_quantity[row] < 0:
            continue
        key = (tape.venue_ns[i], int(tape.trade_sign[row]))
        if not takers or (takers[-1].venue_ns, takers[-1].sign) != key:
            takers.append(Taker(*key))
        takers[-1].trades.append((i, int(vectors.clock[i]), int(tape.trade_price[row]), int(tape.trade_quantity[row])))
    return takers


def price_count(trades):
    """Prices traded at, in a row."""
    return 1 + sum(a[2] != b[2] for a, b in zip(trades, trades[1:]))


def taker_columns(tape, vectors):
    names = ("taker_count", "taker_imbalance", "largest_taker", "sweep_prices")
    out = blank(vectors, [*(f"{n}_{w}s" for n in names for w in WINDOWS), f"median_taker_{MEDIAN_TAKERS}"])
    takers = takers_of(tape, vectors)
    firsts = [t.trades[0][0] for t in takers]
    starts = [t.start for t in takers]
    signs = running(np.array([t.sign for t in takers], dtype=np.int64))
    sizes = [sum(q for *_, q in t.trades) for t in takers]
    counts = [price_count(t.trades) for t in takers]
    for k, (event, now) in enumerate(zip(vectors.event.tolist(), vectors.time_ns.tolist())):
        known = bisect_right(firsts, event)
        # Only the last taker may still have trades to come.
        open_trades = takers[known - 1].until(event) if known else []
        for w in WINDOWS:
            first = bisect_right(starts, now - w * SECOND, 0, known)
            inside = known - first
            out[f"taker_count_{w}s"][k] = inside
            out[f"taker_imbalance_{w}s"][k] = (signs[known] - signs[first]) / inside if inside else math.nan
            largest = [*sizes[first:known - 1], sum(q for *_, q in open_trades)] if inside else [0]
            prices = [*counts[first:known - 1], price_count(open_trades)] if inside else [0]
            out[f"largest_taker_{w}s"][k] = max(largest) / tape.quantity_unit
            out[f"sweep_prices_{w}s"][k] = max(prices)
        complete = sizes[max(0, known - 1 - MEDIAN_TAKERS):max(0, known - 1)]
        if len(complete) == MEDIAN_TAKERS:
            out[f"median_taker_{MEDIAN_TAKERS}"][k] = sorted(complete)[math.ceil(MEDIAN_TAKERS / 2) - 1] / tape.quantity_unit
    return out


def flow_score_columns(tape, vectors):
    """Signed volume over w by the root of the mean square of its sums over w whole seconds."""
    out = blank(vectors, [f"flow_z_{w}s" for w in FLOW_WINDOWS])
    flow = flow_of(tape, vectors)
    signed = running(flow.quantity * flow.sign)
    seconds = (vectors.clock // SECOND).tolist()
    by_second = {}
    for time, q, sign in zip(flow.time_ns.tolist(), flow.quantity.tolist(), flow.sign.tolist()):
        by_second[time // SECOND] = by_second.get(time // SECOND, 0) + sign * q
    state = {w: (0, 0.0) for w in FLOW_WINDOWS}  # how many sums, their mean square
    table = {seconds[0]: dict(state)} if seconds else {}
    totals, current = [0], seconds[0] if seconds else 0  # totals[n] is the sum of the first n whole seconds
    for second in seconds:
        if second == current:
            continue
        # The first second is not whole.
        bars = ([by_second.get(current, 0)] if current != seconds[0] else []) + [0] * min(second - current - 1, FLOW_MEMORY)
        for bar in bars:
            totals.append(totals[-1] + bar)
            for w in FLOW_WINDOWS:
                if len(totals) > w:
                    count, square = state[w]
                    count, term = min(count + 1, FLOW_MEMORY), float(totals[-1] - totals[-1 - w])
                    state[w] = count, square + (term * term - square) / count
        current = second
        table[second] = dict(state)
    for w in FLOW_WINDOWS:
        start = np.searchsorted(flow.time_ns, vectors.time_ns - w * SECOND, side="right")
        for k, net in enumerate((signed[flow.seen] - signed[start]).tolist()):
            count, square = table[int(vectors.time_ns[k]) // SECOND][w]
            if count >= FLOW_WARM_UP and square > 0:
                out[f"flow_z_{w}s"][k] = net / math.sqrt(square)
    return out


def resilience_column(tape, vectors):
    """The swept side's size at the prices of its former ten levels, a second after, by what it was."""
    out = blank(vectors, ["resilience"])
    place_of = {int(event): k for k, event in enumerate(vectors.event)}
    clock, new, book = vectors.clock.tolist(), epochs(tape), tape.books
    # The trade that is the first at a taker's second price.
    sweeps = {}
    for taker in takers_of(tape, vectors):
        trade = next((t for t in taker.trades if t[2] != taker.trades[0][2]), None)
        if trade:
            sweeps[trade[0]] = taker.sign

    def side(sign, row):
        count, price, size = (book.asks, book.ask_price, book.ask_quantity) if sign > 0 else (book.bids, book.bid_price, book.bid_quantity)
        return [(int(p), int(q)) for p, q in zip(price[row, : count[row]], size[row, : count[row]])]

    row, book_ns, doubted, pending, value = None, 0, False, None, math.nan
    for i, kind in enumerate(tape.kind):
        if pending and clock[i] - pending[0] >= RESILIENCE_SECONDS * SECOND:
            _, sign, worst, depth = pending
            value, pending = sum(q for p, q in side(sign, row) if sign * p <= sign * worst) / depth, None
        if new[i]:
            row, pending, value = None, None, math.nan
        if kind in ("book", "status"):
            if tape.validity[i] != "valid":
                pending, doubted = None, True
                row = None if kind == "book" else row
            elif kind == "book":
                row, doubted, book_ns = tape.row[i], False, tape.venue_ns[i]
            else:
                doubted = False
        if i in sweeps and pending is None and row is not None and not doubted and book_ns < tape.venue_ns[i]:
            met = side(sweeps[i], row)[:RESILIENCE_LEVELS]
            depth = sum(q for _, q in met)
            if depth > 0:
                pending = clock[i], sweeps[i], met[-1][0], depth
        k = place_of.get(i)
        if k is not None and vectors.book[k] >= 0:
            out["resilience"][k] = value
    return out
