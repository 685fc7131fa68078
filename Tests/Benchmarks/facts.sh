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
# Recorded beside synthetic

The recordings of 2024-08-08 beside the synthetic market, by the same code. `make facts` writes this page.

## Overview

Sizes and depths in the base asset. The recordings are one stretch of six minutes with one burst in it: of moves in ten seconds
it has 34, and another stretch would differ by as much as the synthetic market does. What differs for a known reason stands
below the table.

TEXT
    cat "$work/table.md"
    cat <<'TEXT'

![The price, its moves, their sizes, and the memory of order signs, recorded and synthetic](synthetic-facts.svg)

- The synthetic volatility wanders: this stretch is a quiet one (with other seeds a second's move deviates by 1.2 or 1.8 bp).
- A real market order is split over more and smaller resting orders: more trades an order, of a smaller median size.
- The real book holds about twice as much within ten basis points, and more of it close to the price.
TEXT
} >"$docc/SyntheticFacts.md"
echo "wrote $docc/SyntheticFacts.md and synthetic-facts.svg"
