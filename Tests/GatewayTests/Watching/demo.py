"""The demo as a test runs it: started, waited for, stopped."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
GATEWAY = "http://127.0.0.1:8000"
EXCHANGE = "http://127.0.0.1:9443"
METRICS_PORTS = {"ingest": [9110, 9111], "features": [9102], "detector": [9103], "alerter": [9104],
                 "api-gateway": [8000, 9105], "exchange-sim": [9106]}


class Failure(Exception):
    """What the test was to prove does not hold."""


def skip(reason):
    print(f"SKIPPED: {reason}")
    sys.exit(0)


def need(program, package):
    """The path of a program, or a visible skip."""
    return shutil.which(program) or skip(f"{program} is not installed (Debian: {package})")


def wait_until(condition, what, seconds=60):
    """The first truthy value of `condition`, looked at a few times a second."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds} s")
        time.sleep(0.25)


def fetch(url, timeout=5, **request):
    with urllib.request.urlopen(urllib.request.Request(url, **request), timeout=timeout) as response:
        return response.read().decode()


def fetch_json(url, **request):
    return json.loads(fetch(url, **request))


def answers(url):
    try:
        fetch(url)
        return True
    except (urllib.error.URLError, OSError):
        return False


def post_signal(**fields):
    body = {"timestamp": time.time(), "signal_type": "buy_imbalance", "score": 0.85, "symbol": "BTC/USDT"} | fields
    return fetch_json(f"{GATEWAY}/api/v1/signals", method="POST", data=json.dumps(body).encode(),
                      headers={"Content-Type": "application/json"})


class Demo:
    """`compose/demo.sh` on its ports of this machine; `with Demo() as demo:`."""

    def __init__(self, **environment):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="microstructure-watching."))
        self.environment = environment

    def __enter__(self):
        for port in sum(METRICS_PORTS.values(), []):
            if answers(f"http://127.0.0.1:{port}/health"):
                raise Failure(f"port {port} is taken: a demo seems to run already")
        environment = {**os.environ, "TMPDIR": str(self.folder), "FOR": "3600", **self.environment}
        environment.setdefault("BIN", str(ROOT / ".build/release"))
        self.output = open(self.folder / "demo.out", "w+")
        self.process = subprocess.Popen([ROOT / "compose/demo.sh"], env=environment, cwd=ROOT, stdout=self.output,
                                        stderr=subprocess.STDOUT)
        try:
            wait_until(self.is_ready, "the demo is ready", 120)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise Failure("the demo ended:\n" + (self.folder / "demo.out").read_text())
        return answers(f"{GATEWAY}/ready")

    def __exit__(self, kind, error, trace):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(120)
        finally:
            self.output.close()
        text = (self.folder / "demo.out").read_text()
        if kind is None and code != 0:
            raise Failure(f"the demo ended with {code}:\n{text}")
        if kind is None:
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"the demo's output and logs: {self.folder}", file=sys.stderr)


def main(body):
    try:
        body()
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        sys.exit(1)
