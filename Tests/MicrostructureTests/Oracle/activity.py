"""How busy the venue is: update ids, quotes, moves of the best prices, sizes that join and leave the book, depth by distance."""

from bisect import bisect_right

import numpy as np

from books import ratio
from vectors import SECOND, by_update

WINDOWS, LONG_WINDOWS = (1, 5, 30), (5, 30)
# Seconds after which lower ids are a new beginning, and within which a best price that comes back has flickered.
ID_SILENCE, FLICKER = 5, 1
BANDS = (5, 25)


def epochs(tape):
    """For each event whether it is the first of a new book epoch."""
    current, out = None, []
    for kind, epoch in zip(tape.kind, tape.epoch):
        new = kind in ("book", "status") and epoch is not None and epoch != current
        current = epoch if new else current
        out.append(new)
    return out


def blank(vectors, names):
    return {name: np.full(len(vectors), np.nan) for name in names}


def update_rate_columns(tape, vectors):
    """(The latest id less that of w seconds ago) / w; `seen` are the ids that were accepted, as (time, id)."""
    out = blank(vectors, [f"update_rate_{w}s" for w in WINDOWS])
    place_of = {int(event): k for k, event in enumerate(vectors.event)}
    clock, new = vectors.clock.tolist(), epochs(tape)
    times, ids, touched = [], [], 0
    for i, kind in enumerate(tape.kind):
        if new[i]:
            times, ids = [], []
        if kind == "quote" or kind == "book" and tape.validity[i] == "valid":
            identity = tape.update_id[i] or 0
            if ids and identity < ids[-1] and clock[i] - touched >= ID_SILENCE * SECOND:
                times, ids = [], []
            if not ids or identity >= ids[-1]:
                touched = clock[i]
                times.append(clock[i])
                ids.append(identity)
        k = place_of.get(i)
        if k is None or vectors.book[k] < 0:
            continue
        for w in WINDOWS:
            before = bisect_right(times, clock[i] - w * SECOND)
            if before:
                out[f"update_rate_{w}s"][k] = (ids[-1] - ids[before - 1]) / w
    return out


def accepted_quotes(tape, vectors, steps):
    """(event, time, bid price, ask price) of the quotes that count."""
    clock, rows = vectors.clock.tolist(), tape.row
    bid, ask = tape.quotes.bid_price[:, 0].tolist(), tape.quotes.ask_price[:, 0].tolist()
    return [(i, clock[i], bid[rows[i]], ask[rows[i]]) for i, kind in enumerate(tape.kind)
            if kind == "quote" and steps[i].update != "ignored"]


def quote_columns(tape, vectors, steps):
    """`quote_rate_w`, `best_price_change_rate_w`, `flicker_w`, an epoch at a time."""
    names = [f"quote_rate_{w}s" for w in WINDOWS] + [f"best_price_change_rate_{w}s" for w in WINDOWS]
    out = blank(vectors, names + [f"flicker_{w}s" for w in LONG_WINDOWS])
    quotes = accepted_quotes(tape, vectors, steps)
    borders = [0, *(i for i, new in enumerate(epochs(tape)) if new), len(tape)]
    for begin, end in zip(borders, borders[1:]):
        mine = [q for q in quotes if begin <= q[0] < end]
        if not mine:
            continue
        moves, flickers = [], []  # (event, time)
        for side in (2, 3):
            runs = []
            for quote in mine:
                if not runs or runs[-1][2] != quote[side]:
                    runs.append((quote[0], quote[1], quote[side]))
            moves += [run[:2] for run in runs[1:]]
            flickers += [c[:2] for a, b, c in zip(runs, runs[1:], runs[2:]) if a[2] == c[2] and c[1] - b[1] <= FLICKER * SECOND]
        tables = {"quote_rate": [q[:2] for q in mine], "best_price_change_rate": sorted(moves), "flicker": sorted(flickers)}
        chosen = np.flatnonzero((vectors.event >= begin) & (vectors.event < end) & vectors.believed)
        for name, table in tables.items():
            events, times = [e for e, _ in table], [t for _, t in table]
            for w in LONG_WINDOWS if name == "flicker" else WINDOWS:
                column = out[f"{name}_{w}s"]
                for k in chosen.tolist():
                    event, now = int(vectors.event[k]), int(vectors.time_ns[k])
                    if mine[0][0] <= event and now - mine[0][1] >= w * SECOND:
                        column[k] = (bisect_right(events, event) - bisect_right(times, now - w * SECOND)) / w
    return out


def level_changes(tape, vectors):
    """(bid added, ask added, bid removed, ask removed) of each update against the one before, in quantity units."""
    book, changes = tape.books, []
    sides = ((book.bids, book.bid_price, book.bid_quantity, 1), (book.asks, book.ask_price, book.ask_quantity, -1))

    def levels(side, row):
        count, price, quantity, sign = side
        return {sign * int(p): int(q) for p, q in zip(price[row, : count[row]], quantity[row, : count[row]])}

    tables = [[levels(side, row) for side in sides] for row in vectors.updates.tolist()]
    for u, table in enumerate(tables):
        added, removed = [0, 0], [0, 0]
        if u and vectors.update_chain[u] == vectors.update_chain[u - 1]:
            for side, (before, now) in enumerate(zip(tables[u - 1], table)):
                if before and now:
                    worst = max(min(before), min(now))
                    steps = [now.get(p, 0) - before.get(p, 0) for p in before.keys() | now.keys() if p >= worst]
                    added[side], removed[side] = sum(s for s in steps if s > 0), -sum(s for s in steps if s < 0)
        changes.append((*added, *removed))
    return changes


def book_flow_columns(tape, vectors):
    names = ("bid_additions", "ask_additions", "bid_removals", "ask_removals")
    out = blank(vectors, [f"{n}_{w}s" for n in (*names, "addition_imbalance", "removal_imbalance") for w in WINDOWS])
    place = {int(row): i for i, row in zip(range(len(tape)), tape.row) if tape.kind[i] == "book"}
    times = [int(vectors.clock[place[row]]) for row in vectors.updates.tolist()]
    totals = [(0, 0, 0, 0)]
    for change in level_changes(tape, vectors):
        totals.append(tuple(a + b for a, b in zip(totals[-1], change)))
    begins, begin = [], 0  # of the chain that an update belongs to
    for u in range(len(times)):
        if u and vectors.update_chain[u] != vectors.update_chain[u - 1]:
            begin = u
        begins.append(begin)
    for k in np.flatnonzero(vectors.believed).tolist():
        u, now = int(vectors.last_update[k]), int(vectors.time_ns[k])
        if vectors.chain[k] != vectors.update_chain[u]:
            continue
        for w in WINDOWS:
            if now - times[begins[u]] < w * SECOND:
                continue
            first = max(begins[u], bisect_right(times, now - w * SECOND))
            sums = [a - b for a, b in zip(totals[u + 1], totals[max(first, 0)])] if first <= u else [0] * 4
            for name, total in zip(names, sums):
                out[f"{name}_{w}s"][k] = total / tape.quantity_unit
            added, removed = sums[0] + sums[1], sums[2] + sums[3]
            out[f"addition_imbalance_{w}s"][k] = (sums[0] - sums[1]) / added if added else np.nan
            out[f"removal_imbalance_{w}s"][k] = (sums[3] - sums[2]) / removed if removed else np.nan
    return out


def band_columns(tape, vectors):
    """Sizes up to n basis points from the mid: bids with 10⁴·(b + a − 2p) ≤ n·(b + a), asks with 10⁴·(2p − b − a) ≤ …, in whole numbers."""
    book, rows = tape.books, vectors.updates
    mid2 = (book.bid_price[rows, 0] + book.ask_price[rows, 0]).astype(object)
    both = (book.bids[rows] > 0) & (book.asks[rows] > 0) & np.asarray(mid2 > 0, dtype=bool)
    out = {}
    for n in BANDS:
        depth = []
        for count, price, quantity, sign in ((book.bids, book.bid_price, book.bid_quantity, -1), (book.asks, book.ask_price, book.ask_quantity, 1)):
            there = np.arange(price.shape[1])[None, :] < count[rows][:, None]
            near = sign * (2 * price[rows].astype(object) - mid2[:, None]) * 10_000 <= n * mid2[:, None]
            depth.append((quantity[rows].astype(object) * (there & near.astype(bool))).sum(axis=1))
        nan = np.where(both, 0.0, np.nan)
        out[f"bid_depth_{n}bps"] = by_update(vectors, (depth[0] / tape.quantity_unit).astype(float) + nan)
        out[f"ask_depth_{n}bps"] = by_update(vectors, (depth[1] / tape.quantity_unit).astype(float) + nan)
        out[f"depth_imbalance_{n}bps"] = by_update(vectors, ratio(depth[0] - depth[1], depth[0] + depth[1]) + nan)
    return out
