#!/usr/bin/env python3
"""Runs the benchmarks of the core (the package in this folder) and prints what they reach beside what was aimed at.

`make bench-core` calls it. `--filter REGEX` runs some; `--threshold N` fails where a measure needs more than N % more
instructions than thresholds.json says, on a machine that counts them; `--write` writes that file.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
THRESHOLDS = HERE / "thresholds.json"
# Items of an iteration, as Market.size.
SIZE = 100_000
# A second.
AIMS = {
    "parse + book": 1_500_000, "parse + features + detectors": 1_000_000, "CUSUM": 50_000_000, "BOCPD": 200_000,
    "BOCPD after 1,000,000": 200_000, "BOCPD after 10,000,000": 200_000, "backtest": 1_650_000,
    "backtest + features + detectors": 1_000_000, "triple-barrier labels": 1_000_000, "book encode + decode": 700_000}


def run(filter_text):
    """Median wall time in µs and instructions of an iteration, by benchmark."""
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
                metrics = element["secondaryMetrics"]
                median = {key: value["scorePercentiles"]["50.0"] for key, value in metrics.items()}
                results[name] = (median["Time (wall clock)"], median.get("Instructions", 0))
        return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter")
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    results = run(options.filter)
    if not results:
        sys.exit("core.py: no benchmark has that name")
    known = json.loads(THRESHOLDS.read_text()) if THRESHOLDS.exists() else {}
    order = [*AIMS, *sorted(set(results) - set(AIMS))]
    print("| measure | a second | ns each | instructions each | aim |\n|---|---|---|---|---|")
    failures = []
    for name in (name for name in order if name in results):
        microseconds, instructions = results[name]
        aim = AIMS.get(name)
        each = instructions / SIZE
        print(f"| {name} | {SIZE / microseconds * 1e6:,.0f} | {microseconds * 1e3 / SIZE:.1f} "
              f"| {f'{each:,.0f}' if each else 'not counted'} | {f'{aim:,}' if aim else '–'} |")
        if options.threshold is not None and each and name in known and each > known[name] * (1 + options.threshold / 100):
            failures.append(f"{name}: {each:.0f} instructions, {known[name]:.0f} before")
    if options.write:
        THRESHOLDS.write_text(json.dumps({name: round(value[1] / SIZE, 1) for name, value in sorted(results.items())},
                                         indent=2) + "\n")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
