"""Connections replaced under load: no trade lost or twice, and the book never leaves VALID."""
from bench import VALID, Bus, Ingest, Simulator, Truth, Verdict, settle

SYMBOLS = ["BTCUSDT", "ETHUSDT"]


def main(bin_folder, folder, times):
    simulator = Simulator(
        bin_folder, folder, ["--synthetic", ",".join(SYMBOLS), "--speed", "10", "--weight-limit", "1000000"])
    truth = Truth(simulator.truth_path)
    ingest = Ingest(
        bin_folder, folder, simulator,
        ["--symbols", ",".join(SYMBOLS), "--wait-subscriptions", "1", "--snapshot-depth", "1000", "--rotate-after", "2"])
    bus = Bus([ingest.endpoint])
    feed = bus.feeds[SYMBOLS[0]]
    bus.until(lambda: feed.status and feed.status.rotation_count >= times, f"{times} rotations", 30 + 10 * times)
    last = settle(bus, truth, SYMBOLS)
    statuses = {symbol: bus.feeds[symbol].status for symbol in SYMBOLS}
    connections = simulator.accounts()["connections"]
    ingest.stop()
    simulator.stop()
    truth.read()
    verdict = Verdict(bus, truth, SYMBOLS, last)
    failures = []
    print(f"rotation: {feed.status.rotation_count} rotations, {connections} connections, {verdict.valid} VALID books, "
          f"wrong {verdict.wrong_total}; trades {verdict.trades}, lost {verdict.lost}, twice {verdict.duplicated}")
    for symbol in SYMBOLS:
        status = statuses[symbol]
        books = bus.feeds[symbol].books
        epochs = {book[2] for book in books}
        others = sum(1 for book in books if book[1] != VALID)
        received = [book[0] for book in books]
        issued = [update for update in sorted(truth.books[symbol]) if received[0] <= update <= received[-1]]
        print(f"  {symbol}: {len(epochs)} book epoch, {others} books not VALID, {len(received)} of {len(issued)} updates, "
              f"resyncs {status.resync_count}, reconnects {status.reconnect_count}, gaps {status.gap_count}, backfilled "
              f"{status.backfilled_trade_count}, twice on the streams {status.duplicate_trade_count}")
        if len(epochs) != 1 or others or status.resync_count or received != issued:
            failures.append(f"{symbol}'s book left VALID")
    if verdict.wrong_total or verdict.lost or verdict.duplicated or bus.lost:
        failures.append("accounts")
    return failures
