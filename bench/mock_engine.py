"""A model server's engine in virtual time: continuous batching with the timing of one large GPU.

A step admits waiting sequences while there are slots and the step's new prompt tokens stay within the cap, lasts
`base + per_running * running + new prompt tokens / prefill rate` seconds (divided by the speed-up), and gives one token
to each running sequence. The engine does no input or output: whoever drives it submits jobs, asks when to wake, and
calls `advance`. The same class computes the bounds.

Not modelled: prefix cache, the limit of the KV cache and preemption, the server's own cost of HTTP.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast the engine is. The defaults are those of an 8B model on one data-centre GPU."""

    slots: int = 256
    prefill_cap: int = 8192
    step_seconds: float = 0.0065
    running_seconds: float = 0.000035
    prefill_rate: float = 30_000.0
    speedup: float = 3.0

    def step(self, running: int, new_tokens: int) -> float:
        """Return the seconds of a step."""
        seconds = self.step_seconds + self.running_seconds * running + new_tokens / self.prefill_rate
        return seconds / self.speedup


class Job:
    """One request: a prompt and the lengths of its sequences.

    `emit(index, start, end)` says that sequence `index` has its tokens from `start` up to `end`; it is called every
    `interval` tokens and at the end (interval 0: only at the end).
    """

    __slots__ = ("admitted", "cancelled", "emit", "interval", "left", "lengths", "prompt", "running", "started")

    def __init__(
        self, prompt: int, lengths: Sequence[int], emit: Callable[[int, int, int], None] | None, interval: int = 0
    ) -> None:
        self.prompt = prompt
        self.lengths = lengths
        self.emit = emit
        self.interval = interval
        self.admitted = 0
        """Sequences that have entered the batch."""
        self.running = 0
        self.started = 0
        """Sum of the steps at which the running sequences were admitted."""
        self.left = len(lengths)
        self.cancelled = False


class Engine:
    """Continuous batching. Times are seconds of the driver's clock."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.running = 0
        self.waiting = 0
        self.steps = 0
        self.busy_seconds = 0.0
        self.batch_seconds = 0.0
        """Running sequences, integrated over busy time."""
        self.generated = 0
        self._queue: deque[Job] = deque()
        self._events: list[tuple[int, int, Job, int, int, int]] = []
        self._serial = 0
        self._context = 0
        """Prompt tokens of the running sequences minus the steps at which they were admitted."""
        self._end: float | None = None
        self._duration = 0.0

    def submit(self, jobs: Iterable[Job], now: float) -> None:
        """Queue jobs that arrived at `now`."""
        self.advance(now)
        for job in jobs:
            self._queue.append(job)
            self.waiting += len(job.lengths)
        if self._end is None:
            self._begin(now)

    def cancel(self, job: Job, now: float) -> None:
        """Free the slots of a job whose client has gone."""
        self.advance(now)
        if job.cancelled or not job.left:
            return
        job.cancelled = True
        self.waiting -= len(job.lengths) - job.admitted
        self.running -= job.running
        self._context -= job.prompt * job.running - job.started

    def next_wake(self) -> float | None:
        """Return when something will happen next if nothing arrives; None: never."""
        if self._end is None:
            return None
        return self._end + self._idle_steps() * self._steady_step()

    def advance(self, now: float) -> None:
        """Run all steps that have ended by `now`."""
        while self._end is not None and self._end <= now:
            idle = self._idle_steps()
            if idle:
                step = self._steady_step()
                idle = min(idle, math.floor((now - self._end) / step))
                self._account(idle, step)
                self._end += idle * step
            end = self._end
            self._account(1, self._duration)
            self._deliver()
            self._begin(end)

    def shift(self, seconds: float) -> None:
        """Move the clock: the process was not running for so long, which is not the model's doing."""
        if self._end is not None:
            self._end += seconds

    @property
    def context_tokens(self) -> int:
        """Tokens that the running sequences hold in the KV cache."""
        return self._context + self.running * self.steps

    def _idle_steps(self) -> int:
        """Return how many steps after the running one change nothing but time."""
        if not self._events or (self.waiting and self.running < self.timing.slots):
            return 0
        return max(0, self._events[0][0] - self.steps - 1)

    def _steady_step(self) -> float:
        return self.timing.step(self.running, 0)

    def _account(self, steps: int, seconds: float) -> None:
        self.steps += steps
        self.generated += steps * self.running
        self.busy_seconds += steps * seconds
        self.batch_seconds += steps * seconds * self.running

    def _begin(self, now: float) -> None:
        """Start a step at `now`: admit what fits."""
        new_tokens = 0
        while self._queue and self.running < self.timing.slots:
            job = self._queue[0]
            if job.cancelled:
                self._queue.popleft()
                continue
            prompt = 0 if job.admitted else job.prompt
            if new_tokens and new_tokens + prompt > self.timing.prefill_cap:
                break
            new_tokens += prompt
            self._admit(job)
            if job.admitted == len(job.lengths):
                self._queue.popleft()
        if not self.running:
            self._end = None
            self._events.clear()
            return
        self._duration = self.timing.step(self.running, new_tokens)
        self._end = now + self._duration

    def _admit(self, job: Job) -> None:
        length = job.lengths[job.admitted]
        self._schedule(job, job.admitted, 0, length)
        job.admitted += 1
        job.running += 1
        job.started += self.steps
        self._context += job.prompt - self.steps
        self.waiting -= 1
        self.running += 1

    def _schedule(self, job: Job, index: int, start: int, length: int) -> None:
        """Note the step at which the tokens after `start` are to be told."""
        end = min(length, start + job.interval) if job.interval else length
        self._serial += 1
        heappush(self._events, (self.steps + end - start, self._serial, job, index, start, end))

    def _deliver(self) -> None:
        """Tell the tokens that are due, end the sequences that are complete."""
        while self._events and self._events[0][0] <= self.steps:
            _, _, job, index, start, end = heappop(self._events)
            if job.cancelled:
                continue
            length = job.lengths[index]
            if end < length:
                self._schedule(job, index, end, length)
            else:
                self._leave(job, length)
            if job.emit is not None:
                job.emit(index, start, end)

    def _leave(self, job: Job, length: int) -> None:
        admitted = self.steps - length
        job.left -= 1
        job.running -= 1
        job.started -= admitted
        self.running -= 1
        self._context -= job.prompt - admitted


Shape = tuple[int, Sequence[int]]
"""A request as the bounds see it: prompt tokens, and the lengths of its sequences."""


def simulate(timing: Timing, shapes: Iterable[Shape]) -> float:
    """Return the seconds that the engine needs for requests that all wait at time 0, in the order given."""
    engine = Engine(timing)
    engine.submit((Job(prompt, lengths, None) for prompt, lengths in shapes), 0.0)
    end = 0.0
    while (wake := engine.next_wake()) is not None:
        engine.advance(wake)
        end = wake
    return end


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What no client can beat, from the requests that were really received, seconds."""

    saturated: float
    """Every step has all its slots filled."""
    fifo: float
    """All requests wait at the start, in dataset order: what a client without knowledge of lengths can reach."""
    longest_first: float
    """The same, longest request first: what perfect knowledge of lengths reaches."""


def bounds(timing: Timing, shapes: Sequence[Shape]) -> Bounds:
    """Return the bounds for requests that are given in dataset order."""
    tokens = sum(sum(lengths) for _, lengths in shapes)
    prompt_tokens = sum(prompt for prompt, _ in shapes)
    full_step = timing.step(timing.slots, 0)
    return Bounds(
        saturated=tokens / timing.slots * full_step + prompt_tokens / timing.prefill_rate / timing.speedup,
        fifo=simulate(timing, shapes),
        longest_first=simulate(timing, sorted(shapes, key=lambda shape: -max(shape[1], default=0))),
    )
