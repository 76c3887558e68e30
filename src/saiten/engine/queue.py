"""One queue over all benchmarks of a run: longest expected answer first, later turns as soon as they can be asked.

The queue holds document numbers, never documents: an item is built when a slot is free for it, so memory is bounded by
the number of requests in flight. A later turn is an item of its own that becomes ready when the answer it continues
is stored; ready items go first, because the conversation they belong to is the longest thing left.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence

from msgspec import Struct

from saiten.engine import lengths
from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.types import Document

INDEX_BITS = 32
REST_BIT = 1 << INDEX_BITS
PLACE_SHIFT = INDEX_BITS + 1


class Item(Struct, frozen=True, kw_only=True):
    """One request to make: a turn of a document, for one or more repetitions that share its conversation."""

    plan: BenchmarkPlan
    subset: SubsetPlan
    index: int
    document: Document
    turn: int
    repetitions: tuple[int, ...]
    answers: tuple[str, ...] = ()
    """The answers to the earlier turns."""
    expected_tokens: float = 0.0


class WorkQueue:
    """Yields items until nothing is owed. `width` is the most repetitions that one request may ask for."""

    def __init__(self, plans: Sequence[BenchmarkPlan], width: int) -> None:
        self._width = width
        self._places = [(plan, subset) for plan in plans for subset in plan.subsets]
        known = {id(plan): lengths.KnownLengths.load(plan) for plan in plans}
        self._expected = [lengths.expectations(subset, known[id(plan)]) for plan, subset in self._places]
        self._ready: deque[Item] = deque()
        self._documents = self._ordered()

    def _splits(self, subset: SubsetPlan) -> bool:
        """Return whether later turns wait for repetition 0 alone: then it goes first, and the others fill up."""
        waits = subset.turns > 1 and not subset.own
        return waits and subset.samples > 1 and self._width == 1

    def _ordered(self) -> Iterator[int]:
        """Yield the code of every document: longest expected chain of turns first, else in dataset order."""
        groups = []
        for number, (_, subset) in enumerate(self._places):
            groups.append(number << PLACE_SHIFT)
            if self._splits(subset):
                groups.append(number << PLACE_SHIFT | REST_BIT)
        if all(min(e, default=0.0) == max(e, default=0.0) for e in self._expected):
            for group in sorted(groups, key=lambda code: -self._chain(code)):
                yield from (group | index for index in self._indexes(group))
            return
        codes = array("Q")
        for group in groups:
            codes.extend(group | index for index in self._indexes(group))
        yield from sorted(codes, key=lambda code: -self._chain(code))

    def _indexes(self, group: int) -> range:
        return self._places[group >> PLACE_SHIFT][1].indexes

    def _chain(self, code: int) -> float:
        """Return the tokens that are expected until the last turn that waits for this answer is done."""
        number = code >> PLACE_SHIFT
        expected = self._expected[number]
        tokens = expected[code & REST_BIT - 1] if expected else 0.0
        return tokens if code & REST_BIT else tokens * self._places[number][1].turns

    def pop(self) -> Item | None:
        """Return the next item, or None while nothing can be asked now (or ever)."""
        while not self._ready:
            code = next(self._documents, None)
            if code is None:
                return None
            self._ready.extend(self._owed(code))
        return self._ready.popleft()

    def _owed(self, code: int) -> Iterator[Item]:
        """Yield what a document owes and can be asked now."""
        number, index = code >> PLACE_SHIFT, code & REST_BIT - 1
        plan, subset = self._places[number]
        first = subset.slot(index, 0, 0)
        if min(subset.locations[first : first + subset.samples * subset.turns]) >= 0:
            return
        document = subset.document(index)
        for turn in range(1 if code & REST_BIT else subset.turns):
            owed = self._missing(subset, document, index, turn)
            if turn == 0 and self._splits(subset):
                owed = [r for r in owed if bool(r) == bool(code & REST_BIT)]
            askable = {r: plan.answers(subset, index, r, turn) for r in owed}
            for repetitions in self._grouped(subset, [r for r in owed if askable[r] is not None], turn):
                yield Item(
                    plan=plan,
                    subset=subset,
                    index=index,
                    document=document,
                    turn=turn,
                    repetitions=repetitions,
                    answers=tuple(askable[repetitions[0]] or ()),
                    expected_tokens=self._expected[number][index],
                )

    @staticmethod
    def _missing(subset: SubsetPlan, document: Document, index: int, turn: int) -> list[int]:
        repetitions = range(subset.repetitions(document))
        return [r for r in repetitions if subset.locations[subset.slot(index, r, turn)] < 0]

    def _grouped(self, subset: SubsetPlan, repetitions: list[int], turn: int) -> Iterator[tuple[int, ...]]:
        """Split repetitions into requests. Those that continue answers of their own cannot share one."""
        alone = turn > 0 and subset.own
        width = 1 if alone else self._width
        for start in range(0, len(repetitions), width):
            yield tuple(repetitions[start : start + width])

    def answered(self, item: Item, texts: dict[int, str]) -> None:
        """Make the turns ready that continue these answers (repetition -> text)."""
        turn = item.turn + 1
        if turn >= item.subset.turns:
            return
        owed = self._missing(item.subset, item.document, item.index, turn)
        sources = {r: item.subset.source_repetition(r) for r in owed}
        for repetitions in self._grouped(item.subset, [r for r in owed if sources[r] in texts], turn):
            self._ready.append(
                Item(
                    plan=item.plan,
                    subset=item.subset,
                    index=item.index,
                    document=item.document,
                    turn=turn,
                    repetitions=repetitions,
                    answers=(*item.answers, texts[sources[repetitions[0]]]),
                    expected_tokens=item.expected_tokens,
                )
            )
