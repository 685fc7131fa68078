#!/usr/bin/env bash
# Times the feature engine and the detectors alone on the recordings, counts what they allocate, and times the same columns in numpy on the
# same events in the same run. `make bench` calls it.
#
# Environment: BIN (folder of the programs), DATA (the recordings).
set -euo pipefail

: "${BIN:?run it through make bench}"
root=$(cd "$(dirname "$0")/../.." && pwd)
oracle=$root/Tests/MicrostructureTests/Oracle
DATA=${DATA:-${MICROSTRUCTURE_DATA:-$root/../shared/data}}
if [[ ! -d $DATA/binance-spot-2024-08-08 ]]; then
    echo "skipped: the recordings are not on this machine (looked in $DATA)"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT

"${CC:-cc}" -O2 -shared -fPIC -o "$work/counter.so" "$root/Tests/Benchmarks/allocation_counter.c"
"$BIN/microlab" import --format binance-raw "$DATA"/binance-spot-2024-08-08/*.gz --out "$work/market.tape" >/dev/null
echo "engine, one core:"
LD_PRELOAD=$work/counter.so "$BIN/microlab" features "$work/market.tape" --bench

for profile in classic calibrated; do
    echo "bank of the $profile profile, one core:"
    LD_PRELOAD=$work/counter.so "$BIN/microlab" detect "$work/market.tape" --profile $profile --bench
done

venv=$root/.venv-oracle
[[ -x $venv/bin/python3 ]] || python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$oracle/requirements.txt"
"$BIN/microlab" export "$work/market.tape" --csv --out "$work/events.csv"
echo "numpy and pandas, the same columns:"
PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python3" "$oracle/oracle.py" "$work/events.csv" --bench
