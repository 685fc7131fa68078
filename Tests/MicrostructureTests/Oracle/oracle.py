#!/usr/bin/env python3
"""The feature engine's oracle: every column computed from the events by its formula, and compared with the engine's.

    oracle.py EVENTS.csv [EVENTS2.csv …] --features FEATURES.csv [FEATURES2.csv …]    compare, exit 1 on a difference
    oracle.py EVENTS.csv --recording FILE.gz                                          compare the events with the recording
    oracle.py EVENTS.csv --out FILE.csv                                               write this computation's columns

EVENTS.csv comes from `microlab export TAPE --csv`, FEATURES.csv from `microlab features TAPE --out FILE.csv`; an EVENTS
argument ending in .gz is a raw recording, rebuilt here (see recording.py).
"""

import argparse
import csv
import math
import sys
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

import recording
from activity import band_columns, book_flow_columns, quote_columns, update_rate_columns
from books import book_columns
from events import QUANTITY_DIGITS, Malformed, read
from flow import multi_level_columns, order_flow_columns
from impact import impact_columns
from microprice import OffGrid, micro_price_columns
from regime import regime_columns
from takers import flow_score_columns, resilience_column, taker_columns
from touch import best_price_steps, replenishment_columns, spread_columns
from trades import trade_columns
from vectors import clock_columns, schedule

TOLERANCE = 1e-9
KEYS = ["time_ns", "venue_time_ns", "symbol", "validity", "book_epoch"]
COLUMNS = [
    "mid", "spread", "spread_bps", "imbalance_5", "imbalance_10", "microprice", "microprice_drift", "microprice_stoikov",
    "spread_compression", "bid_depth_10", "ask_depth_10", "depth_ratio", "ofi", "ofi_1s", "ofi_5s",
    *(f"mlofi_{m}" for m in range(1, 11)), "ofi_integrated",
    *(f"{name}_{w}s" for name in ("trade_imbalance",) for w in (1, 5, 30)),
    *(f"{name}_{w}s" for name in ("trade_volume", "trade_count") for w in (1, 5, 30)),
    *(f"{name}_{w}s" for name in ("volume_z", "realized_vol") for w in (1, 5, 30)),
    "vpin", "kyle_lambda", "amihud", "roll_spread", "hasbrouck_lambda", "hour", "minute",
    "regime_change_probability", "regime_run_length",
    *(f"{name}_{w}s" for name in ("update_rate", "quote_rate", "best_price_change_rate") for w in (1, 5, 30)), "flicker_5s", "flicker_30s",
    *(f"{name}_{w}s" for name in ("bid_additions", "ask_additions", "bid_removals", "ask_removals") for w in (1, 5, 30)),
    *(f"{name}_{w}s" for name in ("addition_imbalance", "removal_imbalance") for w in (1, 5, 30)),
    *(f"{name}_{w}s" for name in ("taker_count", "taker_imbalance", "largest_taker", "sweep_prices") for w in (1, 5, 30)), "median_taker_50",
    *(f"{name}_replenishment_{w}s" for name in ("bid", "ask") for w in (5, 30)), "replenishment_imbalance_5s", "replenishment_imbalance_30s",
    *(f"{name}_{n}bps" for n in (5, 25) for name in ("bid_depth", "ask_depth", "depth_imbalance")), "resilience",
    *(f"{name}_spread_{w}s" for name in ("effective", "realized") for w in (5, 30)), *(f"flow_z_{w}s" for w in (1, 5, 30, 120)),
]
# Columns that are a price less a price: no double near the price can say them closer than the price's own last digit, and
# a difference has two of those. Their scale is a tick, or that limit where the tick is smaller than it.
PRICE_DIFFERENCES = {"microprice_drift", "microprice_stoikov − mid"}
# Means of terms of both signs, in basis points, as exact as their terms.
SIGNED_MEANS = {f"{name}_spread_{w}s" for name in ("effective", "realized") for w in (5, 30)}


@dataclass
class Options:
    tick: Decimal | None = None
    vpin_bucket: Decimal | None = None
    quantity_digits: int = QUANTITY_DIGITS


def tick_of(tape, options):
    """The tick in price units: as told, else the smallest step that every best price of book and quotes is a multiple of."""
    if options.tick is not None:
        units = options.tick * tape.price_unit
        if units < 1 or units != int(units):
            raise OffGrid(f"{tape.symbol}: a tick of {options.tick} is finer than the prices")
        return int(units)
    steps = 0
    for side in (tape.books, tape.quotes):
        for prices in (side.bid_price, side.ask_price):
            if prices.size:
                steps = math.gcd(steps, *prices.ravel().tolist())
    return max(1, steps)


def groups(tape, vectors, options):
    """The computation in its parts, each a function without arguments."""
    vpin = None if options.vpin_bucket is None else max(1, int(options.vpin_bucket * tape.quantity_unit))
    steps = best_price_steps(tape, vectors)
    return {
        "clock": lambda: clock_columns(vectors),
        "book": lambda: book_columns(tape, vectors),
        "micro-price": lambda: micro_price_columns(tape, vectors, tick_of(tape, options)),
        "order flow": lambda: order_flow_columns(tape, vectors),
        "multi-level flow": lambda: multi_level_columns(tape, vectors),
        "trades": lambda: trade_columns(tape, vectors, vpin),
        "impact": lambda: impact_columns(tape, vectors),
        "regime": lambda: regime_columns(tape, vectors),
        "update rates": lambda: update_rate_columns(tape, vectors),
        "quotes": lambda: quote_columns(tape, vectors, steps),
        "book flow": lambda: book_flow_columns(tape, vectors),
        "depth bands": lambda: band_columns(tape, vectors),
        "takers": lambda: taker_columns(tape, vectors),
        "flow scores": lambda: flow_score_columns(tape, vectors),
        "resilience": lambda: resilience_column(tape, vectors),
        "replenishment": lambda: replenishment_columns(tape, vectors, steps),
        "spreads": lambda: spread_columns(tape, vectors, steps),
    }


def compute(tape, options=Options()):
    vectors = schedule(tape)
    columns = {}
    for part in groups(tape, vectors, options).values():
        columns |= part()
    return vectors, columns


def keys(tape, vectors):
    at = vectors.event.tolist()
    return {
        "time_ns": [str(tape.receive_ns[i]) for i in at],
        "venue_time_ns": [str(tape.venue_ns[i]) for i in at],
        "symbol": [tape.symbol] * len(at),
        "validity": [tape.validity[i] for i in at],
        "book_epoch": ["" if tape.epoch[i] is None else str(tape.epoch[i]) for i in at],
    }


# Comparison


@dataclass
class Row:
    name: str
    rows: int = 0
    both_nan: int = 0
    nan_mismatch: int = 0
    largest: float = 0.0
    where: str = ""
    note: str = ""

    @property
    def bad(self):
        return bool(self.note) or self.nan_mismatch > 0 or not self.largest <= TOLERANCE


def compare(name, ours, theirs, times, scale=0.0):
    """Relative difference against the larger of both and `scale`."""
    result = Row(name, len(ours))
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    missing, absent = np.isnan(a), np.isnan(b)
    result.both_nan = int((missing & absent).sum())
    odd = np.flatnonzero(missing != absent)
    result.nan_mismatch = len(odd)
    some = np.flatnonzero(~missing & ~absent & (a != b))
    if len(some):
        with np.errstate(invalid="ignore"):
            off = np.abs(a[some] - b[some]) / np.maximum(np.maximum(np.abs(a[some]), np.abs(b[some])), np.broadcast_to(scale, a.shape)[some])
        off = np.where(np.isnan(off), np.inf, off)
        worst = int(np.argmax(off))
        result.largest = float(off[worst])
        k = int(some[worst])
        result.where = f"row {k} t={times[k]}: {float(a[k])!r} here, {float(b[k])!r} there"
    if len(odd) and not result.largest > TOLERANCE:
        k = int(odd[0])
        result.where = f"row {k} t={times[k]}: {float(a[k])!r} here, {float(b[k])!r} there"
    return result


def compare_text(name, ours, theirs):
    result = Row(name, len(ours))
    wrong = [k for k, (a, b) in enumerate(zip(ours, theirs)) if a != b]
    if wrong:
        k = wrong[0]
        result.note = f"{len(wrong)} differ"
        result.where = f"row {k}: {ours[k]!r} here, {theirs[k]!r} there"
    return result


def compare_tape(tape, rows, header, options):
    """One `Row` a column of REFERENCE, keys first."""
    vectors, columns = compute(tape, options)
    count = Row("rows", len(vectors))
    if len(rows) != len(vectors):
        count.note = f"{len(vectors)} vectors here, {len(rows)} there"
    length = min(len(rows), len(vectors))
    times = vectors.time_ns[:length].tolist()
    results = [count]
    text = {name: [r[i].lower() if name == "validity" else r[i] for r in rows[:length]] for i, name in enumerate(header) if name in KEYS}
    for name, ours in keys(tape, vectors).items():
        results.append(compare_text(name, ours[:length], text[name]) if name in text else Row(name, note="no such column"))
    theirs = {name: [float(r[i]) for r in rows[:length]] for i, name in enumerate(header) if name not in KEYS}
    tick = tick_of(tape, options) / tape.price_unit
    mid = np.nan_to_num(columns["mid"][:length])
    price_scale = np.maximum(tick, 2 * np.spacing(np.abs(mid)) / TOLERANCE)
    for name in COLUMNS:
        if name in columns and name in theirs:
            scale = price_scale if name in PRICE_DIFFERENCES else 1.0 if name in SIGNED_MEANS else 0.0
            results.append(compare(name, columns[name][:length], theirs[name], times, scale))
        else:
            results.append(Row(name, note="no such column " + ("there" if name in columns else "here")))
    for name in theirs:
        if name not in COLUMNS:
            results.append(Row(name, note="a column that is not in the reference"))
    if {"microprice_stoikov", "mid"} <= theirs.keys():
        # The price alone would hide the adjustment: a billionth of a price is a good part of a tick.
        ours = columns["microprice_stoikov"][:length] - columns["mid"][:length]
        other = np.array(theirs["microprice_stoikov"]) - np.array(theirs["mid"])
        results.append(compare("microprice_stoikov − mid", ours, other, times, price_scale))
    return results


def show(title, results):
    print(f"\n{title}\n{'column':<42}{'rows':>8}{'both nan':>10}{'nan odd':>9}{'max rel. difference':>21}   where")
    for r in results:
        figure = r.note or f"{r.largest:.3g}"
        print(f"{r.name:<42}{r.rows:>8}{r.both_nan:>10}{r.nan_mismatch:>9}{figure:>21} {'✗' if r.bad else '✓'} {r.where if r.bad else ''}")
    bad = sum(r.bad for r in results)
    compared = sum(r.rows > 0 for r in results)
    print(f"{compared} columns compared, {bad} different (limit {TOLERANCE:g})")
    return bad


def read_features(paths):
    """(header, rows) by symbol."""
    found = {}
    for path in paths:
        with open(path, newline="") as file:
            reader = csv.reader(file)
            header = next(reader, None)
            if header is None or "symbol" not in header:
                raise Malformed(f"{path}: no header with a column symbol: is this the output of `microlab features`?")
            place = header.index("symbol")
            for cells in reader:
                if len(cells) != len(header):
                    raise Malformed(f"{path}:{reader.line_num}: {len(cells)} cells, the header has {len(header)}")
                found.setdefault(cells[place], (header, []))[1].append(cells)
    return found


def write_features(path, tapes, options):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        for number, tape in enumerate(tapes):
            vectors, columns = compute(tape, options)
            names = [n for n in COLUMNS if n in columns]
            if number == 0:
                out.writerow(KEYS + names)
            table = [*keys(tape, vectors).values(), *([repr(v) for v in columns[n].tolist()] for n in names)]
            out.writerows(zip(*table))


# The command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", nargs="+", metavar="EVENTS", help="events as CSV, or a raw recording (.gz)")
    parser.add_argument("--features", nargs="+", default=[], metavar="FILE", help="the engine's columns to compare with")
    parser.add_argument("--recording", nargs="+", default=[], metavar="FILE", help="raw recordings to compare the events with")
    parser.add_argument("--out", metavar="FILE", help="write the columns computed here")
    parser.add_argument("--tick", type=Decimal, help="the tick; without it, the common step of all prices")
    parser.add_argument("--vpin-bucket", type=Decimal, metavar="V", help="VPIN's bucket in base asset; without it, a fiftieth of the first minute")
    parser.add_argument("--quantity-exponent", type=int, default=-QUANTITY_DIGITS, metavar="E", help="the unit of quantities, 10^E (default %(default)s)")
    return parser.parse_args()


def main():
    args = arguments()
    options = Options(args.tick, args.vpin_bucket, -args.quantity_exponent)
    tapes = []
    for path in args.events:
        tapes += [recording.read(path, options.quantity_digits)] if path.endswith(".gz") else read(path, options.quantity_digits)
    if not (args.features or args.recording or args.out):
        sys.exit("nothing to do: give --features, --recording or --out")
    if not tapes:
        raise Malformed(f"{', '.join(args.events)}: no events")
    bad = 0
    if args.recording:
        for path in args.recording:
            raw = recording.read(path, options.quantity_digits)
            match = [t for t in tapes if t.symbol == raw.symbol]
            if not match:
                sys.exit(f"{path}: no events of {raw.symbol}")
            bad += show(f"{raw.symbol}: events against {path}", recording.differences(match[0], raw, Row))
    if args.features:
        features = read_features(args.features)
        for symbol in features.keys() - {t.symbol for t in tapes}:
            bad += 1
            print(f"{symbol}: features, but no events")
        for tape in tapes:
            header, rows = features.get(tape.symbol, (KEYS, []))
            bad += show(f"{tape.symbol}: {len(tape)} events", compare_tape(tape, rows, header, options))
    if args.out:
        write_features(args.out, tapes, options)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    try:
        main()
    except (Malformed, OffGrid, OSError) as problem:
        print(f"oracle: {problem}", file=sys.stderr)
        sys.exit(2)
