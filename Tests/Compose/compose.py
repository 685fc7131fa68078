#!/usr/bin/env python3
"""Runs the whole system in containers and proves it. `make test-compose` calls it.

    compose.py [--image NAME] [--only up,scale,shards,venues,faults,swarm,scan,kubernetes] [--seconds 60]

Without --image it builds one from a clean clone of this repository. Needs Docker with Compose 1.29 or 2, root (to see
memory and stores), pyzmq, protobuf and protoc; is skipped, visibly, where there is no engine.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import engine
import faults
import kubernetes
import scan
import swarm
from accounts import Webhook, balance, served, standbys
from engine import SERVICES, Stack, docker, eventually, fetch, free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STAGES = ["up", "scale", "shards", "venues", "faults", "scan", "swarm", "kubernetes"]


def say(text):
    print(text, flush=True)


def clone(folder):
    """A clean clone: what is not committed is not tested."""
    if engine.run("git", "-C", ROOT, "status", "--porcelain").strip():
        say("note: changes that are not committed are not tested")
    engine.run("git", "clone", "-q", ROOT, folder)
    # More signals than a market gives by itself, so that there is something to lose.
    settings = folder / "compose/config/settings.json"
    settings.write_text(json.dumps({"detector": {"cooldownSeconds": 2}}))
    for path in [folder, folder / "compose", folder / "compose/config"]:
        path.chmod(0o755)
    return folder


def build(folder, image):
    start = time.monotonic()
    with open(folder.parent / "build.log", "w") as log:
        status = subprocess.run(
            ["docker", "build", "-f", "compose/Dockerfile", "-t", image, "."], cwd=folder, stdout=log,
            stderr=subprocess.STDOUT).returncode
    assert status == 0, (folder.parent / "build.log").read_text()[-3000:]
    say(f"build: {time.monotonic() - start:.0f} s")


def sizes(image):
    size = lambda name: int(docker("image", "inspect", "-f", "{{.Size}}", name)) / 1e6
    say(f"image: {size(image):.0f} MB, of which debian:bookworm-slim {size('debian:bookworm-slim'):.0f} MB")


def prometheus_image():
    """The public image where the engine has it or can get it, else one of Debian's package, which is older."""
    public = "prom/prometheus:v3.5.0"
    if subprocess.run(["docker", "image", "inspect", public], capture_output=True).returncode == 0:
        return public
    if subprocess.run(["docker", "pull", "-q", public], capture_output=True, timeout=120).returncode == 0:
        return public
    name = "microstructure-test-prometheus"
    recipe = ("FROM debian:bookworm-slim\nRUN apt-get update -q && apt-get install -y -q --no-install-recommends prometheus "
              "&& install -d -o 65534 -g 65534 /prometheus\nENTRYPOINT [\"prometheus\"]\n")
    result = subprocess.run(["docker", "build", "-q", "-t", name, "-"], input=recipe, text=True, capture_output=True)
    if result.returncode != 0:
        return None
    say("prometheus: the public image cannot be had here; Debian's package stands in for it")
    return name


def test_up(stack, options, gateway, signal_port, webhook):
    """All healthy, and the first signals at all four places."""
    services = list(SERVICES)
    prometheus = prometheus_image()
    if prometheus:
        stack.settings["PROMETHEUS_IMAGE"] = prometheus
        services.append("prometheus")
    say("grafana: SKIPPED (its public image cannot be had here)" if subprocess.run(
        ["docker", "image", "inspect", "grafana/grafana:12.1.1"], capture_output=True).returncode else "grafana: started")
    start = time.monotonic()
    stack.up(services)
    _, to_signal = eventually("a signal at the gateway", lambda: '"id"' in (fetch(f"{gateway}/api/v1/signals?limit=1") or ""), 120)
    first = time.monotonic() - start
    say(f"up: first signal at the gateway {first:.1f} s after `up` began ({to_signal:.1f} s after it returned)")
    outside = subprocess.run(
        [sys.executable, str(ROOT / "proto/examples/signals.py"), "--connect", f"tcp://127.0.0.1:{signal_port}", "--count", "1"],
        capture_output=True, text=True, timeout=120)
    assert "score=" in outside.stdout, outside.stderr
    say(f"up: an outside subscriber heard: {outside.stdout.strip()}")
    eventually("a signal at the webhook", lambda: webhook.signals, 60)
    say(f"up: the webhook got {next(iter(webhook.signals))}")
    all_containers = [each for service in SERVICES for each in stack.containers(service)]
    eventually("all healthy", lambda: all(each.health == "healthy" for each in all_containers), 90, every=1)
    say(f"up: {len(all_containers)} containers, all healthy")
    if prometheus:
        def scraped():
            answer = fetch(f"http://{stack.one('prometheus').addresses[0]}:9090/api/v1/targets")
            targets = json.loads(answer)["data"]["activeTargets"] if answer else []
            up = [each for each in targets if each["health"] == "up"]
            return up if len(up) == 6 else None
        targets, _ = eventually("all targets up", scraped, 90, every=1)
        say(f"up: Prometheus scrapes {len(targets)} targets: {', '.join(sorted(each['labels']['job'] for each in targets))}")
    for each in all_containers + (stack.containers("prometheus") if prometheus else []):
        say(f"up: resident memory {each.resident_megabytes():6.1f} MB  {each.name}")


def test_scale(stack, gateway, webhook):
    """Three symbols, four processes: one stands by and takes over from whoever dies."""
    stack.settings["SYMBOLS"] = "BTCUSDT,ETHUSDT,SOLUSDT"
    stack.up(SERVICES, "--scale", "ingest=4")
    complete = lambda: len(served(stack.containers("ingest"))) == 3 and len(standbys(stack.containers("ingest"))) == 1
    eventually("three served, one standing by", complete, 60)
    say("scale: ingest=4 with three symbols: three active, one standing by")
    for symbol in ["BTCUSDT", "ETHUSDT", "SOLUSDT"]:
        victim = served(stack.containers("ingest"))[symbol][0]
        name = victim.name
        docker("kill", victim.id)
        rest = [each for each in stack.containers("ingest") if each.id != victim.id]
        _, took = eventually(f"{symbol} served again", lambda: symbol in served(rest), 20, every=0.05)
        assert took < 10, f"{symbol} was away for {took:.1f} s"
        say(f"scale: killed {name}: {symbol} has a valid book again after {took:.2f} s")
        docker("start", victim.id)
        eventually("complete again", complete, 60)
    stack.up(SERVICES, "--scale", "ingest=2")
    eventually("two served", lambda: len(served(stack.containers("ingest"))) == 2, 60)
    stack.up(SERVICES, "--scale", "ingest=4")
    eventually("three served, one standing by", complete, 60)
    say(f"scale: down to 2 and up to 4 again: {balance(stack.volume('detector'), gateway, webhook)}")
    recorder = stack.one("recorder")

    def lost():
        """At the tape and in the recorder's count; the same once the tape's last block is written."""
        report = docker("exec", recorder.id, "microlab", "info", "/var/lib/microstructure/tape", check=False)
        rows = [line.split() for line in report.splitlines() if line.split()[1:2] in (["book"], ["quote"], ["trade"], ["status"])]
        assert rows, report
        counted = engine.metric(recorder.page(9107, "/metrics"), "microstructure_bus_messages_lost_total") or 0
        return sum(int(row[3]) for row in rows), counted

    eventually("the tape shows as many lost messages as the recorder counted", lambda: len(set(lost())) == 1, 30, every=1)
    say(f"scale: {lost()[1]:.0f} messages lost, on the tape as in the recorder's count")


def test_shards(stack, gateway, webhook):
    """Two features and two detectors share the symbols."""
    stack.settings.update(FEATURES_SHARDS="2", DETECTOR_SHARDS="2")
    stack.settings["SIGNAL_PORTS"] = f"{stack.settings['SIGNAL_PORTS']}-{int(stack.settings['SIGNAL_PORTS']) + 1}"
    stack.up(SERVICES, "--scale", "ingest=4", "--scale", "features=2", "--scale", "detector=2")

    def symbols(service, port, name):
        pages = [each.page(port, "/metrics") or "" for each in stack.containers(service)]
        return [{line.split('symbol="')[1].split('"')[0] for line in page.splitlines() if line.startswith(name + "{")} for page in pages]

    def shared(service, port, name):
        parts = symbols(service, port, name)
        return parts if len(parts) == 2 and len(parts[0] | parts[1]) == 3 and not parts[0] & parts[1] else None

    for service, port, name in [("features", 9102, "microstructure_feature_vectors_total"), ("detector", 9103, "microstructure_detector_threshold")]:
        parts, _ = eventually(f"the symbols shared by {service}", lambda: shared(service, port, name), 60)
        say(f"shards: {service}=2: {' and '.join(','.join(sorted(part)) or 'nothing' for part in parts)}")
    say(f"shards: {balance(stack.volume('detector'), gateway, webhook)}")


def test_venues(folder, image):
    """Two venues of one symbol in a stack of their own: both VALID, and signals from each."""
    port = free_port()
    stack = Stack(folder, "msvenues", IMAGE=image, MARKET="sim", VENUES="kraken,okx", SYMBOLS="BTCUSDT",
                  INGEST_REPLICAS="2", GATEWAY_PORT=str(port), SIGNAL_PORTS=str(free_port()))
    page = lambda path: json.loads(fetch(f"http://127.0.0.1:{port}/api/v1/{path}") or "{}")
    try:
        stack.up(["exchange-sim", "ingest", "features", "detector", "alerter", "api-gateway"])
        valid = lambda: {each["venue"] for each in page("symbols").get("symbols", []) if each["validity"] == "VALID"}
        _, took = eventually("both venues VALID", lambda: valid() == {"kraken", "okx"}, 90, every=0.5)
        say(f"venues: kraken and okx VALID after {took:.0f} s")
        for venue in ["kraken", "okx"]:
            signals, took = eventually(f"signals of {venue}", lambda: page(f"signals?venue={venue}").get("signals"), 120, every=1)
            assert {each["venue"] for each in signals} == {venue}, signals
            say(f"venues: {len(signals)} signals of {venue}")
    finally:
        stack.down()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", help="an image that is there; built from a clean clone where none is named")
    parser.add_argument("--only", default=",".join(STAGES), help="stages, comma-separated")
    parser.add_argument("--seconds", type=int, default=5, help="seconds between two faults")
    options = parser.parse_args()
    stages = options.only.split(",")
    reason = engine.missing()
    if reason:
        say(f"test-compose: SKIPPED: {reason}")
        return 0
    say(f"engine: {docker('version', '-f', 'client {{.Client.Version}}, server {{.Server.Version}}').strip()}; "
        f"{engine.run(*engine.compose_command(), 'version').splitlines()[0]}")
    failures = []
    with tempfile.TemporaryDirectory(prefix="ms-compose-") as temporary:
        folder = clone(pathlib.Path(temporary) / "clone")
        pathlib.Path(temporary).chmod(0o755)
        image = options.image or "microstructure:test"
        if not options.image:
            build(folder, image)
        sizes(image)
        webhook = Webhook(engine.bridge_address())
        gateway_port, signal_port = free_port(), free_port()
        gateway = f"http://127.0.0.1:{gateway_port}"
        stack = Stack(folder, "mstest", IMAGE=image, MARKET="sim", GATEWAY_PORT=str(gateway_port),
                      SIGNAL_PORTS=str(signal_port), ALERTER_WEBHOOK_URL=webhook.url)
        stack.compose("config", "-q")
        say("config: accepted")
        steps = {
            "up": lambda: test_up(stack, options, gateway, signal_port, webhook),
            "scale": lambda: test_scale(stack, gateway, webhook),
            "shards": lambda: test_shards(stack, gateway, webhook),
            "venues": lambda: test_venues(folder, image),
            "faults": lambda: faults.test(stack, gateway, webhook, options.seconds, say),
            "scan": lambda: scan.test(stack, say),
            "swarm": lambda: swarm.test(folder, image, webhook, say),
            "kubernetes": lambda: kubernetes.test(folder, say),
        }
        try:
            for stage in STAGES:
                if stage not in stages:
                    continue
                if stage not in ("up", "venues", "swarm", "kubernetes") and not stack.containers("ingest"):
                    stack.up(SERVICES)
                    eventually("a signal", lambda: webhook.signals, 120)
                try:
                    steps[stage]()
                except Exception as problem:
                    failures.append(stage)
                    say(f"{stage}: FAILED: {problem}")
        finally:
            stack.down()
            webhook.close()
    say(f"test-compose: {'failed: ' + ', '.join(failures) if failures else 'passed'}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
