"""Trades beside the best prices: what refills them, and what takers pay against their middle."""

import math
from bisect import bisect_right
from dataclasses import dataclass

from activity import LONG_WINDOWS, blank, epochs
from flow import QUOTE_SILENCE, best_prices, touch
from takers import takers_of
from vectors import SECOND

# States of the best prices among which a taker's is looked for; seconds after which the realised spread takes the middle.
STATES, REALIZED_SECONDS = 64, 5


@dataclass
class Step:
    """What an event is to the best prices: `update` of a quote or valid book is "ignored", "restarted" or "accepted", `now` the
    state after it, `before` the one that it continues. `lost`: the book is not trusted; `new`: an epoch begins."""

    update: str = ""
    now: tuple | None = None
    before: tuple | None = None
    lost: bool = False
    new: bool = False


def best_price_steps(tape, vectors):
    """One Step an event: quotes if there are any, else the book (see `flow.order_flow_columns`)."""
    quotes, books = best_prices(tape.quotes), best_prices(tape.books)
    clock, new = vectors.clock.tolist(), epochs(tape)
    steps, state = [], None
    quoting, last_id, last_time, last_quote, differs_since = False, 0, 0, None, None
    for i, kind in enumerate(tape.kind):
        step = Step(new=new[i], lost=kind in ("book", "status") and tape.validity[i] != "valid")
        if step.new:
            state, quoting = None, False
        if step.lost:
            state = None
        if kind == "quote":
            step.update = "accepted" if quoting else "restarted"
            identity = tape.update_id[i] or 0
            if quoting and identity < last_id:
                if clock[i] - last_time < QUOTE_SILENCE * SECOND:
                    step.update = "ignored"
                else:
                    state = None
            if not quoting:
                state, quoting = None, True
            if step.update != "ignored":
                last_id, last_time, last_quote, differs_since = identity, clock[i], touch(tape.quotes, tape.row[i]), None
                step.before, state = state, quotes[tape.row[i]]
        elif kind == "book" and not step.lost:
            step.update = "accepted"
            if quoting:
                step.update = "ignored"
                if touch(tape.books, tape.row[i]) == last_quote:
                    differs_since = None
                else:
                    differs_since = clock[i] if differs_since is None else differs_since
                    if clock[i] - differs_since >= QUOTE_SILENCE * SECOND:
                        step.update, state, quoting, differs_since = "restarted", None, False, None
            if step.update != "ignored":
                step.before, state = state, books[tape.row[i]]
        step.now = state
        if state is None:
            step.before = None
        steps.append(step)
    return steps


def refill(before, now):
    """The change of what is visible at the old best prices; all of it has left where a price retreats, nothing where it improves."""
    (pb0, qb0, pa0, qa0), (pb1, qb1, pa1, qa1) = before, now
    bid = qb1 - qb0 if pb1 == pb0 else -qb0 if pb1 < pb0 else 0
    ask = qa1 - qa0 if pa1 == pa0 else -qa0 if pa1 > pa0 else 0
    return bid, ask


def replenishment_columns(tape, vectors, steps):
    names = ("bid_replenishment", "ask_replenishment", "replenishment_imbalance")
    out = blank(vectors, [f"{n}_{w}s" for n in names for w in LONG_WINDOWS])
    place_of = {int(event): k for k, event in enumerate(vectors.event)}
    clock = vectors.clock.tolist()
    at_touch = {}  # event: (sign, quantity) of the trades at their taker's first price
    for taker in takers_of(tape, vectors):
        for event, _, price, quantity in taker.trades:
            if price != taker.trades[0][2]:
                break
            at_touch[event] = taker.sign, quantity
    start, times, bids, asks = None, [], [0], [0]

    def add(i, bid, ask):
        times.append(clock[i])
        bids.append(bids[-1] + bid)
        asks.append(asks[-1] + ask)

    for i, step in enumerate(steps):
        if step.new or step.lost or step.update == "restarted":
            start, times, bids, asks = None, [], [0], [0]
        if step.update in ("restarted", "accepted"):
            if start is None and step.now:
                start = clock[i]
            if step.before:
                add(i, *refill(step.before, step.now))
        if i in at_touch and start is not None:
            sign, quantity = at_touch[i]
            add(i, quantity if sign < 0 else 0, quantity if sign > 0 else 0)
        k = place_of.get(i)
        if k is None or vectors.book[k] < 0 or start is None:
            continue
        for w in LONG_WINDOWS:
            if clock[i] - start >= w * SECOND:
                first = bisect_right(times, clock[i] - w * SECOND)
                bid, ask = bids[-1] - bids[first], asks[-1] - asks[first]
                out[f"bid_replenishment_{w}s"][k] = bid / tape.quantity_unit
                out[f"ask_replenishment_{w}s"][k] = ask / tape.quantity_unit
                if bid or ask:
                    out[f"replenishment_imbalance_{w}s"][k] = (bid - ask) / (abs(bid) + abs(ask))
    return out


def spread_columns(tape, vectors, steps):
    """Volume-weighted 2·10⁴·b·(p − m')/m, m the middle that the taker met, m' that or the middle five seconds later."""
    out = blank(vectors, [f"{n}_spread_{w}s" for n in ("effective", "realized") for w in LONG_WINDOWS])
    place_of = {int(event): k for k, event in enumerate(vectors.event)}
    clock = vectors.clock.tolist()
    part_of = {event: taker for taker in takers_of(tape, vectors) for event, *_ in taker.trades}
    states, met, waiting, costs = [], None, [], {"effective": [], "realized": []}
    middle = lambda state: state[0] + state[2]  # noqa: E731
    state = None
    for i, step in enumerate(steps):
        while waiting and clock[i] - waiting[0][0] >= REALIZED_SECONDS * SECOND:
            time, b, price, quantity, mid = waiting.pop(0)
            if state:
                paid = 20_000 * b * (2 * price - middle(state)) / mid
                costs["realized"].append((time + REALIZED_SECONDS * SECOND, paid, quantity))
        if step.new or step.update == "restarted":
            states, met, waiting, costs = [], None, [], {"effective": [], "realized": []}
        if step.lost:
            states = []
        if step.update in ("restarted", "accepted"):
            if step.now is None:
                states = []
            elif not states or (states[-1][0], states[-1][2]) != (step.now[0], step.now[2]):
                states = [*states, step.now][-STATES:]
        state = step.now
        if i in part_of:
            taker = part_of[i]
            _, time, price, quantity = next(t for t in taker.trades if t[0] == i)
            if taker.trades[0][0] == i:
                possible = [s for s in states if (s[2] <= price if taker.sign > 0 else s[0] >= price)]
                met = middle(possible[-1]) if possible else None
            if met is not None and met > 0 and quantity > 0:
                costs["effective"].append((time, 20_000 * taker.sign * (2 * price - met) / met, quantity))
                waiting.append((time, taker.sign, price, quantity, met))
        k = place_of.get(i)
        if k is None or vectors.book[k] < 0:
            continue
        for name, table in costs.items():
            for w in LONG_WINDOWS:
                first = bisect_right(table, clock[i] - w * SECOND, key=lambda cost: cost[0])
                inside = table[first:]
                if inside:
                    out[f"{name}_spread_{w}s"][k] = math.fsum(c * q for _, c, q in inside) / sum(q for *_, q in inside)
    return out
