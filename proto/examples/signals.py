#!/usr/bin/env python3
"""Prints signals as they come: a consumer of the signal topic in Python.

Needs pyzmq, protobuf and protoc (Debian: python3-zmq python3-protobuf protobuf-compiler).

    python3 proto/examples/signals.py [--connect tcp://127.0.0.1:5557] [--symbol BTCUSDT] [--count 1]
"""
import argparse
import importlib
import pathlib
import subprocess
import sys
import tempfile

import zmq


def load_messages(name="envelope"):
    """Compiles the contract into a temporary folder and imports it, so that no generated code can grow old."""
    contract = pathlib.Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path) for path in contract.glob("microstructure/v1/*.proto"))
        subprocess.run(["protoc", "-I", str(contract), f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, folder)
        return importlib.import_module(f"microstructure.v1.{name}_pb2")


def main():
    parser = argparse.ArgumentParser(description="Print signals from the bus.")
    parser.add_argument("--connect", action="append", help="endpoint of a detector (default: tcp://127.0.0.1:5557)")
    parser.add_argument("--symbol", help="only this symbol, e.g. BTCUSDT (default: all)")
    parser.add_argument("--venue", default="binance")
    parser.add_argument("--count", type=int, help="stop after this many signals")
    options = parser.parse_args()

    messages = load_messages()
    socket = zmq.Context().socket(zmq.SUB)
    # A topic is `signal.venue.symbol.type|`, so the dot after the symbol keeps BTCUSD from matching BTCUSDT.
    prefix = f"signal.{options.venue}.{options.symbol}." if options.symbol else "signal."
    socket.setsockopt_string(zmq.SUBSCRIBE, prefix)
    for endpoint in options.connect or ["tcp://127.0.0.1:5557"]:
        socket.connect(endpoint)

    next_sequence = {}
    printed = 0
    while options.count is None or printed < options.count:
        topic, body = socket.recv_multipart()
        envelope = messages.Envelope.FromString(body)
        # Sequences are contiguous per topic and producer epoch: a jump is an exact count of lost messages.
        key = (topic, envelope.epoch)
        lost = envelope.sequence - next_sequence.get(key, envelope.sequence)
        next_sequence[key] = envelope.sequence + 1
        if lost:
            print(f"lost {lost} on {topic.decode()}", file=sys.stderr)
        signal = envelope.signal
        direction = {1: "up", 2: "down"}.get(signal.direction, "-")
        print(f"{signal.id} {signal.symbol} {signal.type} {direction} score={signal.score:.3f} metric={signal.metric}",
              flush=True)
        printed += 1


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
