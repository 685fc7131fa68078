"""Columns of the trades: windows, volume against its own past, realised volatility, VPIN (REFERENCE 1, 2.3)."""

import math
from dataclasses import dataclass

import numpy as np

from vectors import SECOND

WINDOWS = (1, 5, 30)
VOLUME_BUCKETS, VOLUME_WARM_UP = 120, 20
VPIN_BUCKETS, VPIN_FIT_SECONDS = 50, 60  # V is fixed after so many seconds and no fewer trades than buckets


@dataclass
class Flow:
    """The trades that count (seen live, quantity not negative), at the clock; `seen[v]` of them before vector v."""

    time_ns: np.ndarray
    price: np.ndarray
    quantity: np.ndarray
    sign: np.ndarray
    seen: np.ndarray


def flow_of(tape, vectors):
    events = np.array([i for i, kind in enumerate(tape.kind) if kind == "trade"], dtype=np.int64)
    counts = ~tape.trade_backfilled & np.asarray(tape.trade_quantity >= 0, dtype=bool)
    events = events[counts]
    return Flow(vectors.clock[events], tape.trade_price[counts], tape.trade_quantity[counts], tape.trade_sign[counts],
                np.searchsorted(events, vectors.event))


def running(values):
    """Sums of the first 0, 1, … values."""
    return np.concatenate([np.zeros(1, dtype=values.dtype), np.cumsum(values)])


def window_columns(tape, vectors, flow):
    volume, signed = running(flow.quantity), running(flow.quantity * flow.sign)
    out = {}
    for w in WINDOWS:
        start = np.searchsorted(flow.time_ns, vectors.time_ns - w * SECOND, side="right")
        inside = volume[flow.seen] - volume[start]
        out[f"trade_imbalance_{w}s"] = ((signed[flow.seen] - signed[start]) / tape.quantity_unit).astype(float)
        out[f"trade_volume_{w}s"] = (inside / tape.quantity_unit).astype(float)
        out[f"trade_count_{w}s"] = (flow.seen - start).astype(float)
        out[f"volume_z_{w}s"] = volume_z(vectors, flow, volume, inside, w)
    return out


def volume_z(vectors, flow, volume, inside, w):
    """(n·x − Σ)/n over the sample deviation, all sums in whole units; one pair of moments a bucket."""
    width = w * SECOND
    first = int(vectors.clock[0]) // width
    out, moments = np.full(len(vectors), np.nan), {}
    for k, (time, x) in enumerate(zip(vectors.time_ns.tolist(), inside.tolist())):
        current = time // width
        count = min(VOLUME_BUCKETS, current - first - 1)
        if count < VOLUME_WARM_UP:
            continue
        if current not in moments:
            edges = (np.arange(current - count, current + 1)) * width
            sums = np.diff(volume[np.searchsorted(flow.time_ns, edges, side="left")]).tolist()
            total = sum(sums)
            moments[current] = total, count * sum(s * s for s in sums) - total * total
        total, spread = moments[current]
        if spread > 0:
            # sd² = spread / (n(n−1)); the mean is total / n.
            out[k] = (count * x - total) / count / math.sqrt(spread / (count * (count - 1)))
    return out


def volatility_columns(vectors, flow):
    priced = np.flatnonzero(np.asarray(flow.price > 0, dtype=bool))
    price, time = flow.price[priced], flow.time_ns[priced]
    # ln(b/a) of near prices: log1p of the exact difference keeps all digits.
    returns = np.log1p((np.diff(price) / price[:-1]).astype(float))
    squares, times = (returns * returns).tolist(), time[1:]
    seen = np.searchsorted(priced, flow.seen)  # priced trades before the vector
    out = {}
    for w in WINDOWS:
        start = np.searchsorted(times, vectors.time_ns - w * SECOND, side="right")
        out[f"realized_vol_{w}s"] = np.array([
            math.sqrt(math.fsum(squares[a:n - 1])) if n >= 2 else math.nan for a, n in zip(start.tolist(), seen.tolist())])
    return out


def vpin_column(tape, flow, bucket_units=None):
    """`bucket_units`: V in whole quantity units; None: a fiftieth of the first minute's volume.

    The signed volume as a function of the volume is piecewise linear with slopes ±1; its increments over a bucket are
    Vᴮ−Vˢ of the bucket, so a trade is split at the edge by interpolation, exactly.
    """
    out = np.full(len(flow.seen), np.nan)
    begin = 0
    if bucket_units is None:
        if not len(flow.time_ns):
            return {"vpin": out}
        begin = int(np.searchsorted(flow.time_ns, flow.time_ns[0] + VPIN_FIT_SECONDS * SECOND, side="left"))
        begin = max(begin, VPIN_BUCKETS)
        if begin >= len(flow.time_ns):
            return {"vpin": out}
        bucket_units = max(1, int(flow.quantity[:begin].sum()) // VPIN_BUCKETS)
    quantity, sign = flow.quantity[begin:], flow.sign[begin:]
    volume, signed = running(quantity), running(quantity * sign)
    complete = volume[np.maximum(0, flow.seen - begin)] // bucket_units
    enough = complete >= VPIN_BUCKETS
    if enough.any():
        counts, place = np.unique(complete[enough], return_inverse=True)
        # The edges of the last fifty buckets, one row a count of complete buckets.
        edges = (counts[:, None] - np.arange(VPIN_BUCKETS, -1, -1)) * bucket_units
        trade = np.minimum(np.searchsorted(volume, edges, side="right") - 1, len(quantity) - 1)
        at_edge = signed[trade] + (edges - volume[trade]) * sign[trade]
        imbalance = np.abs(np.diff(at_edge, axis=1)).sum(axis=1)
        out[enough] = (imbalance / (VPIN_BUCKETS * bucket_units)).astype(float)[place]
    return {"vpin": out}


def trade_columns(tape, vectors, vpin_units=None):
    flow = flow_of(tape, vectors)
    return window_columns(tape, vectors, flow) | volatility_columns(vectors, flow) | vpin_column(tape, flow, vpin_units)
