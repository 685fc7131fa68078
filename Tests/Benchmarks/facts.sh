#!/usr/bin/env bash
# Puts the statistics of the recordings beside those of the synthetic market, as an article with a table and a picture.
# `make facts` calls it.
#
# Environment: BIN (folder of the programs), DATA (the recordings).
set -euo pipefail

: "${BIN:?run it through make facts}"
root=$(cd "$(dirname "$0")/../.." && pwd)
docc=$root/Sources/Microstructure/Microstructure.docc
DATA=${DATA:-${MICROSTRUCTURE_DATA:-$root/../shared/data}}
if [[ ! -d $DATA/binance-spot-2024-08-08 ]]; then
    echo "skipped: the recordings are not on this machine (looked in $DATA)"
    exit 0
fi
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-facts.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Deep enough for what rests within ten basis points.
"$BIN/microlab" import --format binance-raw "$DATA"/binance-spot-2024-08-08/*.gz --depth 400 --out "$work/recorded.tape" >/dev/null
"$BIN/microlab" synth "$root/Tests/Benchmarks/facts.json" --depth 400 --out "$work/synthetic.tape"
"$BIN/microlab" facts "$work/recorded.tape" "$work/synthetic.tape" --out "$work/table.md" --svg "$docc/synthetic-facts.svg" --force
{
    cat <<'TEXT'
# Recorded and synthetic markets compared

Statistics of the recordings of 2024-08-08 and of the synthetic market, computed by the same code. `make facts` writes this page.

## Overview

Sizes and depths are in the base asset. The recordings are one six-minute stretch with one burst, only 34 ten-second moves;
another stretch would differ from it by as much as the synthetic market does. Known differences are below the table.

TEXT
    cat "$work/table.md"
    cat <<'TEXT'

![Price, price moves, their sizes, and autocorrelation of order signs, recorded and synthetic](synthetic-facts.svg)

- Synthetic volatility varies, and this stretch is quiet: with other seeds, one-second moves deviate by 1.2 or 1.8 bp.
- A real market order fills against more and smaller resting orders: more trades per order, with a smaller median size.
- A real market order that moves the price trades more often on its way, and each of these trades is one that lies at or
  through the opposite side of the last quote; so their share is smaller here, though quotes overtake trades as often.
- The real book holds about twice as much within ten basis points, and more of it close to the price.
TEXT
} >"$docc/SyntheticFacts.md"
echo "wrote $docc/SyntheticFacts.md and synthetic-facts.svg"
