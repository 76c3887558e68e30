"""From what came to generations: the record of each choice of a request."""

from __future__ import annotations

from collections.abc import Sequence

from saiten.models.failures import Failure, Kind
from saiten.models.outcomes import read_choice
from saiten.models.reasoning import ReasoningParser
from saiten.models.reply import RawChoice
from saiten.models.transport import Answer
from saiten.types import Generation, Outcome, Usage
from saiten.values import replace


def finished_choices(
    indices: Sequence[int], answer: Answer, parser: ReasoningParser | None, *, attempts: int, started: float
) -> dict[int, Generation]:
    """Return the generations of the choices that ended, by index of the request. Those that broke off are left out."""
    reply = answer.reply
    complete = {index: choice for index, choice in reply.choices.items() if choice.finish_reason is not None}
    usages = divided_usage(reply.usage, list(complete.values()), asked=len(indices))
    first = None if answer.first is None else answer.first - answer.started
    found = {}
    for (position, choice), usage in zip(complete.items(), usages, strict=True):
        reading = read_choice(choice, parser)
        found[indices[position]] = Generation(
            outcome=reading.outcome,
            text=reading.text,
            reasoning=reading.reasoning,
            reasoning_closed=reading.reasoning_closed,
            finish_reason=choice.finish_reason,
            repetition=reading.repetition,
            usage=usage,
            started=started,
            seconds=answer.ended - answer.started,
            first_token_seconds=first,
            attempts=attempts,
            model=reply.model,
        )
    return found


def divided_usage(usage: Usage, choices: Sequence[RawChoice], *, asked: int) -> list[Usage]:
    """Divide the usage of a request among its choices: input to the first, output by length of text.

    Servers count a request, not its choices. The parts add up to the whole; for one choice they are the whole.
    """
    if asked == 1:
        return [usage] * len(choices)
    lengths = [len(choice.text or "") + len(choice.reasoning or "") + 1 for choice in choices]
    outputs = _divided(usage.output_tokens, lengths)
    thoughts = _divided(usage.reasoning_tokens, lengths)
    return [
        Usage(
            input_tokens=usage.input_tokens if number == 0 else None,
            output_tokens=outputs[number],
            reasoning_tokens=thoughts[number],
        )
        for number in range(len(choices))
    ]


def _divided(total: int | None, weights: Sequence[int]) -> list[int | None]:
    """Divide a whole number in proportion to weights; the parts are whole and add up."""
    if total is None:
        return [None] * len(weights)
    parts: list[int | None] = []
    before = weight = 0
    for each in weights:
        weight += each
        upto = total * weight // sum(weights)
        parts.append(upto - before)
        before = upto
    return parts


def ended_choices(indices: Sequence[int], failure: Failure, *, attempts: int, started: float) -> dict[int, Generation]:
    """Return the generations of a request that brought no answer, one for each index.

    A prompt that leaves no room, or that the provider's policy turns away, is no failure of ours: it would end the
    same way again. Everything else is REQUEST_FAILED.
    """
    error = f"{failure.message} (after {attempts} requests)" if attempts > 1 else failure.message
    ended = Generation(outcome=Outcome.REQUEST_FAILED, started=started, attempts=attempts, error=error)
    if failure.kind is Kind.CONTEXT_OVERFLOW:
        ended = replace(ended, outcome=Outcome.TRUNCATED, finish_reason="context_overflow")
    elif failure.kind is Kind.CONTENT_POLICY:
        ended = replace(ended, outcome=Outcome.CONTENT_FILTER, finish_reason="content_policy")
    return dict.fromkeys(indices, ended)
