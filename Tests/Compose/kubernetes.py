"""The Kubernetes manifests against Kubernetes' own schemas, and against each other."""
import pathlib
import re
import shutil
import subprocess
import tempfile

from engine import run

VERSION = "1.32"


def rendered(folder):
    """What `kubectl apply -k` would send."""
    if shutil.which("kubectl"):
        return run("kubectl", "kustomize", folder)
    return run("kustomize", "build", folder)


def validator(temporary):
    """A command that judges a file of manifests, and its name; `None` where none can be had."""
    if shutil.which("kubeconform"):
        return ["kubeconform", "-strict", "-kubernetes-version", f"{VERSION}.0"], "kubeconform"
    if shutil.which("kubernetes-validate"):
        return ["kubernetes-validate", "--strict", "-k", VERSION], "kubernetes-validate"
    environment = temporary / "venv"
    for command in (["python3", "-m", "venv", environment], [environment / "bin/pip", "install", "-q", "kubernetes-validate"]):
        if subprocess.run([str(part) for part in command], capture_output=True).returncode != 0:
            return None, None
    return [str(environment / "bin/kubernetes-validate"), "--strict", "-k", VERSION], "kubernetes-validate"


def test(folder, say):
    if not shutil.which("kubectl") and not shutil.which("kustomize"):
        return say("kubernetes: SKIPPED: neither kubectl nor kustomize is here")
    with tempfile.TemporaryDirectory() as temporary:
        temporary = pathlib.Path(temporary)
        command, name = validator(temporary)
        if command is None:
            say("kubernetes: schemas SKIPPED: neither kubeconform nor kubernetes-validate can be had here")
        elif name != "kubeconform":
            say("kubernetes: kubeconform is not here; kubernetes-validate judges by the same published schemas")
        for kind in ["base", "overlays/sim"]:
            text = rendered(folder / "compose/kubernetes" / kind)
            count = len(re.findall(r"^kind:", text, re.M))
            if command:
                file = temporary / "manifests.yaml"
                file.write_text(text)
                run(*command, file)
                # A judge that lets everything pass is none.
                file.write_text(text.replace("maxUnavailable: 1", "maxUnavailble: 1", 1))
                assert subprocess.run([*command, str(file)], capture_output=True).returncode != 0, "a misspelt field passes"
                say(f"kubernetes: {kind}: {count} manifests valid for {VERSION} ({name}); a misspelt field is refused")
            wires(text, say, kind)


def wires(text, say, kind):
    """Every address that a pod is given is a service's port, and both ends' network policies let it through."""
    import yaml
    objects = [each for each in yaml.safe_load_all(text) if each]
    of = lambda wanted: {each["metadata"]["name"]: each["spec"] for each in objects if each["kind"] == wanted}
    services, sets, policies = of("Service"), of("StatefulSet"), of("NetworkPolicy")
    component = lambda labels: labels.get("app.kubernetes.io/component")
    settings = {}
    for each in objects:
        if each["kind"] == "ConfigMap":
            settings.update(each["data"])

    def allows(pod, direction, peer, port):
        for policy in policies.values():
            if component(policy["podSelector"].get("matchLabels", {})) != pod:
                continue
            for rule in policy.get("ingress" if direction == "from" else "egress", []):
                peers = [component(each.get("podSelector", {}).get("matchLabels", {})) for each in rule[direction]]
                if peer in peers and port in [each["port"] for each in rule["ports"]]:
                    return True
        return False

    count = 0
    for name, spec in sets.items():
        pod = spec["template"]
        assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items(), name
        assert spec["serviceName"] in services, name
        container = pod["spec"]["containers"][0]
        given = [each.get("value", "") for each in container["env"]]
        if name == "ingest":
            given += [value for key, value in settings.items() if key.startswith("INGEST_")]
        for host, port in re.findall(r"(?:dns\+tcp|http|ws)://([a-z-]+):(\d+)", " ".join(given)):
            port = int(port)
            assert host in services, f"{name} is given {host}, which is no service"
            assert port in [each["port"] for each in services[host]["ports"]], f"{host} has no port {port}"
            assert allows(name, "to", host, port), f"{name} may not reach {host}:{port}"
            assert allows(host, "from", name, port), f"{host} does not let {name} in at {port}"
            count += 1
        probes = [container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
        assert set(probes) <= {each["name"] for each in container["ports"]}, name
    for name, spec in of("PodDisruptionBudget").items():
        assert component(spec["selector"]["matchLabels"]) in sets, name
    say(f"kubernetes: {kind}: {count} addresses lead to services, and the network policies let them through")
