"""How far a run is: counters in memory, shown by the caller and written to progress.json for everybody else."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict

from saiten.errors import UserError
from saiten.models.load import Load
from saiten.part import Part
from saiten.results.files import write_json
from saiten.types import Generation, Outcome

RATE_SECONDS = 60.0
WRITE_SECONDS = 5.0
STALE_SECONDS = 90.0


class BenchmarkProgress(Struct):
    """Counters of one benchmark, in choices. Greedy copies count when the choice they copy is answered."""

    name: str
    due: int
    answered: int = 0
    before: int = 0
    """Answered by an earlier start of this run."""
    failed: int = 0
    truncated: int = 0
    repetition: int = 0
    unclosed: int = 0
    empty: int = 0
    to_verify: int = 0
    verified: int = 0
    output_tokens: int = 0

    def note(self, generation: Generation, choices: int) -> None:
        """Count one generation that stands for `choices` choices."""
        if generation.outcome is Outcome.REQUEST_FAILED:
            self.failed += choices
            return
        self.answered += choices
        self.truncated += choices * (generation.finish_reason == "length")
        self.repetition += choices * (generation.repetition is not None)
        self.unclosed += choices * (generation.reasoning_closed is False)
        self.empty += choices * (generation.outcome is Outcome.EMPTY)
        self.output_tokens += generation.usage.output_tokens or 0


class Progress(Struct):
    """The state of a run, or of a part of it, for whoever wants to look."""

    part: Part = field(default_factory=Part)
    asks: tuple[str, ...] = ()
    """Names of the benchmarks that this process asks."""
    benchmarks: dict[str, BenchmarkProgress] = field(default_factory=dict)
    state: str = "starting"
    """starting, serving, generating, draining, verifying, scoring, complete, incomplete, interrupted, failed"""
    detail: str = ""
    running: int = 0
    ceiling: int = 0
    waiting: int = 0
    """Choices that wait for their next try, or for a slot."""
    paused_seconds: float = 0.0
    cost: float | None = None
    """What the run has cost so far, earlier starts included; None: no price is known."""
    max_cost: float | None = None
    streamed_tokens: int = 0
    """Output tokens seen so far in this start, requests in flight included; an estimate until they end."""
    requests: int = 0
    retries: int = 0
    restarts: int = 0
    """How often the model's server died and was started again."""
    server: Load | None = None
    """What a server of ours says of its own work."""
    started: float = field(default_factory=time.time)
    asking_since: float | None = None
    """When the first question could be asked, because the server was there."""
    asking_until: float | None = None
    """When the last answer was in."""
    _samples: deque[tuple[float, int, int]] = field(default_factory=deque)
    _writing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def due(self) -> int:
        """Choices due in all benchmarks."""
        return sum(benchmark.due for benchmark in self.benchmarks.values())

    @property
    def answered(self) -> int:
        """Choices answered in all benchmarks."""
        return sum(benchmark.answered for benchmark in self.benchmarks.values())

    def sample(self) -> None:
        """Take a point for the rates; called about once a second."""
        now = time.monotonic()
        self._samples.append((now, self.answered, self.streamed_tokens))
        while now - self._samples[0][0] > RATE_SECONDS:
            self._samples.popleft()

    def rates(self) -> tuple[float, float]:
        """Return (choices per second, output tokens per second) over the last minute."""
        if len(self._samples) < 2:
            return 0.0, 0.0
        (start, first, tokens), (end, last, more) = self._samples[0], self._samples[-1]
        seconds = max(end - start, 1e-9)
        return (last - first) / seconds, (more - tokens) / seconds

    def eta_seconds(self) -> float | None:
        """Return the seconds left at the present rate, or None where there is no rate yet."""
        rate, _ = self.rates()
        return (self.due - self.answered) / rate if rate > 0 else None

    def snapshot(self) -> dict[str, Any]:
        """Return what progress.json holds."""
        choices, tokens = self.rates()
        return {
            "state": self.state,
            "detail": self.detail,
            "heartbeat": time.time(),
            "started": self.started,
            "asking_since": self.asking_since,
            "asking_until": self.asking_until,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "key": self.part.key,
            "asks": self.asks,
            "shard": (self.part.shard, self.part.shards),
            "stop_at": self.part.stop_at,
            "due": self.due,
            "answered": self.answered,
            "failed": sum(benchmark.failed for benchmark in self.benchmarks.values()),
            "running": self.running,
            "ceiling": self.ceiling,
            "waiting": self.waiting,
            "requests": self.requests,
            "retries": self.retries,
            "cost": self.cost,
            "max_cost": self.max_cost,
            "restarts": self.restarts,
            "server": None if self.server is None else asdict(self.server),
            "choices_per_second": round(choices, 3),
            "tokens_per_second": round(tokens, 1),
            "eta_seconds": None if (eta := self.eta_seconds()) is None else round(eta),
            "benchmarks": {
                name: {key: getattr(benchmark, key) for key in BenchmarkProgress.__struct_fields__ if key != "name"}
                for name, benchmark in self.benchmarks.items()
            },
        }

    def write(self, directory: Path) -> None:
        """Write the progress file, whole. A disk that is full does not stop the run for its progress file."""
        with self._writing:
            try:
                write_json(directory / self.part.progress_file, self.snapshot())
            except UserError as error:
                self.detail = str(error)

    @contextmanager
    def beating(self, directory: Path) -> Iterator[None]:
        """Write the progress file every few seconds while the block runs, whatever the block waits for."""
        done = threading.Event()

        def beat() -> None:
            while not done.wait(WRITE_SECONDS):
                self.write(directory)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        self.write(directory)
        thread.start()
        try:
            yield
        except BaseException:
            if self.state == "scoring":
                self.state = "interrupted"
            raise
        finally:
            done.set()
            thread.join()
            self.write(directory)
