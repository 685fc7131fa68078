#!/usr/bin/env python3
"""Prints every signal of a detector, in order, whatever dies in between: a consumer that fills its holes.

It subscribes first, then asks the signal log for what lies between its position and what comes live, and drops what
comes twice. The position is kept in a file, so that the next start goes on where this one ended; a kill between printing
a signal and keeping the position prints that one again.

Needs pyzmq, protobuf and protoc (Debian: python3-zmq python3-protobuf protobuf-compiler).

    python3 proto/examples/durable_signals.py --state position.json \
        [--connect tcp://127.0.0.1:5557] [--replay tcp://127.0.0.1:5559] [--count 1]
"""
import argparse
import json
import os
import time

import zmq

from signals import load_messages

POLL_SECONDS = 0.25  # how often it asks whether something was logged that never came live
PATIENCE_SECONDS = 2.0  # after which a question is asked again


def load_position(path):
    if not os.path.exists(path):
        return {"log_id": 0, "sequence": 0}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def save_position(path, position):
    """Whole or not at all: a kill leaves the former position, and what it brings again is known by its sequence."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(position, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description="Print every signal once, in order.")
    parser.add_argument("--connect", default="tcp://127.0.0.1:5557", help="a detector's signal topic")
    parser.add_argument("--replay", default="tcp://127.0.0.1:5559", help="the same detector's signal log")
    parser.add_argument("--state", required=True, help="file that keeps the position")
    parser.add_argument("--count", type=int, help="stop after this many signals")
    options = parser.parse_args()

    envelopes = load_messages("envelope")
    replays = load_messages("replay")
    context = zmq.Context()
    live = context.socket(zmq.SUB)
    live.setsockopt_string(zmq.SUBSCRIBE, "signal.")
    live.connect(options.connect)
    log = context.socket(zmq.DEALER)
    log.setsockopt(zmq.IMMEDIATE, 1)  # a question to a log that is away is not queued
    log.setsockopt(zmq.LINGER, 0)
    log.connect(options.replay)
    poller = zmq.Poller()
    poller.register(live, zmq.POLLIN)
    poller.register(log, zmq.POLLIN)

    position = load_position(options.state)
    printed = 0
    request_id, asked_at, answered_at, is_urgent = 0, None, 0.0, True

    def take(signal):
        """Prints the signal that is due; `False` where one before it is missing."""
        nonlocal printed
        if signal.log_id != position["log_id"] or signal.log_sequence > position["sequence"] + 1:
            return False
        if signal.log_sequence == position["sequence"] + 1:
            print(f"{signal.log_sequence} {signal.id} {signal.symbol} {signal.type} score={signal.score:.3f}", flush=True)
            position["sequence"] = signal.log_sequence
            save_position(options.state, position)
            printed += 1
        return True

    while options.count is None or printed < options.count:
        now = time.monotonic()
        is_free = asked_at is None or now - asked_at > PATIENCE_SECONDS
        if is_free and (is_urgent or now - answered_at > POLL_SECONDS):
            request_id += 1
            request = replays.LogRequest(request_id=request_id)
            request.replay.log_id = position["log_id"]
            request.replay.since = position["sequence"]
            try:
                log.send(request.SerializeToString(), zmq.DONTWAIT)
                asked_at = now
            except zmq.Again:
                pass  # the log is away
        ready = dict(poller.poll(50))
        if log in ready:
            response = replays.LogResponse.FromString(log.recv())
            if response.request_id == request_id and not response.error:
                asked_at, answered_at = None, time.monotonic()
                if response.log_id != position["log_id"]:
                    # The first answer, or a log begun anew: from its start.
                    position.update(log_id=response.log_id, sequence=0)
                elif response.first_sequence > position["sequence"] + 1:
                    print(f"lost {response.first_sequence - position['sequence'] - 1}: no longer in the log", flush=True)
                    position["sequence"] = response.first_sequence - 1
                for signal in response.signals:
                    if options.count is None or printed < options.count:
                        take(signal)
                is_urgent = position["sequence"] < response.last_sequence
        if live in ready and asked_at is None:
            _, body = live.recv_multipart()
            is_urgent = not take(envelopes.Envelope.FromString(body).signal) or is_urgent


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
