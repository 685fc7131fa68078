#!/usr/bin/env python3
"""What does a profile find of events injected into recorded markets? A Markdown table by market, type and size.

Each recording is imported, and for each type played several times as one market with the three sizes planted in turn. An
event is found by the first signal within 10 or 30 s of its start; a false alarm is a signal from no event's start, less
10 s, to 60 s after its end, once the detectors are warm. Beside it stand the signals of the same market without events.

Usage: inject.py --bin FOLDER [--data FOLDER] [--profile NAME|FILE] [--passes N] [--types a,b] [--jobs N]
"""
import argparse
import concurrent.futures
import csv
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MARKETS = {"BTC": "btcusdt_20240808.gz", "ETH": "ethusdt_20240808.gz"}
# Type, sizes, seconds of each event.
EVENTS = {
    "sweep": ([5, 20, 80], 5), "volume_burst": ([3, 6, 12], 30), "metaorder": ([1, 3, 9], 30),
    "spoofing": ([2, 5, 20], 30), "iceberg": ([5, 20, 80], 30), "quote_stuffing": ([1, 3, 10], 20),
    "pump_and_dump": ([50, 100, 300], 40), "flash_crash": ([30, 100, 300], 40), "imbalance_drift": ([0.3, 0.6, 0.9], 40),
    "volatility_regime": ([2, 4, 8], 40), "spread_regime": ([5, 20, 80], 40),
}
# The detectors' warm-up, and a minute for the columns.
WARM_SECONDS, STEP_SECONDS = 700, 110


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\nexit code {done.returncode}: {done.stderr.strip()}")
    return done


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def signals(path):
    with open(path) as lines:
        return [json.loads(line)["timestamp"] for line in lines]


class Bench:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.microlab = pathlib.Path(options.bin) / "microlab"

    def tape(self, market):
        tape = self.folder / f"{market}.tape"
        run(self.microlab, "import", "--format", "venue-raw",
            pathlib.Path(self.options.data) / "binance-spot-2024-08-08" / MARKETS[market], "--out", tape)
        return tape

    def measure(self, job):
        market, tape, kind = job
        sizes, length = EVENTS[kind]
        # Each pass is 347 s long.
        count = int((self.options.passes * 347 - WARM_SECONDS - 90) // STEP_SECONDS)
        spec = ",".join(f"{kind}:{sizes[n % 3]}@{WARM_SECONDS + n * STEP_SECONDS}" for n in range(count))
        changed, truth, out = (self.folder / f"{market}.{kind}.{end}" for end in ("tape", "csv", "ndjson"))
        run(self.microlab, "inject", spec, tape, "--passes", self.options.passes, "--length", length, "--out", changed,
            "--truth", truth, "--force")
        run(self.microlab, "detect", changed, "--profile", self.options.profile, "--out", out, "--force")
        changed.unlink()
        times = signals(out)
        with open(truth) as rows:
            events = [(float(row["size"]), seconds(row["label_time_utc"]), seconds(row["end_utc"])) for row in csv.DictReader(rows)]
        rows = []
        for size in sizes:
            delays = [min((t - begin for t in times if t >= begin), default=1e9) for s, begin, _ in events if s == size]
            rows.append((size, len(delays), sum(d <= 10 for d in delays), sum(d <= 30 for d in delays)))
        false = sum(not any(begin - 10 <= t <= end + 60 for _, begin, end in events) for t in times)
        return market, kind, rows, false

    def quiet(self, market, tape):
        """Signals without events, and the hours watched after the warm-up."""
        changed, out = self.folder / f"{market}.quiet.tape", self.folder / f"{market}.quiet.ndjson"
        # One event after the last second that is looked at: it only makes the repeated tape.
        last = self.options.passes * 347 - 2
        run(self.microlab, "inject", f"sweep:1@{last}", tape, "--passes", self.options.passes, "--length", 1, "--out", changed,
            "--force")
        run(self.microlab, "detect", changed, "--profile", self.options.profile, "--out", out, "--force")
        changed.unlink()
        return len(signals(out)), (last - WARM_SECONDS) / 3600


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--data", default=os.environ.get("MICROSTRUCTURE_DATA", ROOT.parent / "shared/data"))
    parser.add_argument("--profile", default="events")
    parser.add_argument("--passes", type=int, default=6, help="how many times each recording is played")
    parser.add_argument("--types", default=",".join(EVENTS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if not (pathlib.Path(options.data) / "binance-spot-2024-08-08").is_dir():
        print(f"skipped: the recordings are not on this machine (looked in {options.data})")
        return
    with tempfile.TemporaryDirectory(prefix="microstructure-inject.") as folder:
        bench = Bench(options, pathlib.Path(folder))
        tapes = {market: bench.tape(market) for market in MARKETS}
        for market, tape in tapes.items():
            count, hours = bench.quiet(market, tape)
            print(f"{market} without events: {count} signals in {hours:.2f} h", flush=True)
        print("\n| market | event | size | n | found in 10 s | 30 s | false alarms (type) |\n|---|---|---:|---:|---:|---:|---:|", flush=True)
        jobs = [(market, tape, kind) for kind in options.types.split(",") for market, tape in tapes.items()]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for market, kind, rows, false in pool.map(bench.measure, jobs):
                for size, n, ten, thirty in rows:
                    print(f"| {market} | {kind} | {size:g} | {n} | {ten} | {thirty} | {false} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
