"""Three symbols, four processes on one lease directory: one is killed, and the standby serves its symbol."""
import time

from bench import VALID, Bus, Ingest, Simulator, wait_for

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]


def main(bin_folder, folder, limit_seconds):
    simulator = Simulator(bin_folder, folder, ["--synthetic", ",".join(SYMBOLS)])

    def start(tag):
        return Ingest(
            bin_folder, folder, simulator,
            ["--symbol-pool", ",".join(SYMBOLS), "--publish", f"ipc://{folder}/tick-{{symbol}}"], tag)

    replicas = [start(f"-{index}") for index in range(4)]
    bus = Bus([f"ipc://{folder}/tick-{symbol}" for symbol in SYMBOLS])

    def serves(replica):
        return next((symbol for symbol in SYMBOLS if f"symbol={symbol}" in replica.log), None)

    failures, times = [], []
    for turn, victim_symbol in enumerate(SYMBOLS):
        bus.until(lambda: all(bus.feeds[symbol].status and bus.feeds[symbol].status.validity == VALID
                              for symbol in SYMBOLS), "all symbols are served", 60)
        standby = wait_for(lambda: next((replica for replica in replicas if "standing by" in replica.log
                                         and not serves(replica)), None), "a standby")
        served = sorted(filter(None, map(serves, replicas)))
        victim = next(replica for replica in replicas if serves(replica) == victim_symbol)
        victim.kill()
        killed = time.time_ns()
        first = bus.until(lambda: bus.feeds[victim_symbol].valid_after(killed + 1), f"{victim_symbol} is back", 60)
        times.append((first - killed) / 1e9)
        print(f"  killed the process of {victim_symbol} ({', '.join(served)} served, one standing by): "
              f"{standby.name} published its first VALID book after {times[-1]:.2f} s")
        if times[-1] > limit_seconds or serves(standby) != victim_symbol:
            failures.append(victim_symbol)
        replicas.remove(victim)
        replicas.append(start(f"-{4 + turn}"))
    # One that has not said anything yet would not have its signal handler either.
    wait_for(lambda: all("standing by" in replica.log or serves(replica) for replica in replicas), "all have started")
    for replica in replicas:
        replica.stop()
    simulator.stop()
    print(f"standby: worst {max(times):.2f} s of {limit_seconds:g} s")
    return failures
