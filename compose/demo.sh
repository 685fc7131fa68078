#!/usr/bin/env bash
# Runs the whole pipeline on this machine without internet: exchange-sim, one ingest a symbol, features, detector,
# alerter and api-gateway, each its own process, connected by ZeroMQ. `make demo` calls it.
#
# Environment: BIN (folder of the program `stack`, which holds all programs), FOR (seconds; empty: until Ctrl-C), CAPTURE
# (recordings; empty: the synthetic market), SPEED (1, 10, max), SYMBOLS (of the synthetic market).
set -euo pipefail

: "${BIN:?run it through make demo}"
FOR=${FOR:-} CAPTURE=${CAPTURE:-} SPEED=${SPEED:-1} SYMBOLS=${SYMBOLS:-BTCUSDT,ETHUSDT}
if [[ -n $FOR && ! $FOR =~ ^[0-9]+$ ]]; then
    echo "demo: FOR=$FOR is not a whole number of seconds" >&2
    exit 64
fi

logs=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-demo.XXXXXX")
# `stack` runs the program by whose name it is called.
programs=$logs/programs
mkdir "$programs"
for program in exchange-sim ingest features detector alerter api-gateway; do ln -s "$(realpath "$BIN/stack")" "$programs/$program"; done
sim_port=9443 gateway_port=8000 sim_metrics=9106
names=() pids=()

start() { # start NAME COMMAND... : a process of its own, its log in a file of its own
    local name=$1
    shift
    # A session of its own: Ctrl-C reaches this script only, which then stops the processes in order.
    setsid "$@" 2>"$logs/$name.log" &
    names+=("$name")
    pids+=($!)
}

# Stops the processes in the order of the data's way, each with time to drain; reports whoever fails.
finish() {
    trap - EXIT INT TERM
    local failed=0 stage i
    for stage in ingest features detector alerter api-gateway exchange-sim; do
        for i in "${!pids[@]}"; do
            [[ ${names[$i]} == "$stage"* ]] || continue
            kill -TERM "${pids[$i]}" 2>/dev/null || true
            # What does not end in time is killed, so that stopping always ends.
            (sleep 8; kill -KILL "${pids[$i]}" 2>/dev/null) &
            local watchdog=$! status=0
            wait "${pids[$i]}" || status=$?
            kill "$watchdog" 2>/dev/null || true
            [[ $status == 0 ]] && continue
            echo "demo: ${names[$i]} ended with $status; its log: $logs/${names[$i]}.log" >&2
            tail -n 3 "$logs/${names[$i]}.log" >&2 || true
            failed=1
        done
    done
    [[ $failed == 0 && ${1:-0} == 0 ]] && rm -rf "$logs"
    exit $((failed || ${1:-0}))
}
trap 'finish 1' EXIT
trap 'echo; summary; finish 0' INT TERM

fetch() { curl -fsS --max-time 2 "$1" 2>/dev/null; }
wait_for() { # wait_for URL WHAT
    for _ in $(seq 150); do
        fetch "$1" >/dev/null && return
        sleep 0.1
    done
    echo "demo: $2 did not answer in 15 s; logs in $logs" >&2
    tail -n 2 "$logs"/*.log >&2
    exit 1
}
total() { # total PORT METRIC : the sum of a metric over its labels
    { fetch "http://127.0.0.1:$1/metrics" || true; } |
        awk -v name="$2" '$1 ~ "^" name "([{]|$)" { sum += $NF } END { printf "%d", sum }'
}
summary() {
    echo "--- summary"
    echo "book updates  $(total 9102 microstructure_feature_input_book_updates_total) into features"
    echo "trades        $(total 9102 microstructure_feature_input_trades_total) into features"
    echo "vectors       $(total 9102 microstructure_feature_vectors_total) into detector"
    echo "signals       $(total 9103 microstructure_detections_total)"
    echo "alerts        $(total 9104 microstructure_alerts_delivered_total) delivered"
    echo "bus messages  $(($(total 9102 microstructure_bus_messages_lost_total) + $(total 9103 microstructure_bus_messages_lost_total))) lost"
}

# The exchange first, to learn its symbols from it.
market=(--synthetic "$SYMBOLS")
if [[ -n $CAPTURE ]]; then
    read -ra files <<<"$CAPTURE"
    market=(--capture "${files[@]}" --loop)
fi
start exchange-sim "$programs/exchange-sim" --port $sim_port --metrics-port $sim_metrics --speed "$SPEED" "${market[@]}"
wait_for "http://127.0.0.1:$sim_port/api/v3/ping" exchange-sim
mapfile -t symbols < <(fetch "http://127.0.0.1:$sim_port/api/v3/exchangeInfo" | grep -o '"symbol":"[A-Z0-9]*"' | cut -d'"' -f4)

ticks=""
for i in "${!symbols[@]}"; do ticks+="${ticks:+,}tcp://127.0.0.1:$((5600 + i))"; done

# Listeners before talkers: ingest waits for the subscriptions of features and the gateway, so the first tick is heard.
start features "$programs/features" --connect "$ticks"
# The classic profile signals within seconds, which a demonstration wants; the default keeps to a number a day.
start detector "$programs/detector" --state-dir "$logs" --profile classic
start alerter "$programs/alerter" --state-dir "$logs" --gateway-url "http://127.0.0.1:$gateway_port"
start api-gateway "$programs/api-gateway" --port $gateway_port --connect-ticks "$ticks" --state-dir "$logs"
for i in "${!symbols[@]}"; do
    start "ingest-${symbols[$i]}" "$programs/ingest" --symbols "${symbols[$i]}" --publish "tcp://127.0.0.1:$((5600 + i))" \
        --websocket-url "ws://127.0.0.1:$sim_port" --rest-url "http://127.0.0.1:$sim_port" \
        --wait-subscriptions 2 --metrics-port $((9110 + i))
done
wait_for "http://127.0.0.1:$gateway_port/health" api-gateway
# A process that could not start must be told now, not at the end.
for i in "${!pids[@]}"; do
    kill -0 "${pids[$i]}" 2>/dev/null || { echo "demo: ${names[$i]} did not start" >&2; cat "$logs/${names[$i]}.log" >&2; exit 1; }
done

echo "dashboard  http://127.0.0.1:$gateway_port/   (signals: /api/v1/signals, live: /api/v1/signals/stream, metrics: /metrics)"
echo "symbols    ${symbols[*]}   logs in $logs"
echo "signals follow as they come; ${FOR:+this ends by itself after $FOR s, }Ctrl-C stops everything"

end=$((SECONDS + 10#${FOR:-31536000}))
while ((SECONDS < end)); do
    for i in "${!pids[@]}"; do
        kill -0 "${pids[$i]}" 2>/dev/null || { echo "demo: ${names[$i]} has died" >&2; exit 1; }
    done
    sleep 0.5 &
    wait $! || true
done
summary
finish 0
