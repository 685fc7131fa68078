#!/usr/bin/env bash
# Requests a second and p99 of /health, GET and POST /api/v1/signals: api-gateway beside FastAPI under uvicorn with the same
# three endpoints, one after the other on this machine. The gateway is asked twice: as programs ask it, which its fast path
# answers, and with a header that the fast path leaves to the full HTTP server. `make bench-api` calls it.
#
# Environment: BIN (folder of the programs), SECONDS_EACH (of each measurement, 6), CONNECTIONS (64).
set -euo pipefail

: "${BIN:?run it through make bench-api}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
duration=${SECONDS_EACH:-6} connections=${CONNECTIONS:-64}
command -v wrk >/dev/null || { echo "bench-api: wrk is missing (Debian: apt-get install wrk)" >&2; exit 69; }
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-bench.XXXXXX")
server=""
stop() { [[ -z $server ]] || { kill -TERM -- "-$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; server=""; }; }
trap 'stop; rm -rf "$work"' EXIT

venv=$root/.venv-api
[[ -x $venv/bin/python3 ]] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements-api.txt"

cat >"$work/post.lua" <<'LUA'
wrk.method = "POST"
wrk.body = '{"timestamp":1696867200.0,"signal_type":"buy_imbalance","score":0.85,"symbol":"BTC/USDT"}'
wrk.headers["Content-Type"] = "application/json"
done = function(summary)
    local errors = summary.errors
    local bad = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    if bad > 0 then io.write("ERRORS " .. bad .. "\n") end
end
LUA
sed 's/^wrk\.\(method\|body\|headers\).*//' "$work/post.lua" >"$work/get.lua"
# The fast path does not know this header.
for kind in get post; do (cat "$work/$kind.lua" && echo 'wrk.headers["Cookie"] = "a=b"') >"$work/full-$kind.lua"; done

measure() { # measure URL SCRIPT : "requests-a-second p99 errors"
    wrk -t 1 -c "$connections" -d "${duration}s" --latency -s "$2" "$1" >"$work/out"
    awk '/^Requests\/sec:/ { rate = $2 } $1 == "99%" { tail = $2 } /^ERRORS/ { errors = " (" $2 " errors)" }
         END { printf "%10.0f /s  p99 %-9s%s", rate, tail, errors }' "$work/out"
}
run() { # run NAME PORT COMMAND... : PREFIX=full- sends the header beside
    local name=$1 port=$2 prefix=${PREFIX:-}
    shift 2
    setsid "$@" >"$work/server.log" 2>&1 &
    server=$!
    for _ in $(seq 200); do
        curl -fs "http://127.0.0.1:$port/health" >/dev/null && break
        kill -0 "$server" 2>/dev/null || { echo "bench-api: $name did not start" >&2; cat "$work/server.log" >&2; exit 1; }
        sleep 0.05
    done
    local base=http://127.0.0.1:$port
    # Signals for the GET to find.
    wrk -t 1 -c 8 -d 1s -s "$work/post.lua" "$base/api/v1/signals" >/dev/null
    printf '%-34s health %s\n' "$name" "$(measure "$base/health" "$work/${prefix}get.lua")"
    printf '%-34s GET    %s\n' "" "$(measure "$base/api/v1/signals?limit=10" "$work/${prefix}get.lua")"
    printf '%-34s POST   %s\n' "" "$(measure "$base/api/v1/signals" "$work/${prefix}post.lua")"
    stop
}

echo "$(nproc) cores, shared with wrk (1 thread, $connections connections), $duration s each"
gateway() { # gateway NAME PORT
    run "$1" "$2" "$BIN/api-gateway" --port "$2" --metrics-port 0 --state-dir "$work/state-$2" --log-level error \
        --connect-ticks none --connect-features none --connect-signals none --connect-replay none --alerter-url none
}
gateway "api-gateway" 28100
PREFIX=full- gateway "api-gateway without its fast path" 28104
fastapi=("$venv/bin/python3" -m uvicorn --app-dir "$here" fastapi_server:app --no-access-log --log-level warning)
run "FastAPI, uvicorn asyncio + h11" 28101 "${fastapi[@]}" --port 28101 --loop asyncio --http h11
run "FastAPI, uvloop + httptools" 28102 "${fastapi[@]}" --port 28102 --loop uvloop --http httptools
run "the same, a worker a core" 28103 "${fastapi[@]}" --port 28103 --loop uvloop --http httptools --workers "$(nproc)"
