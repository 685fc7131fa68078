"""Stoikov's micro-price (REFERENCE 2.1), fitted online on the transitions of the epoch before the update."""

import numpy as np

from vectors import by_update

BUCKETS, SPREADS, ITERATIONS = 10, 2, 6
# dM is counted in half ticks and clipped to this many.
LARGEST_MOVE = 2
REFIT_TRANSITIONS = 500
STATES = BUCKETS * SPREADS


class OffGrid(Exception):
    """A price is no multiple of the tick."""


def edges_of(lower):
    """The four inner edges below 1/2 of the sample of I pooled with 1−I, given both as pairs (I, 1−I)."""
    return np.quantile(np.asarray(lower).ravel(), np.arange(1, BUCKETS // 2) / BUCKETS, method="linear")


def bucket(bid_size, ask_size, edges):
    """0 … 9, and the mirror image of a book is in the mirror image of its bucket; 4 at exactly 1/2."""
    if bid_size == ask_size:
        return BUCKETS // 2 - 1
    if bid_size > ask_size:
        return BUCKETS - 1 - bucket(ask_size, bid_size, edges)
    return int(np.count_nonzero(edges <= bid_size / (bid_size + ask_size)))


def mirrored(state):
    return (BUCKETS - 1 - state % BUCKETS) + BUCKETS * (state // BUCKETS)


def adjustments(origins, moves, destinations, tick=1.0):
    """G* of each state, and which states have one: those from which some path of stays leads to a move. The others have no
    share in the sums, as if the mid rested there for ever.

    `origins`, `destinations`: states `bucket + 10·(0 at a spread of one tick, else 1)`; `moves`: dM in half ticks, clipped.
    """
    stay = np.zeros((STATES, STATES))
    move_to = np.zeros((STATES, STATES))
    jump = np.zeros((STATES, 2 * LARGEST_MOVE + 1))
    for x, k, y in zip(origins, moves, destinations):
        for a, d, b in ((x, k, y), (mirrored(x), -k, mirrored(y))):
            if d == 0:
                stay[a, b] += 1
            else:
                move_to[a, b] += 1
                jump[a, d + LARGEST_MOVE] += 1
    visits = stay.sum(axis=1) + move_to.sum(axis=1)
    seen = escapes(stay > 0, move_to.sum(axis=1) > 0)
    weight = np.where(seen, visits, 1)[:, None]
    q, r2, r1 = (np.where(seen[:, None], counts / weight, 0.0) for counts in (stay, move_to, jump))
    sizes = np.arange(-LARGEST_MOVE, LARGEST_MOVE + 1) * (tick / 2)
    system = np.eye(STATES) - q
    term = np.linalg.solve(system, r1 @ sizes)
    b = np.linalg.solve(system, r2)
    total = np.zeros(STATES)
    for _ in range(ITERATIONS):
        total += term
        term = b @ term
    return total, seen


def escapes(stays, moves):
    """Which states can ever see the mid move, over a path of stays. 1−Q is singular exactly over the others."""
    good = moves
    while True:
        grown = good | (stays & good[None, :]).any(axis=1)
        if (grown == good).all():
            return good
        good = grown


def micro_price_columns(tape, vectors, tick):
    """`tick` in price units (a whole number)."""
    return {"microprice_stoikov": by_update(vectors, fit_online(tape, vectors, tick))}


def fit_online(tape, vectors, tick):
    """One value an update, which a status after it repeats."""
    book = tape.books
    proper = book.proper
    value = np.full(len(vectors.updates), np.nan)
    for epoch in np.unique(vectors.update_epoch):
        transitions, model, edges, previous = [], None, None, None
        for u in np.flatnonzero(vectors.update_epoch == epoch):
            row = vectors.updates[u]
            if not proper[row]:
                previous = None
                continue
            pb, qb, pa, qa = (int(a[row, 0]) for a in (book.bid_price, book.bid_quantity, book.ask_price, book.ask_quantity))
            if (pa - pb) % tick:
                raise OffGrid(f"{tape.symbol}: a spread of {(pa - pb) / tape.price_unit} is no multiple of the tick {tick / tape.price_unit}: give --tick")
            now = (pb + pa, qb, qa, int(pa - pb >= 2 * tick), vectors.update_chain[u])
            value[u] = priced(now, model, tape)
            if previous is not None and previous[4] == now[4]:
                half_ticks = max(-LARGEST_MOVE, min(LARGEST_MOVE, (now[0] - previous[0]) // tick))
                transitions.append((previous, half_ticks, now))
                if len(transitions) % REFIT_TRANSITIONS == 0:
                    # The buckets are those of the first fit; the transitions all those of the epoch.
                    edges = edges_of(shares(transitions)) if edges is None else edges
                    model = fit(transitions, edges, tick / tape.price_unit)
            previous = now
    return value


def shares(transitions):
    """I and 1−I of where each transition began."""
    return [(qb / (qb + qa), qa / (qb + qa)) for (_, qb, qa, _, _), _, _ in transitions]


def fit(transitions, edges, tick):
    def state(observed):
        return bucket(observed[1], observed[2], edges) + BUCKETS * observed[3]

    total, seen = adjustments([state(a) for a, _, _ in transitions], [k for _, k, _ in transitions],
                              [state(b) for _, _, b in transitions], tick)
    return edges, total, seen


def priced(observed, model, tape):
    if model is None:
        return np.nan
    edges, total, seen = model
    state = bucket(observed[1], observed[2], edges) + BUCKETS * observed[3]
    return observed[0] / (2 * tape.price_unit) + total[state] if seen[state] else np.nan
