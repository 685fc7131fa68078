#!/usr/bin/env python3
"""Runs the benchmarks of the core (the package in this folder) and prints what they reach beside what was aimed at.

`make bench-core` calls it. `--filter REGEX` runs some. What must not get worse is counted instead: counts.py.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Items of an iteration.
SIZE = 100_000
# A second.
AIMS = {
    "parse + book": 1_500_000, "parse + features + detectors": 1_000_000, "CUSUM": 50_000_000, "BOCPD": 200_000,
    "BOCPD after 1,000,000": 200_000, "BOCPD after 10,000,000": 200_000, "backtest": 1_650_000,
    "backtest + features + detectors": 1_000_000, "triple-barrier labels": 1_000_000, "book encode + decode": 700_000}


def run(filter_text):
    """Median wall time of an iteration in µs, by benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["swift", "package", "--package-path", str(HERE), "--scratch-path", str(ROOT / ".build" / "benchmarks"),
                   "--allow-writing-to-directory", folder, "benchmark", "--target", "Core", "--format", "jmh", "--path",
                   folder, "--no-progress"]
        if filter_text:
            command += ["--filter", filter_text]
        subprocess.run(command, check=True, stdout=sys.stderr)
        results = {}
        for path in pathlib.Path(folder).glob("*.json"):
            for element in json.loads(path.read_text()):
                name = element["benchmark"].removeprefix("package.benchmark.Core.").replace("_", " ")
                results[name] = element["secondaryMetrics"]["Time (wall clock)"]["scorePercentiles"]["50.0"]
        return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter")
    options = parser.parse_args()
    results = run(options.filter)
    if not results:
        sys.exit("core.py: no benchmark has that name")
    order = [*AIMS, *sorted(set(results) - set(AIMS))]
    print("| measure | a second | ns each | aim |\n|---|---:|---:|---:|")
    for name in (name for name in order if name in results):
        aim = AIMS.get(name)
        print(f"| {name} | {SIZE / results[name] * 1e6:,.0f} | {results[name] * 1e3 / SIZE:.1f} "
              f"| {f'{aim:,}' if aim else '–'} |")


if __name__ == "__main__":
    main()
