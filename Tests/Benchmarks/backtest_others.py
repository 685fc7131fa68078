"""Times the event loops of hftbacktest and nautilus_trader on the ticks of `microlab export --csv`.

    python3 backtest_others.py EVENTS.csv COUNT

Books become the changes between them (hftbacktest) or their best levels (nautilus_trader); quotes and trades stay as they are.
Loading and conversion are not timed. The ticks are repeated behind one another, later, up to COUNT (0: once); nautilus_trader
holds an object a tick, and gets at most a million.
"""

import csv
import sys
import time

import numpy as np

LEVELS = 20


def read(path):
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in ("book", "quote", "trade")]


def hftbacktest_events(rows):
    from hftbacktest.types import BUY_EVENT, DEPTH_EVENT, EXCH_EVENT, LOCAL_EVENT, SELL_EVENT, TRADE_EVENT, event_dtype

    both = EXCH_EVENT | LOCAL_EVENT
    out, books = [], {"bid": {}, "ask": {}}
    for row in rows:
        stamp = int(row["receive_time_ns"])
        if row["kind"] == "trade":
            side = BUY_EVENT if row["side"] == "buy" else SELL_EVENT
            out.append((TRADE_EVENT | both | side, stamp, stamp, float(row["price"]), float(row["quantity"]), 0, 0, 0.0))
            continue
        for name, side in (("bid", BUY_EVENT), ("ask", SELL_EVENT)):
            now = {}
            for rank in range(1, LEVELS + 1):
                if row[f"{name}_price_{rank}"]:
                    now[float(row[f"{name}_price_{rank}"])] = float(row[f"{name}_quantity_{rank}"])
            old = books[name]
            changes = [(p, q) for p, q in now.items() if old.get(p) != q]
            if row["kind"] == "book":
                changes += [(p, 0.0) for p in old if p not in now]
                books[name] = now
            else:
                old.update(now)
            out += [(DEPTH_EVENT | both | side, stamp, stamp, p, q, 0, 0, 0.0) for p, q in changes]
    return np.array(out, dtype=event_dtype)


def repeat(events, count):
    length = int(events["local_ts"][-1] - events["local_ts"][0]) + 1_000_000_000
    rounds = -(-count // len(events))
    out = np.tile(events, rounds)[:count]
    shift = np.repeat(np.arange(rounds, dtype=np.int64) * length, len(events))[:count]
    out["local_ts"] += shift
    out["exch_ts"] += shift
    return out


def time_hftbacktest(events):
    from hftbacktest import BacktestAsset, HashMapMarketDepthBacktest
    from numba import njit

    @njit
    def loop(hbt):
        steps = 0
        while hbt.wait_next_feed(False, 10_000_000_000_000) in (0, 2):
            steps += 1
        return steps

    def build(data):
        asset = (
            BacktestAsset().data(data).linear_asset(1.0).constant_order_latency(100_000_000, 100_000_000)
            .risk_adverse_queue_model().no_partial_fill_exchange().trading_value_fee_model(0.001, 0.001)
            .tick_size(0.01).lot_size(0.00001)
        )
        return HashMapMarketDepthBacktest([asset])

    loop(build(events[:1000].copy()))  # compiled by now
    backtest = build(events)
    start = time.perf_counter()
    steps = loop(backtest)
    seconds = time.perf_counter() - start
    backtest.close()
    return seconds, steps


def time_nautilus(rows, count):
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.data import QuoteTick, TradeTick
    from nautilus_trader.model.enums import AccountType, AggressorSide, OmsType
    from nautilus_trader.model.identifiers import TradeId, Venue
    from nautilus_trader.model.objects import Money
    from nautilus_trader.test_kit.providers import TestInstrumentProvider
    from nautilus_trader.trading.strategy import Strategy

    instrument = TestInstrumentProvider.btcusdt_binance()
    length = int(rows[-1]["receive_time_ns"]) - int(rows[0]["receive_time_ns"]) + 1_000_000_000
    data = []
    for round in range(-(-count // len(rows))):
        for row in rows[:count - len(data)]:
            stamp = int(row["receive_time_ns"]) + round * length
            if row["kind"] == "trade":
                data.append(TradeTick(
                    instrument.id, instrument.make_price(float(row["price"])),
                    instrument.make_qty(max(1e-6, float(row["quantity"]))),
                    AggressorSide.BUYER if row["side"] == "buy" else AggressorSide.SELLER, TradeId(row["id"]), stamp, stamp))
            elif row["bid_price_1"] and row["ask_price_1"]:
                data.append(QuoteTick(
                    instrument.id, instrument.make_price(float(row["bid_price_1"])),
                    instrument.make_price(float(row["ask_price_1"])), instrument.make_qty(float(row["bid_quantity_1"])),
                    instrument.make_qty(float(row["ask_quantity_1"])), stamp, stamp))

    class Idle(Strategy):
        def on_start(self):
            self.subscribe_quote_ticks(instrument.id)
            self.subscribe_trade_ticks(instrument.id)

        def on_quote_tick(self, tick):
            pass

        def on_trade_tick(self, tick):
            pass

    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(Venue("BINANCE"), OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USDT)])
    engine.add_instrument(instrument)
    engine.add_data(data)
    engine.add_strategy(Idle())
    start = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - start
    engine.dispose()
    return seconds, len(data)


def say(name, ticks, seconds, more=""):
    print(f"{name}: {ticks:,} ticks in {seconds:.2f} s: {ticks / seconds:,.0f} ticks/s{more}", flush=True)


def main(path, count):
    rows = read(path)
    count = max(count, len(rows))
    changes = hftbacktest_events(rows)
    # A tick of the tape is a book, a quote or a trade; hftbacktest counts every level that it changes.
    wanted = round(count * len(changes) / len(rows))
    seconds, steps = time_hftbacktest(repeat(changes, wanted))
    say("hftbacktest", count, seconds, f" ({wanted:,} changed levels and trades, {wanted / seconds:,.0f}/s, {steps:,} steps)")
    seconds, made = time_nautilus(rows, min(count, 1_000_000))
    say("nautilus_trader", made, seconds)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
