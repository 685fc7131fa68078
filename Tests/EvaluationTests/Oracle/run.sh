#!/usr/bin/env bash
# Compares metrics, labels and trades with independent computations: `make test-oracle` calls it.
#
# Environment: BIN (folder of the programs), DATA (the recordings), PYTHON (default python3).
set -euo pipefail

: "${BIN:?run it through make test-oracle}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
DATA=${DATA:-${MICROSTRUCTURE_DATA:-$root/../shared/data}}
venv=${VENV:-$root/.venv-evaluation}
export PYTHONDONTWRITEBYTECODE=1

[[ -x $venv/bin/python3 ]] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
"$venv/bin/python3" "$here/metric_vectors.py" "$here/../Vectors/metrics.json" --check

if [[ ! -d $DATA/binance-spot-2024-08-08 ]]; then
    echo "skipped: the recordings are not on this machine (looked in $DATA)"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-backtest.XXXXXX")
trap 'rm -rf "$work"' EXIT
"$BIN/microlab" import --format binance-raw "$DATA"/binance-spot-2024-08-08/*.gz --out "$work/market.tape" >/dev/null
"$BIN/microlab" export "$work/market.tape" --csv --out "$work/events.csv"
# Barriers near enough to be touched in six minutes, and orders larger than the best level.
echo '{"profit_target_pct": 0.0006, "stop_loss_pct": 0.0004, "max_holding_seconds": 30, "initial_capital": 1000000}' \
    >"$work/near.json"
echo '{}' >"$work/defaults.json"
status=0
for config in defaults near; do
    for profile in classic calibrated; do
        "$BIN/microlab" backtest "$work/market.tape" --profile $profile --config "$work/$config.json" \
            --ledger "$work/trials.ndjson" --out "$work/$config-$profile" >/dev/null
        echo "$config, $profile:"
        "$venv/bin/python3" "$here/backtest_oracle.py" "$work/events.csv" "$work/$config-$profile/report.json" || status=1
    done
done
exit $status
