"""Real processes for the proofs of feed integrity: exchange-sim, ingest, a subscriber, and the simulator's truth.

The checks here share no code with what they check: they read the bus by its contract and the truth by its file.
"""
import bisect
import collections
import importlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import zmq

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "Tests/Support"))
from ports import free_port  # noqa: E402

VALID, RESYNCING, STALE = 1, 2, 3


def load_messages():
    """Compiles the contract into a temporary folder and imports it."""
    with tempfile.TemporaryDirectory() as folder:
        files = sorted(str(path) for path in (ROOT / "proto").glob("microstructure/v1/*.proto"))
        subprocess.run(["protoc", "-I", str(ROOT / "proto"), f"--python_out={folder}", *files], check=True)
        sys.path.insert(0, folder)
        return importlib.import_module("microstructure.v1.envelope_pb2")


def get(url, timeout=5):
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        return answer.read().decode()


def wait_for(condition, what, seconds=30):
    """Returns the first true value of `condition`, looked at every 20 ms."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Program:
    """One of the project's programs as a process; its log lies in the folder."""

    all = []

    @classmethod
    def end_all(cls):
        """Kills what still runs, after a failure."""
        for program in cls.all:
            program.kill()

    def __init__(self, bin_folder, name, arguments, folder, tag="", environment=None):
        self.name = name + tag
        self.log_path = folder / f"{self.name}.log"
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [str(bin_folder / name), *map(str, arguments)], stderr=log, stdout=log, start_new_session=True,
                env=os.environ | (environment or {}))
        Program.all.append(self)

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self):
        """SIGTERM; the exit code has to be 0 within 8 s."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(8)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = None
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}: {self.log[-2000:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def resident_kilobytes(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        return 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Simulator(Program):
    def __init__(self, bin_folder, folder, arguments, faults=None, tag=""):
        self.port = free_port()
        self.truth_path = folder / f"truth{tag}.ndjson"
        arguments = ["--port", self.port, "--metrics-port", 0, "--truth", self.truth_path, *arguments]
        if faults is not None:
            plan = folder / f"faults{tag}.json"
            plan.write_text(json.dumps(faults))
            arguments += ["--faults", plan]
        super().__init__(bin_folder, "exchange-sim", arguments, folder, tag)
        wait_for(self.answers, "exchange-sim answers", 60)

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log)
        try:
            return get(f"http://127.0.0.1:{self.port}/control/accounts")
        except OSError:
            return None

    def accounts(self):
        return json.loads(get(f"http://127.0.0.1:{self.port}/control/accounts"))

    def struck(self):
        return json.loads(get(f"http://127.0.0.1:{self.port}/control/faults"))

    def inject(self, fault):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/control/faults", json.dumps(fault).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.loads(answer.read())["number"]


class Ingest(Program):
    def __init__(self, bin_folder, folder, simulator, arguments, tag="", metrics_port=0):
        self.endpoint = f"ipc://{folder}/tick{tag}"
        self.metrics_port = metrics_port
        super().__init__(
            bin_folder, "ingest",
            ["--publish", self.endpoint, "--websocket-url", f"ws://127.0.0.1:{simulator.port}",
             "--rest-url", f"http://127.0.0.1:{simulator.port}", "--lease-dir", folder / "leases",
             "--metrics-port", metrics_port, "--reconnect-delay", "0.1", "--max-reconnect-delay", "1", *arguments],
            folder, tag)

    def metric(self, name, *labels):
        """The sum of a metric's series that have these labels; only with a port."""
        try:
            page = get(f"http://127.0.0.1:{self.metrics_port}/metrics")
        except OSError:
            return 0
        rows = [line for line in page.splitlines() if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows)


class Truth:
    """Reads the simulator's file as it grows."""

    def __init__(self, path):
        self.file = open(path)
        self.rest = ""
        self.books = collections.defaultdict(dict)   # symbol -> update id -> (bids, asks)
        self.sequence = collections.defaultdict(list)  # symbol -> (bids, asks) as they were sent
        self.trades = collections.defaultdict(list)  # symbol -> ids in order
        self.faults = []

    def read(self):
        while True:
            chunk = self.file.read(1 << 20)
            if not chunk:
                return self
            lines = (self.rest + chunk).split("\n")
            self.rest = lines.pop()
            for line in lines:
                record = json.loads(line)
                if "book" in record:
                    self.books[record["book"]][record["u"]] = (record["b"], record["a"])
                    self.sequence[record["book"]].append((record["b"], record["a"]))
                elif "trade" in record:
                    self.trades[record["trade"]].append(record["t"])
                elif "fault" in record:
                    self.faults.append(record)

    def strike(self, number):
        """When the fault of that number struck, on this host's clock; None before."""
        self.read()
        return next((fault["time_ns"] for fault in self.faults if fault["fault"] == number), None)


class Feed:
    """What was published of one symbol."""

    def __init__(self):
        self.status = None
        self.books = []       # (update id, validity, epoch, sent ns, levels or None)
        self.trades = collections.Counter()
        self.backfilled = set()
        self.trade_times = {}  # id -> sent ns
        self.summed = 0       # trades of which only the sum of several was told
        self.statuses = 0
        self.summed_at_status = 0  # `summed` when the last status came: both stem from one thread, in order

    def valid_after(self, moment, epoch=None):
        """When the first VALID book after `moment` was sent, of an epoch above `epoch` where that is given."""
        for update, validity, book_epoch, sent, _ in reversed(self.books):
            if sent <= moment:
                break
        for update, validity, book_epoch, sent, _ in self.books:
            if sent > moment and validity == VALID and (epoch is None or book_epoch > epoch):
                return sent
        return None


class Bus:
    """A subscriber to the tick topics that keeps what it gets and counts what it lost."""

    def __init__(self, endpoints, keeps_levels=True):
        self.messages = load_messages() if not hasattr(Bus, "module") else Bus.module
        Bus.module = self.messages
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, 1_000_000)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 20)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 100)
        self.socket.setsockopt_string(zmq.SUBSCRIBE, "tick.")
        for endpoint in endpoints:
            self.socket.connect(endpoint)
        self.feeds = collections.defaultdict(Feed)
        self.keeps_levels = keeps_levels
        self.sequences = {}
        self.lost = 0
        self.taken = 0
        self.on_book = None

    def close(self):
        self.socket.close(0)

    def pump(self, seconds=0.02):
        """Takes what is here, waiting up to `seconds` for the first message."""
        if not self.socket.poll(int(seconds * 1000)):
            return
        while True:
            try:
                topic, body = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            self.take(topic, self.messages.Envelope.FromString(body))

    def pump_for(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.pump()

    def drain(self):
        """Takes what a publisher that has ended left: until a second passes without a message."""
        count, end = self.taken, time.monotonic() + 1
        while time.monotonic() < end:
            self.pump()
            if self.taken != count:
                count, end = self.taken, time.monotonic() + 1

    def until(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while True:
            self.pump()
            value = condition()
            if value:
                return value
            if time.monotonic() > end:
                raise TimeoutError(f"{what}: not within {seconds} s")

    def take(self, topic, envelope):
        self.taken += 1
        key = (topic, envelope.epoch)
        expected = self.sequences.get(key, envelope.sequence)
        self.lost += max(0, envelope.sequence - expected)
        self.sequences[key] = envelope.sequence + 1
        feed = self.feeds[topic.decode().split(".")[2]]
        kind = envelope.WhichOneof("payload")
        if kind == "book":
            book = envelope.book
            levels = None
            if self.keeps_levels:
                price, size = 10 ** (book.price_exponent + 8), 10 ** (book.quantity_exponent + 8)
                levels = ([[p * price, q * size] for p, q in zip(book.bid_prices, book.bid_quantities)],
                          [[p * price, q * size] for p, q in zip(book.ask_prices, book.ask_quantities)])
            feed.books.append((book.update_id, book.validity, book.book_epoch, envelope.sent_time_ns, levels))
        elif kind == "trade":
            # Several that were fetched as a sum are one message.
            ids = range(envelope.trade.first_id or envelope.trade.id, envelope.trade.id + 1)
            feed.summed += len(ids) if len(ids) > 1 else 0
            for trade in ids:
                feed.trades[trade] += 1
                feed.trade_times.setdefault(trade, envelope.sent_time_ns)
                if envelope.trade.backfilled:
                    feed.backfilled.add(trade)
        elif kind == "status":
            feed.status = envelope.status
            feed.summed_at_status = feed.summed
            feed.statuses += 1


def settle(bus, truth, symbols, seconds=30):
    """Waits until every trade issued by now has come, as far as it can; returns the last id issued, by symbol."""
    truth.read()
    last = {symbol: max(truth.trades[symbol], default=0) for symbol in symbols}
    end = time.monotonic() + seconds
    while Verdict(bus, truth, symbols, last, trades_only=True).lost and time.monotonic() < end:
        bus.pump(0.1)
    return last


class Verdict:
    """What the subscriber got against what the simulator sent, up to the given last trades."""

    def __init__(self, bus, truth, symbols, last_trades, trades_only=False):
        self.valid = self.wrong = self.unknown = self.lost = self.duplicated = self.trades = 0
        self.examples = []
        for symbol in symbols:
            feed = bus.feeds[symbol]
            for update, validity, _, _, levels in [] if trades_only else feed.books:
                if validity != VALID:
                    continue
                self.valid += 1
                expected = truth.books[symbol].get(update)
                if expected is None:
                    self.unknown += 1
                    if len(self.examples) < 3:
                        below = max((known for known in truth.books[symbol] if known < update), default=None)
                        above = min((known for known in truth.books[symbol] if known > update), default=None)
                        self.examples.append((symbol, update, "is unknown; known are", below, above))
                elif (expected[0], expected[1]) != levels:
                    self.wrong += 1
                    if len(self.examples) < 3:
                        self.examples.append((symbol, update, levels, expected))
            if feed.trades:
                # From the first trade that came to the last that was issued.
                first = min(feed.trades)
                issued = {trade for trade in truth.trades[symbol] if first <= trade <= last_trades[symbol]}
                self.trades += len(issued)
                self.lost += len(issued - set(feed.trades))
                self.duplicated += sum(count - 1 for count in feed.trades.values())

    @property
    def wrong_total(self):
        """A VALID book at an update id that the simulator never had is wrong too."""
        return self.wrong + self.unknown


class InOrder:
    """The VALID books against those that were sent, by content, where the venue's ids are not the simulator's.

    Each has to be a book that was sent, no older than the one before it. `check` takes what has come since the last.
    """

    def __init__(self, bus, truth, symbols):
        self.bus, self.truth, self.symbols = bus, truth, symbols
        self.places = {symbol: collections.defaultdict(list) for symbol in symbols}  # content -> places in the sequence
        self.known = dict.fromkeys(symbols, 0)
        self.last = dict.fromkeys(symbols, 0)
        self.taken = dict.fromkeys(symbols, 0)
        self.valid = self.wrong = 0
        self.examples = []

    def check(self):
        # The simulator writes its file once a round: what came just now waits for the next check.
        until = time.time_ns() - 1_000_000_000
        self.truth.read()
        for symbol in self.symbols:
            places, sequence = self.places[symbol], self.truth.sequence[symbol]
            for place in range(self.known[symbol], len(sequence)):
                places[repr(list(sequence[place]))].append(place)
            self.known[symbol] = len(sequence)
            books = self.bus.feeds[symbol].books
            for update, validity, epoch, sent, levels in books[self.taken[symbol]:]:
                if sent > until:
                    break
                self.taken[symbol] += 1
                if validity != VALID:
                    continue
                self.valid += 1
                known = places.get(repr(list(levels)), [])
                at = bisect.bisect_left(known, self.last[symbol])
                if at < len(known):
                    self.last[symbol] = known[at]
                    continue
                self.wrong += 1
                if len(self.examples) < 100:
                    self.examples.append((symbol, update, "of epoch", epoch, "is older" if known else "was never sent",
                                          levels[0][:3], levels[1][:3]))
        return self


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def median(values):
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
