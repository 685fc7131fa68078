#!/usr/bin/env bash
# Scores the built-in profiles on the fixed scenarios, as an article. `make scoreboard` calls it.
#
# Environment: BIN (folder of the programs), PROFILES.
set -euo pipefail

: "${BIN:?run it through make scoreboard}"
root=$(cd "$(dirname "$0")/../.." && pwd)
page=$root/Sources/Microstructure/Microstructure.docc/Scoreboard.md
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-scoreboard.XXXXXX")
trap 'rm -rf "$work"' EXIT

"$BIN/microlab" scoreboard "$root"/Tests/Benchmarks/Scenarios/*.json --profiles "${PROFILES:-classic,calibrated}" --out "$work/table.md"
{
    cat <<'TEXT'
# Scoreboard

What the built-in profiles find of what is planted into synthetic markets. `make scoreboard` writes this page.

## Overview

Each scenario (`Tests/Benchmarks/Scenarios`) is three hours of a BTC and an ETH market, with one type of event in three sizes,
a quarter of an hour apart; one is half a day of both with nothing in it. What `size` means: <doc:Synthetic>. An event is
found by the first signal of its market within 10, 30 or 60 s of its start. A false alarm is a signal that lies in no event's
surroundings (60 s before its start to 300 s after its end). *By chance* is how often false alarms alone, at the rate of
that scenario, would have come within 60 s of a start: a recall that does not exceed it is none. The calibrated profile is the
built-in one, learnt on the market of `00-quiet` (its false alarms there are what it was asked for), with its budget of 24 a day
and its steering; of the other scenarios it has seen nothing.

TEXT
    cat "$work/table.md"
} >"$page"
echo "wrote $page"
