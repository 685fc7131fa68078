"""Memory, descriptors and processor time over minutes, and over many symbols."""
import time

from bench import VALID, Bus, Ingest, Simulator


def slope(points):
    """Least-squares slope of (x, y)."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    variance = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / variance if variance else 0


def soak(bin_folder, folder, minutes):
    """Speed 10, a fault now and then; the memory is flat after a fifth of the time."""
    symbols = ["BTCUSDT", "ETHUSDT"]
    plan = {"seed": 1, "faults": [
        {"fault": "drop", "channel": "depth", "perMinute": 6}, {"fault": "drop", "channel": "trade", "perMinute": 6},
        {"fault": "reset", "perMinute": 2}, {"fault": "shutdown", "seconds": 3, "perMinute": 1}]}
    simulator = Simulator(
        bin_folder, folder, ["--synthetic", ",".join(symbols), "--speed", "10", "--weight-limit", "1000000"], plan)
    ingest = Ingest(bin_folder, folder, simulator, ["--symbols", ",".join(symbols), "--snapshot-depth", "1000"])
    bus = Bus([ingest.endpoint], keeps_levels=False)
    begin, points, descriptors = time.monotonic(), [], []
    next_look = 0
    while (elapsed := time.monotonic() - begin) < minutes * 60:
        bus.pump_for(0.5)
        for feed in bus.feeds.values():
            feed.books.clear(), feed.trades.clear(), feed.trade_times.clear(), feed.backfilled.clear()
        if elapsed < next_look:
            continue
        next_look += 10
        points.append((elapsed / 60, ingest.resident_kilobytes()))
        descriptors.append(ingest.descriptors())
        if len(points) % 6 == 1:
            status = bus.feeds[symbols[0]].status
            print(f"  {elapsed:4.0f} s: RSS {points[-1][1]} kB, {descriptors[-1]} descriptors"
                  + (f", {status.message_count} messages, {status.resync_count} resyncs" if status else ""), flush=True)
    messages = sum(feed.status.message_count for feed in bus.feeds.values())
    status = bus.feeds[symbols[0]].status
    cpu = ingest.cpu_seconds()
    struck = simulator.struck()
    ingest.stop()
    simulator.stop()
    warm = [point for point in points if point[0] >= minutes / 5]
    growth = slope(warm)
    # A connection more or less is under way while one is replaced or lost.
    spread = max(descriptors[1:]) - min(descriptors[1:])
    half = len(warm) // 2
    print(f"soak: {minutes:g} min, {messages} messages, {struck['total']} faults, reconnects {status.reconnect_count}, "
          f"rotations {status.rotation_count}; RSS {warm[0][1]} → {warm[-1][1]} kB, slope {growth:+.1f} kB a minute "
          f"after warm-up ({slope(warm[half:]):+.1f} in its second half); descriptors {min(descriptors[1:])} to "
          f"{max(descriptors[1:])}; {cpu / minutes / 60:.1%} of a core")
    failures = []
    if growth > 100:
        failures.append(f"RSS grows by {growth:.0f} kB a minute")
    if spread > 4:
        failures.append(f"descriptors vary by {spread}")
    return failures


def symbols(bin_folder, folder, count):
    """`count` synthetic symbols in one process, at ten book updates a second each."""
    names = [f"S{index:03}USDT" for index in range(count)]
    simulator = Simulator(
        bin_folder, folder,
        ["--synthetic", ",".join(names), "--order-rate", "60", "--weight-limit", "1000000"])
    ingest = Ingest(bin_folder, folder, simulator, ["--symbols", ",".join(names), "--snapshot-depth", "100"])
    bus = Bus([ingest.endpoint], keeps_levels=False)
    begin = time.monotonic()
    bus.until(lambda: sum(1 for feed in bus.feeds.values() if feed.status and feed.status.validity == VALID) == count,
              f"{count} symbols are VALID", 180)
    print(f"  {count} books VALID after {time.monotonic() - begin:.1f} s", flush=True)

    def totals():
        statuses = [feed.status for feed in bus.feeds.values()]
        return (sum(status.book_update_count for status in statuses), sum(status.message_count for status in statuses),
                ingest.cpu_seconds(), simulator.cpu_seconds(), time.monotonic())

    bus.pump_for(10)
    before = totals()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        bus.pump_for(0.5)
        for feed in bus.feeds.values():
            feed.books.clear(), feed.trades.clear(), feed.trade_times.clear()
    after = totals()
    seconds = after[4] - before[4]
    books, messages = (after[0] - before[0]) / seconds, (after[1] - before[1]) / seconds
    cpu, simulator_cpu = (after[2] - before[2]) / seconds, (after[3] - before[3]) / seconds
    resident = ingest.resident_kilobytes()
    valid = sum(1 for feed in bus.feeds.values() if feed.status.validity == VALID)
    stale = sum(feed.status.stale_count for feed in bus.feeds.values())
    gaps = sum(feed.status.gap_count for feed in bus.feeds.values())
    latencies = sorted(feed.status.latency_p99_ns / 1e6 for feed in bus.feeds.values())
    ingest.stop()
    simulator.stop()
    print(f"symbols: {count} in one process, {valid} VALID; {books / count:.2f} book updates and {messages / count:.1f} "
          f"messages a second a symbol; ingest {cpu:.2f} cores ({cpu / count:.3%} a symbol, {cpu / messages * 1e6:.1f} µs a "
          f"message), RSS {resident / 1024:.0f} MiB ({resident / count:.0f} kB a symbol); the simulator "
          f"{simulator_cpu:.2f} cores; latency p99 {latencies[len(latencies) // 2]:.1f} ms (median symbol); stale {stale}, "
          f"gaps {gaps}, lost on the bus {bus.lost}")
    return [] if valid == count and books / count > 8 else ["not all at ten updates a second"]
