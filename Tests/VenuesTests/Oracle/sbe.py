#!/usr/bin/env python3
"""Writes binary frames of Binance's spot streams (SBE, schema 1:0) with what a reader must make of them.

It knows nothing of the Swift reader: the layout is that of the venue's table of messages (SBE market data streams,
2026-08), the expected numbers come from decimal arithmetic. Standard library only.

    python3 Tests/VenuesTests/Oracle/sbe.py > Tests/VenuesTests/Payloads/sbe-frames.txt

A line has the frame's name, what is expected and the frame in hexadecimal, with tabs between. Times are in
microseconds, prices and sizes in the instrument's units; a trade is id:price:size:isBuyerMaker, a level price:size.
"""

import random
import struct
from decimal import Decimal

# Decimal exponents of price and size, by symbol: as in `SBETests.instruments`.
UNITS = {"BTCUSDT": (-5, -8), "币安人生USDT": (-8, -3)}
TIME = 1_754_352_000_123_456
NULL = -(2**63)


def header(block_length, template, schema=1, version=0):
    return struct.pack("<HHHH", block_length, template, schema, version)


def text(symbol):
    data = symbol.encode()
    return bytes([len(data)]) + data


def mantissa(value, exponent):
    scaled = Decimal(value).scaleb(-exponent)
    assert scaled == scaled.to_integral_value(), (value, exponent)
    return int(scaled)


def levels(rows, exponents, pad=0, length=None):
    """A group of price levels: header of 4 bytes, then price and size."""
    price, size = exponents
    data = struct.pack("<HH", 16 + pad if length is None else length, len(rows))
    for p, q in rows:
        data += struct.pack("<qq", mantissa(p, price), mantissa(q, size)) + b"\xee" * pad
    return data


def depth(symbol, first, last, bids, asks, exponents=(-8, -8), time=TIME, pad=0, level_pad=0, version=0, tail=b"",
          template=10003):
    ids = struct.pack("<qq", first, last) if template == 10003 else struct.pack("<q", last)
    block = struct.pack("<q", time) + ids + struct.pack("<bb", *exponents) + b"\xdd" * pad
    return (header(len(block), template, version=version) + block + levels(bids, exponents, level_pad)
            + levels(asks, exponents, level_pad) + text(symbol) + tail)


def trades(symbol, rows, exponents=(-8, -8), time=TIME, pad=0, entry_pad=0, version=0, count=None, flag=None):
    """A group of trades: header of 6 bytes, then id, price, size and whether the buyer is the maker."""
    block = struct.pack("<qq", time + 250, time) + struct.pack("<bb", *exponents) + b"\xdd" * pad
    data = header(len(block), 10000, version=version) + block
    data += struct.pack("<HI", 25 + entry_pad, len(rows) if count is None else count)
    for number, p, q, is_buyer_maker in rows:
        data += struct.pack("<qqq", number, mantissa(p, exponents[0]), mantissa(q, exponents[1]))
        data += bytes([int(is_buyer_maker) if flag is None else flag]) + b"\xee" * entry_pad
    return data + text(symbol)


def quote(symbol, number, bid, ask, exponents=(-8, -8), time=TIME, pad=0, version=0):
    numbers = [mantissa(value, exponents[place % 2]) for place, value in enumerate(bid + ask)]
    block = struct.pack("<qq", time, number) + struct.pack("<bb", *exponents) + struct.pack("<qqqq", *numbers)
    block += b"\xdd" * pad
    return header(len(block), 10001, version=version) + block + text(symbol)


def units(symbol, value, place):
    return mantissa(value, UNITS[symbol.upper()][place])


def pairs(symbol, rows):
    return "".join(f" {units(symbol, p, 0)}:{units(symbol, q, 1)}" for p, q in rows)


def side(rows, is_bid):
    """The book's side after the update: best first, without the zeros."""
    kept = [row for row in rows if Decimal(row[1]) != 0]
    return sorted(kept, key=lambda row: Decimal(row[0]), reverse=is_bid)


vectors = []


def add(name, data, expected):
    vectors.append((name, data.hex(), expected))


def add_depth(name, symbol, first, last, bids, asks, time=TIME, **options):
    add(name, depth(symbol, first, last, bids, asks, time=time, **options),
        f"depth {time} {first} {last} bids{pairs(symbol, side(bids, True))} asks{pairs(symbol, side(asks, False))}")


def add_trades(name, symbol, rows, time=TIME, **options):
    listed = " ".join(f"{n}:{units(symbol, p, 0)}:{units(symbol, q, 1)}:{int(m)}" for n, p, q, m in rows)
    add(name, trades(symbol, rows, time=time, **options), f"trades {time} {listed}")


def add_quote(name, symbol, number, bid, ask, time=TIME, **options):
    add(name, quote(symbol, number, bid, ask, time=time, **options),
        f"quote {time} {number}{pairs(symbol, [bid, ask])}")


def reject(name, data, kind):
    add(name, data, f"rejected {kind}")


BTC, NAME = "BTCUSDT", "币安人生USDT"
BIDS = [("61800.12", "0.5"), ("61800.1", "0"), ("61799.99999", "12.00000001")]
ASKS = [("61800.13", "1"), ("61801", "0.00000001")]
TRADE = [(77, "61800.12", "0.006", True)]
ONE = [("100", "2")]

# What is read.
add_depth("a depth update", BTC, 100, 107, BIDS, ASKS)
add_depth("no levels", BTC, 100, 100, [], [])
add_depth("bids only", BTC, 2**40, 2**40 + 9, BIDS, [])
add_depth("asks only", BTC, 1, 1, [], ASKS)
add_depth("coarse exponents", BTC, 5, 6, [("6180", "500")], [("6190", "300")], exponents=(1, 2))
add_depth("exponents of the instrument", BTC, 5, 6, BIDS, ASKS, exponents=(-5, -8))
add_depth("fine exponents", BTC, 5, 6, [("61.5", "0.25")], [("61.6", "0.125")], exponents=(-12, -11))
add_depth("a longer block", BTC, 5, 6, BIDS, ASKS, pad=8, version=1)
add_depth("longer levels", BTC, 5, 6, BIDS, ASKS, level_pad=5, version=2)
add_depth("a part behind the symbol", BTC, 5, 6, BIDS, ASKS, version=1, tail=text("more"))
add_depth("letters that are not ASCII", NAME, 9, 12, [("0.00001234", "1000.5")], [("0.00001235", "7")])
add_depth("a symbol in small letters", "btcusdt", 9, 12, ONE, [])
add_trades("a trade", BTC, TRADE)
add_trades("three trades of one taker", BTC,
           [(8, "61800.12", "0.1", False), (9, "61800.13", "0.2", False), (10, "61801", "0.3", False)])
add_trades("trades of both sides", NAME, [(1, "0.01", "5", True), (2, "0.02", "6.125", False)], exponents=(-8, -3))
add_trades("trades with coarse exponents", BTC, [(3, "61000", "20", True)], exponents=(3, 1))
add_trades("longer entries and block", BTC, TRADE + [(78, "61800", "1", False)], pad=3, entry_pad=7, version=1)
add_trades("a trade of the epoch", BTC, TRADE, time=0)
add("no trades", trades(BTC, []), "unknownEvent")
add_quote("a quote", BTC, 4_000_000_001, ("61800.12", "0.5"), ("61800.13", "1.25"))
add_quote("a longer quote", BTC, 7, ("61800.12", "0.5"), ("61800.13", "1.25"), pad=16, version=3)
add_quote("a quote with coarse exponents", NAME, 7, ("10", "300"), ("20", "400"), exponents=(1, 2))
add("a quote without bids", quote(BTC, 7, ("0", "0"), ("1", "2")), "emptyQuote")
add("an empty quote with a large exponent", quote(BTC, 7, ("0", "0"), ("0", "0"), exponents=(127, -128)), "emptyQuote")
add("a partial book", depth(BTC, 0, 9, BIDS, ASKS, template=10002), "unknownEvent")
add("another symbol", trades("ETHUSDT", TRADE), "unknownStream")
add("no symbol", trades("", TRADE), "unknownStream")
add("another template", header(18, 10004) + trades(BTC, TRADE)[8:], "unknownEvent")
add("another schema", header(18, 10000, schema=2) + trades(BTC, TRADE)[8:], "unknownEvent")

# What is refused.
reject("nothing", b"", "truncated")
reject("half a header", header(18, 10000)[:5], "truncated")
reject("a header alone", header(18, 10000), "truncated")
reject("a block too short", header(10, 10000) + trades(BTC, TRADE)[8:], "missingField")
reject("a block beyond the frame", header(65535, 10003) + depth(BTC, 1, 2, ONE, [])[8:], "truncated")
reject("four thousand million trades", trades(BTC, TRADE, count=2**32 - 1), "truncated")
reject("one trade too many", trades(BTC, TRADE, count=2), "truncated")
reject("entries too short", depth(BTC, 1, 2, [], [])[:34] + levels(ONE, (-8, -8), length=15)
       + levels([], (-8, -8)) + text(BTC), "missingField")
reject("a byte too many", trades(BTC, TRADE) + b"\x00", "outOfRange")
reject("a price finer than the unit", depth(BTC, 1, 2, [("1.000001", "1")], []), "doesNotFitInstrument")
reject("a size finer than the unit", trades(NAME, [(1, "1", "0.0001", True)]), "doesNotFitInstrument")
reject("far too fine", quote(BTC, 1, (Decimal("1e-120"), "1"), (Decimal("2e-120"), "1"), exponents=(-120, 0)),
       "doesNotFitInstrument")
reject("far too large", quote(BTC, 1, (Decimal("1e120"), "1"), ("2e120", "1"), exponents=(120, 0)), "outOfRange")
reject("too large", depth(BTC, 1, 2, [("5e18", "1")], [], exponents=(0, -8)), "outOfRange")
reject("a price of zero", depth(BTC, 1, 2, [("0", "1")], []), "outOfRange")
reject("a negative size", depth(BTC, 1, 2, [], [("1", "-1")]), "outOfRange")
reject("a trade without a size", trades(BTC, [(1, "1", "0", True)]), "outOfRange")
reject("a null price", trades(BTC, TRADE).replace(struct.pack("<q", 6180012000000), struct.pack("<q", NULL)),
       "outOfRange")
reject("a null id", trades(BTC, [(NULL, "1", "1", True)]), "outOfRange")
reject("the last id of all", trades(BTC, [(2**63 - 1, "1", "1", True)]), "outOfRange")
reject("ids that descend", depth(BTC, 3, 2, ONE, []), "outOfRange")
reject("a null time", depth(BTC, 1, 2, ONE, [], time=NULL), "outOfRange")
reject("a time after the end of time", quote(BTC, 1, ("1", "1"), ("2", "1"), time=2**63 - 1), "outOfRange")
reject("a side that is null", trades(BTC, TRADE, flag=255), "wrongType")

# Drawn.
draw = random.Random(20260804)
for number in range(4):
    symbol = draw.choice([BTC, NAME])
    exponents = draw.choice([(-5, -3), (-8, -8), (-6, -4)]) if symbol == BTC else (-8, -3)
    places = -max(exponents[0], UNITS[symbol][0]), -max(exponents[1], UNITS[symbol][1])

    def value(low, high, place):
        return Decimal(draw.randint(low * 10 ** places[place], high * 10 ** places[place])).scaleb(-places[place])

    first = draw.randint(1, 10**12)
    bids = [(p, draw.choice([0, value(0, 50, 1)])) for p in {value(100, 200, 0) for _ in range(draw.randint(0, 5))}]
    asks = [(p, draw.choice([0, value(0, 50, 1)])) for p in {value(201, 300, 0) for _ in range(draw.randint(0, 5))}]
    add_depth(f"drawn depth {number}", symbol, first, first + draw.randint(0, 99), sorted(bids, reverse=True),
              sorted(asks), time=draw.randint(0, 2**50), exponents=exponents)
    rows = [(first + n, value(1, 9, 0), value(1, 9, 1), draw.random() < 0.5) for n in range(draw.randint(1, 4))]
    add_trades(f"drawn trades {number}", symbol, rows, time=draw.randint(0, 2**50), exponents=exponents)
    bid, ask = (value(1, 2, 0), value(1, 9, 1)), (value(3, 4, 0), value(1, 9, 1))
    add_quote(f"drawn quote {number}", symbol, first, bid, ask, time=draw.randint(0, 2**50), exponents=exponents)

print("# Printed by Oracle/sbe.py from Binance's table of SBE market data streams, schema 1:0, 2026-08")
for name, data, expected in vectors:
    print(f"{name}\t{expected}\t{data}")
