#!/usr/bin/env python3
"""What a symbol costs: processor time, memory and messages of each process, for the table of the article Operations.

    sizing.py --bin .build/release [--symbols 1,20] [--seconds 30] [--order-rate 120]
"""
import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from engine import eventually, fetch, free_port, metric

TICK = os.sysconf("SC_CLK_TCK")


def names(count):
    return [f"S{index:03}USDT" for index in range(count)]


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_megabytes(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def measure(options, count):
    processes = {}
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        ports = {name: free_port() for name in ["sim", "ingest", "features", "detector", "recorder"]}
        bus = f"ipc://{folder}"

        def start(name, *arguments):
            log = open(f"{folder}/{name}.log", "w")
            program = "microlab" if name == "recorder" else "exchange-sim" if name == "sim" else name
            processes[name] = subprocess.Popen(
                [options.bin / program, *arguments, "--metrics-port", str(ports[name])], stdout=log, stderr=log)

        try:
            start("sim", "--port", str(port), "--synthetic", ",".join(names(count)), "--order-rate", str(options.order_rate),
                  # Here it is not the exchange's limits that are measured.
                  "--weight-limit", "1000000")
            eventually("the exchange", lambda: fetch(f"http://127.0.0.1:{port}/api/v3/ping"))
            start("features", "--connect", f"{bus}/ticks", "--publish", f"{bus}/vectors")
            start("detector", "--connect", f"{bus}/vectors", "--publish", f"{bus}/signals", "--alerts", "none", "--replay", "none",
                  "--state-dir", folder)
            start("recorder", "record", "--connect", f"{bus}/ticks", "--out", f"{folder}/tape")
            start("ingest", "--symbols", ",".join(names(count)), "--publish", f"{bus}/ticks", "--lease-dir", folder,
                  "--websocket-url", f"ws://127.0.0.1:{port}", "--rest-url", f"http://127.0.0.1:{port}")
            page = lambda name: fetch(f"http://127.0.0.1:{ports[name]}/metrics")
            eventually("all books valid", lambda: metric(page("ingest"), "microstructure_book_valid") == count, 180)
            eventually("all vectors", lambda: (metric(page("features"), "microstructure_feature_vectors_total") or 0) > 20 * count, 120)
            before = {name: (processor_seconds(each.pid), page(name)) for name, each in processes.items()}
            time.sleep(options.seconds)
            for name in ["ingest", "features", "detector", "recorder"]:
                seconds = processor_seconds(processes[name].pid) - before[name][0]
                total = lambda text: sum(metric(text, f"microstructure_bus_messages_{way}_total") or 0 for way in ["sent", "received"])
                messages = (total(page(name)) - total(before[name][1])) / options.seconds
                lost = metric(page(name), "microstructure_bus_messages_lost_total") or 0
                print(f"{count:>7}  {name:<9} {100 * seconds / options.seconds:>7.1f} %  {resident_megabytes(processes[name].pid):>7.1f} MB"
                      f"  {messages:>8.0f}/s  {lost:>5.0f}", flush=True)
        finally:
            for each in processes.values():
                each.send_signal(signal.SIGTERM)
            for each in processes.values():
                try:
                    each.wait(10)
                except subprocess.TimeoutExpired:
                    each.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--symbols", default="1,20")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--order-rate", type=int, default=120)
    options = parser.parse_args()
    # Told to stop, it stops what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    print(f"orders and cancellations a second and symbol: {options.order_rate}\nsymbols  process    of a core   memory  messages   lost")
    for count in map(int, options.symbols.split(",")):
        measure(options, count)


if __name__ == "__main__":
    main()
