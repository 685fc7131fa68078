"""Every venue that exchange-sim speaks, in one stack: all VALID, and signals from each."""
import collections
import json
import re
import subprocess
import time

from bench import VALID, Ingest, Program, Simulator, free_port, get, wait_for


def known_venues(bin_folder):
    """The names in the simulator's own error for a venue that it does not know."""
    answer = subprocess.run(
        [str(bin_folder / "exchange-sim"), "--venue", "none", "--check-config"], capture_output=True, text=True)
    return re.search(r"known are: (.*)", answer.stderr + answer.stdout).group(1).split(", ")


class Everything(Simulator):
    """One simulator of all venues: each has its control API below its name."""

    def __init__(self, bin_folder, folder, venues):
        self.first = venues[0]
        super().__init__(bin_folder, folder, ["--venue", ",".join(venues), "--order-rate", 60])

    def answers(self):
        try:
            return get(f"http://127.0.0.1:{self.port}/{self.first}/control/accounts")
        except OSError:
            return None

    def symbols(self, venue):
        accounts = json.loads(get(f"http://127.0.0.1:{self.port}/{venue}/control/accounts"))
        return [market["symbol"] for market in accounts["symbols"]]


def main(bin_folder, folder, venues, limit_seconds):
    venues = venues or known_venues(bin_folder)
    simulator = Everything(bin_folder, folder, venues)
    markets = [(venue, simulator.symbols(venue)[0]) for venue in venues]
    key = folder / "key"
    key.write_text("a-key-of-nobody\n")
    base = f"127.0.0.1:{simulator.port}/{{venue}}"
    pool = ",".join(f"{venue}:{symbol}" for venue, symbol in markets)
    ticks = [f"ipc://{folder}/{venue}-{symbol}" for venue, symbol in markets]
    gateway = free_port()
    features = Program(bin_folder, "features", [
        "--connect", ",".join(ticks), "--publish", f"ipc://{folder}/features", "--metrics-port", 0], folder)
    detector = Program(bin_folder, "detector", [
        "--connect", f"ipc://{folder}/features", "--publish", f"ipc://{folder}/signals", "--replay",
        f"ipc://{folder}/replay", "--alerts", f"ipc://{folder}/alerts", "--state-dir", folder, "--profile", "classic",
        "--metrics-port", 0], folder)
    web = Program(bin_folder, "api-gateway", [
        "--port", gateway, "--connect-ticks", ",".join(ticks), "--connect-features", f"ipc://{folder}/features",
        "--connect-signals", f"ipc://{folder}/signals", "--connect-replay", f"ipc://{folder}/replay", "--state-dir",
        folder, "--metrics-port", 0], folder)
    start = time.monotonic()
    # One process a market: each takes the next of the pool that is free.
    ingests = [
        Ingest(bin_folder, folder, simulator, [
            "--venues", ",".join(venues), "--symbol-pool", pool, "--websocket-url", f"ws://{base}", "--rest-url",
            f"http://{base}", "--api-key-file", key, "--publish", f"ipc://{folder}/{{venue}}-{{symbol}}"],
            f"-{index}")
        for index in range(len(markets))
    ]

    def page(path):
        try:
            return json.loads(get(f"http://127.0.0.1:{gateway}/api/v1/{path}"))
        except OSError:
            return None

    valid_after, signals = {}, collections.Counter()

    def look():
        for market in (page("symbols") or {}).get("symbols", []):
            if market["validity"] == "VALID":
                valid_after.setdefault(market["venue"], time.monotonic() - start)
        for venue in {market for market in valid_after}:
            answer = page(f"signals?venue={venue}&limit=500") or {}
            signals[venue] = len(answer.get("signals", answer.get("items", [])))
        return len(valid_after) == len(markets) and all(signals[venue] for venue in valid_after)

    try:
        wait_for(look, "all are VALID and have signals", limit_seconds)
    except TimeoutError as error:
        print(error)
    print("| venue | market | VALID after s | signals |\n|---|---|---|---|")
    for venue, symbol in markets:
        print(f"| {venue} | {symbol} | {valid_after.get(venue, float('nan')):.1f} | {signals[venue]} |")
    for program in [*ingests, features, detector, web, simulator]:
        program.stop()
    return [venue for venue, _ in markets if venue not in valid_after or not signals[venue]]
