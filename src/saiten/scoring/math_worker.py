"""The process in which mathematical answers are parsed and compared: `python -m saiten.scoring.math_worker`.

sympy evaluates what a model wrote, so every step has its own limit of CPU time; after a step was cut off, the process
answers and ends, because sympy's caches may be damaged.
"""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable
from functools import lru_cache
from types import FrameType
from typing import Any, TypeVar

import msgspec

from saiten.scoring.math_attempt import attempt
from saiten.scoring.math_careful import careful_equal
from saiten.scoring.math_compatible import Role, extract, first_text
from saiten.scoring.math_equality import equal_any
from saiten.scoring.math_protocol import STEP_SECONDS, Judged, Pair
from saiten.scoring.workers import Limits, Reply, serve

T = TypeVar("T")


class _CutOffError(BaseException):
    """A step took too long. No Exception: the libraries catch those."""


class Steps:
    """Runs steps with a limit of CPU time each and remembers which were cut off."""

    def __init__(self, seconds: float = STEP_SECONDS) -> None:
        self._seconds = seconds
        self.notes: list[str] = []
        self.cut_off = False

    def run(self, name: str, step: Callable[[], T], otherwise: T) -> T:
        """Return what `step` returns, or `otherwise` if it takes too long, too much memory, or fails."""
        try:
            # A second signal follows soon: a bare except in a library may swallow the first one.
            signal.setitimer(signal.ITIMER_PROF, self._seconds, 0.2)
            try:
                return attempt(step, otherwise)
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        except _CutOffError:
            self.notes.append(f"timeout ({name})")
        except MemoryError:
            self.notes.append(f"out of memory ({name})")
        self.cut_off = True
        return otherwise


def cut_off(_signum: int, _frame: FrameType | None) -> None:
    """Handle SIGPROF: end the step that used up its time."""
    raise _CutOffError


def judge(pair: Pair, steps: Steps) -> Judged:
    """Compare both ways. A step that was cut off leaves its text unread, or the two not equal."""
    same = steps.run("answer", lambda: _same_text(pair), None)
    shown = same
    match = same is not None
    if not match:
        golds = steps.run("gold", lambda: _gold(pair.gold, _role(pair)), []) or [pair.gold]
        answers: list[Any] = steps.run("answer", lambda: extract(pair.answer, "answer"), [])
        match = steps.run("comparison", lambda: equal_any(golds, answers), otherwise=False)
        shown = str(answers[-1]) if answers else None
    accurate = steps.run("careful reading", lambda: careful_equal(pair.gold, pair.kind, pair.answer), otherwise=False)
    return Judged(match=match, accurate=accurate, extracted=shown, note=", ".join(steps.notes))


def _role(pair: Pair) -> Role:
    return "latex gold" if pair.kind == "latex" else "plain gold"


_gold = lru_cache(maxsize=64)(extract)
_gold_text = lru_cache(maxsize=64)(first_text)


def _same_text(pair: Pair) -> str | None:
    """Return what both texts say if it is the same text: equal, and nothing needs to be parsed."""
    gold = _gold_text(pair.gold, _role(pair))
    return gold if gold is not None and gold == first_text(pair.answer, "answer") else None


def _handle(request: bytes) -> Reply:
    steps = Steps()
    judged = judge(msgspec.msgpack.decode(request, type=Pair), steps)
    return Reply(msgspec.msgpack.encode(judged), retire=steps.cut_off)


def main() -> None:
    """Serve until the parent closes the pipe."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, cut_off)
    serve(_handle, Limits())


if __name__ == "__main__":
    main()
