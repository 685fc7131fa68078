"""Docker and docker-compose as this machine has them, and what the containers of a stack say of themselves."""
import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Support"))
from ports import free_port  # noqa: E402,F401

TIMEOUT = 5
# In the order in which they are best started; each finds the others in any.
SERVICES = ["exchange-sim", "alerter", "detector", "features", "ingest", "api-gateway", "recorder"]


def missing():
    """Why there is nothing to run containers with; `None` where there is."""
    if shutil.which("docker") is None:
        return "there is no docker"
    if subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        return "no container engine answers"
    return None if compose_command() else "there is neither `docker compose` nor docker-compose"


def compose_command():
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def run(*command, check=True, env=None, cwd=None, timeout=600):
    """Its output; where it fails, an error with what it said."""
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, timeout=timeout,
        env={**os.environ, **(env or {})})
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {result.returncode}\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return result.stdout


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def bridge_address():
    """This host's address on the engine's own bridge."""
    subnet = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    return subnet.get("Gateway") or str(next(ipaddress.ip_network(subnet["Subnet"]).hosts()))


def fetch(url):
    """The body; `None` where nobody answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return answer.read().decode()
    except (OSError, urllib.error.URLError):
        return None


def eventually(what, condition, seconds=60, every=0.2):
    """Waits until `condition` gives something true, and returns it with the seconds that it took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        value = condition()
        if value:
            return value, time.monotonic() - start
        time.sleep(every)
    raise AssertionError(f"not within {seconds} s: {what}")


def metric(page, name, **labels):
    """The sum of a metric over its series that have these labels; `None` where it has none."""
    found = None
    for line in (page or "").splitlines():
        match = re.match(rf"{name}(?:\{{(.*)\}})? (\S+)$", line)
        if match and all(f'{key}="{value}"' in (match[1] or "") for key, value in labels.items()):
            found = (found or 0) + float(match[2])
    return found


class Container:
    """One container, by its id."""

    def __init__(self, identifier):
        self.id = identifier

    def inspect(self):
        return json.loads(docker("inspect", self.id))[0]

    @property
    def name(self):
        return self.inspect()["Name"].lstrip("/")

    @property
    def addresses(self):
        return [network["IPAddress"] for network in self.inspect()["NetworkSettings"]["Networks"].values() if network["IPAddress"]]

    @property
    def health(self):
        return self.inspect()["State"].get("Health", {}).get("Status", "none")

    @property
    def is_running(self):
        return self.inspect()["State"]["Running"]

    def page(self, port, path):
        addresses = self.addresses
        return fetch(f"http://{addresses[0]}:{port}{path}") if addresses else None

    def resident_megabytes(self):
        """Of all processes in the container, by the kernel's count."""
        total = 0
        for line in docker("top", self.id, "-eo", "pid").split()[1:]:
            status = pathlib.Path(f"/proc/{line}/status").read_text()
            total += int(re.search(r"VmRSS:\s+(\d+)", status)[1])
        return total / 1024


class Stack:
    """The services of one Compose project."""

    def __init__(self, folder, project, **settings):
        self.folder = pathlib.Path(folder) / "compose"
        self.project = project
        self.settings = {"COMPOSE_PROJECT_NAME": project, **settings}

    def compose(self, *arguments, timeout=600):
        return run(*compose_command(), *arguments, cwd=self.folder, env=self.settings, timeout=timeout)

    def up(self, services, *options):
        return self.compose("up", "-d", "--no-build", *options, *services)

    def containers(self, service, running=True):
        filters = [f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}"]
        flags = [part for text in filters for part in ("--filter", text)]
        return [Container(line) for line in docker("ps", "-q", *([] if running else ["-a"]), *flags).split()]

    def one(self, service):
        found = self.containers(service)
        assert len(found) == 1, f"{len(found)} containers of {service}"
        return found[0]

    def volume(self, name):
        return pathlib.Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", f"{self.project}_{name}").strip())

    def down(self):
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")
