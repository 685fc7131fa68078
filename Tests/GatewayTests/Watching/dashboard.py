#!/usr/bin/env python3
"""Looks at the dashboard with a real browser on the demo: its numbers are the API's, hostile text does not script, nothing
comes from elsewhere, and ten minutes at a hundred updates a second leave the heap where it was.

    Tests/GatewayTests/Watching/dashboard.py [--minutes 10] [--shots FOLDER]     (BIN: folder of the programs)
"""

import argparse
import json
import pathlib
import tempfile
import time
import urllib.parse
from decimal import Decimal

from demo import GATEWAY, Demo, Failure, fetch_json, main, need, post_signal, skip, wait_until

try:
    from browser import Page
except ImportError:
    skip("the Python module websocket is not installed (Debian: python3-websocket)")

SYMBOL = "BTCUSDT"
# Heap that may come and go: collection is not exact, and code is compiled as it is used.
HEAP_SLACK = 1.25
# More signals than the page has rows for.
LIST_ROWS = 120

# Keeps what the page shows, by the key that says which message it is of.
RECORDER = """
(() => {
  const texts = (selector) => [...document.querySelectorAll(selector)].map((element) => element.textContent);
  const figure = (name) => document.querySelector(`[data-figure="${name}"]`).textContent;
  const seen = window.seen = { book: {}, features: {}, detectors: {}, feed: {} };
  const watch = (id, attribute, kind, read) => new MutationObserver(() => {
    seen[kind][document.getElementById(id).getAttribute(attribute)] = read();
  }).observe(document.getElementById(id), { attributes: true, attributeFilter: [attribute] });
  const side = (id) => [...document.querySelectorAll(`#${id} .level`)].filter((row) => row.style.visibility !== "hidden")
    .map((row) => [row.querySelector(".price").textContent, row.querySelector(".size").textContent]);
  watch("ladder", "data-update-id", "book", () => ({ asks: side("asks").reverse(), bids: side("bids"), mid: figure("mid") }));
  watch("figures", "data-time", "features", () => ({ imbalance_10: figure("imbalance_10"), trade_imbalance_5s: figure("trade_imbalance_5s"),
    microprice: figure("microprice").replace("microprice ", "") }));
  watch("detectors", "data-time", "detectors", () => ({ names: texts("#detectors .meter-name"), values: texts("#detectors .meter-value"),
    score: figure("score"), types: [...document.querySelectorAll("#types tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent)) }));
  watch("feed", "data-messages", "feed", () => ({ ...Object.fromEntries([...document.querySelectorAll("[data-fact]")].map((cell) => [cell.dataset.fact, cell.textContent])) }));
})()
"""


def number(text):
    """A number as the page writes it, and half a unit of its last place."""
    value = Decimal(text.replace(",", "").replace("−", "-").replace("+", ""))
    return value, Decimal(5).scaleb(value.as_tuple().exponent - 1)


def same(text, value, what):
    if value is None:
        if text != "–":
            raise Failure(f"{what}: the page says {text}, the API null")
        return
    shown, half = number(text)
    if abs(shown - Decimal(str(value))) > half * Decimal("1.000001"):
        raise Failure(f"{what}: the page says {text}, the API {value}")


def check_book(shown, book):
    for side in ("bids", "asks"):
        expected = [[Decimal(cell) for cell in level] for level in book[side][:12]]
        actual = [[Decimal(cell.replace(",", "")) for cell in level] for level in shown[side]]
        if actual != expected:
            raise Failure(f"{side} of update {book['update_id']}: the page says {actual}, the API {expected}")
    same(shown["mid"], book["mid"], "mid")


def check_features(shown, vector):
    for name in ("imbalance_10", "trade_imbalance_5s", "microprice"):
        same(shown[name], vector["values"][name], name)


def check_detectors(shown, state):
    names = [f"{entry['metric']} {entry['detector']}" for entry in state["detectors"]]
    if shown["names"] != names:
        raise Failure(f"detectors: the page says {shown['names']}, the API {names}")
    for text, entry in zip(shown["values"], state["detectors"]):
        if entry["statistic"] is None:
            if text != "warming up":
                raise Failure(f"{entry['metric']}: the page says {text}, the API null")
            continue
        statistic, threshold = text.split(" of ")
        same(statistic, entry["statistic"], entry["metric"])
        same(threshold, entry["threshold"], f"threshold of {entry['metric']}")
    same(shown["score"], state["score"], "score")
    for cells, entry in zip(shown["types"], state["types"], strict=True):
        held = entry["suppressed_by_threshold"] + entry["suppressed_by_cooldown"]
        if cells != [entry["type"]] + [f"{count:,}" for count in (entry["candidates"], entry["emitted"], held)]:
            raise Failure(f"candidates: the page says {cells}, the API {entry}")


def check_feed(shown, feed):
    same(shown["messages"], feed["message_count"], "messages")
    same(shown["received"], feed["trade_count"], "trades")
    same(shown["sequence gaps"], feed["gap_count"], "gaps")
    same(shown["p95"].removesuffix(" ms"), feed["p95_latency_ms"], "latency p95")
    offset, error = shown["exchange − here"].removesuffix(" ms").split(" ± ")
    same(offset, feed["clock_drift_ms"], "clock offset")
    same(error, feed["clock_error_ms"], "clock error")


def compare(page):
    """Asks the API as fast as the page moves, and compares where both speak of the same message."""
    sources = {
        "book": (f"/api/v1/book/{SYMBOL}", lambda answer: answer, "update_id", check_book),
        "features": (f"/api/v1/features/latest?symbol={SYMBOL}", lambda answer: answer["vectors"][0], "time", check_features),
        "detectors": (f"/api/v1/detectors/{SYMBOL}", lambda answer: answer, "time", check_detectors),
        "feed": (f"/api/v1/stats?symbol={SYMBOL}", lambda answer: answer["symbols"][0], "message_count", check_feed),
    }
    page.evaluate(RECORDER)
    told = {kind: {} for kind in sources}
    compared = {kind: set() for kind in sources}

    def enough():
        end = time.monotonic() + 2
        while time.monotonic() < end:
            for kind, (path, pick, key, _) in sources.items():
                answer = pick(fetch_json(GATEWAY + path))
                told[kind][float(answer[key])] = answer
        for kind, shown in page.evaluate("window.seen").items():
            for key, texts in shown.items():
                if float(key) in told[kind] and key not in compared[kind]:
                    sources[kind][3](texts, told[kind][float(key)])
                    compared[kind].add(key)
        return all(len(keys) >= 10 for keys in compared.values())

    wait_until(enough, "the page and the API speak of the same ten messages of each kind", 120)
    print("numbers: page = API in " + ", ".join(f"{len(keys)} {kind} states" for kind, keys in compared.items()))


def compare_lists(page):
    def rows(table):
        return page.evaluate(f"""[...document.querySelectorAll('#{table} tbody tr')].map((row) =>
            ({{ id: row.dataset.id, cells: [...row.cells].map((cell) => cell.textContent) }}))""")

    def signals_agree():
        answer = fetch_json(f"{GATEWAY}/api/v1/signals?symbol={SYMBOL}&limit=100")["signals"]
        shown = {row["id"]: row["cells"] for row in rows("signals")}
        if not answer or {signal["id"] for signal in answer} != set(shown):
            return 0
        for signal in answer:
            same(shown[signal["id"]][4], signal["score"], f"score of {signal['id']}")
        return len(answer)

    def alerts_agree():
        answer = fetch_json(f"{GATEWAY}/api/v1/alerts?limit=50")["alerts"]
        shown = [(row["id"], row["cells"][1], row["cells"][2]) for row in rows("alerts")]
        return len(answer) if shown == [(alert["signal"]["id"], alert["channel"], alert["state"]) for alert in answer] else 0

    signals = wait_until(signals_agree, "the page lists the API's signals", 60)
    alerts = wait_until(alerts_agree, "the page lists the API's alerts", 60)
    print(f"lists: page = API in {signals} signals and {alerts} alerts")


def explain(page):
    """A click on a signal shows the API's explanation of it, and so does the link in an alert."""
    signal = next(signal for signal in fetch_json(f"{GATEWAY}/api/v1/signals?symbol={SYMBOL}&limit=100")["signals"] if "evidence" in signal)
    page.evaluate(f"document.querySelector('#signals tr[data-id=\"{signal['id']}\"]').click()")
    expected = fetch_json(f"{GATEWAY}/api/v1/signals/{signal['id']}/explain")
    wait_until(lambda: page.evaluate("document.getElementById('explanation-summary').textContent") == expected["summary"], "the explanation")
    shown = page.evaluate("[...document.querySelectorAll('#explanation-findings .meter-note')].map((note) => note.textContent)")
    if shown != [finding["text"] for finding in expected["findings"]]:
        raise Failure(f"explanation: the page says {shown}")
    page.open(f"{GATEWAY}/?symbol={SYMBOL}&signal={urllib.parse.quote(signal['id'])}")
    wait_until(lambda: page.evaluate("document.getElementById('explanation-summary').textContent") == expected["summary"], "the linked explanation")
    print(f"explanation: a click and a link show the API's, {len(shown)} findings")


def check_hostile(page):
    """Text of a signal that is markup stays text, wherever the page shows it. The gateway refuses such a type when posted,
    but the bus may carry any: so it is put into the gateway's answer on its way to the page."""
    markup = "<img src=x onerror=\"window.struck=1\"><script>window.struck=1</script>"
    signal = {"id": "hostile", "timestamp": time.time(), "signal_type": markup, "score": 0.5, "symbol": markup, "metric": markup, "direction": "up"}
    alert = {"channel": markup, "state": markup, "severity": markup, "attempts": 1, "received": 1.0, "updated": 1.0, "reason": markup, "signal": signal}
    finding = {"detector": markup, "metric": markup, "meaning": markup, "text": markup, "statistic": 1, "threshold": 1, "ratio": 1, "share": 1, "fraction": 1}
    answers = {
        "/api/v1/signals?": {"signals": [signal]}, "/api/v1/alerts": {"alerts": [alert]},
        "/api/v1/symbols": {"symbols": [{"symbol": SYMBOL, "venue": "v", "validity": "VALID"}, {"symbol": markup, "venue": markup, "validity": markup}]},
        "/explain": {"signal": signal, "summary": markup, "findings": [finding], "cautions": [markup],
                     "features": {"at_onset": None, "at_detection": {"time": 1, "values": {markup: 1}}}},
    }
    page.evaluate(f"""(() => {{
      const answers = {json.dumps(answers)}, real = window.fetch;
      window.fetch = (path, options) => {{
        const match = Object.keys(answers).find((part) => String(path).includes(part) && !String(path).includes("/stream"));
        return match ? Promise.resolve(new Response(JSON.stringify(answers[match]))) : real(path, options);
      }};
      document.getElementById("all-symbols").click();
    }})()""")
    page.evaluate("document.getElementById('key-form').dispatchEvent(new Event('submit', { cancelable: true }))")
    wait_until(lambda: page.evaluate("document.querySelector('#signals tr[data-id=hostile]') !== null"), "the hostile signal is listed")
    wait_until(lambda: page.evaluate("document.querySelector('#alerts tr[data-id=hostile]') !== null"), "the hostile alert is listed")
    page.evaluate("document.querySelector('#signals tr[data-id=hostile]').click()")
    wait_until(lambda: page.evaluate("document.getElementById('explanation-summary').textContent.includes('onerror')"), "the hostile explanation")
    struck = page.evaluate("window.struck ?? document.querySelectorAll('main img, dialog img, #symbols img, main script').length")
    if struck:
        raise Failure("hostile text has become markup")
    print("hostile text: stays text in lists, symbols and explanation")


def take_shots(page, folder):
    for name, width, height, scale, mobile in (("desktop", 1440, 900, 1, False), ("phone", 390, 844, 2, True)):
        page.shape(width, height, scale, mobile)
        for scheme in ("light", "dark"):
            page.colours(scheme)
            page.screenshot(folder / f"{name}-{scheme}.png", whole=True)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                raise Failure(f"{name}: the page is {wide} pixels wide on a screen of {width}")
    page.shape(1440, 900)
    print(f"screenshots: {folder}")


def check_heap(page, minutes):
    """The page asks for all that comes, of a market ten times as fast, with its lists full from the start: what it keeps
    then is all that it may keep, and the heap, measured after each fifth of the time, must stay where it is."""
    for index in range(LIST_ROWS):
        post_signal(timestamp=time.time() - index)
    page.open(f"{GATEWAY}/?symbol={SYMBOL}&rate=100")
    page.events.clear()
    samples, rates = [], []
    start = time.monotonic()
    for fifth in range(1, 6):
        while time.monotonic() - start < 12 * minutes * fifth:
            time.sleep(5)
            rates.append(int(page.evaluate("document.getElementById('connection').dataset.rate ?? 0")))
        samples.append(page.heap())
    rates.sort()
    told = ", ".join(f"{used / 1e6:.2f} MB after {minutes * (index + 1) / 5:g}" for index, (used, _, _) in enumerate(samples))
    early, late = samples[0], samples[-1]
    print(f"heap: {told} minutes; nodes {early[1]} and {late[1]}, listeners {early[2]} and {late[2]}; "
          f"events a second: median {rates[len(rates) // 2]}, most {rates[-1]}")
    for what, before, after in zip(("heap", "nodes", "listeners"), early, late):
        if after > before * HEAP_SLACK:
            raise Failure(f"{what} has grown from {before} to {after}")


def check_clean(page):
    complaints = page.complaints()
    if complaints:
        raise Failure("the page complains: " + "; ".join(complaints[:5]))
    strangers = [url for url in page.asked() if not url.startswith((GATEWAY + "/", "about:"))]
    if strangers:
        raise Failure(f"the page asks elsewhere: {strangers}")


def look(program, shots):
    with Demo() as demo, Page(program, demo.folder) as page:
        post_signal()
        page.shape(1440, 900)
        page.open(f"{GATEWAY}/?symbol={SYMBOL}")
        wait_until(lambda: page.evaluate("document.getElementById('ladder').dataset.updateId !== undefined"), "the page shows a book", 60)
        compare(page)
        wait_until(lambda: any("evidence" in signal for signal in fetch_json(f"{GATEWAY}/api/v1/signals?symbol={SYMBOL}")["signals"]), "a signal", 300)
        compare_lists(page)
        take_shots(page, shots)
        explain(page)
        page.screenshot(shots / "explanation.png")
        check_clean(page)
        page.evaluate("document.getElementById('explanation').close()")
        check_hostile(page)
        check_clean(page)


def body():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10, help="how long the heap is watched")
    parser.add_argument("--heap-only", action="store_true", help="leave the numbers and the pictures out")
    parser.add_argument("--shots", type=pathlib.Path, help="where the screenshots go")
    arguments = parser.parse_args()
    program = need("chromium", "chromium")
    shots = arguments.shots or pathlib.Path(tempfile.mkdtemp(prefix="microstructure-shots."))
    shots.mkdir(parents=True, exist_ok=True)
    if not arguments.heap_only:
        look(program, shots)
    with Demo(SPEED="10") as demo, Page(program, demo.folder) as page:
        check_heap(page, arguments.minutes)
        check_clean(page)
    print("dashboard: passed")


main(body)
