"""The engine in virtual time, against a step-by-step reading of its rules."""

from __future__ import annotations

import math

from bench.mock_engine import Engine, Job, Shape, Timing, bounds, simulate
from bench.mock_replies import Profile, draw_length, question, reply
from hypothesis import given, settings
from hypothesis import strategies as st

SMALL = Timing(slots=3, prefill_cap=50, step_seconds=1.0, running_seconds=0.125, prefill_rate=64.0, speedup=2.0)
SHAPES = st.lists(
    st.tuples(st.integers(1, 80), st.lists(st.integers(1, 20), min_size=1, max_size=4)), min_size=1, max_size=12
)


def naive(timing: Timing, shapes: list[Shape]) -> float:
    """Step by step, one sequence at a time."""
    waiting = [(0 if at else prompt, length) for prompt, lengths in shapes for at, length in enumerate(lengths)]
    running: list[int] = []
    now = 0.0
    while waiting or running:
        new = 0
        while waiting and len(running) < timing.slots and (not new or new + waiting[0][0] <= timing.prefill_cap):
            prompt, length = waiting.pop(0)
            new += prompt
            running.append(length)
        now += timing.step(len(running), new)
        running = [left - 1 for left in running if left > 1]
    return now


@given(SHAPES)
def test_jumping_over_quiet_steps_changes_nothing(shapes: list[Shape]) -> None:
    assert math.isclose(simulate(SMALL, shapes), naive(SMALL, shapes))


@given(SHAPES)
def test_no_order_beats_a_saturated_engine(shapes: list[Shape]) -> None:
    found = bounds(SMALL, shapes)
    assert found.saturated <= found.fifo + 1e-9
    assert found.saturated <= found.longest_first + 1e-9


@settings(max_examples=50)
@given(SHAPES, st.integers(0, 30), st.integers(0, 11))
def test_waking_more_often_and_cancelling_leave_nothing_behind(shapes: list[Shape], at: int, which: int) -> None:
    engine = Engine(SMALL)
    told: dict[tuple[int, int], int] = {}

    def emit(job: int) -> object:
        def tell(index: int, start: int, end: int) -> None:
            assert told.get((job, index), 0) == start
            told[job, index] = end

        return tell

    jobs = [Job(prompt, lengths, emit(number), 3) for number, (prompt, lengths) in enumerate(shapes)]  # type: ignore[arg-type]  # object is the callable
    engine.submit(jobs, 0.0)
    cancelled = jobs[which % len(jobs)]
    now = 0.0
    while engine.next_wake() is not None:
        now += 0.37
        engine.advance(now)
        if now >= at:
            engine.cancel(cancelled, now)
    assert (engine.running, engine.waiting, engine.context_tokens) == (0, 0, 0)
    for number, job in enumerate(jobs):
        if not job.cancelled:
            assert [told[number, index] for index in range(len(job.lengths))] == list(job.lengths)


def test_lengths_have_a_heavy_tail_with_a_cap() -> None:
    lengths = [reply(question([("user", f"[#{tag}] ?")])).tokens for tag in range(4000)]
    assert 560 < sum(lengths) / len(lengths) < 640
    assert sorted(lengths)[2000] < 450
    assert max(lengths) == Profile().cap


@given(st.integers(0, 2**64 - 1))
def test_every_draw_is_a_length(bits: int) -> None:
    assert 1 <= draw_length(Profile(), bits) <= 4096
