#!/usr/bin/env python3
"""Looks with a real browser at the dashboard of a gateway with a thousand markets, behind a proxy that serves it under a
sub-path: the charts hold the past, without a hole and with nothing twice, also after a break; no two labels of an axis are the
same; the page of all markets sorts, filters, and is used by keyboard; and what that costs.

    Tests/GatewayTests/Watching/markets.py [--markets 1000] [--shots FOLDER]     (BIN: folder of the programs)
"""

import argparse
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time

from demo import ROOT, Failure, answers, fetch_json, main, need, skip, wait_until

try:
    from browser import Page
    from bus import Bus
except ImportError as error:
    skip(f"a Python module is not installed (Debian: python3-websocket python3-zmq python3-protobuf): {error}")
from proxy import Proxy

sys.path.insert(0, str(ROOT / "Tests/Support"))
from ports import free_port  # noqa: E402

PREFIX = "/desk/micro/"
PAST_SECONDS = 240
# What was published so long ago has arrived, also on a busy machine.
SETTLED_SECONDS = 5
# Rows of the page that may be elements at a time: a high window's, not the markets'.
ROW_LIMIT = 80
# What the page of a thousand markets may cost, with room for a busy machine: of one core, and of memory.
BUSY_LIMIT, HEAP_LIMIT = 0.5, 30e6

# What axisTicks is asked, and whether its labels have to be one after the other in steps of a tick.
TICKS = [
    ("64000.001, 64000.005, 9, [1, -2]", None), ("64000, 64000, 9, [1, -2]", None), ("0.00001234, 0.00001236, 9, [1, -8]", None),
    ("100, 103, 9, [25, -2]", 0.25), ("63950, 64010, 9, [1, -2]", 0.01), ("-1.05, 1.05, 5", None), ("0, 3.2e-7, 5", None),
    ("0, 2.4e6, 5", None), ("1.5e9, 1.5e9 + 500, 8, [1, 0]", 1), ("-3, 7e11, 6", None), ("1, 1 + 1e-15, 5", None), ("0, 0, 5", None),
]


class Gateway:
    """An `api-gateway` alone, on the made-up bus."""

    def __init__(self, count, key=None):
        self.headers = {"X-API-Key": key} if key else {}
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="microstructure-markets."))
        self.bus, self.port = Bus(count), free_port()
        program = pathlib.Path(os.environ.get("BIN", ROOT / ".build/release")) / "api-gateway"
        self.log = open(self.folder / "gateway.log", "w")
        self.process = subprocess.Popen(
            [program, "--port", str(self.port), "--metrics-port", str(free_port()), "--state-dir", self.folder, "--alerter-url", "none",
             "--connect-replay", "none", *sum(([f"--connect-{kind}", self.bus.endpoint] for kind in ("ticks", "features", "signals")), [])],
            stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **({"GATEWAY_API_KEYS": f"page:read:{key}"} if key else {})})
        self.proxy = Proxy(PREFIX, self.port)

    def __enter__(self):
        try:
            self.bus.join_of(4)
            wait_until(lambda: answers(f"http://127.0.0.1:{self.port}/health"), "the gateway answers")
            schema = fetch_json(f"http://127.0.0.1:{self.port}/api/v1/schema", headers=self.headers)
            self.bus.names, self.bus.schema = schema["features"], int(schema["schema_id"], 16)
            self.bus.past(PAST_SECONDS)
            self.bus.start()
            self.proxy.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.bus.stop()
        if self.proxy.is_alive():
            self.proxy.stop()
        self.log.close()


def check_ticks(page, url):
    page.open(url + "dashboard/markets.html")
    for question, step in TICKS:
        ticks = page.evaluate(f"import('./ticks.js').then(({{ axisTicks }}) => axisTicks({question}))")
        labels = [tick["label"] for tick in ticks]
        if not ticks or len(set(labels)) < len(labels):
            raise Failure(f"axisTicks({question}) labels {labels}")
        for tick in ticks:
            if step and abs(tick["v"] / step - round(tick["v"] / step)) > 1e-6:
                raise Failure(f"axisTicks({question}) puts a label at {tick['v']}, which is no price")
    print(f"axes: {len(TICKS)} ranges, no label twice")


def check_gap(page):
    """Where nothing was known for more than ten seconds, the line ends and begins anew; a shorter silence is bridged."""
    seconds = page.evaluate("""import('./history.js').then(({ History }) => {
      const history = new History();
      for (const time of [101, 105, 140]) history.add("features", { time, validity: "VALID", values: { mid: 1, microprice: 1 } });
      return history.price.map(([date, ...values]) => [date.getTime() / 1000, ...values]);
    })""")
    if seconds != [[101, 1, 1], [105, 1, 1], [106, None, None], [140, 1, 1]]:
        raise Failure(f"a silence from 105 to 140 s is drawn as {seconds}")
    print("a silence of 35 s: a gap in the line")


def chart(page, name):
    """What a chart draws: its rows of milliseconds and values."""
    return page.evaluate(f"""new Promise((resolve) => {{
      const draw = Dygraph.prototype.updateOptions;
      Dygraph.prototype.updateOptions = function (options, ...rest) {{
        if (this.maindiv_.id === "{name}" && options.file) {{
          Dygraph.prototype.updateOptions = draw;
          resolve(options.file.map(([date, ...values]) => [date.getTime(), ...values]));
        }}
        return draw.call(this, options, ...rest);
      }};
    }})""")


def check_charts(page, bus, what):
    """Every finished second of the chart is what was published: no second is missing, none is there twice."""
    prices, flow = chart(page, "price-chart"), chart(page, "flow-chart")
    end = int(time.time()) - SETTLED_SECONDS
    for name, rows in (("price", prices), ("flow", flow)):
        seconds = [row[0] // 1000 for row in rows]
        if seconds != list(range(seconds[0], seconds[-1] + 1)):
            raise Failure(f"{what}: the seconds of the {name} chart are not one after the other: {seconds}")
        if len(seconds) < PAST_SECONDS:
            raise Failure(f"{what}: the {name} chart holds {len(seconds)} seconds of {PAST_SECONDS}")
    with bus.lock:
        mids, bought, sold = dict(bus.mids), dict(bus.bought), dict(bus.sold)
    # The history begins in the middle of a second.
    for milliseconds, _, mid in prices[1:]:
        # The stream leaves out what was replaced before it could be sent: a state of the second, not always its last.
        if milliseconds // 1000 < end and min(abs(mid - other) for other in mids[milliseconds // 1000]) > 1e-9:
            raise Failure(f"{what}: mid {mid} at {milliseconds}, published {mids[milliseconds // 1000]}")
    checked = 0
    for milliseconds, buys, sells in flow[1:]:
        second = milliseconds // 1000
        expected = (bought.get(second, 0) / 100, -sold.get(second, 0) / 100)
        if second < end and max(abs(buys - expected[0]), abs(sells - expected[1])) > 1e-6:
            raise Failure(f"{what}: {buys} and {sells} at {second}, published {expected}")
        checked += second < end
    print(f"charts {what}: {checked} seconds, each as published")


def check_market(page, gateway, url):
    bus = gateway.bus
    page.open(f"{url}?symbol={bus.markets[0]}")
    wait_until(lambda: page.evaluate("document.getElementById('figures').dataset.time !== undefined"), "the page shows features", 60)
    # The load is not awaited by a pause: a chart that began empty could not have the past within a second.
    wait_until(lambda: len(chart(page, "price-chart")) >= PAST_SECONDS, "the chart holds the past", 20)
    check_charts(page, bus, "at load")
    labels = page.evaluate("[...document.querySelectorAll('#price-chart .dygraph-axis-label-y')].map((label) => label.textContent)")
    if len(labels) < 3 or len(set(labels)) < len(labels):
        raise Failure(f"labels of the price axis: {labels}")
    clipped = page.evaluate("[...document.querySelectorAll('#price-chart .dygraph-axis-label-y')].some((label) => label.scrollWidth > label.clientWidth)")
    if clipped:
        raise Failure(f"labels of the price axis are cut off: {labels}")
    print(f"price axis: {labels[0]} to {labels[-1]}, {len(labels)} labels")
    gateway.proxy.cut()
    wait_until(lambda: page.evaluate("document.getElementById('connection').dataset.state") != "live", "the page sees the break", 20)
    wait_until(lambda: page.evaluate("document.getElementById('connection').textContent").startswith("live ·"), "the page comes back", 60)
    back = time.time()
    wait_until(lambda: chart(page, "price-chart")[-1][0] / 1000 > back + 2 * SETTLED_SECONDS, "the stream goes on", 60)
    check_charts(page, bus, "after a break")


def rows(page):
    return page.evaluate("""[...document.querySelectorAll('#rows .market')].sort((one, other) => one.dataset.index - other.dataset.index)
        .map((row) => [...row.children].map((cell) => cell.textContent))""")


def number(text):
    return float(text.replace(",", "").replace("−", "-").replace("+", "").split(" ")[0])


def key(page, name):
    code = {"ArrowDown": 40, "End": 35, "Home": 36, "PageDown": 34, "Enter": 13, "Tab": 9}[name]
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **({"text": "\r"} if name == "Enter" and kind == "keyDown" else {}))


def focused(page):
    return page.evaluate("document.activeElement.closest('[data-index]')?.dataset.index ?? null")


def check_overview(page, gateway, url):
    markets = gateway.bus.markets
    page.open(url + "dashboard/markets.html")
    wait_until(lambda: page.evaluate("document.getElementById('summary').textContent").startswith(f"{len(markets)} markets"), "all markets are told of")
    shown = rows(page)
    if not 10 <= len(shown) <= ROW_LIMIT or shown[0][0] != f"{markets[0]}binance":
        raise Failure(f"{len(shown)} rows, the first is {shown[:1]}")
    lines = {line["symbol"]: line for line in fetch_json(f"{url}api/v1/overview")["markets"]}
    for cells in shown:
        line = lines[cells[0].removesuffix("binance")]
        if cells[1] != line["validity"] or abs(number(cells[3]) - line["spread_bps"]) > 0.02 * line["spread_bps"] + 0.006:
            raise Failure(f"the row {cells} is not the line {line}")
    for name, place, isRising in (("score", 5, False), ("score", 5, True), ("p95_latency_ms", 7, False)):
        page.evaluate(f"document.querySelector('[data-sort={name}]').click()")
        values = [number(cells[place]) for cells in rows(page)]
        if values != sorted(values, reverse=not isRising) or len(set(values)) < 2:
            raise Failure(f"sorted by {name}: {values}")
    page.evaluate("document.querySelector('[data-sort=validity]').click()")
    if {cells[1] for cells in rows(page)[:len(markets) // 100]} != {"RESYNCING"}:
        raise Failure(f"sorted by validity: {[cells[1] for cells in rows(page)]}")
    page.evaluate("document.querySelector('[data-sort=symbol]').click()")
    page.evaluate("document.getElementById('filter').value = 'm012'; document.getElementById('filter').dispatchEvent(new Event('input'))")
    if [cells[0][:5] for cells in rows(page)] != [f"M012{digit}" for digit in range(10)]:
        raise Failure(f"filtered: {rows(page)}")
    page.evaluate("document.getElementById('filter').value = ''; document.getElementById('filter').dispatchEvent(new Event('input'))")
    # By keyboard: into the rows, down, to the end, and to the market's page.
    page.evaluate("document.getElementById('filters').requestSubmit()")
    for name, expected in (("ArrowDown", 1), ("ArrowDown", 2), ("End", len(markets) - 1), ("Home", 0), ("ArrowDown", 1)):
        key(page, name)
        wait_until(lambda: focused(page) == str(expected), f"{name} moves the focus to row {expected}, not {focused(page)}", 10)
    if page.evaluate("document.querySelectorAll('#rows a[tabindex=\"0\"]').length") != 1:
        raise Failure("the Tab key has not one row to reach")
    key(page, "Enter")
    wait_until(lambda: page.evaluate("location.search").startswith(f"?symbol={markets[1]}") and page.evaluate("location.pathname") == PREFIX,
               "Enter opens the market's page", 20)
    wait_until(lambda: page.evaluate("document.getElementById('ladder')?.dataset.updateId !== undefined"), "the market's page shows its book", 30)
    page.evaluate("document.getElementById('all-markets').click()")
    wait_until(lambda: page.evaluate("location.pathname") == f"{PREFIX}dashboard/markets.html", "and leads back", 20)
    print(f"overview: {len(markets)} markets, {len(shown)} rows are elements; sorted, filtered, walked by keyboard")


def check_key(page, url, key):
    """Without its key the page shows nothing but where to give it; one page's key serves the other."""
    page.open(url + "dashboard/markets.html")
    wait_until(lambda: not page.evaluate("document.getElementById('key-form').hidden"), "the page asks for the key", 20)
    if rows(page):
        raise Failure("rows without a key")
    page.evaluate(f"document.getElementById('key').value = '{key}'; document.getElementById('key-form').requestSubmit()")
    wait_until(lambda: len(rows(page)) > 0, "the key is taken", 20)
    page.evaluate("document.querySelector('#rows a').click()")
    wait_until(lambda: page.evaluate("document.getElementById('ladder')?.dataset.updateId !== undefined"), "the market's page has the key too", 30)
    wait_until(lambda: len(chart(page, "price-chart")) >= PAST_SECONDS, "and the history", 20)
    print("key: asked for once, then used by both pages")


def metrics(page):
    return {entry["name"]: entry["value"] for entry in page.call("Performance.getMetrics")["metrics"]}


def measure(page, url, seconds=20):
    """What the page of all markets costs: its load, then each second of it while it scrolls."""
    page.open("about:blank")
    start = time.monotonic()
    page.call("Page.navigate", url=f"{url}dashboard/markets.html?sort=score&order=descending")
    wait_until(lambda: page.evaluate("document.querySelectorAll('#rows .market').length > 10"), "rows")
    load, before = time.monotonic() - start, metrics(page)
    longest = page.evaluate(f"""new Promise((resolve) => {{
      let [last, longest, late, frames, end] = [performance.now(), 0, 0, 0, performance.now() + {seconds * 1000}];
      const viewport = document.getElementById("viewport");
      requestAnimationFrame(function frame(now) {{
        const passed = performance.now() - last;
        [last, longest, late, frames] = [performance.now(), Math.max(longest, passed), late + (passed > 50), frames + 1];
        viewport.scrollTop = (viewport.scrollTop + 24) % Math.max(1, viewport.scrollHeight - viewport.clientHeight);
        if (now < end) requestAnimationFrame(frame); else resolve([longest, late, frames]);
      }});
    }})""")
    after = metrics(page)
    busy = (after["TaskDuration"] - before["TaskDuration"]) / (after["Timestamp"] - before["Timestamp"])
    script, layout = ((after[name] - before[name]) / seconds * 1000 for name in ("ScriptDuration", "LayoutDuration"))
    quiet = metrics(page)
    time.sleep(seconds)
    still = metrics(page)
    rest = (still["TaskDuration"] - quiet["TaskDuration"]) / (still["Timestamp"] - quiet["Timestamp"])
    heap, nodes, listeners = page.heap()
    size = page.evaluate("fetch('../api/v1/overview').then((answer) => answer.text()).then((text) => text.length)")
    times = page.evaluate("(async () => { let all = []; for (let i = 0; i < 10; i++) { await new Promise((r) => setTimeout(r, 600)); const t = performance.now(); await (await fetch('../api/v1/overview')).text(); all.push(performance.now() - t); } return all.sort((a, b) => a - b); })()")
    print(f"cost: first rows {load * 1000:.0f} ms after the navigation; {100 * rest:.1f} % of a core at rest (an update a second), "
          f"{100 * busy:.1f} % while it scrolls without pause ({script:.0f} ms script and {layout:.0f} ms layout a second, "
          f"{longest[2] / seconds:.0f} frames a second, the longest {longest[0]:.0f} ms, {longest[1]} above 50 ms); heap {heap / 1e6:.1f} MB, "
          f"{nodes} nodes, {listeners} listeners; overview {size / 1000:.0f} kB, fetched in {times[5]:.0f} ms")
    if rest > BUSY_LIMIT or heap > HEAP_LIMIT:
        raise Failure("the page costs too much")


def take_shots(page, url, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, width, height, scale, mobile in (("desktop", 1440, 900, 1, False), ("phone", 390, 844, 2, True)):
        page.shape(width, height, scale, mobile)
        for path, what in (("dashboard/markets.html?sort=last_signal&order=descending", "markets"), ("", "market")):
            page.open(url + path)
            # A picture of a page whose charts are still empty shows nothing.
            if what == "market":
                wait_until(lambda: len(chart(page, "price-chart")) >= PAST_SECONDS, "the chart holds the past", 20)
            for scheme in ("light", "dark"):
                page.colours(scheme)
                page.screenshot(folder / f"{what}-{name}-{scheme}.png")
                wide = page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    raise Failure(f"{what} on a {name}: the page is {wide} pixels wide on a screen of {width}")
    page.shape(1440, 900)
    print(f"screenshots: {folder}")


def body():
    parser = argparse.ArgumentParser()
    parser.add_argument("--markets", type=int, default=1_000)
    parser.add_argument("--shots", type=pathlib.Path, help="where the screenshots go")
    arguments = parser.parse_args()
    program = need("chromium", "chromium")
    need("protoc", "protobuf-compiler")
    shots = arguments.shots or pathlib.Path(tempfile.mkdtemp(prefix="microstructure-shots."))
    with Gateway(arguments.markets) as gateway, Page(program, gateway.folder) as page:
        url = gateway.proxy.url
        page.shape(1440, 900)
        check_ticks(page, url)
        check_gap(page)
        check_market(page, gateway, url)
        # A broken connection is told of in the log of the page.
        page.events = [event for event in page.events if "ERR_INCOMPLETE_CHUNKED_ENCODING" not in json.dumps(event) and "alerts" not in json.dumps(event)]
        check_overview(page, gateway, url)
        measure(page, url)
        take_shots(page, url, shots)
        strangers = [address for address in page.asked() if not address.startswith((url, "about:"))] + gateway.proxy.strangers
        if strangers:
            raise Failure(f"the page asks elsewhere than under {PREFIX}: {strangers[:5]}")
        # The gateway stands alone: the page of one market asks it for alerts in vain.
        complaints = [text for text in page.complaints() if "/api/v1/alerts" not in text]
        if complaints:
            raise Failure("the page complains: " + "; ".join(complaints[:5]))
    key = secrets.token_hex(16)
    with Gateway(3, key) as gateway, Page(program, gateway.folder) as page:
        check_key(page, gateway.proxy.url, key)
    print("markets: passed")


main(body)
