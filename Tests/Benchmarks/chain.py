#!/usr/bin/env python3
"""Measures the running chain, exchange-sim → ingest → features → detector → a subscriber, on this machine's loopback.

    chain.py latency      frame → vector and signal at 1, 10 and 100 times the BTC recording, beside a bare C chain
    chain.py throughput   faster and faster, until something is lost or late; beside libzmq's own
    chain.py symbols      processor time and memory at 1, 10, 100 and 1,000 symbols
    chain.py mallocs      what the threads of the running processes ask malloc for
    chain.py all

A frame's time is when ingest read it from its socket. `make bench-chain` calls this. Needs pyzmq, protobuf, cc and libzmq.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "EndToEndTests" / "Faults"))
import bench  # noqa: E402
from bench import Program, free_port, get, wait_for  # noqa: E402

# Signals often enough to measure: thresholds that nearly everything passes, and no pause between two.
DETECTOR = ["--profile", "classic", "--cooldown-seconds", "0", "--drift-threshold", "0.1",
            "--dynamic-threshold-window", "1"]


class Bench:
    def __init__(self, options, folder):
        self.bin, self.folder, self.seconds, self.data = options.bin, folder, options.seconds, options.data
        self.counts = options.symbols
        self.chain = folder / "chain"
        self.counter = folder / "counter.so"
        compiler = os.environ.get("CC", "cc")
        subprocess.run([compiler, "-O2", "-o", self.chain, HERE / "chain.c", "-lzmq"], check=True)
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", self.counter, HERE / "allocation_counter.c"],
                       check=True)

    def tool(self, *arguments, **more):
        """chain.c in one of its roles, in the background."""
        return subprocess.Popen([str(self.chain), *map(str, arguments)], stdout=subprocess.PIPE, text=True, **more)

    def recording(self, speed):
        path = self.data / "binance-spot-2024-08-08" / "btcusdt_20240808.gz"
        if not path.exists():
            sys.exit(f"chain: no recording {path}; give its folder with --data")
        return ["--capture", path, "--loop", "--speed", speed]


class Chain:
    """All processes of the chain, with a port of its own for each."""

    def __init__(self, bench, market, symbols, ingests=1, counts=False, detector=DETECTOR):
        self.bench, self.symbols, self.programs = bench, symbols, {}
        self.work = pathlib.Path(tempfile.mkdtemp(dir=bench.folder))
        self.metrics = {}
        exchange = free_port()
        ticks = [f"tcp://127.0.0.1:{free_port()}" for _ in range(ingests)]
        self.ticks = ticks
        self.vectors = f"tcp://127.0.0.1:{free_port()}"
        self.signals = f"tcp://127.0.0.1:{free_port()}"
        self.counts = counts
        self.start("exchange-sim", ["--port", exchange, "--weight-limit", 1_000_000_000, *market])
        wait_for(lambda: self.answers(f"http://127.0.0.1:{exchange}/api/v3/ping"), "exchange-sim answers", 120)
        self.start("detector", ["--connect", self.vectors, "--publish", self.signals, "--alerts", "none", "--replay",
                                "none", "--state-dir", self.work, *detector])
        self.start("features", ["--connect", ",".join(ticks), "--publish", self.vectors])
        for index, endpoint in enumerate(ticks):
            self.start("ingest", ["--symbols", ",".join(symbols[index::ingests]), "--publish", endpoint,
                                  "--websocket-url", f"ws://127.0.0.1:{exchange}",
                                  "--rest-url", f"http://127.0.0.1:{exchange}", "--lease-dir", self.work / "leases",
                                  "--snapshot-depth", 1_000 if len(symbols) == 1 else 100,
                                  "--wait-subscriptions", 1], index)
        wait_for(lambda: self.count("detector", "detector_vectors", distinct=True) >= len(symbols),
                 f"vectors of {len(symbols)} symbols", 300)

    def start(self, name, arguments, index=0):
        key = name if index == 0 else f"{name}{index}"
        port = free_port()
        environment = {}
        if self.counts and name != "exchange-sim":
            environment = {"LD_PRELOAD": str(self.bench.counter), "ALLOCATION_COUNTS": str(self.work / f"{key}.counts")}
        self.metrics[key] = port
        self.programs[key] = Program(
            self.bench.bin, name, [*arguments, "--metrics-port", port, "--log-level", "error"], self.work, str(index),
            environment)

    def answers(self, url):
        for program in self.programs.values():
            if program.process.poll() is not None:
                raise AssertionError(f"{program.name} has ended: {program.log[-2000:]}")
        try:
            return get(url) or True
        except OSError:
            return None

    def count(self, key, metric, distinct=False, **labels):
        """The sum of a counter over its series, or how many series are above 0."""
        page = self.answers(f"http://127.0.0.1:{self.metrics[key]}/metrics") or ""
        total = 0
        for line in re.findall(rf"^microstructure_{metric}_total(\S* \S+)$", page, re.M):
            if all(f'{name}="{value}"' in line for name, value in labels.items()):
                value = float(line.rsplit(" ", 1)[1])
                total += (value > 0) if distinct else value
        return total

    def ingests(self):
        return [key for key in self.programs if key.startswith("ingest")]

    def totals(self):
        """Everything that is counted, now."""
        ingests = self.ingests()
        return {
            "frames": sum(self.count(key, "feed_messages") for key in ingests),
            "books": self.count("features", "feature_input_book_updates"),
            "trades": self.count("features", "feature_input_trades"),
            "reconnects": sum(self.count(key, "feed_reconnects") for key in ingests),
            "gaps": sum(self.count(key, "feed_gaps") for key in ingests),
            "resyncs": sum(self.count(key, "feed_resyncs") for key in ingests),
            "ticks": self.count("features", "bus_messages_received"),
            "vectors": self.count("detector", "detector_vectors"),
            "lost": self.count("features", "bus_messages_lost") + self.count("detector", "bus_messages_lost"),
            "time": time.monotonic(),
            "cpu": {key: program.cpu_seconds() for key, program in self.programs.items()},
        }

    def measure(self, seconds, warm_up=2):
        """Rates, processor time and latencies over `seconds`."""
        # Not while the sinks measure: to be asked for metrics holds the programs up.
        before = self.totals()
        sinks = [self.bench.tool("sink", endpoint, prefix, "envelope", warm_up, seconds)
                 for endpoint, prefix in ((self.vectors, "feature."), (self.signals, "signal."))]
        vector, signal = (json.loads(sink.communicate()[0]) for sink in sinks)
        after = self.totals()
        span = after["time"] - before["time"]
        result = {key: (after[key] - before[key]) / span
                  for key in ("frames", "books", "trades", "ticks", "vectors")}
        result |= {key: after[key] - before[key] for key in ("lost", "reconnects", "gaps", "resyncs")}
        result["cpu"] = {}
        for key in after["cpu"]:
            name = "ingest" if key.startswith("ingest") else key
            result["cpu"][name] = result["cpu"].get(name, 0) + (after["cpu"][key] - before["cpu"][key]) / span
        result["rss"] = {}
        for key, program in self.programs.items():
            name = "ingest" if key.startswith("ingest") else key
            result["rss"][name] = result["rss"].get(name, 0) + program.resident_kilobytes()
        result["vector"], result["signal"] = vector, signal
        result["lost"] += vector["lost"] + signal["lost"]
        return result

    def end(self):
        for key in sorted(self.programs, key=lambda key: key.startswith("exchange")):
            self.programs[key].kill()


def bare(bench, schedule, sizes, seconds, warm_up=2):
    """Messages of the same sizes at the same times, those of the stretch after, through C programs: two and three hops."""
    ports = [f"tcp://127.0.0.1:{free_port()}" for _ in range(3)]
    sinks = [bench.tool("sink", ports[hop], "tick.", "bare", warm_up, seconds) for hop in (1, 2)]
    stages = [bench.tool("forward", ports[0], ports[1], sizes[0]), bench.tool("forward", ports[1], ports[2], sizes[1])]
    time.sleep(0.5)
    source = bench.tool("source", ports[0], schedule, seconds + warm_up + 5)
    results = [json.loads(sink.communicate()[0]) for sink in sinks]
    for process in [source, *stages]:
        process.kill()
        process.wait()
    return results


def latency(bench):
    print("| speed | ticks/s | vectors/s | what | p50 µs | p99 µs | bare p50 | bare p99 | ratio p50 | ratio p99 | lost |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for speed in (1, 10, 100):
        chain = Chain(bench, bench.recording(speed), ["BTCUSDT"])
        schedule = bench.folder / f"schedule{speed}"
        ours = chain.measure(bench.seconds)
        schedule.write_text(bench.tool("record", chain.ticks[0], bench.seconds).communicate()[0])
        chain.end()
        sizes = [int(ours["vector"]["size"]), int(ours["signal"]["size"] or 400)]
        limits = bare(bench, schedule, sizes, bench.seconds)
        for what, hops, limit in (("vector", 2, limits[0]), ("signal", 3, limits[1])):
            our = ours[what]
            print(f"| {speed} | {ours['ticks']:.0f} | {ours['vectors']:.1f} | {what}, {hops} hops ({our['count']}) "
                  f"| {our['p50']:.0f} | {our['p99']:.0f} | {limit['p50']:.0f} | {limit['p99']:.0f} "
                  f"| {our['p50'] / limit['p50']:.2f} | {our['p99'] / limit['p99']:.2f} | {ours['lost']:.0f} |", flush=True)


def throughput(bench):
    """Ten synthetic markets, ever faster: a recording would begin anew every second or two, and each time the books with it."""
    names = [f"S{index}USDT" for index in range(10)]
    print("| speed | frames/s | of what is due | ticks/s | vectors/s | lost | reconnects, gaps, resyncs | vector p50 ms | p99 ms "
          "| cores: sim, ingest, features, detector | µs of a core a message: sim, ingest, features, detector |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    due = None
    for speed in (10, 50, 100, 200, 400):
        chain = Chain(bench, [*specification(bench, names, order_rate=110), "--speed", speed], names, detector=[])
        time.sleep(3)
        result = chain.measure(bench.seconds)
        chain.end()
        due = due or result["frames"] / speed
        cpu = result["cpu"]
        each = {"exchange-sim": "frames", "ingest": "frames", "features": "ticks", "detector": "vectors"}
        costs = ", ".join(f"{cpu[key] / (result[rate] or 1) * 1e6:.1f}" for key, rate in each.items())
        print(f"| {speed} | {result['frames']:.0f} | {result['frames'] / speed / due:.2f} "
              f"| {result['ticks']:.0f} | {result['vectors']:.0f} | {result['lost']:.0f} "
              f"| {result['reconnects']:.0f}, {result['gaps']:.0f}, {result['resyncs']:.0f} "
              f"| {result['vector']['p50'] / 1e3:.2f} | {result['vector']['p99'] / 1e3:.2f} "
              f"| {', '.join(f'{cpu[key]:.2f}' for key in each)} | {costs} |", flush=True)
    for hops in (1, 3):
        for size in (300, 800):
            print(f"libzmq alone, {hops} hops of {size} bytes, none lost: {unpaced(bench, hops, size):.0f} messages a second",
                  flush=True)


def unpaced(bench, hops, size):
    ports = [f"tcp://127.0.0.1:{free_port()}" for _ in range(hops)]
    sink = bench.tool("sink", ports[-1], "tick.", "bare", 1, bench.seconds)
    stages = [bench.tool("forward", ports[hop], ports[hop + 1], 0) for hop in range(hops - 1)]
    time.sleep(0.5)
    source = bench.tool("source", ports[0], f"max:{size}", bench.seconds + 5)
    result = json.loads(sink.communicate()[0])
    for process in [source, *stages]:
        process.kill()
        process.wait()
    return result["rate"]


def specification(bench, symbols, order_rate=80):
    """About ten book updates and ten trades a second each, and the best prices."""
    path = bench.folder / f"market{len(symbols)}.json"
    path.write_text(json.dumps({"markets": [
        {"symbols": symbols, "orderRate": order_rate, "marketOrderRate": 4, "restingOrders": 200}]}))
    return ["--synthetic", path]


def symbols(bench):
    print("| symbols | books/s each | trades/s each | ticks/s | vectors/s | lost | gaps | reconnects | vector p50 ms | p99 ms "
          "| signals/s | signal p50 ms | p99 ms | cores: sim, ingest, features, detector | MiB: ingest, features, detector |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for count in bench.counts:
        names = [f"S{index:04}USDT" for index in range(count)]
        # A process serves at most 341 symbols. With a profile's cooldown: a thousand symbols that all signal at once measure
        # the disk.
        chain = Chain(bench, specification(bench, names), names, ingests=-(-count // 334),
                      detector=["--profile", "classic"])
        time.sleep(15 if count >= 1_000 else 5 if count >= 100 else 1)
        seconds = bench.seconds * (2 if count >= 1_000 else 1)
        result = chain.measure(seconds)
        chain.end()
        cpu = ", ".join(f"{result['cpu'][key]:.3f}" for key in ("exchange-sim", "ingest", "features", "detector"))
        rss = ", ".join(f"{result['rss'][key] / 1024:.0f}" for key in ("ingest", "features", "detector"))
        print(f"| {count} | {result['books'] / count:.2f} | {result['trades'] / count:.2f} | {result['ticks']:.0f} "
              f"| {result['vectors']:.0f} | {result['lost']:.0f} | {result['gaps']:.0f} | {result['reconnects']:.0f} "
              f"| {result['vector']['p50'] / 1e3:.2f} | {result['vector']['p99'] / 1e3:.2f} "
              f"| {result['signal']['count'] / seconds:.1f} | {result['signal']['p50'] / 1e3:.2f} "
              f"| {result['signal']['p99'] / 1e3:.2f} | {cpu} | {rss} |", flush=True)


def allocations(bench, speed):
    """What the threads of each process ask for in a second, in steady state, with the classic profile; and the messages."""
    # No detector crosses these: a signal is logged, and the detectors are saved after it, which allocates by design.
    silent = ["--drift-threshold", 1_000, "--burst-threshold", 1_000, "--regime-threshold", 1]
    names = [f"S{index}USDT" for index in range(10)]
    chain = Chain(bench, [*specification(bench, names), "--speed", speed], names, counts=True,
                  detector=["--profile", "classic", *silent])
    # Each line of the detector is saved in the first 30 s, and then every 30 s: not in what is measured.
    time.sleep(32)

    def counted():
        """Calls and bytes of each process: of its own threads, their calls that came out of libzmq, and of libzmq's threads."""
        sums = {}
        for key in ("ingest", "features", "detector"):
            own, inside, others = 0, 0, 0
            process = chain.programs[key].process.pid
            for thread, calls, _, library in struct.iter_unpack("<QQQQ", (chain.work / f"{key}.counts").read_bytes()):
                name = pathlib.Path(f"/proc/{process}/task/{thread}/comm")
                if not thread or not name.exists():
                    continue
                if name.read_text().startswith("ZMQ"):
                    others += calls
                else:
                    own, inside = own + calls - library, inside + library
            sums[key] = (own, inside, others)
        return sums

    # The metrics first and last: being asked for them allocates.
    totals = chain.totals()
    begin, first = time.monotonic(), counted()
    time.sleep(bench.seconds)
    span, last = time.monotonic() - begin, counted()
    after = chain.totals()
    chain.end()
    if after["resyncs"] > totals["resyncs"]:
        sys.exit("chain: a book began anew meanwhile; what that allocates is none of the messages'")
    calls = {key: [(now - before) / span for now, before in zip(last[key], first[key])] for key in last}
    seconds = after["time"] - totals["time"]
    return calls, {key: (after[key] - totals[key]) / seconds for key in ("frames", "ticks", "vectors")}


def mallocs(bench):
    """At two speeds: what grows with the messages is theirs, the rest is done once a second."""
    slow, fast = (allocations(bench, speed) for speed in (2, 10))
    print("| process | messages a second | own calls a second | own a message | of libzmq a message | in its threads |")
    print("|---|---|---|---|---|---|")
    for key, rate in (("ingest", "frames"), ("features", "ticks"), ("detector", "vectors")):
        more = fast[1][rate] - slow[1][rate]
        each = [(now - then) / more for now, then in zip(fast[0][key], slow[0][key])]
        print(f"| {key} | {slow[1][rate]:.0f}, {fast[1][rate]:.0f} | {slow[0][key][0]:.0f}, {fast[0][key][0]:.0f} "
              f"| {each[0]:.3f} | {each[1]:.3f} | {each[2]:.3f} |", flush=True)


def main():
    measures = {"latency": latency, "throughput": throughput, "symbols": symbols, "mallocs": mallocs}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measure", choices=[*measures, "all"])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="folder of the programs")
    parser.add_argument("--data", type=pathlib.Path, default=HERE.parents[1].parent / "shared" / "data")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--symbols", type=int, nargs="+", default=[1, 10, 100, 1_000], help="how many, for symbols")
    options = parser.parse_args()
    # What ends the harness must end the processes too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="ms-chain-") as folder:
        try:
            for name, measure in measures.items():
                if options.measure in (name, "all"):
                    print(f"\n{name}", flush=True)
                    measure(Bench(options, pathlib.Path(folder)))
        finally:
            bench.Program.end_all()


if __name__ == "__main__":
    main()
