#!/usr/bin/env python3
"""Proves the monitoring with a real Prometheus: rules checked and tested, the demo scraped, and every query of every panel
of the Grafana dashboard answered with data.

    Tests/GatewayTests/Watching/monitoring.py     (BIN: folder of the programs; `make test-monitoring` calls it)
"""

import json
import math
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

from demo import EXCHANGE, GATEWAY, METRICS_PORTS, ROOT, Demo, Failure, fetch, fetch_json, main, need, post_signal, wait_until

sys.path.insert(0, str(ROOT / "Tests/Support"))
from ports import free_port  # noqa: E402

PROMETHEUS = ROOT / "compose/prometheus"
DASHBOARDS = sorted((ROOT / "compose/grafana/dashboards").glob("*.json"))
# What Grafana puts in place of its variables, for a scrape every five seconds and five minutes shown.
VARIABLES = {"$__rate_interval": "20s", "$__interval": "15s", "$__range": "5m", "$venue": ".+", "$symbol": ".+"}
PATIENCE_SECONDS = 240


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, cwd=PROMETHEUS)
    if result.returncode != 0:
        raise Failure(f"{' '.join(command)}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def check_rules(promtool):
    rules, tests = sorted(PROMETHEUS.glob("rules/*.yml")), sorted(PROMETHEUS.glob("tests/*.test.yml"))
    for configuration in ("prometheus.yml", "prometheus.local.yml"):
        run(promtool, "check", "config", configuration)
    run(promtool, "check", "rules", *map(str, rules))
    run(promtool, "test", "rules", *map(str, tests))
    alerts = re.findall(r"- alert: (\w+)", (PROMETHEUS / "rules/alerts.yml").read_text())
    names = set(re.findall(r"- name: (.*)", (PROMETHEUS / "tests/alerts.test.yml").read_text()))
    wanted = {f"{alert} {verb}" for alert in alerts for verb in ("fires", "does not fire")}
    if wanted - names:
        raise Failure(f"alerts without a test: {sorted(wanted - names)}")
    print(f"rules: {len(alerts)} alerts, each tested to fire and not to; promtool check and test pass")


def panels():
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            if panel["type"] != "row":
                yield path.name, panel


def check_dashboard():
    """What no query tells: ids are unique, no panel covers another, every data source is the variable."""
    ids, cells = set(), {}
    for name, panel in panels():
        if panel["id"] in ids:
            raise Failure(f"{name}: id {panel['id']} twice")
        ids.add(panel["id"])
        place = panel["gridPos"]
        for column in range(place["x"], place["x"] + place["w"]):
            for line in range(place["y"], place["y"] + place["h"]):
                other = cells.setdefault((name, column, line), panel["title"])
                if other != panel["title"] or column > 23:
                    raise Failure(f"{name}: '{panel['title']}' lies over '{other}' or beyond the edge")
        if any(target["datasource"]["uid"] != "${datasource}" for target in panel["targets"]):
            raise Failure(f"{name}: '{panel['title']}' names a data source of its own")


def check_names():
    """Every metric that a rule or a panel asks for is in the catalogue."""
    catalogue = set(re.findall(r'"(microstructure_\w+)"', (ROOT / "Sources/Runtime/Observability/MetricName.swift").read_text()))
    texts = [path.read_text() for path in PROMETHEUS.glob("rules/*.yml")] + [path.read_text() for path in DASHBOARDS]
    for text in texts:
        for name in re.findall(r"(?<![:\w])microstructure_\w+(?![:\w])", text):
            if name not in catalogue and re.sub("_(bucket|sum|count)$", "", name) not in catalogue:
                raise Failure(f"{name} is asked for, but no service has it")


class Prometheus:
    def __init__(self, program):
        self.program = program
        self.address = f"127.0.0.1:{free_port()}"
        self.folder = tempfile.TemporaryDirectory(prefix="microstructure-prometheus.")

    def __enter__(self):
        self.log = open(pathlib.Path(self.folder.name) / "log", "w+")
        self.process = subprocess.Popen(
            [self.program, f"--config.file={PROMETHEUS / 'prometheus.local.yml'}",
             f"--storage.tsdb.path={self.folder.name}/data", f"--web.listen-address={self.address}"],
            stdout=self.log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()
        self.folder.cleanup()

    def ask(self, path, **query):
        answer = fetch_json(f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}", timeout=30)
        if answer["status"] != "success":
            raise Failure(f"{path} {query}: {answer}")
        return answer["data"]

    def is_up(self):
        if self.process.poll() is not None:
            self.log.seek(0)
            raise Failure(f"prometheus ended:\n{self.log.read()}")
        try:
            targets = self.ask("targets")["activeTargets"]
        except OSError:
            return False
        wanted = sum(len(ports) for name, ports in METRICS_PORTS.items()) - 1  # The gateway once, on its main port.
        return len(targets) == wanted and all(target["health"] == "up" for target in targets)

    def series(self, expression):
        """Series of the last five minutes with a number in them (NaN is none)."""
        now = time.time()
        result = self.ask("query_range", query=expression, start=now - 300, end=now, step=5)["result"]
        return sum(any(math.isfinite(float(value)) for _, value in series["values"]) for series in result)


def expressions():
    """All queries: (where from, expression as Grafana would send it)."""
    for _, panel in panels():
        for target in panel["targets"]:
            expression = target["expr"]
            for name, value in VARIABLES.items():
                expression = expression.replace(name, value)
            yield panel["title"], expression


def exercise(promtool):
    """A little of everything that a panel shows: queries, posts, a live stream; and the pages as such are well-formed."""
    for port in sum(METRICS_PORTS.values(), []):
        page = fetch(f"http://127.0.0.1:{port}/metrics")
        result = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"/metrics of port {port}: {result.stdout}{result.stderr}")
    post_signal()
    for path in ("/api/v1/signals?limit=5", "/api/v1/stats", "/health"):
        fetch(GATEWAY + path)


def check_live(promtool, prometheus):
    wait_until(prometheus.is_up, "prometheus scrapes every process", 60)
    print("scraping: all targets are up")
    recorded = [rule["name"] for group in prometheus.ask("rules")["groups"] for rule in group["rules"] if rule["type"] == "recording"]
    waiting = [(title, expression) for title, expression in expressions()]
    waiting += [("recording rule", name) for name in sorted(set(recorded))]
    total, found = len(waiting), {}
    exercise(promtool)
    # A hole in the exchange's sequence, so that there is a recovery to show.
    fetch(f"{EXCHANGE}/control/faults", method="POST", data=b'{"fault": "hole", "symbol": "BTCUSDT"}')
    end = time.monotonic() + PATIENCE_SECONDS
    while waiting and time.monotonic() < end:
        exercise(promtool)
        time.sleep(5)
        for entry in list(waiting):
            count = prometheus.series(entry[1])
            if count:
                found[entry] = count
                waiting.remove(entry)
    if waiting:
        raise Failure("no data for:\n" + "\n".join(f"  {title}: {expression}" for title, expression in waiting))
    titles = {title for title, _ in found} - {"recording rule"}
    print(f"queries: all {total} of {len(titles)} panels and {len(set(recorded))} recording rules return data, "
          f"{sum(found.values())} series")


def check_accounts(prometheus):
    """What must add up, asked of Prometheus itself; a scrape may fall between two counters, so it is asked again."""
    accounts = {
        "every frame has one outcome":
            'sum by (venue, symbol) (microstructure_feed_frames_total{symbol!="none"}) '
            "== on (venue, symbol) sum by (venue, symbol) (microstructure_feed_messages_total)",
        "every trade received reaches features":
            'sum by (venue, symbol) (microstructure_bus_messages_received_total{job="features",detail="trade"}) '
            "== on (venue, symbol) sum by (venue, symbol) (microstructure_feature_input_trades_total)",
        "every signal logged is pushed to the alerter":
            "sum(microstructure_signals_logged_total) == sum(microstructure_alerts_received_total)",
    }
    for what, expression in accounts.items():
        wait_until(lambda: prometheus.ask("query", query=expression)["result"], what, 60)
    lost = prometheus.ask("query", query="sum(microstructure_bus_messages_lost_total)")["result"][0]["value"][1]
    print(f"accounts: {len(accounts)} hold; messages lost on the bus: {lost}")


def check_quiet(prometheus):
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    bad = [f"{rule['name']}: {rule.get('lastError')}" for rule in rules if rule["health"] != "ok"]
    if bad:
        raise Failure("rules that cannot be evaluated: " + "; ".join(bad))
    firing = prometheus.ask("query", query='ALERTS{alertstate="firing"}')["result"]
    if firing:
        raise Failure(f"alerts fire on a healthy demo: {[alert['metric'] for alert in firing]}")
    print(f"alerts: {len(rules)} rules evaluated without error, none fires on a healthy demo")


def body():
    promtool, program = need("promtool", "prometheus"), need("prometheus", "prometheus")
    check_rules(promtool)
    check_dashboard()
    check_names()
    with Demo(), Prometheus(program) as prometheus:
        check_live(promtool, prometheus)
        check_accounts(prometheus)
        check_quiet(prometheus)
    print("monitoring: passed")


main(body)
