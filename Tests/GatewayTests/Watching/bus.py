"""What ingest, features and detector would publish about many markets, made up: for a gateway that stands alone."""

import importlib
import math
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import time

import zmq

from demo import ROOT

SECOND = 1_000_000_000


def load_messages():
    """The contract, compiled into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path) for path in (ROOT / "proto").glob("microstructure/v1/*.proto"))
        subprocess.run(["protoc", "-I", str(ROOT / "proto"), f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, folder)
        return tuple(importlib.import_module(f"microstructure.v1.{name}_pb2") for name in ("envelope", "market"))


class Bus(threading.Thread):
    """Publishes each market's book, features, detectors and status once a second, and the first market's features four times
    and its trades forty times a second. Of that market it keeps what the charts have to show."""

    def __init__(self, count, seed=1):
        super().__init__(daemon=True)
        self.envelopes, self.market_messages = load_messages()
        self.random = random.Random(seed)
        self.markets = [f"M{number:04}USDT" for number in range(count)]
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.linger = 0
        self.endpoint = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"
        self.sequences, self.epoch = {}, time.time_ns()
        self.ending = threading.Event()
        self.lock = threading.Lock()
        # Of the first market: quantities by second, and the mids of each second.
        self.bought, self.sold, self.mids = {}, {}, {}
        self.trade_id = 0
        self.names, self.schema = [], 0

    def join_of(self, count):
        """Waits until so many subscriptions are here."""
        for _ in range(count):
            if not self.socket.poll(60_000):
                raise TimeoutError("the gateway does not subscribe")
            self.socket.recv()

    def send(self, topic, **payload):
        self.sequences[topic] = self.sequences.get(topic, 0) + 1
        envelope = self.envelopes.Envelope(producer="bus", epoch=self.epoch, sequence=self.sequences[topic],
                                           sent_time_ns=time.time_ns(), **payload)
        self.socket.send_multipart([topic.encode(), envelope.SerializeToString()])

    # The prices of the first market move within a tick of 0.01, so that an axis needs more digits than a price has.
    def mid(self, index, moment):
        if index == 0:
            return 64_000 + 0.002 * math.sin(moment / 7)
        return (1 + index) * (1 + 0.001 * math.sin(moment / 10 + index))

    def features(self, index, moment_ns):
        moment = moment_ns / SECOND
        known = {"mid": self.mid(index, moment), "microprice": self.mid(index, moment) + (0.0005 if index == 0 else 0),
                 "imbalance_5": math.sin(moment / 5 + index), "imbalance_10": math.sin(moment / 9 + index)}
        vector = self.vector(values=[known.get(name, 0.0) for name in self.names], receive_time_ns=moment_ns)
        self.send(f"feature.binance.{self.markets[index]}|", feature_vector=vector)
        if index == 0:
            with self.lock:
                self.mids.setdefault(moment_ns // SECOND, set()).add(known["mid"])

    def vector(self, **fields):
        vector = self.envelopes.Envelope().feature_vector
        vector.schema_id, vector.validity = self.schema, 1
        vector.receive_time_ns = vector.venue_time_ns = fields["receive_time_ns"]
        vector.values.extend(fields["values"])
        return vector

    def trade(self, moment_ns):
        self.trade_id += 1
        quantity, side = self.random.randrange(1, 1_000), self.random.choice((1, 2))
        with self.lock:
            sums = self.bought if side == 1 else self.sold
            sums[moment_ns // SECOND] = sums.get(moment_ns // SECOND, 0) + quantity
        self.send(f"tick.binance.{self.markets[0]}.trade|", trade=self.market_messages.Trade(
            id=self.trade_id, price=6_400_000, quantity=quantity, aggressor=side, price_exponent=-2, quantity_exponent=-2,
            venue_time_ns=moment_ns, receive_time_ns=moment_ns))

    def others(self, index, moment_ns):
        name, moment = self.markets[index], moment_ns / SECOND
        price = round(self.mid(index, moment) * 100)
        self.send(f"tick.binance.{name}.book|", book=self.market_messages.Book(
            bid_prices=[price - 1 - index % 5], ask_prices=[price + 1 + index % 5], bid_quantities=[10], ask_quantities=[10],
            price_exponent=-2, quantity_exponent=-2, receive_time_ns=moment_ns, venue_time_ns=moment_ns, validity=1,
            update_id=moment_ns // 1_000_000, tick_size=1, book_epoch=1))
        # A hundredth of the markets is not valid.
        self.send(f"tick.binance.{name}.status|", status=self.market_messages.Status(
            validity=2 if index % 100 == 99 else 1, receive_time_ns=moment_ns, feed_up=True, message_count=moment_ns // SECOND,
            latency_p50_ns=20_000_000, latency_p95_ns=(20 + index % 50) * 1_000_000))
        state = self.envelopes.Envelope().detector_state
        state.receive_time_ns, state.validity, state.dynamic_threshold = moment_ns, 1, 0.8
        state.score = abs(math.sin(moment / 20 + index * 1.7))
        self.send(f"detector.binance.{name}|", detector_state=state)

    def signal(self, index):
        moment_ns, name = time.time_ns(), self.markets[index]
        signal = self.envelopes.Envelope().signal
        signal.id, signal.venue, signal.symbol, signal.type = f"{moment_ns:016x}-{name}-drift", "binance", name, "drift"
        signal.metric, signal.direction, signal.score, signal.threshold = "imbalance_5", 1, 0.9, 0.8
        signal.onset_time_ns = signal.detected_time_ns = moment_ns
        self.send(f"signal.binance.{name}.drift|", signal=signal)
        return signal.id

    def past(self, seconds):
        """What was before anybody looked, as fast as it goes."""
        now = time.time_ns()
        for moment_ns in range(now - seconds * SECOND, now, SECOND // 4):
            self.features(0, moment_ns)
            self.trade(moment_ns)
        for index in range(len(self.markets)):
            self.others(index, now)
            self.features(index, now)

    def run(self):
        """A fortieth of the markets each fortieth of a second."""
        turn, start = 0, time.monotonic()
        while not self.ending.is_set():
            for index in range(turn % 40, len(self.markets), 40):
                self.others(index, time.time_ns())
                self.features(index, time.time_ns())
            if turn % 10 == 0:
                self.features(0, time.time_ns())
            self.trade(time.time_ns())
            if turn % 40 == 0:
                self.signal(1 + self.random.randrange(len(self.markets) - 1))
            turn += 1
            self.ending.wait(max(0, start + turn / 40 - time.monotonic()))

    def stop(self):
        self.ending.set()
        if self.is_alive():
            self.join(30)
        self.socket.close()
        self.context.term()
