"""The table of venues: each fault that a venue's protocol can show, on a market of two symbols in that protocol.

Books are compared by their content and order (`InOrder`), since a venue's ids are not the simulator's. A trade that did not
come is counted by the feed where the venue's ids show it; where it can be asked for, none may be missing.
"""
import dataclasses
import time

from bench import Bus, InOrder, VALID, median
from table import Row, Session, SYMBOLS, TARGET, message, run


@dataclasses.dataclass
class Venue:
    name: str
    # What shows that a message of the book is missing; empty where the venue has nothing for it.
    shows_loss: str
    # What becomes of a lost trade: fetched, counted or unseen.
    trades: str
    # What a message that comes twice does: the book goes on, or begins anew.
    twice: str = "on"
    # What shows a bid above the best ask.
    shows_crossing: str = "crossed_book_count"
    has_clock: bool = True
    # Answers a shutdown's announcement with a new connection; else the close is the first word of it.
    announces: bool = False
    # Whether each message proves that the venue left out none before it. Bitfinex sends a message a level and proves the
    # book behind them: what a silence hid shows some messages later.
    proves_each: bool = True
    rows: tuple = ()


CHECKSUM = 'metric:microstructure_feed_checksums_total outcome="failed" ' + TARGET
REJECTED = "metric:microstructure_feed_rejected_total"
HOLE = message("hole", "depth", count=2)
RESET = {"fault": "reset"}


def checksums(shows, ends):
    return (Row("checksum that is wrong", message("bad_checksum", "depth"), shows, ends),)


ZERO = (Row("checksum of zero", message("zero_checksum", "depth"), CHECKSUM),)
SKIPPED = (Row("ids skipped", HOLE, "gap_count"),)
LATE = (Row("book 1.5 s late", {"fault": "late_snapshot", "symbol": TARGET}, "reconnect_count", trigger=RESET),)

VENUES = [
    Venue("kraken", CHECKSUM, "counted", shows_crossing=CHECKSUM, rows=(*checksums(CHECKSUM, "epoch"), *ZERO, *LATE)),
    Venue("coinbase", "", "fetched", rows=LATE),
    Venue("bybit", "gap_count", "unseen", rows=(
        *SKIPPED, Row("venue counts anew, u = 1", message("restart", "depth"), "book_epoch"), *LATE)),
    Venue("okx", "gap_count", "unseen", twice="epoch", rows=(
        *SKIPPED, *checksums("", "on"), *LATE,
        Row("book over HTTP too old", {"fault": "stale_snapshot", "symbol": TARGET}, "resync_count", trigger=HOLE),
        # The last row: books over HTTP from before it are numbered otherwise.
        Row("venue counts anew", message("restart", "depth"), "", "on", most=1))),
    Venue("bitstamp", "", "unseen", has_clock=False, announces=True, rows=(
        Row("book over HTTP too old", {"fault": "stale_snapshot", "symbol": TARGET}, "log:snapshot not usable",
            trigger=RESET),
        Row("429 for the book", {"fault": "rate_limit", "path": "/api/v2/order_book/btcusdt/", "seconds": 1},
            "log:status 429", trigger=RESET))),
    Venue("bitfinex", "gap_count", "unseen", twice="epoch", has_clock=False, shows_crossing=CHECKSUM,
          proves_each=False, rows=(
        *SKIPPED, *checksums(CHECKSUM, "epoch"), *ZERO, *LATE)),
]


def rows_of(venue):
    loses = "missed_trade_count" if venue.trades != "unseen" else ""
    rows = [
        Row("book message cut off", message("malformed", "depth"), REJECTED),
        Row("price that does not fit", message("misfit", "depth"), REJECTED),
        Row("book message twice", message("duplicate", "depth"), "" if venue.twice == "on" else "gap_count", venue.twice),
        Row("crossed book", message("crossed", "depth"), venue.shows_crossing),
        Row("book mute, others talk", message("mute", "depth", seconds=8), "stale_count", "valid", most=1),
        Row("trade missing", message("drop", "trade"), loses, "trade"),
        Row("trade twice", message("duplicate", "trade"), "duplicate_trade_count", "trade"),
        Row("trade cut off", message("malformed", "trade"), REJECTED, "trade"),
        Row("connection reset", RESET, "reconnect_count"),
        Row("keep-alive lost, line open", {"fault": "deaf", "seconds": 30}, "log:is mute", "valid", most=1),
        Row("half-open connection", {"fault": "half_open", "seconds": 20}, "log:is mute", "valid", most=1),
        Row("closed with 1011", {"fault": "close"}, "reconnect_count"),
        Row("shutdown", {"fault": "shutdown", "seconds": 2},
            "rotation_count" if venue.announces else "reconnect_count", most=2),
    ]
    if venue.shows_loss:
        rows[:0] = [
            Row("book message missing", message("drop", "depth"), venue.shows_loss),
            Row("five book messages missing", message("drop", "depth", count=5), venue.shows_loss),
            Row("book messages in wrong order", message("reorder", "depth"), venue.shows_loss),
        ]
    if not venue.proves_each:
        rows = [row for row in rows if row.fault["fault"] != "mute"]
    return rows + list(venue.rows)


SHORT = ["checksum of zero", "venue counts anew, u = 1", "crossed book", "book 1.5 s late"]


class VenueSession(Session):
    LEAST_TRADES = 30

    def __init__(self, bin_folder, folder, venue, tag):
        self.venue = venue
        super().__init__(
            bin_folder, folder, Row("", {}, "", speed="2", simulator=("--venue", venue.name)), tag)
        self.books = InOrder(self.bus, self.truth, SYMBOLS)

    def arguments(self, row):
        return ["--venue", self.venue.name]

    def has_clock(self):
        return not self.venue.has_clock or super().has_clock()

    def unfilled(self):
        return sum(self.bus.feeds[symbol].status.unfilled_trade_count for symbol in SYMBOLS)

    def trades(self):
        """Waits for the trades issued by now; (issued, lost, published twice), since the feed's first."""
        self.truth.read()
        issued = {symbol: max(self.truth.trades[symbol]) for symbol in SYMBOLS}
        looks = {symbol: self.bus.feeds[symbol].statuses for symbol in SYMBOLS}

        def has_all():
            return all(max(self.bus.feeds[symbol].trades) >= issued[symbol]
                       and self.bus.feeds[symbol].statuses > looks[symbol] + 1 for symbol in SYMBOLS)

        self.bus.until(has_all, "the trades issued", 30)
        total = lost = twice = 0
        for symbol in SYMBOLS:
            feed = self.bus.feeds[symbol]
            first = min(feed.trades)
            wanted = {trade for trade in self.truth.trades[symbol] if first <= trade <= issued[symbol]}
            total += len(wanted)
            lost += len(wanted - set(feed.trades))
            twice += sum(count - 1 for count in feed.trades.values())
        return total, lost, twice


def main(bin_folder, folder, times, is_short=False, only=None):
    print(f"| {'venue':8} | {'fault':30} | injected | detected | recovered | median s | worst s | VALID books | wrong "
          "| trades | lost | counted | twice |")
    print("|" + "---|" * 13)
    failures = []
    for venue in VENUES:
        if only and venue.name not in only.split(","):
            continue
        session = VenueSession(bin_folder, folder, venue, f"-{venue.name}")
        for row in rows_of(venue):
            if is_short and row.name not in SHORT:
                continue
            failures += check(venue, row, session, min(times, row.most))
        session.stop()
        session.bus.close()
    return failures


def check(venue, row, session, times):
    """Injects a row's fault, prints what became of it; its name if that was not right."""
    books = session.books.check()
    valid, wrong, examples = books.valid, books.wrong, len(books.examples)
    trades, lost, twice = session.trades()
    unfilled = session.unfilled()
    detected, durations = run(row, session, times, 0)
    session.bus.until(session.is_whole, f"{venue.name}, {row.name}: whole at the end", 60)
    # `check` leaves out the newest second.
    session.bus.pump_for(1.2)
    books.check()
    valid, wrong = books.valid - valid, books.wrong - wrong
    after = session.trades()
    trades, lost, twice = after[0] - trades, after[1] - lost, after[2] - twice
    unfilled = session.unfilled() - unfilled
    # Where the ids show it, the feed counts exactly what is missing.
    is_accounted = lost == 0 if venue.trades == "fetched" else venue.trades == "unseen" or lost == unfilled
    good = (detected == times and len(durations) == times and wrong == 0 and valid > 0 and twice == 0
            and is_accounted and session.bus.lost == 0)
    print(f"| {venue.name:8} | {row.name:30} | {times:8} | {detected if row.shows else 'harmless':>8} | {len(durations):9} "
          f"| {median(durations):8.3f} | {max(durations, default=float('nan')):7.3f} | {valid:11} | {wrong:5} "
          f"| {trades:6} | {lost:4} | {'unseen' if venue.trades == 'unseen' else unfilled:>7} | {twice:5} "
          f"|{'' if good else '  <- FAILED'}", flush=True)
    if good:
        return []
    print("   ", books.examples[examples:examples + 2], f"bus lost {session.bus.lost}")
    return [f"{venue.name}: {row.name}"]
