#!/usr/bin/env python3
"""Proves the integrity of the feed against exchange-sim. `make test-faults` and `make soak` call it.

    faults.py table [--times N] [--short]     one row a fault
    faults.py venues [--times N] [--short] [--only V]   one row a fault, each venue in its own protocol
    faults.py together [--limit S] [--only V] every venue in one stack: VALID, and signals from each
    faults.py chaos [--faults N] [--seed S] [--aggregates]   the recordings, or a synthetic market, under a random plan
    faults.py rotation [--times N]            connections replaced under load
    faults.py widening [--times N]            a market that wanders through shallow snapshots
    faults.py standby [--limit S]             three symbols, four processes, one killed
    faults.py soak [--minutes M]              memory and descriptors over time
    faults.py symbols [--count N]             many symbols in one process

Needs pyzmq, protobuf and protoc (Debian: python3-zmq python3-protobuf protobuf-compiler).
"""
import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time

import bench


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("proof", choices=["table", "venues", "together", "chaos", "rotation", "widening", "standby", "soak", "symbols"])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--data", type=pathlib.Path, help="folder of the recordings")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--faults", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--limit", type=float, help="seconds in which a standby (5), or every venue (120), has to serve")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--short", action="store_true", help="fewer rows and repetitions")
    parser.add_argument("--aggregates", action="store_true", help="the venue refuses single trades")
    parser.add_argument("--only", help="rows of the table whose name contains this; venues, by commas")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ms-faults-"))
    begin = time.monotonic()
    try:
        failures = run(options, folder)
    except Exception:
        for log in sorted(folder.glob("*.log")):
            print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
        raise
    finally:
        bench.Program.end_all()
    print(f"{options.proof}: {'failed: ' + ', '.join(failures) if failures else 'passed'} "
          f"in {time.monotonic() - begin:.0f} s")
    shutil.rmtree(folder, ignore_errors=True)
    return 1 if failures else 0


def run(options, folder):
    if options.proof == "table":
        import table
        if options.only:
            table.ROWS = [row for row in table.ROWS if options.only in row.name]
        return table.main(options.bin, folder, options.times, options.short)
    if options.proof == "venues":
        import venues
        return venues.main(options.bin, folder, options.times, options.short, options.only)
    if options.proof == "together":
        import together
        return together.main(options.bin, folder, options.only, options.limit or 120)
    if options.proof == "chaos":
        import chaos
        return chaos.main(options.bin, folder, options.data, options.faults, options.seed, options.aggregates)
    if options.proof == "rotation":
        import rotation
        return rotation.main(options.bin, folder, options.times)
    if options.proof == "widening":
        import widening
        return widening.main(options.bin, folder, options.times, options.seed)
    if options.proof == "standby":
        import standby
        return standby.main(options.bin, folder, options.limit or 5)
    import endurance
    if options.proof == "soak":
        return endurance.soak(options.bin, folder, options.minutes)
    return endurance.symbols(options.bin, folder, options.count)


if __name__ == "__main__":
    sys.exit(main())
