"""The service that api-gateway is measured against: the same three endpoints, as FastAPI's tutorial writes them.

It keeps signals in memory only, where api-gateway answers a POST after the signal is on the disk.
"""
import collections
import itertools

import fastapi
import pydantic

app = fastapi.FastAPI()
signals = collections.deque(maxlen=10_000)
numbers = itertools.count(1)


class NewSignal(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    timestamp: float = pydantic.Field(ge=0, le=9223372036)
    signal_type: str = pydantic.Field(pattern="^[a-z][a-z0-9_]{0,31}$")
    score: float = pydantic.Field(ge=0, le=1)
    symbol: str = pydantic.Field(min_length=1, max_length=32)


class Signal(NewSignal):
    id: str


@app.get("/health")
async def health():
    return {"status": "ok"}


@app.get("/api/v1/signals")
async def list_signals(limit: int = fastapi.Query(100, ge=1, le=1000)):
    return {"signals": list(itertools.islice(reversed(signals), limit))}


@app.post("/api/v1/signals", status_code=202)
async def post_signal(signal: NewSignal) -> Signal:
    stored = Signal(id=f"{next(numbers):016x}", **signal.model_dump())
    signals.append(stored.model_dump())
    return stored
