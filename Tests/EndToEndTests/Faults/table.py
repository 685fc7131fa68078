"""The table of faults: each is injected through the simulator's control endpoint, and ingest has to notice and recover.

A row is one fault, injected `times` times, one after the other, on a market of two symbols. Time to recover counts from the
moment the fault struck to what ends it: the first VALID book of a new epoch, the missing trade, or the first VALID book.
"""
import dataclasses
import time
import typing

from bench import free_port, VALID, Bus, Ingest, Simulator, Truth, Verdict, median, settle

SYMBOLS = ["BTCUSDT", "ETHUSDT"]
TARGET = "BTCUSDT"


@dataclasses.dataclass
class Row:
    name: str
    fault: dict
    # The counter of Status that shows it, words of ingest's log, or a metric with its labels; empty where nothing does.
    shows: str
    # What ends it: epoch, trade, valid, once, offset, drift; on, if the book has to stay as it was.
    ends: str = "epoch"
    # A second fault that makes ingest ask, for those of requests.
    trigger: typing.Optional[dict] = None
    seconds: float = 30
    speed: str = "4"
    simulator: tuple = ()
    ingest: tuple = ()
    # Faults that strike at any rate, for as long as the row runs.
    plan: tuple = ()
    # At most so many times, where one takes long.
    most: int = 1_000


# The venue keeps single trades for those with a key.
NO_KEY = ({"fault": "server_error", "path": "/api/v3/historicalTrades", "status": 401, "probability": 1},)
HOLE = {"fault": "drop", "channel": "depth", "symbol": TARGET}


def message(name, channel, **more):
    return {"fault": name, "channel": channel, "symbol": TARGET, **more}


ROWS = [
    Row("drop a depth update", message("drop", "depth"), "gap_count"),
    Row("drop five depth updates", message("drop", "depth", count=5), "gap_count"),
    Row("duplicate a depth update", message("duplicate", "depth"), "message_count", "once"),
    Row("reorder depth updates", message("reorder", "depth"), "gap_count"),
    Row("delay a depth update", message("delay", "depth", milliseconds=300), "gap_count"),
    Row("hole in U/u", message("hole", "depth", count=2), "gap_count"),
    Row("malformed depth update", message("malformed", "depth"), "rejected_count"),
    Row("oversized depth update, 2 MiB", message("oversized", "depth"), "log:oversized"),
    Row("oversized depth update, 5 MiB", message("oversized", "depth", bytes=5 << 20), "reconnect_count"),
    Row("price that does not fit", message("misfit", "depth"), "rejected_count"),
    Row("crossed book", message("crossed", "depth"), "crossed_book_count"),
    Row("drop a trade", message("drop", "trade"), "missed_trade_count", "trade"),
    Row("drop fifty trades", message("drop", "trade", count=50), "missed_trade_count", "trade"),
    Row("duplicate a trade", message("duplicate", "trade"), "duplicate_trade_count", "trade"),
    Row("reorder trades", message("reorder", "trade"), "late_trade_count", "trade"),
    Row("delay a trade", message("delay", "trade", milliseconds=200), "missed_trade_count", "trade"),
    Row("malformed trade", message("malformed", "trade"), "rejected_count", "trade"),
    Row("trade size that does not fit", message("misfit", "trade"), "rejected_count", "trade"),
    Row("drop a trade, aggTrades only", message("drop", "trade"), "missed_trade_count", "trade", plan=NO_KEY),
    Row("drop fifty trades, aggTrades only", message("drop", "trade", count=50), "missed_trade_count", "trade",
        plan=NO_KEY),
    Row("trades mute, aggTrades only", message("mute", "trade", seconds=8), "backfilled_trade_count", "trade", most=5,
        plan=NO_KEY),
    Row("depth mute, others talk", message("mute", "depth", seconds=8), "stale_count", "valid", most=5),
    Row("trades mute, others talk", message("mute", "trade", seconds=8), "backfilled_trade_count", "trade", most=5),
    Row("quotes mute, others talk", message("mute", "bookTicker", seconds=8), "log:is mute", "valid", most=5),
    Row("connection reset", {"fault": "reset"}, "reconnect_count"),
    Row("half-open connection", {"fault": "half_open", "seconds": 20}, "log:is mute", "valid", most=5),
    Row("close with code 1011", {"fault": "close", "code": 1011}, "reconnect_count"),
    Row("serverShutdown", {"fault": "shutdown", "seconds": 5}, "rotation_count", "trade", most=5),
    Row("24 h cut, clock shortened to 6 s", {"fault": "cut", "seconds": 6}, "reconnect_count", "epoch", most=5,
        ingest=("--rotate-after", "3600")),
    Row("REST 429 with Retry-After", {"fault": "rate_limit", "path": "/api/v3/depth", "seconds": 1},
        "log:status 429", trigger=HOLE),
    Row("REST 418 with Retry-After", {"fault": "ban", "path": "/api/v3/depth", "seconds": 2}, "log:status 418",
        trigger=HOLE, most=10),
    Row("REST 503", {"fault": "server_error", "path": "/api/v3/depth"}, "log:status 503", trigger=HOLE),
    Row("REST time-out", {"fault": "timeout", "path": "/api/v3/depth"}, "log:timed out", trigger=HOLE, most=10),
    Row("REST slow body, 0.8 s", {"fault": "slow_body", "path": "/api/v3/depth", "seconds": 0.8}, "resync_count",
        trigger=HOLE, most=10),
    Row("snapshot older than the stream", {"fault": "stale_snapshot", "symbol": TARGET}, "log:snapshot not usable",
        trigger=HOLE),
    Row("venue's clock jumps by 250 ms", {"fault": "clock_step", "milliseconds": 250}, "clock_offset_ns", "offset",
        speed="1", most=5),
    Row("venue's clock drifts by 400 ppm", {"fault": "clock_drift", "ppm": 400}, "clock_drift_ppm", "drift", speed="1",
        seconds=150, most=1),
]
SHORT = ["drop a depth update", "hole in U/u", "malformed depth update", "crossed book", "drop a trade",
         "drop fifty trades, aggTrades only", "reorder trades", "connection reset", "half-open connection", "serverShutdown", "REST 503",
         "snapshot older than the stream", "depth mute, others talk"]


class Session:
    """A simulator, an ingest and a subscriber for one or several rows."""

    # Enough of each stream that its limit of silence is learnt.
    LEAST_TRADES = 130

    def __init__(self, bin_folder, folder, row, tag):
        self.simulator = Simulator(
            bin_folder, folder, ["--synthetic", ",".join(SYMBOLS), "--speed", row.speed, "--weight-limit", "1000000",
                                 *row.simulator], faults={"seed": 1, "faults": list(row.plan)} if row.plan else None, tag=tag)
        self.truth = Truth(self.simulator.truth_path)
        self.ingest = Ingest(
            bin_folder, folder, self.simulator,
            ["--symbols", ",".join(SYMBOLS), "--wait-subscriptions", "1", "--rest-timeout", "1", *self.arguments(row)],
            tag, free_port())
        self.bus = Bus([self.ingest.endpoint])
        self.feed = self.bus.feeds[TARGET]
        self.bus.until(lambda: self.feed.status and self.feed.status.trade_count >= self.LEAST_TRADES
                       and self.is_whole() and self.has_clock(), "the feed is up", 90)

    def arguments(self, row):
        return ["--snapshot-depth", "1000", *row.ingest]

    def has_clock(self):
        return self.status.clock_error_ns > 0

    @property
    def status(self):
        return self.feed.status

    def is_whole(self):
        """VALID, and no trade missing."""
        return (self.status.validity == VALID and self.status.missing_trade_count == 0
                and all(feed.status and feed.status.validity == VALID for feed in self.bus.feeds.values()))

    def stop(self):
        self.ingest.stop()
        self.bus.pump(0.3)
        self.simulator.stop()
        self.bus.pump(0)


# Ingest forgets a book's troubles after three VALID looks, one a second; then a snapshot is asked for at once again.
SETTLED_SECONDS = 4.3


def run(row, session, times, settled):
    """Injects the fault `times` times; (detected, recovered, seconds to recover)."""
    detected, durations = 0, []
    for _ in range(times):
        session.bus.until(session.is_whole, f"{row.name}: whole before the fault", 60)
        session.bus.pump_for(settled)
        session.bus.until(session.is_whole, f"{row.name}: whole before the fault", 60)
        before = session.status
        log_before = len(session.ingest.log)
        metric = row.shows[7:].split() if row.shows.startswith("metric:") else None
        metric_before = session.ingest.metric(*metric) if metric else 0
        epoch = before.book_epoch
        number = session.simulator.inject(row.fault)
        if row.trigger:
            session.simulator.inject(row.trigger)
        struck = session.bus.until(lambda: session.truth.strike(number), f"{row.name}: strikes", row.seconds)

        def is_shown():
            if row.shows.startswith("log:"):
                return row.shows[4:] in session.ingest.log[log_before:]
            if not row.shows:
                return True
            if metric:
                return session.ingest.metric(*metric) > metric_before
            if row.ends == "offset":
                return abs(session.status.clock_offset_ns - before.clock_offset_ns - 250e6) < 20e6
            if row.ends == "drift":
                # The loop's own clock error is some ppm, the estimate's error bound 50.
                return abs(session.status.clock_drift_ppm - row.fault["ppm"]) < 60
            return getattr(session.status, row.shows) > getattr(before, row.shows)

        def is_over():
            if row.ends == "epoch":
                return session.feed.valid_after(struck, epoch)
            if row.ends == "valid":
                # Not what was already on its way: the silence has to be noticed first.
                return shown_at and session.feed.valid_after(shown_at)
            if row.ends in ("offset", "drift"):
                return shown_at
            if row.ends == "once":
                return session.feed.valid_after(struck)
            if row.ends == "on":
                # A second of books after it, of the epoch before it.
                after = session.feed.valid_after(struck + 1_000_000_000)
                return after if after and session.feed.books[-1][2] == epoch else None
            ids = session.feed.trade_times
            last = max(ids)
            complete = shown_at and session.status.missing_trade_count == 0 and ids[last] > struck
            if not complete:
                return None
            return max([ids[trade] for trade in session.feed.backfilled if ids[trade] > struck] + [struck + 1])

        shown_at = None
        end = time.monotonic() + row.seconds
        over = None
        while time.monotonic() < end and not (shown_at and over):
            session.bus.pump()
            if not shown_at and is_shown():
                shown_at = time.time_ns()
            over = over or is_over()
        if shown_at:
            detected += 1
        if over:
            durations.append((over - struck) / 1e9)
        if not (shown_at and over):
            print(f"  {row.name}: not {'noticed' if not shown_at else 'over'}; log: {session.ingest.log[-1500:]}")
    return detected, durations


def main(bin_folder, folder, times, is_short):
    rows = [row for row in ROWS if not is_short or row.name in SHORT]
    print(f"| {'fault':34} | injected | detected | recovered | median s | worst s | VALID books | wrong | trades "
          "| lost | twice |")
    print("|" + "---|" * 11)
    failures = []
    session, settings = None, None
    for index, row in enumerate(rows):
        # Each row on a fresh stack, so that its accounts are its own; the short run shares one.
        key = (row.speed, row.simulator, row.ingest, bool(row.plan)) if is_short else index
        if session is None or key != settings:
            if session:
                session.stop()
            session, settings = Session(bin_folder, folder, row, f"-{index}"), key
        count = min(times, row.most)
        detected, durations = run(row, session, count, 0 if is_short or row.ends != "epoch" else SETTLED_SECONDS)
        session.bus.until(session.is_whole, f"{row.name}: whole at the end", 60)
        last = settle(session.bus, session.truth, SYMBOLS)
        if not is_short:
            session.stop()
        session.truth.read()
        verdict = Verdict(session.bus, session.truth, SYMBOLS, last)
        good = (detected == count and len(durations) == count and verdict.wrong_total == 0 and verdict.lost == 0
                and verdict.duplicated == 0 and session.bus.lost == 0 and verdict.valid > 0)
        print(f"| {row.name:34} | {count:8} | {detected:8} | {len(durations):9} | {median(durations):8.3f} "
              f"| {max(durations, default=float('nan')):7.3f} | {verdict.valid:11} | {verdict.wrong_total:5} "
              f"| {verdict.trades:6} | {verdict.lost:4} | {verdict.duplicated:5} |{'' if good else '  <- FAILED'}",
              flush=True)
        if not good:
            failures.append(row.name)
            print("   ", verdict.examples[:1], f"bus lost {session.bus.lost}")
        if not is_short:
            session.bus.close()
            session = None
    if session:
        session.stop()
        session.bus.close()
    return failures
