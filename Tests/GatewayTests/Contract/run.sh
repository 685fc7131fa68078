#!/usr/bin/env bash
# Runs schemathesis against a live demo: what openapi.yaml says and what the gateway does must be the same thing.
# `make test-api` calls it.
#
# Environment: BIN (folder of the programs), EXAMPLES (random cases an operation, 100), SEED (of the random cases).
set -euo pipefail

: "${BIN:?run it through make test-api}"
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
seed=${SEED:-$RANDOM}
work=$(mktemp -d "${TMPDIR:-/tmp}/microstructure-contract.XXXXXX")
demo=""
trap '[[ -z $demo ]] || { kill -TERM "$demo" 2>/dev/null || true; wait "$demo" 2>/dev/null || true; }; rm -rf "$work"' EXIT

venv=$root/.venv-contract
if [[ ! -x $venv/bin/schemathesis ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$here/requirements.txt"
fi

# Keys, so that the contract's security is checked as well.
key=contract-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
export GATEWAY_API_KEYS="contract:read+write:$key"
FOR='' CAPTURE='' SPEED=10 "$root/compose/demo.sh" >"$work/demo.log" 2>&1 &
demo=$!
gateway=http://127.0.0.1:8000
for _ in $(seq 600); do
    # Whatever can be asked for is there: every upstream speaks, and a signal has been detected.
    curl -fs "$gateway/ready" >/dev/null &&
        curl -fs -H "X-API-Key: $key" "$gateway/api/v1/signals" | grep -q '"evidence"' && break
    kill -0 "$demo" 2>/dev/null || { echo "test-api: the demo did not start" >&2; cat "$work/demo.log" >&2; exit 1; }
    sleep 0.2
done
curl -fs "$gateway/ready" >/dev/null || { echo "test-api: the demo is not ready" >&2; curl -s "$gateway/ready" >&2; exit 1; }

echo "seed $seed"
status=0
(cd "$work" && SCHEMATHESIS_HOOKS=contract_hooks PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 \
    "$venv/bin/schemathesis" --no-color run "$gateway/openapi.yaml" --checks all --header "X-API-Key: $key" \
    --max-examples "${EXAMPLES:-100}" --seed "$seed" --request-timeout 20) || status=$?
kill -0 "$demo" || { echo "test-api: the demo did not survive" >&2; cat "$work/demo.log" >&2; exit 1; }
exit $status
