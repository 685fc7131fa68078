"""Who has which signal: the detectors' logs, the gateway, and a webhook; and the books that ingest keeps."""
import http.server
import json
import sqlite3
import threading
import time
import urllib.request

from engine import eventually, fetch, metric


class Webhook:
    """A receiver of the alerter's posts, on the engine's own bridge: no address but containers' reaches it."""

    def __init__(self, host):
        self.signals = {}
        self.posts = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.posts += 1
                receiver.signals.setdefault(find(body, "id"), body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self.server.server_address[1]}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()


class Load:
    """Posts signals at the gateway, 20 a second, and keeps the ids of those that it was told are on the disk."""

    def __init__(self, gateway):
        self.accepted, self.refused, self.is_stopping = set(), 0, False
        self.url = f"{gateway}/api/v1/signals"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        count = 0
        while not self.is_stopping:
            count += 1
            body = {"timestamp": time.time(), "signal_type": "buy_imbalance", "score": 0.5, "symbol": f"LOAD{count % 7}/USDT"}
            request = urllib.request.Request(self.url, json.dumps(body).encode(), {"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    self.accepted.add(json.loads(answer.read())["id"])
            except (OSError, ValueError):
                self.refused += 1
            time.sleep(0.05)

    def stop(self):
        self.is_stopping = True
        self.thread.join()


def find(body, key):
    """The value of `key`, at the top or within the object `signal`."""
    return body[key] if key in body else body["signal"][key]


def logged(folder):
    """The ids in the logs of all detectors, and whether each log's sequence is contiguous from 1."""
    ids, contiguous = [], True
    for path in sorted(folder.glob("*/signals.sqlite")):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        rows = database.execute("SELECT sequence, id FROM signal ORDER BY sequence").fetchall()
        database.close()
        contiguous = contiguous and [row[0] for row in rows] == list(range(1, len(rows) + 1))
        ids += [row[1] for row in rows]
    return ids, contiguous


def stored(gateway):
    """The ids that the gateway has."""
    ids, cursor = [], ""
    while True:
        answer = fetch(f"{gateway}/api/v1/signals?limit=500{cursor}")
        if answer is None:
            return ids
        page = json.loads(answer)
        ids += [signal["id"] for signal in page["signals"]]
        if "next_cursor" not in page:
            return ids
        cursor = f"&cursor={page['next_cursor']}"


def balance(folder, gateway, webhook, seconds=60):
    """Waits until gateway and webhook have what the logs have, and says how much that is; an error says who lacks what."""
    def missing():
        # What is logged while the others are asked does not count for or against them.
        ids, contiguous = logged(folder)
        kept = stored(gateway)
        later, still_contiguous = logged(folder)
        assert contiguous and still_contiguous, "a log has a hole"
        assert len(kept) == len(set(kept)), "the gateway has a signal twice"
        return set(ids) - set(kept), set(ids) - set(webhook.signals), set(kept) - set(later), ids, kept

    state = [None]

    def even():
        state[0] = missing()
        return not state[0][0] and not state[0][1] and not state[0][2]

    try:
        eventually("balance", even, seconds, every=0.5)
    except AssertionError:
        lacking = [sorted(ids)[:5] for ids in state[0][:3]]
        raise AssertionError(f"gateway lacks {lacking[0]}, webhook lacks {lacking[1]}, the logs lack {lacking[2]}") from None
    ids, kept = set(state[0][3]), set(state[0][4])
    return f"{len(ids)} logged, {len(ids & kept)} of them at the gateway, {len(ids & set(webhook.signals))} at the webhook"


def served(containers):
    """The symbols with a valid book, each with the containers that serve it."""
    symbols = {}
    for container in containers:
        page = container.page(9101, "/metrics") or ""
        for line in page.splitlines():
            if line.startswith("microstructure_book_valid{"):
                symbol = line.split('symbol="')[1].split('"')[0]
                if metric(page, "microstructure_book_valid", symbol=symbol) == 1:
                    symbols.setdefault(symbol, []).append(container)
    return symbols


def standbys(containers):
    return [each for each in containers if "standing by" in (each.page(9101, "/ready") or "")]
