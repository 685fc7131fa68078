"""Every service killed in turn, and networks cut, while the market goes on: no signal and no alert is lost."""
import time

from accounts import Load, balance, logged, served
from engine import docker, eventually, metric

KILLED = ["ingest", "features", "detector", "alerter", "api-gateway", "recorder", "exchange-sim"]
CUT = ["ingest", "features", "detector"]
PORTS = {"ingest": 9101, "features": 9102, "detector": 9103, "alerter": 9104, "api-gateway": 8000, "recorder": 9107, "exchange-sim": 9106}


def is_back(container, service):
    return container.is_running and container.page(PORTS[service], "/health") is not None


def flowing(folder):
    """Waits until signals are logged beyond what was there: the whole way works."""
    market = lambda: sum(not each.startswith("posted") and "LOAD" not in each for each in logged(folder)[0])
    count = market()
    return eventually("signals flow", lambda: market() > count, 120, every=0.5)[1]


def test(stack, gateway, webhook, seconds, say):
    folder = stack.volume("detector")
    network = f"{stack.project}_default"
    before = len(logged(folder)[0])
    load = Load(gateway)
    try:
        provoke(stack, gateway, webhook, seconds, say, folder, network)
    finally:
        load.stop()
    accounts = balance(folder, gateway, webhook)
    ids = set(logged(folder)[0])
    assert load.accepted <= ids, f"accepted and not in a log: {sorted(load.accepted - ids)[:5]}"
    lost = {service: metric(stack.containers(service)[0].page(PORTS[service], "/metrics"), "microstructure_signals_lost_total") or 0
            for service in ["alerter", "api-gateway"]}
    assert not any(lost.values()), lost
    say(f"faults: {len(ids) - before} signals in all, {len(load.accepted)} of them posted and accepted ({load.refused} posts refused); "
        f"{accounts}, {webhook.posts - len(webhook.signals)} posted to the webhook again; lost: {lost}")


def provoke(stack, gateway, webhook, seconds, say, folder, network):
    for service in KILLED:
        container = stack.containers(service)[0]
        # A crash, as the kernel would do it: the engine starts the container anew by itself.
        docker("kill", "-s", "KILL", container.id)
        time.sleep(seconds)
        if not container.is_running:
            docker("start", container.id)
        _, back = eventually(f"{service} is back", lambda: is_back(container, service), 60)
        again = flowing(folder)
        say(f"faults: killed {service}: back {back:.1f} s after its start, signals flow {again:.1f} s later; "
            f"{balance(folder, gateway, webhook)}")
    for service in CUT:
        container = stack.containers(service)[0]
        docker("network", "disconnect", network, container.id)
        time.sleep(3 * seconds)
        # With the service's name again, as Compose had given it.
        docker("network", "connect", "--alias", service, network, container.id)
        eventually(f"{service} is back", lambda: is_back(container, service), 60)
        again = flowing(folder)
        say(f"faults: cut {service} off for {3 * seconds} s: signals flow {again:.1f} s after; {balance(folder, gateway, webhook)}")
    eventually("all books valid", lambda: len(served(stack.containers("ingest"))) >= 2, 60)
