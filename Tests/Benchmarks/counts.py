#!/usr/bin/env python3
"""Counts the instructions and mallocs that an item of each measure of the core takes, and fails where they are more than
thresholds.json allows. Unlike times they are the same on a busy machine.

`make test-counts` calls it. `--write` makes what was counted the thresholds. Instructions are callgrind's, and may be 5 %
more; mallocs are those that allocation_counter.c sees, and may be 0.01 an item more. Both are of a market that is warm.
`--frames` counts what a frame of each venue takes instead, without thresholds.
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
THRESHOLDS = HERE / "thresholds.json"
INSTRUCTIONS_TOLERANCE = 0.05
MALLOCS_TOLERANCE = 0.01


def build():
    package = ["swift", "build", "-c", "release", "--package-path", str(HERE), "--scratch-path",
               str(ROOT / ".build" / "benchmarks")]
    subprocess.run([*package, "--product", "Counts"], check=True, stdout=sys.stderr)
    folder = subprocess.run([*package, "--show-bin-path"], check=True, capture_output=True, text=True).stdout.strip()
    return pathlib.Path(folder) / "Counts"


def count(program, *arguments):
    """(instructions, mallocs) of an item by measure, in the program's order."""
    # Else hash tables, and with them instructions, differ from run to run.
    environment = {**os.environ, "SWIFT_DETERMINISTIC_HASHING": "1"}
    with tempfile.TemporaryDirectory() as folder:
        counter = pathlib.Path(folder) / "counter.so"
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", "-o", counter, HERE / "allocation_counter.c"],
                       check=True)
        lines = subprocess.run([program, *arguments], check=True, capture_output=True, text=True,
                               env={**environment, "LD_PRELOAD": str(counter)}).stdout.splitlines()
        # Each time that it leaves the function, callgrind writes what was counted since the last time to a file of its own.
        symbols = subprocess.run(["nm", program], check=True, capture_output=True, text=True).stdout
        function = re.search(r" t (\S+7counted\S+)$", symbols, re.MULTILINE)[1]
        subprocess.run(["valgrind", "--tool=callgrind", f"--log-file={folder}/log", f"--callgrind-out-file={folder}/out",
                        f"--toggle-collect={function}", f"--dump-after={function}", program, *arguments],
                       check=True, stdout=subprocess.DEVNULL, env=environment)
        results = {}
        for number, line in enumerate(lines, 1):
            name, items, mallocs = line.split("\t")
            total = re.search(r"^(?:summary|totals): (\d+)", pathlib.Path(f"{folder}/out.{number}").read_text(), re.MULTILINE)
            results[name] = (int(total[1]) / int(items), int(mallocs) / int(items))
        return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="make what was counted the thresholds")
    parser.add_argument("--frames", action="store_true", help="count what a frame of each venue takes")
    options = parser.parse_args()
    if options.frames:
        print("| measure | instructions a frame | mallocs a frame |\n|---|---:|---:|")
        for name, (instructions, mallocs) in count(build(), "frames").items():
            print(f"| {name} | {instructions:,.0f} | {mallocs:.3f} |")
        return
    results = count(build())
    known = json.loads(THRESHOLDS.read_text()) if THRESHOLDS.exists() else {}
    failures = [f"{name}: no longer measured" for name in known if name not in results]
    print("| measure | instructions an item | allowed | mallocs an item | allowed |\n|---|---:|---:|---:|---:|")
    for name, (instructions, mallocs) in results.items():
        threshold = known.get(name, {"instructions": 0, "mallocs": 0})
        allowed = (threshold["instructions"] * (1 + INSTRUCTIONS_TOLERANCE), threshold["mallocs"] + MALLOCS_TOLERANCE)
        print(f"| {name} | {instructions:,.0f} | {allowed[0]:,.0f} | {mallocs:.3f} | {allowed[1]:.3f} |")
        if name not in known:
            failures.append(f"{name}: not in thresholds.json")
        elif instructions > allowed[0] or mallocs > allowed[1]:
            failures.append(f"{name}: more than allowed")
    if options.write:
        THRESHOLDS.write_text(json.dumps(
            {name: {"instructions": round(instructions), "mallocs": round(mallocs, 3)}
             for name, (instructions, mallocs) in results.items()}, indent=2) + "\n")
    elif failures:
        sys.exit("\n".join([*failures, "counts.py: where that is meant, --write makes these the thresholds"]))


if __name__ == "__main__":
    main()
