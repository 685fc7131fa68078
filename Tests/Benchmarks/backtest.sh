#!/usr/bin/env bash
# Times the event loops of hftbacktest and nautilus_trader on a recording, and on the recording repeated to ten million
# events; and in the same run a whole backtest on the same ticks, with its memory against the length of the tape. `make bench-backtest` calls it.
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

"$BIN/microlab" import --format binance-raw "$DATA"/binance-spot-2024-08-08/btcusdt_20240808.gz --out "$work/btc.tape" >/dev/null
"$BIN/microlab" export "$work/btc.tape" --csv --out "$work/events.csv"
echo "the others' loops, with nothing to decide:"
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$here/backtest_others.py" "$work/events.csv" "$EVENTS"

echo "a whole backtest (decoding, features, detectors, loop), and its memory against the tape's length:"
for lines in 4000 16000 30000; do
    { zstd -dcq "$DATA"/pump-and-dump/BRD_2019-10-03_14.59.csv.zst || true; } | head -n $lines >"$work/brdbtc$lines.csv"
    "$BIN/microlab" import --format trades-csv --status-interval 10 "$work/brdbtc$lines.csv" --symbol BRDBTC \
        --out "$work/$lines.tape" >/dev/null
    /usr/bin/python3 "$here/peak_memory.py" "$BIN/microlab" backtest "$work/$lines.tape" --ledger "$work/trials.ndjson" \
        --out "$work/out$lines" | grep -E "events in|peak"
done
/usr/bin/python3 "$here/peak_memory.py" "$BIN/microlab" backtest "$work/btc.tape" --ledger "$work/trials.ndjson" \
    --out "$work/btc" | grep -E "events in|peak"
