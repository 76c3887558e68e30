"""How a choice ended. The one place that decides it.

The rules, in order; the first that holds decides:

1. CONTENT_FILTER       the server said so: finish_reason `content_filter` (or `safety` and the like).
2. REPETITION           the text was cut while it was repeating itself: at the token limit, by us or by the server.
3. TRUNCATED            cut at the token limit or for lack of room, whatever came before: answer, nothing or reasoning.
4. UNCLOSED_REASONING   the server says that it was finished, and yet reasoning began and never ended.
5. EMPTY                nothing to score: no content, "" or white space only, or tool calls in place of an answer.
6. OK                   everything else; a refusal is an answer, too.

A finish_reason that nobody knows is recorded verbatim and decides nothing. Where finish_reason is missing altogether
the answer is incomplete; the client never brings such a choice here.
"""

from __future__ import annotations

from msgspec import Struct

from saiten.models.loops import find_loop
from saiten.models.reasoning import ReasoningParser, Split
from saiten.models.reply import RawChoice
from saiten.types import Outcome, Repetition

CUT = frozenset({"length", "max_tokens", "model_length", "context_overflow"})
"""Words for "the token limit was reached" (OpenAI, Anthropic, Mistral), and ours for a prompt that left no room."""
FILTERED = frozenset({"content_filter", "safety", "recitation", "blocklist", "prohibited_content"})
"""Words for "what the model said is withheld" (OpenAI, Gemini)."""
REPETITION = "repetition"
"""The finish_reason of a stream that we closed because it looped, and of one that vLLM ended for the same reason."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a raw choice says, once its reasoning is told from its answer."""

    outcome: Outcome
    text: str | None
    reasoning: str | None
    reasoning_closed: bool | None
    repetition: Repetition | None


def read_choice(choice: RawChoice, parser: ReasoningParser | None) -> Reading:
    """Take a finished choice apart and say how it ended."""
    split = _split(choice, parser)
    tail = split.text if split.text and split.text.strip() else split.reasoning
    repetition = find_loop(tail) if tail else None
    return Reading(
        outcome=classify(choice, split, repetition),
        text=split.text,
        reasoning=split.reasoning,
        reasoning_closed=split.closed,
        repetition=repetition,
    )


def _split(choice: RawChoice, parser: ReasoningParser | None) -> Split:
    """Tell reasoning from answer: by the server's own fields where it sent them, else by the parser."""
    text = choice.text
    if not text:
        text = choice.refusal or text
    if choice.reasoning:
        ended = bool(text and text.strip()) or choice.tool_calls
        return Split(text=text, reasoning=choice.reasoning, closed=ended)
    return parser(text) if parser is not None and text else Split(text=text)


def classify(choice: RawChoice, split: Split, repetition: Repetition | None) -> Outcome:
    """Decide by the rules above."""
    reason = (choice.finish_reason or "").lower()
    cut = reason in CUT or reason == REPETITION
    nothing = split.text is None or not split.text.strip()
    if reason in FILTERED:
        return Outcome.CONTENT_FILTER
    if reason == REPETITION or (cut and repetition is not None):
        return Outcome.REPETITION
    if cut:
        return Outcome.TRUNCATED
    if split.closed is False and (nothing or split.reasoning is None):
        return Outcome.UNCLOSED_REASONING
    return Outcome.EMPTY if nothing else Outcome.OK
