"""What the mock is set to do, what it has seen, and how it tells it: /stats, /ledger, /metrics."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Any, Literal

import msgspec

from bench.mock_engine import Engine, Shape, Timing, bounds
from bench.mock_faults import check_faults

Mode = Literal["instant", "fixed", "batch"]


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of the mock; POST /config changes them while it runs."""

    mode: Mode = "instant"
    model: str = "mock/model"
    latency: float = 0.1
    """Mode fixed: seconds from the request to its answer."""
    jitter: float = 0.5
    """Mode fixed: the latency varies by this share of itself."""
    tokens: int | None = None
    """Length of every answer. Default: 60 in the modes instant and fixed; drawn for each question in mode batch."""
    stream_interval: int = 0
    """Tokens in an event of a stream. 0: all that there are, so one event (as vLLM merges tokens that wait)."""
    slots: int = 256
    prefill_cap: int = 8192
    speedup: float = 3.0
    seed: int = 0
    faults: dict[str, float] = {}
    fault_scope: Literal["attempt", "question"] = "attempt"
    """question: a fault that hits a question hits each of its attempts, until the faults are changed."""
    retry_after: float = 1.0
    max_model_len: int = 40_960

    def __post_init__(self) -> None:
        """Refuse what cannot be. Raises ValueError."""
        check_faults(self.faults)
        if min(self.slots, self.prefill_cap, self.speedup) <= 0:
            raise ValueError("slots, prefill_cap and speedup are above 0")

    def timing(self) -> Timing:
        """Return the engine's timing."""
        return Timing(slots=self.slots, prefill_cap=self.prefill_cap, speedup=self.speedup)

    def length(self) -> int | None:
        """Return the fixed length of answers; None: drawn for each question."""
        return 60 if self.tokens is None and self.mode != "batch" else self.tokens


class Entry:
    """One chat request as it was received, and what became of it."""

    __slots__ = (
        "at",
        "attempt",
        "digest",
        "done",
        "fault",
        "kind",
        "n",
        "prompt",
        "status",
        "stream",
        "tag",
        "tokens",
        "turn",
    )

    def __init__(self, tag: int, turn: int, kind: str, digest: bytes) -> None:
        self.at = time.time()
        self.tag = tag
        self.turn = turn
        self.kind = kind
        self.digest = digest
        """Hash of the messages."""
        self.attempt = 0
        """How many requests with these messages came before."""
        self.n = 1
        self.stream = False
        self.prompt = 0
        self.tokens: tuple[int, ...] = ()
        self.status = 0
        """HTTP status; 0: still in work, or the connection was lost."""
        self.fault = ""
        self.done = 0.0

    def public(self) -> dict[str, Any]:
        """Return the entry as the ledger shows it."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "digest"} | {
            "digest": self.digest.hex()
        }


class Record:
    """Everything counted since the last reset."""

    def __init__(self, config: Config) -> None:
        self.engine = Engine(config.timing())
        self.ledger: list[Entry] = []
        self.attempts: Counter[bytes] = Counter()
        self.faults: Counter[str] = Counter()
        self.in_flight = 0
        """Choices asked for and not yet answered."""
        self.peak_in_flight = 0
        self.peak_waiting = 0
        self.completed = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.events = 0
        """Server-sent events sent."""
        self.connections = 0
        self.lost = 0
        """Requests whose connection ended before their last byte, by a fault or by the client."""
        self.first_byte = 0.0
        self.first_request = 0.0
        self.last_reply = 0.0
        self.starved = 0.0
        self.cpu = time.process_time()

    def begin(self, entry: Entry) -> None:
        """Count a request that has arrived."""
        entry.attempt = self.attempts[entry.digest]
        self.attempts[entry.digest] += 1
        self.first_request = self.first_request or entry.at
        self.ledger.append(entry)
        self.in_flight += entry.n
        self.peak_in_flight = max(self.peak_in_flight, self.in_flight)

    def finish(self, entry: Entry, status: int) -> None:
        """Count a request whose last byte has been handed over."""
        entry.status = status
        entry.done = self.last_reply = time.time()
        self.in_flight -= entry.n
        if status == 200:
            self.completed += 1
            self.prompt_tokens += entry.prompt
            self.completion_tokens += sum(entry.tokens)

    def abandon(self, entry: Entry) -> None:
        """Count a request whose connection was lost."""
        self.lost += 1
        self.in_flight -= entry.n

    def public(self, start: int) -> list[dict[str, Any]]:
        """Return the ledger from its entry number `start` on."""
        return [entry.public() for entry in self.ledger[start:]]

    def shapes(self) -> list[Shape]:
        """Return the requests that were answered, in dataset order."""
        answered = [entry for entry in self.ledger if entry.status == 200]
        answered.sort(key=lambda entry: (entry.tag, entry.turn, entry.at))
        return [(entry.prompt, entry.tokens) for entry in answered]


def stats(config: Config, record: Record, *, ideal: bool) -> dict[str, Any]:
    """Return the counters; with `ideal`, the bounds that follow from what was really received too."""
    engine = record.engine
    wall = record.last_reply - record.first_request
    value: dict[str, Any] = {
        "mode": config.mode,
        "requests": len(record.ledger),
        "completed": record.completed,
        "in_flight": record.in_flight,
        "peak_in_flight": record.peak_in_flight,
        "peak_waiting": record.peak_waiting,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "events": record.events,
        "connections": record.connections,
        "lost": record.lost,
        "faults": dict(record.faults),
        "first_byte": record.first_byte,
        "first_request": record.first_request,
        "last_reply": record.last_reply,
        "wall_seconds": max(0.0, wall),
        "engine_busy_seconds": engine.busy_seconds,
        "mean_batch": engine.batch_seconds / engine.busy_seconds if engine.busy_seconds else 0.0,
        "starved_seconds": record.starved,
        "cpu_seconds": time.process_time() - record.cpu,
    }
    if ideal:
        value["bounds"] = asdict(bounds(config.timing(), record.shapes()))
    return value


def metrics(config: Config, record: Record) -> bytes:
    """Return the gauges and counters that vLLM has, by its names."""
    engine = record.engine
    running, waiting = (engine.running, engine.waiting) if config.mode == "batch" else (record.in_flight, 0)
    cache = engine.context_tokens / (config.slots * config.max_model_len) if config.mode == "batch" else 0.0
    labels = f'{{engine="0",model_name="{config.model}"}}'
    rows = (
        ("num_requests_running", "gauge", "Number of requests in model execution batches.", running),
        ("num_requests_waiting", "gauge", "Number of requests waiting to be processed.", waiting),
        ("kv_cache_usage_perc", "gauge", "KV-cache usage. 1 means 100 percent usage.", cache),
        ("prompt_tokens_total", "counter", "Number of prefill tokens processed.", record.prompt_tokens),
        ("generation_tokens_total", "counter", "Number of generation tokens processed.", _generated(config, record)),
        ("num_preemptions_total", "counter", "Cumulative number of preemption from the engine.", 0),
    )
    lines = (
        f"# HELP vllm:{name} {text}\n# TYPE vllm:{name} {kind}\nvllm:{name}{labels} {float(value)}\n"
        for name, kind, text, value in rows
    )
    return "".join(lines).encode()


def _generated(config: Config, record: Record) -> int:
    return record.engine.generated if config.mode == "batch" else record.completion_tokens
