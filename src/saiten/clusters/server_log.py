"""What a model server's log says of its load: vLLM's once-in-ten-seconds lines, preemptions, aborted requests.

Source: vllm/v1/metrics/loggers.py (`Engine 000: Avg prompt throughput: … Running: N reqs, Waiting: M reqs, GPU KV cache
usage: Z%`) and its predecessor (`Pending: M reqs`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LOAD = re.compile(
    r"generation throughput: (?P<tokens>[\d.]+) tokens/s, Running: (?P<running>\d+) reqs,"
    r".*?(?:Waiting|Pending): (?P<waiting>\d+) reqs, .*?KV cache usage: (?P<cache>[\d.]+)%"
)
PREEMPTED = re.compile(r"preempt", re.IGNORECASE)
ABORTED = re.compile(r"Aborted request|Aborting request", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLoad:
    """The load over the last lines of a log."""

    lines: int
    """How many lines told the load; 0: none did."""
    running: float = 0.0
    """Requests that the server worked at, on average."""
    waiting: float = 0.0
    """Requests in its queue, on average."""
    cache: float = 0.0
    """Use of the KV cache, in per cent, on average."""
    cache_peak: float = 0.0
    tokens: float = 0.0
    """Output tokens per second in the last quarter of the lines."""
    tokens_best: float = 0.0
    """The best of all lines."""
    preemptions: int = 0
    aborted: int = 0


def read_load(lines: Iterable[str], latest: int = 60) -> ServerLoad:
    """Read a log's lines. Averages are over the last `latest` lines about the load (ten minutes of vLLM)."""
    rows: list[tuple[float, float, float, float]] = []
    preemptions = aborted = 0
    for line in lines:
        if (found := LOAD.search(line)) is not None:
            rows.append(
                (float(found["tokens"]), float(found["running"]), float(found["waiting"]), float(found["cache"]))
            )
        elif PREEMPTED.search(line):
            preemptions += 1
        elif ABORTED.search(line):
            aborted += 1
    if not rows:
        return ServerLoad(lines=0, preemptions=preemptions, aborted=aborted)
    recent = rows[-latest:]
    quarter = recent[-max(1, len(recent) // 4) :]

    def mean(column: int) -> float:
        return sum(row[column] for row in recent) / len(recent)

    return ServerLoad(
        lines=len(rows),
        running=mean(1),
        waiting=mean(2),
        cache=mean(3),
        cache_peak=max(row[3] for row in recent),
        tokens=sum(row[0] for row in quarter) / len(quarter),
        tokens_best=max(row[0] for row in rows),
        preemptions=preemptions,
        aborted=aborted,
    )
