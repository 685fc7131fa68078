"""Events straight from a raw recording (`receive_ns JSON` lines of Binance spot), independent of the project's ingest.

    python3 recording.py FILE.gz --csv EVENTS.csv
"""

import argparse
import bisect
import csv
import gzip
import json
from decimal import Decimal

from events import LEVELS, QUANTITY_DIGITS, Draft, Malformed

SECOND = 1_000_000_000
MILLISECOND = 1_000_000


class Book:
    """Price levels by the venue's rules for a local book."""

    def __init__(self):
        self.bids, self.asks = {}, {}
        self.bid_keys, self.ask_keys = [], []  # sorted ascending; the bids' best is the last
        self.update_id = None

    def load(self, snapshot):
        self.__init__()
        self.update_id = snapshot["lastUpdateId"]
        self.change(snapshot["bids"], self.bids, self.bid_keys)
        self.change(snapshot["asks"], self.asks, self.ask_keys)

    def change(self, updates, side, keys):
        for price, quantity in updates:
            price, quantity = Decimal(price), Decimal(quantity)
            if quantity == 0:
                if side.pop(price, None) is not None:
                    keys.pop(bisect.bisect_left(keys, price))
            else:
                if price not in side:
                    bisect.insort(keys, price)
                side[price] = quantity

    def apply(self, update):
        """False when the update is older than the book."""
        if update["u"] <= self.update_id:
            return False
        if update["U"] > self.update_id + 1:
            raise Malformed(f"a hole between {self.update_id} and {update['U']}")
        self.change(update["b"], self.bids, self.bid_keys)
        self.change(update["a"], self.asks, self.ask_keys)
        self.update_id = update["u"]
        return True

    def top(self):
        return ([(p, self.bids[p]) for p in self.bid_keys[:-LEVELS - 1:-1]], [(p, self.asks[p]) for p in self.ask_keys[:LEVELS]])


def lines(path):
    with gzip.open(path, "rt") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            receive, _, text = line.partition(" ")
            try:
                yield int(receive), json.loads(text)
            except ValueError as problem:
                raise Malformed(f"{path}:{number}: {problem}") from problem


def read(path, quantity_digits=QUANTITY_DIGITS):
    """The tape of a recording of one symbol: the book after each depth update, and a status each second."""
    symbol = next(m["data"]["s"] for _, m in lines(path) if "stream" in m)
    draft, book, early, tick = Draft(symbol), Book(), [], None

    def write_book(receive, venue):
        draft.add("book", receive, venue, book.top(), 1, "valid", book.update_id)

    for receive, message in lines(path):
        if tick is None:
            tick = receive + SECOND
        while receive >= tick:
            known = book.update_id is not None
            draft.add("status", tick, tick, (), 1 if known else 0, "valid" if known else "resyncing")
            tick += SECOND
        if "lastUpdateId" in message:
            book.load(message)
            kept = [u for u in early if book.apply(u)]
            # A book is published after a depth update; a snapshot that is ahead of the stream waits for one.
            if kept:
                write_book(receive, kept[-1]["E"] * MILLISECOND)
            early = []
            continue
        name, data = message["stream"], message["data"]
        if "@depth" in name:
            if book.update_id is None:
                early.append(data)
            elif book.apply(data):
                write_book(receive, data["E"] * MILLISECOND)
        elif "@trade" in name:
            draft.add("trade", receive, data["T"] * MILLISECOND,
                      (data["t"], Decimal(data["p"]), Decimal(data["q"]), -1 if data["m"] else 1, False))
        elif "@bookTicker" in name:
            sides = ([(Decimal(data["b"]), Decimal(data["B"]))], [(Decimal(data["a"]), Decimal(data["A"]))])
            draft.add("quote", receive, 0, sides, update_id=data["u"])
    return draft.finish(quantity_digits)


def contents(tape):
    """Books by update id, quotes and trades in order, in decimals without trailing zeros; receive times beside."""

    def level_list(side, row, depth):
        def pairs(price, quantity, count):
            return tuple((Decimal(int(price[row, k])) / tape.price_unit, Decimal(int(quantity[row, k])) / tape.quantity_unit) for k in range(min(depth, count[row])))
        return pairs(side.bid_price, side.bid_quantity, side.bids), pairs(side.ask_price, side.ask_quantity, side.asks)

    books, quotes, trades = {}, [], []
    times = {"quote": [], "trade": []}
    for i, kind in enumerate(tape.kind):
        row = tape.row[i]
        if kind == "book" and tape.validity[i] == "valid":
            books[tape.update_id[i]] = level_list(tape.books, row, LEVELS)
        elif kind == "quote":
            quotes.append((tape.update_id[i], level_list(tape.quotes, row, 1)))
            times["quote"].append(tape.receive_ns[i])
        elif kind == "trade" and not tape.trade_backfilled[row]:
            trades.append((tape.trade_id[row], Decimal(int(tape.trade_price[row])) / tape.price_unit,
                           Decimal(int(tape.trade_quantity[row])) / tape.quantity_unit, int(tape.trade_sign[row])))
            times["trade"].append(tape.receive_ns[i])
    return books, quotes, trades, times


def differences(exported, raw, make):
    """Rows for the table: books by update id (values of those of both; missing ones counted), quotes and trades in order."""
    (books, quotes, trades, times), (raw_books, raw_quotes, raw_trades, raw_times) = contents(exported), contents(raw)
    result = []

    def row(name, count, wrong, where):
        result.append(make(name, count, note=f"{wrong} differ" if wrong else "", where=where))

    wrong = sorted(u for u in books.keys() ^ raw_books.keys())
    row("books: update ids", len(raw_books), len(wrong), f"{wrong[:3]}" if wrong else "")
    both = books.keys() & raw_books.keys()
    wrong = sorted(u for u in both if books[u] != raw_books[u])
    row("books: twenty levels a side", len(both), len(wrong), f"first at update {wrong[0]}" if wrong else "")
    for name, ours, theirs in (("quotes", raw_quotes, quotes), ("trades", raw_trades, trades),
                               ("quotes: receive times", raw_times["quote"], times["quote"]),
                               ("trades: receive times", raw_times["trade"], times["trade"])):
        places = [k for k, (a, b) in enumerate(zip(ours, theirs)) if a != b]
        wrong = len(places) + abs(len(ours) - len(theirs))
        first = places[0] if places else min(len(ours), len(theirs))
        row(name, len(ours), wrong, f"first at {first}: {ours[first:first + 1]} recorded, {theirs[first:first + 1]} exported" if wrong else "")
    return result


def write_csv(tape, path):
    """The columns of `microlab export TAPE --csv`."""

    def text(value, unit):
        return format((Decimal(int(value)) / unit).normalize(), "f")

    def sides(side, row, depth):
        cells = []
        for price, quantity, count in ((side.bid_price, side.bid_quantity, side.bids), (side.ask_price, side.ask_quantity, side.asks)):
            for k in range(LEVELS):
                there = k < min(depth, count[row])
                cells += [text(price[row, k], tape.price_unit), text(quantity[row, k], tape.quantity_unit)] if there else ["", ""]
        return cells

    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        names = [f"{side}_{what}_{k}" for side in ("bid", "ask") for k in range(1, LEVELS + 1) for what in ("price", "quantity")]
        out.writerow(["kind", "receive_time_ns", "venue_time_ns", "symbol", "book_epoch", "validity", "update_id", "id", "price",
                      "quantity", "side", "backfilled", *names])
        for i, kind in enumerate(tape.kind):
            row = tape.row[i]
            epoch = "" if tape.epoch[i] is None else tape.epoch[i]
            update = "" if tape.update_id[i] is None else tape.update_id[i]
            trade, level_cells = ["", "", "", "", ""], [""] * (4 * LEVELS)
            if kind == "trade":
                trade = [tape.trade_id[row], text(tape.trade_price[row], tape.price_unit), text(tape.trade_quantity[row], tape.quantity_unit),
                         {1: "buy", -1: "sell"}.get(int(tape.trade_sign[row]), ""), int(tape.trade_backfilled[row])]
            elif kind in ("book", "quote"):
                level_cells = sides(tape.books if kind == "book" else tape.quotes, row, LEVELS if kind == "book" else 1)
            out.writerow([kind, tape.receive_ns[i], tape.venue_ns[i], tape.symbol, epoch, tape.validity[i], update, *trade, *level_cells])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", metavar="FILE.gz")
    parser.add_argument("--csv", required=True, metavar="EVENTS.csv")
    args = parser.parse_args()
    write_csv(read(args.recording), args.csv)
