"""Which text of a generation is read for an answer: as the old system did, and as a careful person would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from saiten.types import Outcome

if TYPE_CHECKING:
    from saiten.types import Choice, Generation


def compatible_text(generation: Generation) -> str:
    """Return the text that the old system scored: where the server sent no content, the reasoning stands in for it.

    An empty content is an empty answer and is not replaced.
    """
    if generation.text is None:
        return generation.reasoning or ""
    return generation.text


def answer_text(generation: Generation) -> str | None:
    """Return the text in which a careful reader looks for the final answer, or None where there is no answer.

    Reasoning that never closed is not an answer, nor is a request that failed. A truncated or repeating text may
    still state its answer, so it is read.
    """
    unfinished = generation.reasoning_closed is False or generation.outcome in {
        Outcome.UNCLOSED_REASONING,
        Outcome.REQUEST_FAILED,
    }
    return None if unfinished else generation.text


def answer(choice: Choice) -> Generation:
    """Return the generation that holds a choice's answer: that of the last turn."""
    return choice.turns[-1]
