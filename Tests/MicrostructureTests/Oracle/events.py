"""Market events as arrays: the CSV that `microlab export TAPE --csv` writes, one `Tape` a symbol.

Prices and quantities are decimal text and become integers: a price counts units of 10^-price_digits, a quantity units of
10^-quantity_digits (eight, or more where the text has more). Everything that is a sum is summed in these units, exactly.
"""

import csv
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

import numpy as np

LEVELS = 20
QUANTITY_DIGITS = 8
VALID = "valid"


class Malformed(Exception):
    """The events cannot be read; the text says where."""


@dataclass
class Levels:
    """One row a book or quote. A level that is not there has price and quantity 0 and is not counted."""

    bid_price: np.ndarray
    bid_quantity: np.ndarray
    ask_price: np.ndarray
    ask_quantity: np.ndarray
    bids: np.ndarray
    asks: np.ndarray

    @property
    def two_sided(self):
        return (self.bids > 0) & (self.asks > 0) & (self.bid_quantity[:, 0] > 0) & (self.ask_quantity[:, 0] > 0)

    @property
    def proper(self):
        """Both sides there and bid below ask."""
        return self.two_sided & (self.bid_price[:, 0] < self.ask_price[:, 0])


@dataclass
class Tape:
    """The events of one symbol in receive order. `row[i]` is the event's place among its own kind."""

    symbol: str
    kind: list
    row: list
    receive_ns: list
    venue_ns: list
    epoch: list
    validity: list
    update_id: list
    books: Levels
    quotes: Levels
    trade_id: list
    trade_price: np.ndarray
    trade_quantity: np.ndarray
    trade_sign: np.ndarray
    trade_backfilled: np.ndarray
    price_digits: int
    quantity_digits: int

    def __len__(self):
        return len(self.kind)

    @property
    def price_unit(self):
        return 10**self.price_digits

    @property
    def quantity_unit(self):
        return 10**self.quantity_digits


@dataclass
class Draft:
    """Events being collected, in decimals."""

    symbol: str
    kind: list = field(default_factory=list)
    row: list = field(default_factory=list)
    receive_ns: list = field(default_factory=list)
    venue_ns: list = field(default_factory=list)
    epoch: list = field(default_factory=list)
    validity: list = field(default_factory=list)
    update_id: list = field(default_factory=list)
    book: list = field(default_factory=list)
    quote: list = field(default_factory=list)
    trade: list = field(default_factory=list)
    status: list = field(default_factory=list)

    def add(self, kind, receive_ns, venue_ns, payload, epoch=None, validity="", update_id=None):
        """`payload`: book and quote ([(price, quantity)…], [(…)…]); trade (id, price, quantity, sign, backfilled)."""
        collected = getattr(self, kind)
        self.kind.append(kind)
        self.row.append(len(collected))
        self.receive_ns.append(receive_ns)
        self.venue_ns.append(venue_ns)
        self.epoch.append(epoch)
        self.validity.append(validity)
        self.update_id.append(update_id)
        collected.append(payload)

    def finish(self, quantity_digits=QUANTITY_DIGITS):
        price_digits, digits = 0, quantity_digits
        for sides in (*self.book, *self.quote):
            for price, quantity in (*sides[0], *sides[1]):
                price_digits = max(price_digits, decimals(price))
                digits = max(digits, decimals(quantity))
        for _, price, quantity, _, _ in self.trade:
            price_digits = max(price_digits, decimals(price))
            digits = max(digits, decimals(quantity))
        price_unit, quantity_unit = 10**price_digits, 10**digits
        trades = list(zip(*self.trade)) or [(), (), (), (), ()]
        return Tape(
            self.symbol, self.kind, self.row, self.receive_ns, self.venue_ns, self.epoch, self.validity, self.update_id,
            levels(self.book, LEVELS, price_unit, quantity_unit), levels(self.quote, 1, price_unit, quantity_unit),
            list(trades[0]), whole([int(p * price_unit) for p in trades[1]]),
            whole([int(q * quantity_unit) for q in trades[2]]), np.array(trades[3], dtype=np.int64),
            np.array(trades[4], dtype=bool), price_digits, digits)


_decimals = {}


def decimals(value):
    """Digits after the point that are not trailing zeros."""
    known = _decimals.get(value)
    if known is None:
        known = max(0, -value.normalize().as_tuple().exponent)
        if len(_decimals) > 1_000_000:
            _decimals.clear()
        _decimals[value] = known
    return known


def whole(values):
    """Integers as int64 where products and sums of ten million of them fit, else as Python integers."""
    peak = max((abs(v) for v in values), default=0)
    return np.array(values, dtype=np.int64 if peak < 2**38 else object)


def levels(sides, depth, price_unit, quantity_unit):
    count = len(sides)
    columns = [[[0] * depth for _ in range(count)] for _ in range(4)]
    bids, asks = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    for i, (bid, ask) in enumerate(sides):
        bids[i], asks[i] = min(depth, len(bid)), min(depth, len(ask))
        for side, level_list in ((0, bid), (2, ask)):
            for k, (price, quantity) in enumerate(level_list[:depth]):
                columns[side][i][k] = int(price * price_unit)
                columns[side + 1][i][k] = int(quantity * quantity_unit)
    arrays = []
    for column in columns:
        array = np.array(column, dtype=object).reshape(count, depth)
        small = count == 0 or max(abs(v) for line in column for v in line) < 2**48
        arrays.append(array.astype(np.int64) if small else array)
    return Levels(*arrays, bids, asks)


def read(path, quantity_digits=QUANTITY_DIGITS):
    """The tapes of a file, by symbol in the order of first appearance."""
    drafts, cache = {}, {"": None}

    def number(text):
        value = cache.get(text)
        if value is None and text:
            value = cache[text] = Decimal(text)
        return value

    with open(path, newline="") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        if header is None:
            raise Malformed(f"{path}: empty file")
        place = {name: i for i, name in enumerate(header)}
        wanted = ["kind", "receive_time_ns", "venue_time_ns", "symbol", "book_epoch", "validity", "update_id", "id",
                  "price", "quantity", "side", "backfilled"]
        pairs = {side: [(f"{side}_price_{k}", f"{side}_quantity_{k}") for k in range(1, LEVELS + 1)] for side in ("bid", "ask")}
        missing = [n for n in wanted + [n for side in pairs.values() for p in side for n in p] if n not in place]
        if missing:
            raise Malformed(f"{path}: no column {', '.join(missing[:5])}: is this the output of `microlab export TAPE --csv`?")
        kind_, receive, venue, symbol_, epoch, validity, update, id_, price, quantity, side_, backfilled = (place[n] for n in wanted)
        level_places = {side: [(place[p], place[q]) for p, q in names] for side, names in pairs.items()}

        def side_levels(cells, side):
            found = []
            for p, q in level_places[side]:
                if not cells[p]:
                    break
                found.append((number(cells[p]), number(cells[q]) or Decimal(0)))
            return found

        for cells in reader:
            try:
                kind, symbol = cells[kind_], cells[symbol_]
                draft = drafts.get(symbol)
                if draft is None:
                    draft = drafts[symbol] = Draft(symbol)
                if kind in ("book", "quote"):
                    payload = (side_levels(cells, "bid"), side_levels(cells, "ask"))
                elif kind == "trade":
                    if not cells[price] or not cells[quantity]:
                        raise ValueError("a trade without price or quantity")
                    sign = {"buy": 1, "sell": -1}.get(cells[side_], 0)
                    payload = (int(cells[id_] or 0), number(cells[price]), number(cells[quantity]), sign,
                               cells[backfilled] in ("1", "true"))
                elif kind == "status":
                    payload = ()
                else:
                    raise ValueError(f"unknown kind {kind!r}")
                draft.add(kind, int(cells[receive]), int(cells[venue] or 0), payload,
                          int(cells[epoch]) if cells[epoch] else None, cells[validity].lower(),
                          int(cells[update]) if cells[update] else None)
            except (ValueError, IndexError, InvalidOperation, TypeError) as problem:
                raise Malformed(f"{path}:{reader.line_num}: {problem}") from problem
    return [draft.finish(quantity_digits) for draft in drafts.values()]
