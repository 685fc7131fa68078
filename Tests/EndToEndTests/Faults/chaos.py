"""A random fault plan over the recordings of BTC and ETH: at the end the books equal the simulator's and every trade is
accounted for."""
import random
import time

from bench import VALID, Bus, Ingest, Simulator, Truth, Verdict, settle

SPEED = "8"


def plan(seed, faults, aggregates):
    """Draws a plan of at least `faults` faults, each rule with an end, so that the market is whole again after it. With
    `aggregates` the venue refuses single trades for good, so that they are had as sums only."""
    draw = random.Random(seed)

    def rule(share, probability, **fault):
        return {"limit": max(1, round(faults * share)), "probability": probability * draw.uniform(0.7, 1.4), **fault}

    rules = [
        # What breaks a book costs a snapshot.
        rule(0.03, 0.0012, fault="drop", channel="depth"),
        rule(0.01, 0.0005, fault="drop", channel="depth", count=draw.randint(2, 9)),
        rule(0.02, 0.0010, fault="reorder", channel="depth"),
        rule(0.02, 0.0010, fault="delay", channel="depth", milliseconds=draw.randint(50, 800)),
        rule(0.03, 0.0020, fault="duplicate", channel="depth"),
        rule(0.01, 0.0006, fault="hole", count=draw.randint(1, 5)),
        rule(0.01, 0.0006, fault="malformed", channel="depth"),
        rule(0.005, 0.0003, fault="oversized", channel="depth"),
        rule(0.01, 0.0006, fault="misfit", channel="depth"),
        rule(0.01, 0.0006, fault="crossed"),
        # What breaks the trades costs a backfill.
        rule(0.17, 0.0040, fault="drop", channel="trade"),
        rule(0.02, 0.0005, fault="drop", channel="trade", count=draw.randint(2, 80)),
        rule(0.15, 0.0040, fault="reorder", channel="trade"),
        rule(0.15, 0.0040, fault="delay", channel="trade", milliseconds=draw.randint(20, 900)),
        rule(0.15, 0.0040, fault="duplicate", channel="trade"),
        rule(0.05, 0.0010, fault="malformed", channel="trade"),
        rule(0.05, 0.0010, fault="misfit", channel="trade"),
        # Quotes stand for themselves.
        rule(0.04, 0.0003, fault="drop", channel="bookTicker"),
        rule(0.04, 0.0003, fault="duplicate", channel="bookTicker"),
        rule(0.02, 0.0002, fault="malformed", channel="bookTicker"),
        # Requests.
        rule(0.005, 0.03, fault="rate_limit", seconds=1),
        rule(0.003, 0.01, fault="ban", seconds=2),
        rule(0.01, 0.03, fault="server_error"),
        rule(0.005, 0.02, fault="timeout"),
        rule(0.005, 0.02, fault="slow_body", seconds=0.6),
        rule(0.005, 0.05, fault="stale_snapshot"),
    ]
    timed = [("reset", 0.008, {}), ("close", 0.004, {"code": 1011}), ("half_open", 0.002, {"seconds": 8}),
             ("shutdown", 0.003, {"seconds": 3}), ("mute", 0.003, {"seconds": 3, "channel": "depth"}),
             ("mute", 0.003, {"seconds": 3, "channel": "trade"}), ("clock_step", 0.003, {"milliseconds": -120})]
    for name, share, more in timed:
        limit = max(1, round(faults * share))
        rules.append({"fault": name, "perMinute": limit * draw.uniform(0.5, 0.9), "limit": limit, **more})
    if aggregates:
        rules.append({"fault": "server_error", "path": "/api/v3/historicalTrades", "status": 401, "probability": 1})
    return {"seed": seed, "faults": rules}


def main(bin_folder, folder, data, faults, seed, aggregates):
    captures = [data / "binance-spot-2024-08-08" / f"{name}_20240808.gz" for name in ("btcusdt", "ethusdt")] if data else []
    if captures and all(path.exists() for path in captures):
        market, what = ["--capture", *captures, "--loop"], "the recordings of 2024-08-08"
    else:
        market, what = ["--synthetic", "BTCUSDT,ETHUSDT"], "a synthetic market (the recordings are absent)"
    symbols = ["BTCUSDT", "ETHUSDT"]
    print(f"chaos: {what} at speed {SPEED}, seed {seed}, at least {faults} faults"
          + (", trades as aggregates only" if aggregates else ""))
    simulator = Simulator(
        bin_folder, folder, [*market, "--speed", SPEED, "--weight-limit", "1000000"], plan(seed, faults, aggregates))
    truth = Truth(simulator.truth_path)
    ingest = Ingest(
        bin_folder, folder, simulator,
        ["--symbols", ",".join(symbols), "--wait-subscriptions", "1", "--snapshot-depth", "1000", "--rest-timeout", "1"])
    bus = Bus([ingest.endpoint])
    begin, shown = time.monotonic(), 0
    while simulator.struck()["total"] < faults:
        bus.pump_for(1)
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(f"  {shown - begin:4.0f} s: {simulator.struck()['total']} faults", flush=True)
        if time.monotonic() - begin > 1_200:
            raise TimeoutError(f"only {simulator.struck()} in 20 minutes")
    struck = simulator.struck()

    def is_whole():
        return all(bus.feeds[symbol].status and bus.feeds[symbol].status.validity == VALID
                   and bus.feeds[symbol].status.missing_trade_count == 0 for symbol in symbols)

    # Rare rules may still have something left: what they do is healed as well.
    bus.until(is_whole, "whole after the last fault", 120)
    settle(bus, truth, symbols)
    bus.until(is_whole, "whole at the end", 60)
    final = {}
    for symbol in symbols:
        target = max(truth.read().books[symbol])
        bus.until(lambda: any(book[0] >= target and book[1] == VALID for book in bus.feeds[symbol].books[-200:]),
                  f"{symbol}: the final book", 60)
        update, _, _, _, levels = [book for book in bus.feeds[symbol].books if book[1] == VALID][-1]
        final[symbol] = (update, levels)
    ingest.stop()
    # The last status accounts for every trade up to then: nothing is published after it.
    bus.drain()
    simulator.stop()
    # Only now the truth is whole: before, a book may have come while its truth was still in the simulator's buffer.
    truth.read()
    final = {symbol: (update, list(levels) == list(truth.books[symbol].get(update, ())))
             for symbol, (update, levels) in final.items()}
    last = {symbol: max(bus.feeds[symbol].trades) for symbol in symbols}
    verdict = Verdict(bus, truth, symbols, last)
    print(f"  {struck['total']} faults in {time.monotonic() - begin:.0f} s: "
          + ", ".join(f"{name} {count}" for name, count in sorted(struck["struck"].items())))
    failures = [f"{symbol}'s last word" for symbol in symbols if bus.feeds[symbol].status.feed_up]
    for symbol in symbols:
        status = bus.feeds[symbol].status
        update, is_equal = final[symbol]
        covered = sum(1 for book in bus.feeds[symbol].books if book[1] == VALID) / max(1, len(truth.books[symbol]))
        print(f"  {symbol}: final book at {update} {'equals' if is_equal else 'DIFFERS FROM'} the simulator's; "
              f"VALID at {covered:.1%} of all update ids; gaps {status.gap_count}, resyncs {status.resync_count}, "
              f"reconnects {status.reconnect_count}, rotations {status.rotation_count}, rejected {status.rejected_count}, "
              f"worst recovery {status.worst_recovery_ns / 1e9:.2f} s")
        accounts = (status.late_trade_count + status.backfilled_trade_count + status.unfilled_trade_count
                    + status.missing_trade_count)
        print(f"    trades: missed {status.missed_trade_count} {'=' if accounts == status.missed_trade_count else '≠'} late "
              f"{status.late_trade_count} + backfilled {status.backfilled_trade_count} + unfilled "
              f"{status.unfilled_trade_count} + waiting {status.missing_trade_count}; twice on the stream "
              f"{status.duplicate_trade_count}; had as sums of several {status.aggregated_trade_count}")
        if status.aggregated_trade_count != bus.feeds[symbol].summed_at_status:
            failures.append(f"{symbol}'s sums: {bus.feeds[symbol].summed_at_status} were published")
        if accounts != status.missed_trade_count:
            failures.append(f"{symbol}'s account of trades")
        if not is_equal:
            failures.append(f"{symbol}'s final book")
    print(f"  VALID books {verdict.valid}, wrong {verdict.wrong_total}; trades {verdict.trades}, lost {verdict.lost}, "
          f"twice {verdict.duplicated}; lost on the bus {bus.lost}")
    if verdict.wrong_total:
        failures.append(f"{verdict.wrong_total} wrong VALID books, e.g. {verdict.examples[:1]}")
    # Missing before the last trade that was published is what was still waited for, and stated; of aggregates also what only
    # the single sizes would tell.
    statuses = [bus.feeds[symbol].status for symbol in symbols]
    stated = sum(status.missing_trade_count + status.unfilled_trade_count for status in statuses)
    if not aggregates and any(status.unfilled_trade_count for status in statuses):
        failures.append("trades were given up")
    if verdict.lost != stated or verdict.duplicated or bus.lost:
        failures.append(f"trades: {verdict.lost} lost, {stated} stated")
    return failures
