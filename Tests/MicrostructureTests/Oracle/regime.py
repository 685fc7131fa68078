"""Bayesian online change-point detection (Adams, MacKay 2007; REFERENCE 3.2), the whole triangle, in log space."""

import math

import numpy as np
from scipy.special import gammaln, logsumexp
from scipy.stats import t as student

from events import VALID
from vectors import SECOND

# λ in seconds; run lengths that count as recent; returns that standardise; returns before a value; seconds without an
# event, or without a believed book, that end all.
MEAN_LENGTH, RECENT, STANDARDISING, WARM_UP, SILENCE_SECONDS = 300, 5, 60, 20, 60


def bocpd(x, hazard, m=0.0, kappa=1.0, alpha=1.0, beta=1.0):
    """Row t, column r: the log probability of run length r after observation t; no pruning, O(n²).

    `hazard` is 1/λ, the chance of a change after each observation. Run length 0 means that a change follows observation
    t, so column 0 is the hazard itself; a run length of r was observed r times. Prior: normal-inverse-gamma.
    """
    x = np.asarray(x, dtype=float)
    out = np.full((len(x), len(x) + 1), -np.inf)
    log_p = np.zeros(1)
    mu, k, a, b = np.array([m]), np.array([kappa]), np.array([alpha]), np.array([beta])
    for t, value in enumerate(x):
        predictive = student.logpdf(value, df=2 * a, loc=mu, scale=np.sqrt(b * (k + 1) / (a * k)))
        joint = log_p + predictive
        log_p = np.concatenate([[logsumexp(joint) + np.log(hazard)], joint + np.log1p(-hazard)])
        log_p -= logsumexp(log_p)
        out[t, : t + 2] = log_p
        b = np.concatenate([[beta], b + k * (value - mu) ** 2 / (2 * (k + 1))])
        mu = np.concatenate([[m], (k * mu + value) / (k + 1)])
        k, a = np.concatenate([[kappa], k + 1]), np.concatenate([[alpha], a + 0.5])
    return out


def log_evidence(x, m=0.0, kappa=1.0, alpha=1.0, beta=1.0):
    """Log marginal likelihood of one segment, in closed form."""
    n = len(x)
    if n == 0:
        return 0.0
    mean = np.mean(x)
    kappa_n, alpha_n = kappa + n, alpha + n / 2
    beta_n = beta + 0.5 * np.sum((x - mean) ** 2) + kappa * n * (mean - m) ** 2 / (2 * kappa_n)
    return (gammaln(alpha_n) - gammaln(alpha) + alpha * np.log(beta) - alpha_n * np.log(beta_n)
            + 0.5 * np.log(kappa / kappa_n) - n / 2 * np.log(2 * np.pi))


def regime_columns(tape, vectors):
    """`regime_change_probability` = P(r ≤ 5), `regime_run_length` = argmax P(r), of the mid's one-second returns."""
    at_vector = dict(zip(vectors.event.tolist(), range(len(vectors))))
    believed = vectors.believed
    probability, length = (np.full(len(vectors), np.nan) for _ in range(2))
    second, epoch, mid, doubted, unseen, regime = None, None, None, False, 0, Regime()
    regimes, seen = [regime], []
    for i, kind in enumerate(tape.kind):
        # The book is still that of before the clock moved: where the seconds that have passed closed.
        current = int(vectors.clock[i]) // SECOND
        if second is not None and current > second:
            known = mid is not None and not doubted
            unseen = current - second + (0 if known else unseen)
            if unseen > SILENCE_SECONDS:
                regimes.append(regime := Regime())
            elif not known:
                regime.close = None
            else:
                regime.take(mid, current - second)
        second = current
        if kind in ("book", "status"):
            if tape.epoch[i] is not None and tape.epoch[i] != epoch:
                epoch, mid = tape.epoch[i], None
                regimes.append(regime := Regime())
            # What is said of the book holds until something else is; a doubt breaks the chain of closes.
            doubted = tape.validity[i] != VALID
            if doubted:
                regime.close = None
            if kind == "book":
                row = tape.row[i]
                both = tape.validity[i] == VALID and tape.books.bids[row] > 0 and tape.books.asks[row] > 0
                mid = int(tape.books.bid_price[row, 0]) + int(tape.books.ask_price[row, 0]) if both else None
            if (k := at_vector.get(i)) is not None and believed[k]:
                seen.append((k, len(regimes) - 1, len(regime.observed)))
    posteriors = [bocpd(r.observed, 1 / MEAN_LENGTH) for r in regimes]
    for k, number, count in seen:
        if count >= WARM_UP:
            row = posteriors[number][count - 1]
            probability[k] = np.exp(logsumexp(row[: RECENT + 1]))
            length[k] = int(np.argmax(row))
    return {"regime_change_probability": probability, "regime_run_length": length}


class Regime:
    """The standardised returns of one regime's life: what comes after the first 60, in their mean and deviation."""

    def __init__(self):
        self.close, self.first, self.observed = None, [], []

    def take(self, mid, seconds):
        if self.close is not None:
            self.add(math.log1p((mid - self.close) / self.close))
        self.close = mid
        for _ in range(seconds - 1):
            self.add(0.0)

    def add(self, value):
        deviation = np.std(self.first, ddof=1) if len(self.first) >= STANDARDISING else 0.0
        if deviation > 0:
            self.observed.append((value - np.mean(self.first)) / deviation)
        else:
            self.first.append(value)
