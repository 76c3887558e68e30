"""What a judgement is: which request decides about an answer, and what the journal says of it.

Its identity is the hash of what the judge is sent (answers, question, reference and the judge's prompt) and of the
judge model with its parameters. Equal answers are judged once; another judge, or another prompt, judges again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from saiten.engine.identity import judgement_identity
from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.engine.record import JUDGE_UNPARSABLE, RATED, GenerationRecord
from saiten.types import Document, Generation, Message, Verdict
from saiten.values import replace

ASKS = 2
"""A verdict that cannot be read is asked for once more."""

Due = tuple[BenchmarkPlan, SubsetPlan, int, int, int]
"""(plan, subset, document index, repetition, turn) of an answer to judge."""


class Judgement(Struct, frozen=True, kw_only=True):
    """A request to the judge about one turn of one choice."""

    document: Document
    answers: tuple[str, ...]
    """As the judge sees them, up to the turn that is judged."""
    messages: tuple[Message, ...]
    identities: tuple[str, ...]
    """Of the first time it is asked, and of the second."""


def judgement_of(plan: BenchmarkPlan, subset: SubsetPlan, document: Document, turns: Sequence[Generation]) -> Judgement:
    """Return the request about the last of `turns`."""
    judge, model = plan.benchmark.judge, plan.judge
    assert judge is not None
    assert model is not None
    answers = tuple(subset.continued(generation) for generation in turns)
    messages = judge.request(document, answers)
    identities = tuple(judgement_identity(messages, model.name, model.sampling, ask) for ask in range(ASKS))
    return Judgement(document=document, answers=answers, messages=messages, identities=identities)


def verdict_of(plan: BenchmarkPlan, judgement: Judgement) -> Verdict | None:
    """Return what the journal says, its texts read anew; None where the judge is still to be asked (again)."""
    judge = plan.benchmark.judge
    assert judge is not None
    earlier: list[str] = []
    for identity in judgement.identities:
        found = plan.verdicts.get(identity)
        if found is None:
            return None
        rating = judge.rating(judgement.document, judgement.answers, found.detail)
        if rating is not None or len(earlier) == ASKS - 1:
            status = JUDGE_UNPARSABLE if rating is None else RATED
            return replace(found, status=status, value=rating, earlier=tuple(earlier))
        earlier.append(found.detail)
    return None


def failed(plan: BenchmarkPlan, judgement: Judgement) -> bool:
    """Return whether a request of this judgement failed for good, and was not answered later."""
    return any(identity in plan.failed_judgements for identity in judgement.identities)


def read_turns(due: Due) -> list[GenerationRecord] | None:
    """Return the records of the turns up to the one to judge; None while one of them is missing."""
    plan, subset, index, repetition, turn = due
    locations = [subset.locations[subset.slot(index, repetition, earlier)] for earlier in range(turn + 1)]
    return [plan.generations.read(location) for location in locations] if min(locations) >= 0 else None


def unjudged(plan: BenchmarkPlan) -> Iterator[Due]:
    """Yield the stored answers of a benchmark's part that the judge is still to be asked about."""
    for subset in plan.subsets if plan.benchmark.judge is not None else ():
        for index in subset.indexes:
            document = subset.document(index)
            for repetition in range(subset.generated(index)):
                for turn in range(subset.turns):
                    due = (plan, subset, index, repetition, turn)
                    records = read_turns(due)
                    if records is None:
                        continue
                    judgement = judgement_of(plan, subset, document, [record.generation for record in records])
                    if verdict_of(plan, judgement) is None:
                        yield due
