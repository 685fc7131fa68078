"""A headless Chromium, driven over the DevTools protocol. Source: https://chromedevtools.github.io/devtools-protocol/"""

import base64
import json
import subprocess
import tempfile
import time

import websocket

from demo import Failure, wait_until


class Page:
    def __init__(self, program, folder):
        # A child of the browser may write into it a moment longer than the browser lives.
        self.profile = tempfile.TemporaryDirectory(prefix="microstructure-chromium.", dir=folder, ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [program, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={self.profile.name}", "--no-first-run",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
             "--hide-scrollbars", "--remote-allow-origins=*", "about:blank"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.number, self.events, self.socket = 0, [], None

    def __enter__(self):
        try:
            lines = wait_until(self.port_file, "chromium opens its port", 60)
            connection = websocket.create_connection(f"ws://127.0.0.1:{lines[0]}{lines[1]}", timeout=60, suppress_origin=True)
            self.socket = connection
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network", "Performance"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def port_file(self):
        if self.process.poll() is not None:
            raise Failure(f"chromium ended with {self.process.returncode}")
        try:
            with open(f"{self.profile.name}/DevToolsActivePort") as file:
                lines = file.read().split("\n")
                return lines if len(lines) == 2 else None
        except FileNotFoundError:
            return None

    def __exit__(self, *_):
        if self.socket:
            self.socket.close()
        self.process.terminate()
        self.process.wait(30)
        self.profile.cleanup()

    session = None

    def call(self, method, **parameters):
        self.number = number = self.number + 1
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == number:
                if "error" in answer:
                    raise Failure(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def note(self, event):
        # Frames and bytes are told of hundreds of times a second; they are of no interest here.
        if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled", "Network.requestWillBeSent"):
            self.events.append(event)

    def evaluate(self, expression):
        """The value of a JavaScript expression, awaited where it is a promise."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression[:200]}: {json.dumps(result['exceptionDetails'])[:2000]}")
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url=url)
        wait_until(lambda: self.evaluate("document.readyState === 'complete'"), f"{url} is loaded")

    def shape(self, width, height, scale=1, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def colours(self, scheme):
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path, whole=False):
        # The page draws on frames; a moment for the charts to take a new size.
        self.evaluate("new Promise((resolve) => setTimeout(resolve, 1200))")
        picture = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(picture))

    def heap(self):
        """Bytes of JavaScript in use after collection, and the nodes of the document."""
        for _ in range(2):
            self.call("HeapProfiler.collectGarbage")
        used = self.call("Runtime.getHeapUsage")["usedSize"]
        metrics = {entry["name"]: entry["value"] for entry in self.call("Performance.getMetrics")["metrics"]}
        return used, int(metrics["Nodes"]), int(metrics["JSEventListeners"])

    def complaints(self):
        """Errors that the page has thrown or logged, and what it was not allowed to do."""
        told = []
        for event in self.events:
            parameters = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                told.append(details.get("exception", {}).get("description") or details["text"])
            elif event["method"] == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
                told.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            elif event["method"] == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
                told.append(str([argument.get("value", argument.get("description")) for argument in parameters["args"]]))
        return sorted(set(told))

    def asked(self):
        return {event["params"]["request"]["url"] for event in self.events if event["method"] == "Network.requestWillBeSent"}
