"""The same file as a stack of a Swarm of one node: slots, discovery, and a rolling update that loses nothing."""
import json

from accounts import balance, logged, served
from engine import Container, docker, eventually, fetch, free_port, metric, run

STACK = "mstestswarm"
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
UPDATED = ["ingest", "features", "detector", "alerter", "api-gateway"]


def tasks(service):
    """The containers of a service's running tasks."""
    return [Container(each) for each in docker("ps", "-q", "--filter", f"label=com.docker.swarm.service.name={STACK}_{service}").split()]


def slot(container):
    return next(text.split("=", 1)[1] for text in container.inspect()["Config"]["Env"] if text.startswith("INGEST_SYMBOL_SLOT="))


def volume(name):
    import pathlib
    return pathlib.Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", f"{STACK}_{name}").strip())


def inside(container, port, path):
    """A page asked for within the container: a task's overlay address is not the host's to reach."""
    request = f'exec 3<>/dev/tcp/127.0.0.1/{port}; printf "GET {path} HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n" >&3; cat <&3'
    return docker("exec", container.id, "bash", "-c", request, check=False).partition("\n\n")[2]


def test(folder, image, webhook, say):
    if docker("info", "-f", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
        raise AssertionError("this engine is already part of a Swarm; nothing is deployed to it")
    docker("swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
    try:
        deployed(folder, image, webhook, say)
    finally:
        docker("stack", "rm", STACK, check=False)
        names = lambda kind: docker(kind, "ls", "-q", "--filter", f"label=com.docker.stack.namespace={STACK}")
        eventually("the stack is gone", lambda: not docker("ps", "-aq", "--filter", f"label=com.docker.stack.namespace={STACK}").split(), 60, every=1)
        for name in names("volume").split():
            docker("volume", "rm", "-f", name, check=False)
        docker("swarm", "leave", "--force", check=False)


def deployed(folder, image, webhook, say):
    node = docker("node", "ls", "-q").strip()
    docker("node", "update", "--label-add", "microstructure.state=true", node)
    port = free_port()
    gateway = f"http://127.0.0.1:{port}"
    settings = {"IMAGE": image, "MARKET": "sim", "SYMBOLS": ",".join(SYMBOLS), "INGEST_REPLICAS": "3",
                "GATEWAY_PORT": str(port), "ALERTER_WEBHOOK_URL": webhook.url}
    files = ["-c", str(folder / "compose/compose.yaml"), "-c", str(folder / "compose/swarm.yaml")]
    deploy = lambda: run("docker", "stack", "deploy", "--resolve-image", "never", *files, STACK, env=settings)
    deploy()
    for name in ["prometheus", "grafana"]:
        # Their public images cannot be had everywhere, and `make test-monitoring` has proven the configuration.
        docker("service", "rm", f"{STACK}_{name}", check=False)
    webhook.signals.clear()

    def symbols():
        found = {}
        for task in tasks("ingest"):
            page = inside(task, 9101, "/metrics")
            mine = [symbol for symbol in SYMBOLS if metric(page, "microstructure_book_valid", symbol=symbol) == 1]
            found[slot(task)] = mine
        return found if sorted(sum(found.values(), [])) == SYMBOLS and len(found) == 3 else None

    by_slot, _ = eventually("three slots with three symbols", symbols, 120, every=1)
    say(f"swarm: slots {', '.join(f'{key} serves {value[0]}' for key, value in sorted(by_slot.items()))}")
    assert [by_slot[str(place + 1)] for place in range(3)] == [[symbol] for symbol in SYMBOLS]
    folder_of_logs = volume("detector")
    eventually("ten signals", lambda: len(logged(folder_of_logs)[0]) >= 10, 120, every=1)
    say(f"swarm: deployed: {balance(folder_of_logs, gateway, webhook)}")
    for service in UPDATED:
        count = len(logged(folder_of_logs)[0])
        before = {each.id for each in tasks(service)}
        docker("service", "update", "--detach=false", "-q", "--env-add", f"ROLLED={service}", f"{STACK}_{service}", timeout=300)
        status = lambda: json.loads(docker("service", "inspect", f"{STACK}_{service}"))[0]["UpdateStatus"]["State"]
        eventually(f"{service} is updated", lambda: status() == "completed", 180, every=1)
        after = {each.id for each in tasks(service)}
        assert after and not before & after, f"{service} kept a task"
        eventually("signals flow", lambda: len(logged(folder_of_logs)[0]) > count + 2, 120, every=0.5)
        say(f"swarm: rolled {service} ({len(after)} tasks, all new): {balance(folder_of_logs, gateway, webhook)}")
    eventually("three slots with three symbols", symbols, 120, every=1)
