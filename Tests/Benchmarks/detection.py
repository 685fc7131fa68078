#!/usr/bin/env python3
"""Does a calibrated profile keep its budget, and what does it find? On the pump-and-dump recordings.

budget: for each of some symbols, `microlab calibrate` on the first half of the tape for 4, 24 and 96 signals a day, then
        `microlab detect` on the whole; counts the signals of the second half away from the labelled event (an hour before it
        to a day after it). Prints measured/asked with a 95 % interval (bootstrap of symbol days).
pumps:  one profile for all symbols, calibrated on the first fifth of each tape, and `classic`, on all tapes; prints what
        `microlab score` says of them.

Usage: detection.py {budget|pumps} --bin FOLDER [--data FOLDER] [--every N] [--budgets 4,24,96] [--jobs N] [--keep FOLDER]
"""
import argparse
import concurrent.futures
import csv
import datetime
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
DAY = 86_400


def remark(done):
    """Says of a command that met damage what it said: its result is of the rest."""
    if done.returncode == 1:
        print(f"{' '.join(map(str, done.args))}\nexit code 1, the result is of what could be read: {done.stderr.strip()}",
              file=sys.stderr, flush=True)
    return done


def run(*command, codes=(0,)):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in codes:
        raise SystemExit(f"{' '.join(map(str, command))}\nexit code {done.returncode}: {done.stderr.strip()}")
    return done


class Recording:
    """One labelled event and the trades around it."""

    def __init__(self, row, bench):
        self.name = row["file"].removesuffix(".csv.zst")
        self.source = bench.data / row["file"]
        self.label = datetime.datetime.fromisoformat(row["label_time_utc"].replace("Z", "+00:00")).timestamp()
        self.begin = self.label - 3600 * float(row["hours_before"])
        self.end = self.label + 3600 * float(row["hours_after"])
        self.trades = int(row["n_trades"])
        self.symbol = row["symbol"].replace("/", "")
        self.bench = bench
        self.tape = bench.folder / f"{self.name}.tape"

    def prepare(self):
        if not self.tape.exists():
            part = self.tape.with_suffix(".part")
            remark(run(
                self.bench.microlab, "import", "--format", "trades-csv", self.source, "--out", part, "--force", codes=(0, 1)))
            part.rename(self.tape)

    def detect(self, profile, tag):
        """Times in seconds of the signals, and the file that holds them."""
        out = self.bench.folder / f"{self.name}.{tag}.ndjson"
        remark(run(self.bench.microlab, "detect", self.tape, "--profile", profile, "--out", out, "--force", codes=(0, 1)))
        with open(out) as lines:
            return [json.loads(line)["timestamp"] for line in lines], out


class Bench:
    def __init__(self, options, folder):
        self.microlab = pathlib.Path(options.bin) / "microlab"
        self.data = pathlib.Path(options.data) / "pump-and-dump"
        self.folder = folder
        with open(self.data / "events.csv") as rows:
            self.recordings = [Recording(row, self) for row in csv.DictReader(rows)][:: options.every]
        self.pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
        list(self.pool.map(Recording.prepare, self.recordings))


def interval(days, budget):
    """95 % of the pooled rate over the budget when symbol days are drawn again; the seed is fixed."""
    generator = random.Random(1)
    ratios = []
    for _ in range(2_000):
        drawn = generator.choices(days, k=len(days))
        ratios.append(sum(count for count, _ in drawn) / sum(length for _, length in drawn) / budget)
    ratios.sort()
    return ratios[50], ratios[-51]


def budget(bench, budgets):
    def measure(job):
        recording, asked = job
        profile = bench.folder / f"{recording.name}.{asked:g}.json"
        made = run(
            bench.microlab, "calibrate", recording.tape, "--part", "0:0.5", "--budget", f"{asked:g}/day",
            "--out", profile, "--force", codes=(0, 65))
        if made.returncode:
            return recording, asked, None, made.stderr.strip().splitlines()[-1]
        signals, _ = recording.detect(profile, f"budget-{asked:g}")
        middle = (recording.begin + recording.end) / 2
        quiet = [(middle, recording.label - 3600), (recording.label + DAY, recording.end)]
        days = []
        for begin, end in quiet:
            begin = max(begin, middle)
            while begin < end:
                until = min(begin + DAY, end)
                days.append((sum(begin <= signal < until for signal in signals), (until - begin) / DAY))
                begin = until
        return recording, asked, days, None

    jobs = [(recording, asked) for asked in budgets for recording in bench.recordings]
    found, refused = {}, {}
    print("asked a day   market        trades   days   measured/asked")
    for recording, asked, days, problem in bench.pool.map(measure, jobs):
        if days is None:
            print(f"{asked:11g}   {recording.name[:8]:10} {recording.trades:9}   refused: {problem}", flush=True)
            refused[asked] = refused.get(asked, 0) + 1
            continue
        found.setdefault(asked, []).extend(days)
        count, length = sum(day[0] for day in days), sum(day[1] for day in days)
        print(f"{asked:11g}   {recording.name[:8]:10} {recording.trades:9} {length:6.1f} {count / length / asked:10.2f}", flush=True)
    for asked in budgets:
        without = refused.get(asked, 0)
        of = f"{len(bench.recordings) - without} of {len(bench.recordings)} recordings ({without} refused)"
        days = found.get(asked)
        if not days:
            print(f"{asked:g} a day: {of}, nothing to measure")
            continue
        low, high = interval(days, asked)
        count, length = sum(day[0] for day in days), sum(day[1] for day in days)
        print(f"{asked:g} a day, {of}, over {length:.0f} symbol days: {count / length / asked:.2f} of what was asked, 95 % {low:.2f} to {high:.2f}")


def pumps(bench, budgets):
    profiles = {"classic": "classic"}
    for asked in budgets:
        profile = bench.folder / f"pooled-{asked:g}.json"
        done = run(
            bench.microlab, "calibrate", *[recording.tape for recording in bench.recordings], "--part", "0:0.2",
            "--budget", f"{asked:g}/day", "--out", profile, "--force")
        print(done.stderr, flush=True)
        profiles[f"pooled, {asked:g} a day"] = profile
    for name, profile in profiles.items():
        tag = name.replace(", ", "-").replace(" ", "-")
        files = list(bench.pool.map(lambda recording: recording.detect(profile, tag)[1], bench.recordings))
        # A symbol may have several recordings, and they may overlap: each signal counts once.
        lines = sorted({line for file in files for line in file.read_text().splitlines()})
        together = bench.folder / f"{tag}.ndjson"
        together.write_text("".join(line + "\n" for line in lines))
        print(f"--- {name}: {len(lines)} signals")
        print(run(
            bench.microlab, "score", together, bench.data / "events.csv", "--span", "events", "--slack", 60,
            "--exclude-before", 3600, "--exclude-after", DAY, "--classes", "pump").stdout, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["budget", "pumps"])
    parser.add_argument("--bin", required=True, help="folder of the programs, optimised")
    parser.add_argument("--data", default=os.environ.get("MICROSTRUCTURE_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--every", type=int, default=1, help="take every Nth recording")
    parser.add_argument("--budgets", default=None, help="signals a day, comma-separated")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="keep tapes, profiles and signals in this folder")
    options = parser.parse_args()
    if not (pathlib.Path(options.data) / "pump-and-dump").is_dir():
        print(f"skipped: the recordings are not on this machine (looked in {options.data})")
        return
    budgets = [float(part) for part in (options.budgets or {"budget": "4,24,96", "pumps": "24"}[options.what]).split(",")]
    with tempfile.TemporaryDirectory(prefix="microstructure-detection.") as temporary:
        folder = pathlib.Path(options.keep or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        {"budget": budget, "pumps": pumps}[options.what](Bench(options, folder), budgets)


if __name__ == "__main__":
    sys.exit(main())
