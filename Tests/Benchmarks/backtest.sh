#!/usr/bin/env bash
# Times a whole backtest (decoding, features, detectors, fills, report) on a recording and on a synthetic tape of ten million
# events, and in the same run, on the same ticks, the event loops of hftbacktest and nautilus_trader, which get ready arrays
# or objects and decide nothing. Says too how much memory a backtest holds as tapes become longer. `make bench-backtest`
# calls it; it takes some twenty minutes and, in TMPDIR, three GB.
#
# Environment: BIN (folder of the programs), DATA (the recordings), EVENTS (default 10000000), VENV.
set -euo pipefail

: "${BIN:?run it through make bench-backtest}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
DATA=${DATA:-${MICROSTRUCTURE_DATA:-$root/../shared/data}}
EVENTS=${EVENTS:-10000000}
if [[ ! -d $DATA/binance-spot-2024-08-08 ]]; then
    echo "skipped: the recordings are not on this machine (looked in $DATA)"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
venv=${VENV:-$root/.venv-backtest}
[[ -x $venv/bin/python3 ]] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements-backtest.txt"

# ours NAME: a whole backtest of the tape.
ours() {
    /usr/bin/python3 "$here/peak_memory.py" "$BIN/microlab" backtest "$work/$1.tape" --ledger "$work/trials.ndjson" \
        --out "$work/$1" 2>&1 | grep -E "events in|peak" | sed "s/^/$1, microlab backtest: /"
}

# others NAME COUNT: the others' loops on the tape's first 300,000 ticks, one after another up to COUNT.
others() {
    { "$BIN/microlab" export "$work/$1.tape" 2>/dev/null || true; } | head -n 300001 >"$work/$1.csv"
    PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$here/backtest_others.py" "$work/$1.csv" "$2" | sed "s/^/$1, /"
}

# synthetic NAME EVENTS: a tape of about so many events; the market has some 78 a second.
synthetic() {
    echo '{"seed": 1, "markets": [{"symbols": ["BTCUSDT"]}]}' >"$work/market.json"
    "$BIN/microlab" synth "$work/market.json" --seconds $(($2 / 78)) --out "$work/$1.tape" 2>/dev/null
}

"$BIN/microlab" import --format binance-raw "$DATA"/binance-spot-2024-08-08/btcusdt_20240808.gz --out "$work/recording.tape" >/dev/null
ours recording
others recording 0
for part in 100 10 1; do
    synthetic "synthetic-$part" $((EVENTS / part))
    ours "synthetic-$part"
done
others synthetic-1 "$EVENTS"
