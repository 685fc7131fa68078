"""The golden vectors of MetricVectorTests.swift, as scikit-learn, scipy and numpy compute them.

    python3 metric_vectors.py VECTORS.json          writes them
    python3 metric_vectors.py VECTORS.json --check  computes them anew and compares: 1e-9
"""

import itertools
import json
import math
import sys

import numpy as np
import scipy.optimize
import scipy.stats
import sklearn
import sklearn.calibration
import sklearn.metrics

MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def unit(self):
        return (self.next() >> 11) * 2.0**-53


def classification(rng, n, ties):
    truth = rng.random(n) < 0.4
    truth[:2] = [True, False]
    scores = np.clip(0.35 * truth + rng.random(n) * 0.65, 0, 1)
    if ties:
        scores = np.round(scores, 1)
    fpr, tpr, _ = sklearn.metrics.roc_curve(truth, scores, drop_intermediate=False)
    precision, recall, _ = sklearn.metrics.precision_recall_curve(truth, scores)
    predicted = scores >= 0.5
    tn, fp, fn, tp = (int(x) for x in sklearn.metrics.confusion_matrix(truth, predicted, labels=[False, True]).ravel())
    tops = {}
    for k in (1, 3, 10, n):
        # Of a tie across the border: the mean over all orders, which is the share.
        border = np.sort(scores)[::-1][k - 1]
        above, tied = scores > border, scores == border
        tops[str(k)] = float((truth[above].sum() + truth[tied].mean() * (k - above.sum())) / k)
    return {
        "scores": scores.tolist(), "hits": truth.tolist(),
        "fpr": fpr.tolist(), "tpr": tpr.tolist(), "auc": sklearn.metrics.roc_auc_score(truth, scores),
        # sklearn's curve comes with recall falling, and ends in a point (0, 1) of its own.
        "precision": precision[:-1][::-1].tolist(), "recall": recall[:-1][::-1].tolist(),
        "average_precision": sklearn.metrics.average_precision_score(truth, scores),
        "precision_at": tops, "confusion": [tp, fp, tn, fn],
        "f1": sklearn.metrics.f1_score(truth, predicted), "mcc": sklearn.metrics.matthews_corrcoef(truth, predicted),
        "accuracy": sklearn.metrics.accuracy_score(truth, predicted),
    }


def calibration(rng, n, ties):
    forecasts = rng.random(n)
    if ties:
        forecasts = np.round(forecasts, 1)
    hits = rng.random(n) < forecasts**1.5
    order = np.argsort(forecasts, kind="stable")
    f, y = forecasts[order], hits[order].astype(float)
    edges = [0]
    for k in range(1, 11):
        end = k * n // 10
        while 0 < end < n and f[end] == f[end - 1]:
            end += 1
        if end > edges[-1]:
            edges.append(end)
    means = np.array([f[a:b].mean() for a, b in itertools.pairwise(edges)])
    freqs = np.array([y[a:b].mean() for a, b in itertools.pairwise(edges)])
    weights = np.diff(edges) / n
    if not ties and n % 10 == 0:
        true, predicted = sklearn.calibration.calibration_curve(hits, forecasts, n_bins=10, strategy="quantile")
        assert np.allclose(true, freqs, atol=1e-12) and np.allclose(predicted, means, atol=1e-12)
    brier = sklearn.metrics.brier_score_loss(hits, forecasts)
    reliability = float(weights @ (means - freqs) ** 2)
    resolution = float(weights @ (freqs - y.mean()) ** 2)
    uncertainty = float(y.mean() * (1 - y.mean()))
    return {
        "forecasts": forecasts.tolist(), "hits": hits.tolist(), "means": means.tolist(), "frequencies": freqs.tolist(),
        "brier": brier, "reliability": reliability, "resolution": resolution, "uncertainty": uncertainty,
        "within": brier - reliability + resolution - uncertainty, "ece": float(weights @ np.abs(means - freqs)),
    }


def returns(rng, n, trials):
    r = rng.standard_t(5, n) * 0.01 + 0.001
    sr = r.mean() / r.std(ddof=1)
    skew, kurt = scipy.stats.skew(r), scipy.stats.kurtosis(r, fisher=False)
    spread = math.sqrt(1 - skew * sr + (kurt - 1) / 4 * sr * sr)
    sigma = 0.05
    normal = scipy.stats.norm
    gamma = np.euler_gamma
    best = sigma * ((1 - gamma) * normal.ppf(1 - 1 / trials) + gamma * normal.ppf(1 - 1 / (trials * math.e)))
    equity = 100 + np.cumsum(r) * 100
    peaks = np.maximum.accumulate(equity)
    longest = peak_at = 0
    for place, value in enumerate(equity):
        if value == peaks[place]:
            if place and equity[place - 1] < peaks[place - 1]:
                longest = max(longest, place - peak_at)
            peak_at = place
        else:
            longest = max(longest, place - peak_at)
    return {
        "returns": r.tolist(), "trials": trials, "sharpe_deviation": sigma,
        "mean": r.mean(), "deviation": r.std(ddof=1), "skewness": skew, "kurtosis": kurt, "sharpe": sr,
        "sortino": r.mean() / math.sqrt((np.minimum(r, 0) ** 2).mean()),
        "psr": normal.cdf(sr * math.sqrt(n - 1) / spread),
        "expected_maximum": best, "dsr": normal.cdf((sr - best) * math.sqrt(n - 1) / spread),
        "min_track_record": 1 + spread**2 * (normal.ppf(0.95) / sr) ** 2 if sr > 0 else None,
        "equity": equity.tolist(), "drawdown": float((1 - equity / peaks).max()), "drawdown_length": longest,
    }


def overfitting(rng, trials, periods, blocks):
    m = rng.normal(0, 0.01, (trials, periods)) + rng.normal(0, 0.001, (trials, 1))
    width = periods // blocks
    parts = [m[:, b * width:(b + 1) * width] for b in range(blocks)]
    below = losses = count = 0
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.hstack([parts[b] for b in chosen])
        outside = np.hstack([parts[b] for b in range(blocks) if b not in chosen])
        sr_in = inside.mean(axis=1) / inside.std(axis=1, ddof=1)
        sr_out = outside.mean(axis=1) / outside.std(axis=1, ddof=1)
        best = int(sr_in.argmax())
        rank = scipy.stats.rankdata(sr_out)[best] / (trials + 1)
        below += math.log(rank / (1 - rank)) <= 0
        losses += bool(sr_out[best] < 0)
        count += 1
    return {"returns": m.tolist(), "blocks": blocks, "pbo": below / count, "loss": losses / count, "halves": count}


def bootstrap(rng, n, block, seed):
    x = rng.normal(0.1, 1, n)
    random, means = SplitMix64(seed), []
    for _ in range(500):
        places = []
        for place in range(n):
            if place == 0 or block == 1 or random.unit() < 1 / block:
                places.append(min(int(random.unit() * n), n - 1))
            else:
                places.append((places[-1] + 1) % n)
        means.append(x[places].mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return {"values": x.tolist(), "block": block, "seed": seed, "low": low, "high": high}


def uniqueness(rng, n):
    start = np.sort(rng.integers(0, 1000, n))
    end = start + rng.integers(1, 120, n)
    # By brute force on the integer grid: a label lives in [start, end).
    grid = np.zeros(1200)
    for a, b in zip(start, end):
        grid[a:b] += 1
    return {
        "start": start.tolist(), "end": end.tolist(),
        "uniqueness": [float((1 / grid[a:b]).mean()) for a, b in zip(start, end)],
    }


def logistic(rng, n):
    x = rng.random(n)
    y = rng.random(n) < 1 / (1 + np.exp(-(3 * x - 1.5)))
    w = rng.random(n) + 0.1

    def gradient_solve():
        a = b = 0.0
        for _ in range(100):  # Newton on the penalised likelihood of Platt's smoothed targets
            up, down = (w[y].sum() + 1) / (w[y].sum() + 2), 1 / (w[~y].sum() + 2)
            t = np.where(y, up, down)
            p = 1 / (1 + np.exp(-(a + b * x)))
            g = np.array([(w * (t - p)).sum(), (w * (t - p) * x).sum()])
            v = w * p * (1 - p)
            h = np.array([[v.sum(), (v * x).sum()], [(v * x).sum(), (v * x * x).sum()]])
            step = np.linalg.solve(h, g)
            a, b = a + step[0], b + step[1]
        return a, b

    a, b = gradient_solve()
    # The same minimum by a general optimiser.
    up, down = (w[y].sum() + 1) / (w[y].sum() + 2), 1 / (w[~y].sum() + 2)
    t = np.where(y, up, down)
    loss = lambda c: -(w * (t * -np.logaddexp(0, -(c[0] + c[1] * x)) + (1 - t) * -np.logaddexp(0, c[0] + c[1] * x))).sum()
    found = scipy.optimize.minimize(loss, [0, 0], tol=1e-12).x
    assert np.allclose(found, [a, b], atol=1e-4), (found, a, b)
    return {"x": x.tolist(), "hits": y.tolist(), "weights": w.tolist(), "intercept": a, "slope": b}


def vectors():
    rng = np.random.default_rng(20241108)
    normal = scipy.stats.norm
    tails = [1e-300, 1e-20, 1e-9, 1e-4, 0.025, 0.3, 0.5, 0.7, 0.975, 0.9999, 1 - 1e-9]
    return {
        "source": f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}; "
                  "Tests/EvaluationTests/Oracle/metric_vectors.py",
        "normal": [{"p": p, "x": float(normal.ppf(p)), "back": float(normal.cdf(normal.ppf(p)))} for p in tails],
        "classification": [classification(rng, n, ties) for n in (12, 40, 97) for ties in (False, True)],
        "calibration": [calibration(rng, n, ties) for n in (20, 60, 103) for ties in (False, True)],
        "returns": [returns(rng, n, trials) for n, trials in ((12, 2), (60, 7), (150, 100))],
        "overfitting": [overfitting(rng, n, t, s) for n, t, s in ((5, 40, 4), (9, 67, 8), (3, 48, 6))],
        "bootstrap": [bootstrap(rng, n, block, seed) for n, block, seed in ((15, 1, 1), (40, 5, 99))],
        "uniqueness": [uniqueness(rng, n) for n in (3, 25, 60)],
        "logistic": [logistic(rng, n) for n in (15, 80)],
    }


def differences(left, right, place=""):
    if isinstance(left, dict):
        if left.keys() != right.keys():
            yield f"{place}: other keys"
        for key in left.keys() & right.keys():
            if key != "source":
                yield from differences(left[key], right[key], f"{place}.{key}")
    elif isinstance(left, list):
        if len(left) != len(right):
            yield f"{place}: {len(left)} and {len(right)} values"
        for index, pair in enumerate(zip(left, right)):
            yield from differences(*pair, f"{place}[{index}]")
    elif isinstance(left, float) or isinstance(right, float):
        if left is None or right is None or not math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-9):
            yield f"{place}: {left} and {right}"
    elif left != right:
        yield f"{place}: {left} and {right}"


def count(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 1 if children is None else sum(count(child) for child in children)


if __name__ == "__main__":
    made = json.loads(json.dumps(vectors()))
    if "--check" in sys.argv:
        stored = json.load(open(sys.argv[1]))
        found = list(differences(stored, made))
        for line in found[:20]:
            print(line)
        print(f"metric vectors: {count(stored)} values, {len(found)} differ by more than 1e-9 ({made['source'].split(';')[0]})")
        sys.exit(bool(found))
    with open(sys.argv[1], "w") as file:
        json.dump(made, file, separators=(",", ":"))
        file.write("\n")
