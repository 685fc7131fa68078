"""A market that wanders through the depth of its snapshots: the book is told more in time, and is never wrong."""
from bench import VALID, Bus, Ingest, Simulator, Truth, Verdict, settle

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def main(bin_folder, folder, times, seed):
    simulator = Simulator(
        bin_folder, folder,
        ["--synthetic", ",".join(SYMBOLS), "--speed", "10", "--weight-limit", "1000000", "--seed", seed])
    truth = Truth(simulator.truth_path)
    # Few levels, so that it happens often; a price that runs through the reserve of a quarter while the snapshot is under way
    # still costs a resync.
    ingest = Ingest(
        bin_folder, folder, simulator,
        ["--symbols", ",".join(SYMBOLS), "--wait-subscriptions", "1", "--snapshot-depth", "150"])
    bus = Bus([ingest.endpoint])

    def count():
        return sum(feed.status.widening_count for feed in bus.feeds.values() if feed.status)

    bus.until(lambda: count() >= times, f"{times} widenings (seed {seed})", 30 + 30 * times)
    bus.until(lambda: all(feed.status.validity == VALID for feed in bus.feeds.values()), "whole at the end", 60)
    last = settle(bus, truth, SYMBOLS)
    statuses = {symbol: bus.feeds[symbol].status for symbol in SYMBOLS}
    ingest.stop()
    simulator.stop()
    truth.read()
    verdict = Verdict(bus, truth, SYMBOLS, last)
    resyncs = sum(status.resync_count for status in statuses.values())
    print(f"widening: seed {seed}, {count()} widenings, {resyncs} resyncs; {verdict.valid} VALID books, wrong "
          f"{verdict.wrong_total}; trades {verdict.trades}, lost {verdict.lost}, twice {verdict.duplicated}")
    failures = []
    if verdict.wrong_total or verdict.lost or verdict.duplicated or bus.lost:
        failures.append(f"accounts, e.g. {verdict.examples[:1]}")
    return failures
