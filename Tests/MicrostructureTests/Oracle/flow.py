"""Order-flow imbalance (REFERENCE 2.2): at the best prices, in windows, at ten levels, integrated."""

from bisect import bisect_right

import numpy as np

from vectors import SECOND, by_update

LEVELS = 10
# Integrated flow: depth is averaged over so many updates, the component refitted after so many complete vectors.
DEPTH_UPDATES, REFIT_VECTORS = 100, 100
# Seconds after which a quote is no longer waited for, and an older id is a new beginning.
QUOTE_SILENCE = 5
# Whether the first epoch of a tape counts as a new one: quotes before it are then not chained to those after.
FIRST_EPOCH_IS_NEW = True


def contribution(before, now):
    """e of two best prices (bid price, bid size, ask price, ask size)."""
    (pb0, qb0, pa0, qa0), (pb1, qb1, pa1, qa1) = before, now
    return (qb1 if pb1 >= pb0 else 0) - (qb0 if pb1 <= pb0 else 0) - (qa1 if pa1 <= pa0 else 0) + (qa0 if pa1 >= pa0 else 0)


def best_prices(side):
    """One (bid price, bid size, ask price, ask size) a row, None where a side is missing or they cross."""
    columns = (a[:, 0].tolist() for a in (side.bid_price, side.bid_quantity, side.ask_price, side.ask_quantity))
    return [best if proper else None for proper, best in zip(side.proper.tolist(), zip(*columns))]


def touch(side, row):
    """The best level of each side as it stands, None for a side that is missing."""
    bid = (int(side.bid_price[row, 0]), int(side.bid_quantity[row, 0])) if side.bids[row] else None
    ask = (int(side.ask_price[row, 0]), int(side.ask_quantity[row, 0])) if side.asks[row] else None
    return bid, ask


def order_flow_columns(tape, vectors):
    """`ofi`, `ofi_1s`, `ofi_5s`."""
    quotes, books = best_prices(tape.quotes), best_prices(tape.books)
    names = ("ofi", "ofi_1s", "ofi_5s")
    out = {name: np.full(len(vectors), np.nan) for name in names}
    place_of = {int(event): k for k, event in enumerate(vectors.event)}
    clock = vectors.clock.tolist()

    times, totals = [], [0]  # of the contributions; totals[k] is the sum of the first k
    start = 0  # where the epoch's contributions begin
    written = 0  # the contributions before the previous vector
    before, epoch = None, None
    quotes_seen, last_id, last_time, last_quote, differs_since = False, None, None, None, None

    def observe(now, i):
        nonlocal before
        if now is not None and before is not None:
            times.append(clock[i])
            totals.append(totals[-1] + contribution(before, now))
        before = now

    for i, kind in enumerate(tape.kind):
        if kind == "quote":
            if not quotes_seen:
                quotes_seen, before, start, written = True, None, len(times), len(times)
            identity = tape.update_id[i] or 0
            if last_id is not None and identity < last_id:
                if clock[i] - last_time < QUOTE_SILENCE * SECOND:
                    continue
                before = None
            last_id, last_time, last_quote, differs_since = identity, clock[i], touch(tape.quotes, tape.row[i]), None
            observe(quotes[tape.row[i]], i)
        elif kind in ("book", "status"):
            if tape.epoch[i] is not None and tape.epoch[i] != epoch:
                if epoch is not None or FIRST_EPOCH_IS_NEW:
                    before, start, written = None, len(times), len(times)
                    quotes_seen, last_id, differs_since = False, None, None
                epoch = tape.epoch[i]
            if tape.validity[i] != "valid":
                before = None
            elif kind == "book":
                if quotes_seen:
                    if touch(tape.books, tape.row[i]) == last_quote:
                        differs_since = None
                    else:
                        differs_since = clock[i] if differs_since is None else differs_since
                        if clock[i] - differs_since >= QUOTE_SILENCE * SECOND:
                            quotes_seen, last_id, differs_since = False, None, None
                            before, start, written = None, len(times), len(times)
                if not quotes_seen:
                    observe(books[tape.row[i]], i)
        k = place_of.get(i)
        if k is None:
            continue
        count = len(times)
        if vectors.book[k] >= 0 and count > start:
            out["ofi"][k] = (totals[count] - totals[max(written, start)]) / tape.quantity_unit
            for seconds in (1, 5):
                first = bisect_right(times, clock[i] - seconds * SECOND)
                out[f"ofi_{seconds}s"][k] = (totals[count] - totals[max(first, start)]) / tape.quantity_unit
        written = count
    return out


def level_contributions(tape, vectors):
    """e at each of ten levels, one row an update, in quantity units; the second array says where it is defined."""
    book, rows = tape.books, vectors.updates
    value = np.zeros((len(rows), LEVELS), dtype=book.bid_quantity.dtype)
    defined = np.zeros((len(rows), LEVELS), dtype=bool)
    if len(rows) < 2:
        return value, defined
    now, before = rows[1:], rows[:-1]
    level = np.arange(LEVELS)
    pb1, qb1, pa1, qa1 = (a[now, :LEVELS] for a in (book.bid_price, book.bid_quantity, book.ask_price, book.ask_quantity))
    pb0, qb0, pa0, qa0 = (a[before, :LEVELS] for a in (book.bid_price, book.bid_quantity, book.ask_price, book.ask_quantity))
    value[1:] = qb1 * (pb1 >= pb0) - qb0 * (pb1 <= pb0) - qa1 * (pa1 <= pa0) + qa0 * (pa1 >= pa0)
    there = np.minimum(book.bids, book.asks)[:, None] > level
    defined[1:] = there[now] & there[before] & (vectors.update_chain[1:] == vectors.update_chain[:-1])[:, None]
    return value, defined


def first_component(normalised):
    """The first principal component, its sum positive; None when nothing varies."""
    covariance = np.cov(normalised, rowvar=False)
    if not covariance.any():
        return None
    component = np.linalg.eigh(covariance)[1][:, -1]
    return component if component.sum() > 0 else -component


def multi_level_columns(tape, vectors):
    """`mlofi_1` … `mlofi_10`, `ofi_integrated`."""
    value, defined = level_contributions(tape, vectors)
    floats = np.where(defined, (value / tape.quantity_unit).astype(float), np.nan)
    quiet = np.where(defined, 0.0, np.nan)
    out = {f"mlofi_{m + 1}": by_update(vectors, floats[:, m], quiet[:, m]) for m in range(LEVELS)}
    integrated, after, _ = integrated_flow(tape, vectors, value, defined)
    out["ofi_integrated"] = by_update(vectors, integrated, after)
    return out


def integrated_flow(tape, vectors, value, defined):
    """One value an update; what a status after it reads (0 or NaN); and the sum of the terms' magnitudes."""
    count = len(vectors.updates)
    integrated, after, magnitude = (np.full(count, np.nan) for _ in range(3))
    book = tape.books
    for epoch in np.unique(vectors.update_epoch):
        depths, complete, component = [0], [], None
        for u in np.flatnonzero(vectors.update_epoch == epoch):
            row = vectors.updates[u]
            if min(book.bids[row], book.asks[row]) >= LEVELS:
                # Twice the sum over ten levels and two sides: twenty sizes a book.
                depths.append(depths[-1] + int(book.bid_quantity[row, :LEVELS].sum()) + int(book.ask_quantity[row, :LEVELS].sum()))
            if not defined[u].all():
                continue
            window = min(DEPTH_UPDATES, len(depths) - 1)
            mean_depth_sum = depths[-1] - depths[-1 - window]
            if mean_depth_sum == 0:
                continue
            normalised = value[u].astype(float) * (2 * LEVELS * window) / float(mean_depth_sum)
            if component is not None:
                norm = np.abs(component).sum()
                integrated[u] = component @ normalised / norm
                magnitude[u] = np.abs(component) @ np.abs(normalised) / norm
                after[u] = 0.0
            complete.append(normalised)
            if len(complete) % REFIT_VECTORS == 0:
                component = first_component(np.array(complete))
    return integrated, after, magnitude
