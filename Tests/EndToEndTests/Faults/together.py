"""Every venue that exchange-sim speaks, in one stack: each book VALID, and signals from each."""
import collections
import json
import re
import subprocess
import time

from bench import Ingest, Program, Simulator, free_port, get, wait_for

# Endpoints that serve another's market under the same name: they have a stack of their own.
SAME_AS = {"binance-sbe": "binance", "coinbase-advanced": "coinbase"}
# The simulator's symbol, and the venue's own, where they are not BTCUSDT.
SIMULATED = {"kraken-futures": "BTCUSD", "bybit-inverse": "BTCUSD", "deribit": "BTCUSD"}
SYMBOLS = {"kraken-futures": "PF_XBTUSD", "bybit-inverse": "BTCUSD", "deribit": "BTC-PERPETUAL",
           "binance-coinm": "BTCUSD_PERP"}


def known_venues(bin_folder):
    """The names in the simulator's own error for a venue that it does not know."""
    answer = subprocess.run(
        [str(bin_folder / "exchange-sim"), "--venue", "none", "--check-config"], capture_output=True, text=True)
    return re.search(r"known are: (.*)", answer.stderr + answer.stdout).group(1).split(", ")


class Everything(Simulator):
    """One simulator of several venues: each has its control API below its name."""

    def __init__(self, bin_folder, folder, venues):
        self.first = venues[0]
        symbols = ",".join(f"{venue}:{SIMULATED.get(venue, 'BTCUSDT')}" for venue in venues)
        super().__init__(bin_folder, folder, ["--venue", ",".join(venues), "--synthetic", symbols, "--order-rate", 60])

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log)
        try:
            return get(f"http://127.0.0.1:{self.port}/{self.first}/control/accounts")
        except OSError:
            return None


def main(bin_folder, folder, only, limit_seconds):
    venues = [venue for venue in known_venues(bin_folder) if not only or venue in only.split(",")]
    failures = []
    for place, group in enumerate([[venue for venue in venues if venue not in SAME_AS],
                                   [venue for venue in venues if venue in SAME_AS]]):
        if group:
            own = folder / f"stack-{place}"
            own.mkdir()
            failures += stack(bin_folder, own, group, limit_seconds)
    return failures


def stack(bin_folder, folder, venues, limit_seconds):
    simulator = Everything(bin_folder, folder, venues)
    key = folder / "key"
    key.write_text("a-key-of-nobody\n")
    markets = [(venue, SYMBOLS.get(venue, "BTCUSDT")) for venue in venues]
    base = f"127.0.0.1:{simulator.port}/{{venue}}"
    ticks = ",".join(f"ipc://{folder}/{venue}" for venue in venues)
    gateway = free_port()
    shared = ["--metrics-port", 0]
    stages = [
        Program(bin_folder, "features", [
            "--connect", ticks, "--publish", f"ipc://{folder}/features", *shared], folder),
        Program(bin_folder, "detector", [
            "--connect", f"ipc://{folder}/features", "--publish", f"ipc://{folder}/signals", "--replay",
            f"ipc://{folder}/replay", "--alerts", f"ipc://{folder}/alerts", "--state-dir", folder, "--profile",
            "classic", *shared], folder),
        Program(bin_folder, "api-gateway", [
            "--port", gateway, "--connect-ticks", ticks, "--connect-features", f"ipc://{folder}/features",
            "--connect-signals", f"ipc://{folder}/signals", "--connect-replay", f"ipc://{folder}/replay",
            "--state-dir", folder, *shared], folder),
    ]
    start = time.monotonic()
    # One process a market: each takes the next of the pool that is free.
    ingests = [
        Ingest(bin_folder, folder, simulator, [
            "--venues", ",".join(venues), "--symbol-pool", ",".join(f"{venue}:{symbol}" for venue, symbol in markets),
            "--websocket-url", f"ws://{base}", "--rest-url", f"http://{base}", "--api-key-file", key,
            "--publish", f"ipc://{folder}/{{venue}}"], f"-{index}")
        for index in range(len(markets))
    ]

    def page(path):
        try:
            return json.loads(get(f"http://127.0.0.1:{gateway}/api/v1/{path}"))
        except OSError:
            return None

    valid_after, signals = {}, collections.Counter()

    def on_bus(venue):
        return SAME_AS.get(venue, venue).replace("-", "_")

    def look():
        time.sleep(0.5)
        valid = {market["venue"] for market in (page("symbols") or {}).get("symbols", [])
                 if market["validity"] == "VALID"}
        for venue in venues:
            if on_bus(venue) in valid:
                valid_after.setdefault(venue, time.monotonic() - start)
            signals[venue] = len((page(f"signals?venue={on_bus(venue)}&limit=1000") or {}).get("signals", []))
        return all(venue in valid_after and signals[venue] for venue in venues)

    try:
        wait_for(look, "every book is VALID, and signals from each", limit_seconds)
    except TimeoutError as error:
        print(error)
    print("  | venue | symbol | VALID after s | signals |\n  |---|---|---|---|")
    for venue, symbol in markets:
        print(f"  | {venue} | {symbol} | {valid_after.get(venue, float('nan')):.1f} | {signals[venue]} |")
    for program in [*ingests, *stages, simulator]:
        program.stop()
    return [venue for venue in venues if venue not in valid_after or not signals[venue]]
