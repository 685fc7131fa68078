"""Self-checks of the oracle: identities, and brute force on small hostile markets. Run by pytest, or as a program."""

import itertools
import math
import random
import sys
import tempfile
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))

import books, events, flow, impact, microprice, oracle, recording, regime, trades  # noqa: E402, E401
from vectors import SECOND, schedule  # noqa: E402

START = 1_723_161_253_400_000_000
SEED = 20240808


def market(seed, seconds=200, quotes=True, rough=True):
    """A random tape: quiet spells, late events, thin and crossed books, stale spells, new epochs, odd trades."""
    r = random.Random(seed)
    draft = events.Draft("TEST")
    now, price, update, epoch, trade_id = START, 10_000, 0, 1, 0
    valid, tick = True, START + SECOND

    def decimal(units, digits):
        return Decimal(units).scaleb(-digits)

    def side(best, step, depth):
        return [(decimal(best + step * k, 2), decimal(r.randrange(1, 400) * 10 ** r.randrange(0, 4), 8)) for k in range(depth)]

    while now < START + seconds * SECOND:
        now += int(r.expovariate(1 / 0.03) * SECOND) if not (rough and r.random() < 0.002) else 7 * SECOND
        while now >= tick:
            draft.add("status", tick, tick - 5, (), epoch, "valid" if valid else "stale")
            tick += SECOND
        receive = now - r.randrange(0, 2 * SECOND) if rough and r.random() < 0.01 else now
        if rough and r.random() < 0.002:
            epoch, valid = epoch + 1, True
        if rough and r.random() < 0.004:
            valid = not valid
        price += r.choice((0, 0, 0, 0, -1, 1, 2, -2, 5, -5))
        update += 1
        depth = r.choice((12, 12, 12, 12, 12, 9, 0)) if rough and r.random() < 0.2 else 12
        gap = -1 if rough and r.random() < 0.02 else r.choice((1, 1, 1, 2, 3))
        kind = r.random()
        if kind < 0.4:
            sides = (side(price, -1, depth), side(price + gap, 1, 12))
            draft.add("book", receive, receive - 7, sides, epoch, "valid" if valid else r.choice(("stale", "resyncing")), update)
        elif kind < 0.7 and quotes:
            sides = (side(price, -1, min(1, depth)), side(price + gap, 1, 1))
            draft.add("quote", receive, 0, sides, update_id=update - (20 if rough and r.random() < 0.05 else 0))
        else:
            trade_id += 1
            quantity = decimal(r.randrange(0, 5000) * 10 ** r.randrange(0, 5), 8)
            if rough and r.random() < 0.01:
                quantity = -quantity
            paid = Decimal(0) if rough and r.random() < 0.01 else decimal(price + r.choice((0, gap)), 2)
            draft.add("trade", receive, receive - 3, (trade_id, paid, quantity, r.choice((1, -1)), rough and r.random() < 0.02))
    return draft.finish()


TAPES = {}


def computed(seed, **how):
    key = (seed, *sorted(how.items()))
    if key not in TAPES:
        tape = market(seed, **how)
        TAPES[key] = (tape, *oracle.compute(tape, oracle.Options(tick=Decimal("0.01"))))
    return TAPES[key]


def agree(ours, other, limit=1e-10, scale=0.0):
    row = oracle.compare("", ours, other, list(range(len(ours))), scale)
    assert row.nan_mismatch == 0 and row.largest <= limit, row
    assert row.both_nan < len(ours), "all NaN: nothing was compared"


def live_trades(tape, upto):
    """(clock, price, quantity, sign) of the trades that count, up to an event."""
    clock, out = 0, []
    for i in range(upto + 1):
        clock = max(clock, tape.receive_ns[i])
        row = tape.row[i]
        if tape.kind[i] == "trade" and not tape.trade_backfilled[row] and tape.trade_quantity[row] >= 0:
            out.append((clock, int(tape.trade_price[row]), int(tape.trade_quantity[row]), int(tape.trade_sign[row])))
    return out, clock


# When vectors are written


def test_schedule_by_the_words():
    tape, vectors, _ = computed(SEED)
    expected, since_status, epoch, book = [], False, None, None
    for i, kind in enumerate(tape.kind):
        good = tape.validity[i] == "valid"
        if kind in ("book", "status"):
            if tape.epoch[i] != epoch:
                epoch, book = tape.epoch[i], None
            if not good:
                book = None
        if kind == "book" and good:
            book, since_status = tape.row[i], True
            expected.append((i, book))
        elif kind == "status":
            if not since_status:
                expected.append((i, -1 if book is None else book))
            since_status = False
    assert list(zip(vectors.event.tolist(), vectors.book.tolist())) == expected
    assert (np.diff(vectors.time_ns) >= 0).all()
    quiet = ~vectors.is_book
    assert (quiet & vectors.believed).any() and (quiet & ~vectors.believed).any(), "the market lacks a case"
    assert len(set(vectors.epoch.tolist())) > 2


# The book


def test_book_by_fractions():
    tape, vectors, columns = computed(SEED)
    out = {name: [] for name in ("mid", "spread", "microprice", "imbalance_5", "imbalance_10", "depth_ratio", "microprice_drift")}
    previous = None
    for k, row in enumerate(vectors.book.tolist()):
        number = lambda f: float(f) if f is not None else math.nan  # noqa: E731
        m = None
        if row < 0:
            values = [None] * 6
        else:
            b = [(Fraction(int(p), 100), Fraction(int(q), 10**8)) for p, q in zip(tape.books.bid_price[row], tape.books.bid_quantity[row])][: tape.books.bids[row]]
            a = [(Fraction(int(p), 100), Fraction(int(q), 10**8)) for p, q in zip(tape.books.ask_price[row], tape.books.ask_quantity[row])][: tape.books.asks[row]]
            both = b and a
            if both:
                m = (a[0][0] * b[0][1] + b[0][0] * a[0][1]) / (b[0][1] + a[0][1])
            imbalance = lambda n: (sum(q for _, q in b[:n]) - sum(q for _, q in a[:n])) / (sum(q for _, q in b[:n]) + sum(q for _, q in a[:n]))  # noqa: E731
            values = [(b[0][0] + a[0][0]) / 2 if both else None, a[0][0] - b[0][0] if both else None, m, imbalance(5), imbalance(10),
                      sum(q for _, q in b[:10]) / sum(q for _, q in a[:10])]
        since = range(vectors.event[k - 1] + 1, vectors.event[k] + 1) if k else ()
        same = k and vectors.epoch[k] == vectors.epoch[k - 1] and all(tape.validity[i] == "valid" for i in since if tape.kind[i] in ("book", "status"))
        values.append(m - previous if m is not None and previous is not None and same else None)
        previous = m
        for name, value in zip(out, values):
            out[name].append(number(value))
    for name in out:
        agree(columns[name], out[name], 1e-12, 1e-6 if name == "microprice_drift" else 0)


def test_spread_compression_by_brute_force():
    tape, vectors, columns = computed(SEED)
    history, epoch, updates, expected = [], None, 0, []
    for k, row in enumerate(vectors.book.tolist()):
        while updates <= vectors.last_update[k]:
            if vectors.update_epoch[updates] != epoch:
                epoch, history = vectors.update_epoch[updates], []
            r = vectors.updates[updates]
            if tape.books.bids[r] and tape.books.asks[r]:
                history.append(float(tape.books.ask_price[r, 0] - tape.books.bid_price[r, 0]))
            updates += 1
        two_sided = row >= 0 and tape.books.bids[row] and tape.books.asks[row]
        expected.append(history[-1] / np.mean(history[-100:]) if two_sided and len(history) >= 20 else math.nan)
    agree(columns["spread_compression"], expected)


# Order flow


def flow_by_brute_force(tape, vectors):
    """The chain as a list of (position, clock, e), rebuilt for each vector from its epoch's beginning."""
    clock = np.maximum.accumulate(tape.receive_ns)
    begins, from_quotes, epoch = [0] * len(tape), [False] * len(tape), None
    begin, quoting, since = 0, False, []  # since: the books after the last quote taken, as (clock, agrees with it)

    def best(side, row):
        return [(int(p[row, 0]), int(q[row, 0])) if there[row] else None for p, q, there in
                ((side.bid_price, side.bid_quantity, side.bids), (side.ask_price, side.ask_quantity, side.asks))]

    for i in range(len(tape)):
        if tape.kind[i] in ("book", "status") and tape.epoch[i] != epoch:
            epoch, begin, quoting = tape.epoch[i], i, False
        if tape.kind[i] == "quote":
            if not quoting:
                begin, quoting, taken = i, True, i
            elif tape.update_id[i] >= tape.update_id[taken] or clock[i] - clock[taken] >= 5 * SECOND:
                taken = i
            if taken == i:
                since = []
        elif tape.kind[i] == "book" and tape.validity[i] == "valid" and quoting:
            since.append((clock[i], best(tape.books, tape.row[i]) == best(tape.quotes, tape.row[taken])))
            against = list(itertools.takewhile(lambda book: not book[1], reversed(since)))
            if against and clock[i] - against[-1][0] >= 5 * SECOND:
                begin, quoting = i, False
        begins[i], from_quotes[i] = begin, quoting
    value = {"ofi": [], "ofi_1s": [], "ofi_5s": []}
    for k, at in enumerate(vectors.event.tolist()):
        previous_vector = vectors.event[k - 1] if k else -1
        use_quotes = from_quotes[at]
        chain, last_id, last_clock, bad, es = None, 0, 0, False, []
        for i in range(begins[at], at + 1):
            kind, row = tape.kind[i], tape.row[i]
            if kind in ("book", "status"):
                bad = tape.validity[i] != "valid"
                if bad:
                    chain = None
            if kind == "quote" and use_quotes:
                if tape.update_id[i] < last_id:
                    if clock[i] - last_clock < 5 * SECOND:
                        continue
                    chain = None
                last_id, last_clock, side = tape.update_id[i], clock[i], tape.quotes
            elif kind == "book" and not use_quotes and not bad:  # bad: of this very book
                side = tape.books
            else:
                continue
            pb, qb, pa, qa = (int(c[row, 0]) for c in (side.bid_price, side.bid_quantity, side.ask_price, side.ask_quantity))
            if not side.bids[row] or not side.asks[row] or pb >= pa:
                chain = None
                continue
            if chain:
                p0, q0, a0, s0 = chain
                bid = qb if pb > p0 else qb - q0 if pb == p0 else -q0
                ask = qa if pa < a0 else qa - s0 if pa == a0 else -s0
                es.append((i, clock[i], bid - ask))
            chain = (pb, qb, pa, qa)
        known = vectors.book[k] >= 0 and es
        value["ofi"].append(sum(e for i, _, e in es if i > previous_vector) / 1e8 if known else math.nan)
        for w in (1, 5):
            value[f"ofi_{w}s"].append(sum(e for _, t, e in es if t > clock[at] - w * SECOND) / 1e8 if known else math.nan)
    return value


def test_order_flow_by_brute_force():
    for quotes in (True, False):
        tape, vectors, columns = computed(SEED + 1, seconds=90, quotes=quotes)
        for name, expected in flow_by_brute_force(tape, vectors).items():
            agree(columns[name], expected, 1e-12)


def test_first_level_equals_best_price_flow():
    tape, vectors, columns = computed(SEED + 2, seconds=60, quotes=False, rough=False)
    agree(columns["mlofi_1"], columns["ofi"], 1e-12)


def test_multi_level_flow_by_brute_force():
    tape, vectors, columns = computed(SEED)
    for m in (1, 5, 10):
        expected, before, chain = [], None, None
        values = []
        for u, row in enumerate(vectors.updates.tolist()):
            b = tape.books
            now = None
            if min(b.bids[row], b.asks[row]) >= m:
                now = tuple(int(c[row, m - 1]) for c in (b.bid_price, b.bid_quantity, b.ask_price, b.ask_quantity))
            joined = before is not None and now is not None and chain == vectors.update_chain[u]
            values.append(flow.contribution(before, now) / 1e8 if joined else math.nan)
            before, chain = now, vectors.update_chain[u]
        for k in range(len(vectors)):
            v = values[vectors.last_update[k]] if vectors.believed[k] else math.nan
            expected.append(v if vectors.is_book[k] else v * 0.0)
        agree(columns[f"mlofi_{m}"], expected, 1e-12)


def test_integrated_flow_by_singular_values():
    """The component from the singular vectors of the centred sample; and it only ever saw the past."""
    tape, vectors, columns = computed(SEED + 3, seconds=60, rough=False)
    value, defined = flow.level_contributions(tape, vectors)
    book = tape.books
    sizes = np.concatenate([book.bid_quantity[vectors.updates, :10], book.ask_quantity[vectors.updates, :10]], axis=1) / 1e8
    mean_depth = pd.Series(sizes.mean(axis=1)).rolling(100, min_periods=1).mean().to_numpy()
    normal = (value / 1e8 / mean_depth[:, None])[1:]
    expected = np.full(len(vectors.updates), np.nan)
    for k in range(len(normal)):
        fitted = k // 100 * 100
        if fitted:
            sample = normal[:fitted]
            w = np.linalg.svd(sample - sample.mean(axis=0), full_matrices=False)[2][0]
            w *= np.sign(w.sum())
            expected[k + 1] = w @ normal[k] / np.abs(w).sum()
    agree(columns["ofi_integrated"], expected[vectors.last_update], 1e-9)


# The micro-price


def walk(seed, count=4000):
    """Transitions of a market whose imbalance leads its price: states and half-tick moves."""
    r = np.random.default_rng(seed)
    states, moves = [], []
    imbalance, spread = 5, 0
    for _ in range(count):
        states.append(imbalance + microprice.BUCKETS * spread)
        lean = (imbalance - 4.5) / 4.5
        if r.random() < 0.2:
            moves.append(int(np.sign(lean + r.normal()) * r.integers(1, 3)))
            imbalance, spread = int(r.integers(0, 10)), int(r.random() < 0.2)
        else:
            moves.append(0)
            imbalance = int(np.clip(imbalance + r.integers(-1, 2), 0, 9))
    return states[:-1], moves[:-1], states[1:]


def test_micro_price_identities():
    origins, moves, destinations = walk(SEED)
    total, seen = microprice.adjustments(origins, moves, destinations)
    assert seen.all()
    image = np.array([microprice.mirrored(s) for s in range(microprice.STATES)])
    assert np.abs(total + total[image]).max() < 1e-12, "antisymmetry"
    assert (np.diff(total[:10]) > 0).all(), "monotone in the imbalance"
    # The martingale identity holds for the whole series: iterate until nothing is added.
    six, microprice.ITERATIONS = microprice.ITERATIONS, 200
    try:
        limit, _ = microprice.adjustments(origins, moves, destinations)
    finally:
        microprice.ITERATIONS = six
    q, r1, r2 = (np.zeros((20, n)) for n in (20, 5, 20))
    for x, k, y in zip(origins, moves, destinations):
        for a, d, b in ((x, k, y), (image[x], -k, image[y])):
            (q if d == 0 else r2)[a, b] += 1
            r1[a, d + 2] += d != 0
    n = (q + r2).sum(axis=1)[:, None]
    drift = (r1 / n) @ (np.arange(-2, 3) / 2)
    assert np.abs(limit - (q / n @ limit + drift + r2 / n @ limit)).max() < 1e-12, "martingale"
    assert np.abs(total - limit).max() < 1e-3, "six terms come close"


def test_micro_price_bucket_mirrors():
    r = random.Random(SEED)
    for _ in range(200):
        sizes = [(r.randrange(1, 30), r.randrange(1, 30)) for _ in range(50)]
        edges = microprice.edges_of([(a / (a + b), b / (a + b)) for a, b in sizes])
        for a, b in sizes:
            k, image = microprice.bucket(a, b, edges), microprice.bucket(b, a, edges)
            assert 0 <= k <= 9 and (k + image == 9 if a != b else k == image == 4)
            assert a >= b or k == sum(e <= a / (a + b) for e in edges)


def test_micro_price_singular_and_unseen():
    state = 3
    total, seen = microprice.adjustments([state] * 5, [0] * 5, [state] * 5)
    assert not seen.any(), "a mid that never moves has no adjustment"
    total, seen = microprice.adjustments([state, 6], [1, -1], [6, state])
    assert sorted(np.flatnonzero(seen)) == [3, 6]
    # Up half a tick from 3, down half from its mirror 6: the series alternates +½ −½ …, six terms cancel.
    assert total[3] == 0 and total[6] == 0
    total, seen = microprice.adjustments([state], [1], [state])
    assert total[3] == 3.0 and total[6] == -3.0, "six terms of half a tick"
    total, seen = microprice.adjustments([8, 8, 7, 12], [1, 0, 0, 0], [7, 8, 8, 12])
    alone, _ = microprice.adjustments([8, 8, 7], [1, 0, 0], [7, 8, 8])
    assert np.array_equal(total, alone) and not seen[[12, 17]].any(), "one state that never moves costs the others nothing"


def test_micro_price_only_knows_the_past():
    tape, vectors, columns = computed(SEED + 4, seconds=60, rough=False)
    first = np.flatnonzero(~np.isnan(columns["microprice_stoikov"]))[0]
    assert first == microprice.REFIT_TRANSITIONS + 1
    whole = columns["microprice_stoikov"]
    cut = len(tape) * 3 // 4
    prefix, other = oracle.compute(cut_at(tape, cut), oracle.Options(tick=Decimal("0.01")))
    assert np.array_equal(other["microprice_stoikov"], whole[: len(prefix)], equal_nan=True)


def cut_at(tape, count):
    return replace(tape, kind=tape.kind[:count], row=tape.row[:count], receive_ns=tape.receive_ns[:count],
                   venue_ns=tape.venue_ns[:count], epoch=tape.epoch[:count], validity=tape.validity[:count],
                   update_id=tape.update_id[:count],
                   **{name: getattr(tape, name)[: sum(k == "trade" for k in tape.kind[:count])]
                      for name in ("trade_id", "trade_price", "trade_quantity", "trade_sign", "trade_backfilled")})


def test_prefix_of_features_is_features_of_prefix():
    tape, vectors, columns = computed(SEED)
    r = random.Random(SEED)
    for _ in range(5):
        part, found = oracle.compute(cut_at(tape, r.randrange(200, len(tape))), oracle.Options(tick=Decimal("0.01")))
        for name in columns:
            assert np.array_equal(found[name], columns[name][: len(part)], equal_nan=True), name


# Trades


def test_windows_by_pandas():
    tape, vectors, columns = computed(SEED)
    rows, _ = live_trades(tape, len(tape) - 1)
    last_price, table = None, []
    for t, p, q, s in rows:
        r = 0.0
        if p > 0:
            r = math.log1p((p - last_price) / last_price) ** 2 if last_price else 0.0
            last_price = p
        table.append((t, q, q * s, 1, r))
    frame = pd.DataFrame(table, columns=["t", "volume", "imbalance", "count", "square"])
    seen = trades.flow_of(tape, vectors).seen
    for w in (1, 5, 30):
        got = {name: [] for name in ("volume", "imbalance", "count", "square")}
        for k, n in enumerate(seen.tolist()):
            past = frame.iloc[:n]
            inside = past[past.t > vectors.time_ns[k] - w * SECOND]
            for name in got:
                got[name].append(inside[name].sum())
        for name in ("volume", "imbalance"):
            agree(columns[f"trade_{name}_{w}s"], np.array(got[name]) / 1e8)
        agree(columns[f"trade_count_{w}s"], np.array(got["count"], dtype=float))
        priced = np.array([sum(p > 0 for _, p, _, _ in rows[:n]) for n in seen.tolist()])
        agree(columns[f"realized_vol_{w}s"], np.where(priced >= 2, np.sqrt(np.array(got["square"], dtype=float)), np.nan))


def test_volume_z_by_brute_force():
    for w, seconds in ((1, 200), (5, 200), (30, 900)):
        tape, vectors, columns = computed(SEED, seconds=seconds)
        rows, _ = live_trades(tape, len(tape) - 1)
        seen = trades.flow_of(tape, vectors).seen
        picked = range(0, len(vectors), max(1, len(vectors) // 300))
        expected = []
        for k in picked:
            now, first = int(vectors.time_ns[k]), tape.receive_ns[0] // (w * SECOND)
            sums = {}
            for t, _, q, _ in rows[: seen[k]]:
                sums[t // (w * SECOND)] = sums.get(t // (w * SECOND), 0) + q
            ids = range(first + 1, now // (w * SECOND))[-120:]
            past = np.array([sums.get(b, 0) for b in ids]) / 1e8
            x = sum(q for t, _, q, _ in rows[: seen[k]] if t > now - w * SECOND) / 1e8
            defined = len(past) >= 20 and past.std(ddof=1) > 0
            expected.append((x - past.mean()) / past.std(ddof=1) if defined else math.nan)
        agree(columns[f"volume_z_{w}s"][list(picked)], expected, 1e-9)


def test_vpin_by_splitting_trades():
    tape, vectors, columns = computed(SEED)
    flows = trades.flow_of(tape, vectors)
    assert ((columns["vpin"] >= 0) & (columns["vpin"] <= 1))[~np.isnan(columns["vpin"])].all()
    for given in (None, 7_777_777):
        got = trades.vpin_column(tape, flows, given)["vpin"]
        v, opening, filled, imbalance, complete = given, 0, 0, 0, []
        first, expected, n = flows.time_ns[0], [], 0
        for k in range(len(vectors)):
            while n < flows.seen[k]:
                t, q, s = int(flows.time_ns[n]), int(flows.quantity[n]), int(flows.sign[n])
                n += 1
                if v is None:
                    if t < first + 60 * SECOND:
                        opening += q
                        continue
                    v = max(1, opening // 50)
                while q:
                    part = min(q, v - filled)
                    filled, imbalance, q = filled + part, imbalance + s * part, q - part
                    if filled == v:
                        complete.append(abs(imbalance))
                        filled = imbalance = 0
            expected.append(float(Fraction(sum(complete[-50:]), 50 * v)) if len(complete) >= 50 else math.nan)
        agree(got, expected, 1e-15)


def test_impact_by_textbook():
    tape, vectors, columns = computed(SEED)
    flows = trades.flow_of(tape, vectors)
    names = ("kyle_lambda", "amihud", "roll_spread", "hasbrouck_lambda")
    expected = {name: [] for name in names}
    first = tape.receive_ns[0] // SECOND
    for k in range(len(vectors)):
        current = int(vectors.time_ns[k]) // SECOND
        closes, b, d, dollars, last = {}, {}, {}, {}, None
        by_second = {}
        for t, p, q, s in zip(*(c[: flows.seen[k]].tolist() for c in (flows.time_ns, flows.price, flows.quantity, flows.sign))):
            by_second.setdefault(t // SECOND, []).append((p / 100, q / 1e8, s))
        for second in range(first, current):
            done = [x for x in by_second.get(second, []) if x[0] > 0]
            last = done[-1][0] if done else last
            if last is None:
                continue
            closes[second] = last
            b[second] = math.fsum(q * s for _, q, s in done)
            d[second] = math.fsum(s * math.sqrt(p * q) for p, q, s in done)
            dollars[second] = math.fsum(p * q for p, q, _ in done)
        moved = [s for s in closes if s - 1 in closes][-60:]
        if len(moved) < 20:
            for name in names:
                expected[name].append(math.nan)
            continue
        dp = np.array([closes[s] - closes[s - 1] for s in moved])
        r = np.array([math.log(closes[s] / closes[s - 1]) for s in moved])
        x = np.array([b[s] for s in moved])
        pressure = np.array([d[s] for s in moved])
        volume = np.array([dollars[s] for s in moved])
        expected["kyle_lambda"].append(np.polyfit(x, dp, 1)[0])
        expected["amihud"].append(np.mean(np.abs(r[volume > 0]) / volume[volume > 0]))
        covariance = np.cov(dp[1:], dp[:-1])[0, 1]
        expected["roll_spread"].append(2 * math.sqrt(-covariance) if covariance < 0 else math.nan)
        expected["hasbrouck_lambda"].append(np.polyfit(pressure, r, 1)[0])
    for name in names:
        scale = np.nanmax(np.abs(expected[name])) * 1e-3
        agree(columns[name], expected[name], 1e-9, scale)


def test_vpin_of_a_silent_first_minute():
    """Fifty trades of nothing to fit V on: V is one unit, and a single trade fills billions of buckets."""
    draft = events.Draft("TEST")
    for k, quantity in (*((k, 0) for k in range(50)), (70, 5), (75, 3)):
        draft.add("trade", START + k * SECOND, 0, (k, Decimal(100), Decimal(quantity), -1 if k == 75 else 1, False))
        draft.add("status", START + k * SECOND + 1, 0, (), 1, "valid")
    _, columns = oracle.compute(draft.finish())
    assert math.isnan(columns["vpin"][49]) and columns["vpin"][50:].tolist() == [1.0, 1.0]


# Change points


def test_bocpd_by_enumeration():
    r = np.random.default_rng(SEED)
    x = np.concatenate([r.normal(size=5), r.normal(3, 0.3, size=4)])
    hazard, prior = 0.1, dict(m=0.3, kappa=0.7, alpha=1.5, beta=0.8)
    table = regime.bocpd(x, hazard, **prior)
    for n in range(1, len(x) + 1):
        mass = np.zeros(n + 1)
        for change in itertools.product((0, 1), repeat=n):  # change[i]: a segment ends after observation i
            ends = [i + 1 for i in range(n) if change[i]]
            starts = [0, *ends]
            log = sum(regime.log_evidence(x[a:b], **prior) for a, b in zip(starts, [*ends, n]))
            log += sum(np.log(hazard) if c else np.log1p(-hazard) for c in change)
            mass[n - starts[-1]] += np.exp(log)
        mass /= mass.sum()
        assert np.abs(np.exp(table[n - 1, : n + 1]) - mass).max() < 1e-12
        assert abs(np.exp(table[n - 1, 0]) - hazard) < 1e-12, "run length 0 is the hazard itself"
        assert np.isneginf(table[n - 1, n + 1:]).all()


# Reading and comparing


def test_regime_knows_no_return_of_an_outage():
    """A mid that moves each second, but for a spell in which nobody believes the book and after which it is elsewhere."""
    def run(spell, said):
        draft = events.Draft("TEST")

        def book(second, mid, validity="valid"):
            sides = ([(Decimal(mid - 1), Decimal(1))], [(Decimal(mid + 1), Decimal(1))])
            draft.add("book", START + second * SECOND, 0, sides, 1, validity, second + 1)

        for second in range(100):
            book(second, 1000 + second % 2)
        for second in range(100, 100 + spell):
            if said == "status":
                draft.add("status", START + second * SECOND, 0, (), 1, "stale")
            elif said == "book":
                book(second, 3000, "stale")
        for second in range(100 + spell, 130 + spell):
            book(second, 1100 + second % 2)
        tape = draft.finish()
        return regime.regime_columns(tape, schedule(tape))["regime_run_length"]

    for said in ("status", "book"):
        length = run(30, said)
        # 99 closes of before the spell, 60 of whose returns standardise; 29 after it, whose first is a beginning.
        assert length[99] == 38 and length[-1] == 38 + 1 + 28, said
    assert run(30, "")[-1] < 60, "a market at rest for 30 s that then jumps is a change"
    for said in ("status", "book", ""):
        assert np.isnan(run(65, said)[-1]), said


# Activity, takers and the best prices


def test_update_rate_is_that_of_the_id_in_force():
    tape, vectors, columns = computed(SEED + 5, seconds=90, rough=False)
    epoch_begin = next(i for i, kind in enumerate(tape.kind) if kind in ("book", "status"))
    ids = [(int(vectors.clock[i]), tape.update_id[i]) for i, kind in enumerate(tape.kind) if kind in ("book", "quote") and i >= epoch_begin]
    series = pd.Series([v for _, v in ids], index=[t for t, _ in ids]).cummax()
    for w in (1, 5, 30):
        expected = []
        for now in vectors.time_ns.tolist():
            before = series[series.index <= now - w * SECOND]
            expected.append((series[series.index <= now].iloc[-1] - before.iloc[-1]) / w if len(before) else math.nan)
        # Two events of one time: a vector does not know the second.
        odd = set(np.flatnonzero(np.diff(vectors.clock) == 0)) & set(vectors.event.tolist())
        same = np.array([e not in odd for e in vectors.event.tolist()])
        agree(columns[f"update_rate_{w}s"][same], np.array(expected)[same])


def test_takers_by_pandas():
    tape, vectors, columns = computed(SEED + 1, seconds=90, quotes=True)
    rows = [(i, int(vectors.clock[i]), tape.venue_ns[i], int(tape.trade_sign[r]), int(tape.trade_quantity[r])) for i, (kind, r) in
            enumerate(zip(tape.kind, tape.row)) if kind == "trade" and not tape.trade_backfilled[r] and tape.trade_quantity[r] >= 0]
    frame = pd.DataFrame(rows, columns=["event", "time", "venue", "sign", "quantity"])
    frame["taker"] = ((frame.venue != frame.venue.shift()) | (frame.sign != frame.sign.shift())).cumsum()
    for w in (1, 30):
        count, imbalance, largest = [], [], []
        for event, now in zip(vectors.event.tolist(), vectors.time_ns.tolist()):
            known = frame[frame.event <= event].groupby("taker").agg({"time": "first", "sign": "first", "quantity": "sum"})
            inside = known[known.time > now - w * SECOND]
            count.append(float(len(inside)))
            imbalance.append(inside.sign.mean() if len(inside) else math.nan)
            largest.append((inside.quantity.max() if len(inside) else 0) / tape.quantity_unit)
        agree(columns[f"taker_count_{w}s"], count)
        agree(columns[f"taker_imbalance_{w}s"], imbalance, scale=1)
        agree(columns[f"largest_taker_{w}s"], largest)


def sweeping_market(quotes_first):
    """Takers that walk through two prices of a book that a quote shows at once, and come back; quotes before or after their trades."""
    draft, r = events.Draft("TEST"), random.Random(SEED)
    one = Decimal("0.01")
    for k in range(80):
        now, price = START + k * SECOND // 2, Decimal(100) + one * r.randrange(0, 5)
        size, hidden = Decimal(r.randrange(1, 9)), Decimal(r.randrange(0, 5))
        book = ([(price - one, size)], [(price, size), (price + one, size), (price + 9 * one, size)])
        draft.add("quote", now, 0, (book[0], book[1][:1]), update_id=3 * k)
        draft.add("book", now, now, book, 1, "valid", 3 * k)
        if k % 3 == 2:
            draft.add("book", now + 1, now, book, 1, "valid", 3 * k)
            continue
        after = (book[0], [(price + 9 * one, size)])
        trades = [(now + 5, now + 5, (2 * k, price, size + hidden, 1, False)), (now + 5, now + 5, (2 * k + 1, price + one, size, 1, False))]
        if quotes_first:
            draft.add("quote", now + 5, 0, after, update_id=3 * k + 1)
        for trade in trades:
            draft.add("trade", *trade)
        if not quotes_first:
            draft.add("quote", now + 5, 0, after, update_id=3 * k + 1)
        draft.add("book", now + 9, now + 9, after, 1, "valid", 3 * k + 1)
    return draft.finish()


def test_the_order_of_quote_and_trade_does_not_matter():
    results = [oracle.compute(sweeping_market(first), oracle.Options(tick=Decimal("0.01")))[1] for first in (True, False)]
    for name in ("bid_replenishment_30s", "ask_replenishment_5s", "replenishment_imbalance_5s", "effective_spread_5s", "realized_spread_30s"):
        agree(results[0][name], results[1][name], 1e-12, 1e-9)
    costs = results[0]["effective_spread_5s"]
    assert (costs[~np.isnan(costs)] > 0).all()


def test_book_flow_adds_up_to_the_depth():
    """Where no level leaves the ones that are shown, what was added less what was removed is the change of the depth."""
    draft, r, depths = events.Draft("TEST"), random.Random(SEED), []
    for k in range(100):
        sizes = [[Decimal(r.randrange(1, 50)) for _ in range(10)] for _ in range(2)]
        sides = ([(Decimal(100 - n), q) for n, q in enumerate(sizes[0])], [(Decimal(101 + n), q) for n, q in enumerate(sizes[1])])
        draft.add("book", START + k * SECOND // 10, 0, sides, 1, "valid", k)
        depths.append([float(sum(q)) for q in sizes])
    _, columns = oracle.compute(draft.finish(), oracle.Options(tick=Decimal(1)))
    for side, name in enumerate(("bid", "ask")):
        change = columns[f"{name}_additions_1s"] - columns[f"{name}_removals_1s"]
        expected = [math.nan] * 10 + [depths[k][side] - depths[k - 10][side] for k in range(10, 100)]
        agree(change, expected, scale=1)


def test_csv_round_trip():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/events.csv"
        tape, vectors, columns = computed(SEED)
        recording.write_csv(tape, path)
        (again,) = events.read(path)
        assert again.kind == tape.kind and again.receive_ns == tape.receive_ns and again.validity == tape.validity
        _, other = oracle.compute(again, oracle.Options(tick=Decimal("0.01")))
        for name in columns:
            assert np.array_equal(columns[name], other[name], equal_nan=True), name


def test_comparison_can_fail():
    ours = np.array([1.0, np.nan, 3.0])
    times = [0, 1, 2]
    assert not oracle.compare("x", ours, ours, times).bad
    assert oracle.compare("x", ours, [1.0, np.nan, 3.0 + 1e-8], times).bad
    assert not oracle.compare("x", ours, [1.0, np.nan, 3.0 + 1e-9], times).bad
    assert oracle.compare("x", ours, [1.0, 0.0, 3.0], times).nan_mismatch == 1
    assert oracle.compare("x", ours, [1.0, np.nan, np.inf], times).bad
    assert oracle.compare("x", [0.0], [1e-300], [0]).bad and not oracle.compare("x", [0.0], [1e-300], [0], 0.01).bad


def test_exact_beyond_machine_integers():
    """Quantities of a coin counted in billions: the same columns from Python integers."""
    draft = events.Draft("SHIB")
    for k in range(40):
        q = Decimal(10) ** 13 + k * k
        draft.add("book", START + k * SECOND, 0, ([(Decimal("1.01"), q)], [(Decimal("1.02"), q + 1)]), 1, "valid", k)
        draft.add("trade", START + k * SECOND + 5, 0, (k, Decimal("1.01") + Decimal(k % 3) / 100, q, 1 if k % 2 else -1, False))
    tape = draft.finish()
    assert tape.trade_quantity.dtype == object and tape.books.bid_quantity.dtype == object
    vectors, columns = oracle.compute(tape, oracle.Options(tick=Decimal("0.01")))
    k = 30
    assert columns["trade_volume_5s"][k] == sum(10**13 + j * j for j in range(k - 5, k))
    assert columns["imbalance_5"][k] == -1 / (2 * (10**13 + k * k) + 1)
    assert not np.isnan(columns["kyle_lambda"][k])


if __name__ == "__main__":
    for name, check in list(globals().items()):
        if name.startswith("test_"):
            check()
            print("passed", name)
