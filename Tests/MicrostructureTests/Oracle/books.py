"""Columns of the book itself: mid, spread, imbalance, size-weighted mid, depth (REFERENCE 1)."""

import numpy as np

from vectors import by_update

SPREAD_UPDATES, SPREAD_WARM_UP = 100, 20


def ratio(numerator, denominator):
    """Elementwise quotient, NaN where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    out = np.full(numerator.shape, np.nan)
    some = denominator != 0
    out[some] = (numerator[some] / denominator[some]).astype(float)
    return out


def book_columns(tape, vectors):
    book, rows = tape.books, vectors.updates
    bid_price, ask_price = book.bid_price[rows, 0], book.ask_price[rows, 0]
    bid_size, ask_size = book.bid_quantity[rows, 0], book.ask_quantity[rows, 0]
    both = (book.bids[rows] > 0) & (book.asks[rows] > 0)
    nan = np.where(both, 0.0, np.nan)

    spread_units = ask_price - bid_price
    mid = (bid_price + ask_price) / (2 * tape.price_unit) + nan
    spread = spread_units / tape.price_unit + nan
    spread_bps = ratio(20_000 * spread_units, bid_price + ask_price) + nan
    # The share of the bid's size places the size-weighted mid between bid and ask: exact to an ulp, no large product.
    inside = spread_units * ratio(bid_size, bid_size + ask_size) + nan
    microprice = ((bid_price + inside) / tape.price_unit).astype(float)

    columns = {
        "mid": by_update(vectors, mid), "spread": by_update(vectors, spread), "spread_bps": by_update(vectors, spread_bps),
        "microprice": by_update(vectors, microprice), "microprice_drift": drift(tape, vectors, bid_price, inside),
        "spread_compression": by_update(vectors, compression(vectors, spread_units, both)),
    }
    for depth in (5, 10):
        bids, asks = book.bid_quantity[rows, :depth].sum(axis=1), book.ask_quantity[rows, :depth].sum(axis=1)
        columns[f"imbalance_{depth}"] = by_update(vectors, ratio(bids - asks, bids + asks))
    columns["bid_depth_10"] = by_update(vectors, bids / tape.quantity_unit)
    columns["ask_depth_10"] = by_update(vectors, asks / tape.quantity_unit)
    columns["depth_ratio"] = by_update(vectors, ratio(bids, asks))
    return columns


def drift(tape, vectors, bid_price, inside):
    """Change since the previous vector if the book was believed all the time: the bids' change is exact, the change within
    the spread small."""
    out = np.full(len(vectors), np.nan)
    now, before = np.arange(1, len(vectors)), np.arange(len(vectors) - 1)
    same = (vectors.chain[now] == vectors.chain[before]) & vectors.believed[now] & vectors.believed[before]
    now, before = vectors.last_update[now[same]], vectors.last_update[before[same]]
    moved = ((bid_price[now] - bid_price[before]) + (inside[now] - inside[before])) / tape.price_unit
    out[1:][same] = moved.astype(float)
    return out


def compression(vectors, spread_units, both):
    out = np.full(len(vectors.updates), np.nan)
    for epoch in np.unique(vectors.update_epoch):
        places = np.flatnonzero((vectors.update_epoch == epoch) & both)
        totals = np.concatenate([[0], np.cumsum(spread_units[places])])
        end = np.arange(1, len(places) + 1)
        start = np.maximum(0, end - SPREAD_UPDATES)
        enough = end >= SPREAD_WARM_UP
        value = ratio(spread_units[places] * (end - start), totals[end] - totals[start])
        out[places[enough]] = value[enough]
    return out
