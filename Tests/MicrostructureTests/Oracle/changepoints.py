"""Compares the change-point posterior with the whole matrix: `microlab changepoints --full` on series of its own making,
against `regime.bocpd`, which drops nothing and takes O(n²). run.sh calls it.

P(r ≤ 5) and the most probable run length after every observation, the whole posterior after the last one: to 1e-6.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from regime import RECENT, bocpd

TOLERANCE = 1e-6
SETTINGS = [(100, (0.0, 1.0, 1.0, 1.0)), (400, (0.0, 0.1, 0.1, 10.0)), (20, (0.5, 2.0, 1.5, 0.3))]


def series(kind, count, random):
    """Steps of level, of spread, a trend, heavy tails with one absurd value."""
    x = random.normal(size=count)
    if kind == "levels":
        x += np.repeat(random.normal(scale=3, size=-(-count // 60)), 60)[:count]
    elif kind == "spreads":
        x *= np.repeat(np.exp(random.normal(size=-(-count // 45))), 45)[:count]
    elif kind == "trend":
        x += np.linspace(0, 10, count)
    elif kind == "tails":
        x = random.standard_t(2, size=count)
        x[count // 2] = 1e6
    return x


def compare(microlab, folder, name, x, mean_length, prior):
    path = Path(folder) / f"{name}.json"
    path.write_text(json.dumps(x.tolist()))
    command = [microlab, "changepoints", str(path), "--full", "--standardise", "none", "--lambda", str(mean_length),
               "--prior", ",".join(map(str, prior))]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    matrix = np.exp(bocpd(x, 1 / mean_length, *prior))
    recent = np.abs(matrix[:, : RECENT + 1].sum(axis=1) - answer["change_probabilities"]).max()
    last = np.abs(matrix[-1] - answer["posterior"]).max()
    # Of equally probable ones either will do.
    lengths = np.array(answer["run_lengths"])
    lead = matrix.max(axis=1) - matrix[np.arange(len(x)), lengths]
    return max(recent, last, lead.max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("microlab", help="the program")
    parser.add_argument("--seed", type=int, default=int(np.random.default_rng().integers(2**31)))
    arguments = parser.parse_args()
    print(f"change points: seed {arguments.seed}")
    random, worst = np.random.default_rng(arguments.seed), 0.0
    with tempfile.TemporaryDirectory() as folder:
        for kind in ["noise", "levels", "spreads", "trend", "tails"]:
            for count in [2, 150, 1_000]:
                x = series(kind, count, random)
                for mean_length, prior in SETTINGS:
                    error = compare(arguments.microlab, folder, f"{kind}-{count}", x, mean_length, prior)
                    worst = max(worst, error)
                    if error > TOLERANCE:
                        print(f"{kind}, {count} values, λ {mean_length}, prior {prior}: {error:.2e} apart")
    print(f"change points: posterior against the whole matrix, largest difference {worst:.1e} (allowed {TOLERANCE:.0e})")
    sys.exit(1 if worst > TOLERANCE else 0)
