"""The scorer of mathematical answers. Cheap to import: the mathematics is done in worker processes.

What comparing texts decides is decided here (`math_exact`); the workers start when the first answer needs them, so a
run without mathematics, or with easy one only, starts none.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

import msgspec
from msgspec import Struct

from saiten.scoring.math_exact import Gold, exact_verdict
from saiten.scoring.math_protocol import Judged, Pair
from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.scoring.workers import Limits, WorkerDiedError, WorkerPool
from saiten.types import Choice, ChoiceScore, Document, Scorable

LOOK_AHEAD = 64
"""Choices that may wait for workers before an item must be finished."""
REMEMBERED = 4096
"""Verdicts kept, so that equal answers to one document are computed once."""


class MathAnswer(Struct, frozen=True):
    r"""Whether an answer equals the gold answer mathematically. Values of each choice:

    extractive_match: as the old system measured it (`math_compatible`, `math_equality`), of `compatible_text`.
    accuracy: a careful reading (`math_careful`), of the text after closed reasoning; no such text is not an answer.
    extracted_class, stated_class: a number for each distinct answer to a document; -1: no answer. For votes (maj@k).
    The old system tells answers apart by their text, so 1/2 and 2/4 are two. Here the careful class puts all right
    answers together; wrong ones are still told apart by their text.

    `gold`: how `document.target` is written. "latex": a text with the answer in an environment, a whole solution or
    `$\boxed{…}$`. "expression": digits or arithmetic without LaTeX.

    A pair that takes too long or too much memory is not equal; the score's note says so.
    """

    gold: Gold
    workers: int = 0
    """Worker processes at most; 0: one for each CPU but one, at most 8."""

    @property
    def name(self) -> str:
        return f"math_answer_{self.gold}"

    @property
    def version(self) -> int:
        return 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each item, in order; reads at most LOOK_AHEAD choices ahead."""
        size = self.workers or max(1, min(8, _cpus() - 1))
        with WorkerPool("saiten.scoring.math_worker", size=size, limits=Limits()) as pool:
            judge = _Judge(self.gold, pool)
            waiting: deque[tuple[_Pending, ...]] = deque()
            ahead = 0
            for document, choices in items:
                waiting.append(tuple(judge.start(document, choice) for choice in choices))
                ahead += len(choices)
                while waiting and (ahead > LOOK_AHEAD or all(pending.done() for pending in waiting[0])):
                    ahead -= len(waiting[0])
                    yield _scores(waiting.popleft())
            while waiting:
                yield _scores(waiting.popleft())


class _Pending(Struct, frozen=True):
    """The verdicts on a choice's text as the old system read it, and as a careful reader does (None: no answer)."""

    compatible: Future[Judged]
    careful: Future[Judged] | None

    def done(self) -> bool:
        return self.compatible.done() and (self.careful is None or self.careful.done())

    def score(self, classes: dict[str, int]) -> ChoiceScore:
        """Wait for the verdicts. `classes`: the document's answers so far, each with its number; grows."""
        old = self.compatible.result()
        new = self.careful.result() if self.careful is not None else None
        accurate = new is not None and new.accurate
        stated = new.extracted if new is not None else None
        values = {
            "extractive_match": float(old.match),
            "accuracy": float(accurate),
            "extracted_class": _class(old.extracted, classes),
            "stated_class": float(RIGHT) if accurate else _class(stated, classes),
        }
        return ChoiceScore(values=values, extracted=old.extracted, note=old.note)


RIGHT = 0
"""The careful class of every right answer."""


def _scores(document: tuple[_Pending, ...]) -> tuple[ChoiceScore, ...]:
    classes: dict[str, int] = {}
    return tuple(pending.score(classes) for pending in document)


def _class(text: str | None, classes: dict[str, int]) -> float:
    return -1.0 if text is None else float(classes.setdefault(text, RIGHT + 1 + len(classes)))


class _Judge:
    """Gives verdicts: known ones at once, the others by the workers."""

    def __init__(self, gold: Gold, pool: WorkerPool) -> None:
        self._gold = gold
        self._pool = pool
        self._known: OrderedDict[bytes, Future[Judged]] = OrderedDict()

    def start(self, document: Document, choice: Choice) -> _Pending:
        generation = answer(choice)
        compatible = self._verdict(document.target, compatible_text(generation))
        careful = answer_text(generation)
        return _Pending(compatible, None if careful is None else self._verdict(document.target, careful))

    def _verdict(self, gold: str, text: str) -> Future[Judged]:
        if not text.strip():
            return _settled(Judged(match=False, accurate=False, extracted=None))
        if exact := exact_verdict(gold, self._gold, text):
            return _settled(Judged(match=exact.equal, accurate=exact.equal, extracted=exact.extracted))
        request = msgspec.msgpack.encode(Pair(gold, self._gold, text))
        key = hashlib.blake2b(request, digest_size=16).digest()
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _decoded(self._pool.submit(request))
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return known


def _settled(judged: Judged) -> Future[Judged]:
    future: Future[Judged] = Future()
    future.set_result(judged)
    return future


def _decoded(reply: Future[bytes]) -> Future[Judged]:
    """Return a future of the worker's verdict; a worker that died means: not equal."""
    judged: Future[Judged] = Future()

    def settle(reply: Future[bytes]) -> None:
        if reply.cancelled():
            judged.cancel()
            return
        error = reply.exception()
        if error is None:
            judged.set_result(msgspec.msgpack.decode(reply.result(), type=Judged))
        elif isinstance(error, WorkerDiedError):
            note = "timeout" if error.timed_out else "worker died"
            judged.set_result(Judged(match=False, accurate=False, extracted=None, note=note))
        else:
            judged.set_exception(error)

    reply.add_done_callback(settle)
    return judged


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
