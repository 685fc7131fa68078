#!/usr/bin/env bash
# Compares every feature column with an independent computation: `make test-oracle` calls it.
#
# Environment: BIN (folder of the programs), DATA (the recordings), PYTHON (default python3).
set -euo pipefail

: "${BIN:?run it through make test-oracle}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
DATA=${DATA:-${MICROSTRUCTURE_DATA:-$root/../shared/data}}
venv=$root/.venv-oracle
export PYTHONDONTWRITEBYTECODE=1

[[ -x $venv/bin/python3 ]] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
"$venv/bin/python3" -m pytest -q -p no:cacheprovider "$here"

"$venv/bin/python3" "$here/changepoints.py" "$BIN/microlab"

work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-oracle.XXXXXX")
trap 'rm -rf "$work"' EXIT

compare() { # compare NAME FORMAT ORACLE-OPTION... -- FILE... : recording → tape → features, against the same events in Python
    local name=$1 format=$2
    shift 2
    local options=()
    while [[ $1 != -- ]]; do options+=("$1"); shift; done
    shift
    "$BIN/microlab" import --format "$format" --status-interval "${interval:-1}" "$@" --out "$work/$name.tape" >/dev/null
    "$BIN/microlab" export "$work/$name.tape" --csv --out "$work/$name-events.csv"
    "$BIN/microlab" features "$work/$name.tape" --out "$work/$name-features.csv"
    "$venv/bin/python3" "$here/oracle.py" "$work/$name-events.csv" --features "$work/$name-features.csv" "${options[@]}"
}

if [[ ! -d $DATA/binance-spot-2024-08-08 ]]; then
    echo "skipped: the recordings are not on this machine (looked in $DATA)"
    exit 0
fi
status=0
for symbol in btcusdt ethusdt; do
    recording=$DATA/binance-spot-2024-08-08/${symbol}_20240808.gz
    # Units of three digits below the lot: VPIN's bucket is a whole number of them.
    [[ $symbol == btcusdt ]] && unit=-8 || unit=-7
    compare "$symbol" binance-raw --tick 0.01 --quantity-exponent $unit --recording "$recording" -- "$recording" ||
        status=1
done
# Trades alone, over a quiet day: silences of minutes, a vector at every Status, windows of which most are empty.
{ zstd -dcq "$DATA"/pump-and-dump/BRD_2019-10-03_14.59.csv.zst || true; } | head -n 2000 >"$work/brdbtc.csv"
interval=10 compare trades trades-csv --quantity-exponent 0 -- "$work/brdbtc.csv" || status=1
exit $status
