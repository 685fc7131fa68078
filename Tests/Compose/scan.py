"""What the containers could do if someone got in: users, capabilities, open ports, writable paths."""
import pathlib
import re

from engine import SERVICES, docker

INSIDE = r"""
for path in / /usr /usr/local/bin /etc /var /var/lib /home /opt /root /run /srv /tmp /var/tmp /var/lib/microstructure /var/lib/leases; do
    [ -d "$path" ] && (: >"$path/.probe") 2>/dev/null && rm -f "$path/.probe" && echo "$path"
done; true
"""
LISTEN = "0A"


def capabilities(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    field = lambda name: re.search(rf"{name}:\s+(\S+)", status)[1]
    sets = {name: int(field(name), 16) for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]}
    return field("Uid"), sets, field("NoNewPrivs"), field("Seccomp")


def listening(pid):
    """TCP ports open beyond the container's loopback, but for the engine's own name server."""
    ports = set()
    for table in ["tcp", "tcp6"]:
        for line in pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            host, port = address.split(":")
            if state == LISTEN and not host.endswith("0B00007F") and not host.endswith("0100007F"):
                ports.add(int(port, 16))
    return sorted(ports)


def test(stack, say):
    say("scan: service        user   capabilities  no-new-privs  seccomp  listening        published                writable")
    for service in SERVICES:
        # A standby has less open than one that serves.
        container = max(stack.containers(service), key=lambda each: len(listening(each.inspect()["State"]["Pid"])))
        state = container.inspect()
        pid = state["State"]["Pid"]
        user, sets, no_new_privileges, seccomp = capabilities(pid)
        ports = listening(pid)
        published = [f"{each['HostIp']}:{each['HostPort']}" for binding in (state["NetworkSettings"]["Ports"] or {}).values()
                     for each in binding or []]
        writable = docker("exec", container.id, "sh", "-c", INSIDE).split()
        say(f"scan: {service:<14} {user:<6} {'none' if not any(sets.values()) else sets!s:<13} {no_new_privileges:<13} "
            f"{seccomp:<8} {','.join(map(str, ports)):<16} {' '.join(published) or '-':<24} {' '.join(writable)}")
        assert user == "10001", f"{service} runs as {user}"
        assert not any(sets.values()), f"{service} has {sets}"
        assert no_new_privileges == "1" and seccomp == "2", service
        assert all(address.startswith("127.0.0.1:") for address in published), published
        assert not published or service in ("api-gateway", "detector"), published
        assert set(writable) <= {"/tmp", "/var/lib/microstructure", "/var/lib/leases"}, writable
        assert state["HostConfig"]["ReadonlyRootfs"] and not state["HostConfig"]["Privileged"]
        assert state["HostConfig"]["Memory"] > 0 and state["HostConfig"]["NanoCpus"] > 0, f"{service} has no limits"
