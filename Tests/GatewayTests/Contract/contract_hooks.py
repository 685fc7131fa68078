"""What schemathesis needs to know beyond the contract."""
import hashlib
import json
import re
import time

import schemathesis

STREAMS = ("/api/v1/signals/stream", "/api/v1/features/stream", "/api/v1/live/{symbol}")
SECONDS = 0.2
# As in openapi.yaml.
IDEMPOTENCY_KEY = "[!-~]([ -~]{0,253}[!-~])?"


def is_number(value, least=0, most=9223372036):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= most


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps to what the contract says in words because its schema language cannot. What is wrong otherwise stays so."""
    query = dict(case.query or {})
    if case.path in STREAMS and ("seconds" not in query or is_number(query["seconds"], 0.01, 86400)):
        # A stream ends when it is told to; one that would run for long is asked to end soon.
        query["seconds"] = SECONDS
        case.query = query
    since, until = query.get("since"), query.get("until")
    if is_number(since) and is_number(until) and since > until:
        query["since"], query["until"] = until, since
        case.query = query
    key = dict(case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(IDEMPOTENCY_KEY, key):
        # A key is for one signal: short ones that are generated twice would come with different bodies.
        text = key + json.dumps(case.body, sort_keys=True, default=str)
        case.headers["Idempotency-Key"] = hashlib.sha256(text.encode()).hexdigest()
    if case.path == "/api/v1/silences" and isinstance(case.body, dict):
        body = dict(case.body)
        now = time.time()
        if is_number(body.get("starts_at")):
            body["starts_at"] = now + 60
        if is_number(body.get("ends_at")):
            body["ends_at"] = now + 3600
        if is_number(body.get("duration_seconds"), 0.001, 31622400):
            body["duration_seconds"] = max(120, body["duration_seconds"])
        channels = body.get("channels")
        if isinstance(channels, list) and channels and all(isinstance(name, str) for name in channels):
            body["channels"] = ["console"]
        case.body = body
