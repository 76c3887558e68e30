"""Tells reasoning from answer in raw text, for servers that do not.

A parser has a name: `deepseek_r1_markup`, `tags` (the same as `tags:<think>,</think>`), or `tags:START,END` with any
two marks. It says what was reasoning, what was answer, and whether the reasoning was closed.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from saiten.errors import UserError, suggestion


class Split(Struct, frozen=True, kw_only=True):
    """A raw text, taken apart."""

    text: str | None
    """The answer. None: there is none, since the reasoning never closed or nothing came after it."""
    reasoning: str | None = None
    closed: bool | None = None
    """None: no reasoning seen. False: it began and never ended."""


ReasoningParser = Callable[[str], Split]

NAMED_TAGS = {"tags": ("<think>", "</think>"), "think": ("<think>", "</think>"), "qwen3": ("<think>", "</think>")}
"""Names of tag styles -> (start, end)."""
_R1 = re.compile(r"<think>(.*?)</think>(.*)", re.DOTALL)


def deepseek_r1_markup(raw: str) -> Split:
    """Take apart `<think>reasoning</think>answer`.

    Source: swallow-evaluation-instruct v202508, `deepseek_r1_markup`: the first match of `<think>(.*?)</think>(.*)`
    wherever it begins, both tags needed; without a match the whole text is the answer, and what stands before the
    first tag is dropped. An empty tail is no answer.
    Differs: an opened and never closed tag is told as such (the text stays the answer, as there); a tail of nothing
    is None and not replaced by the reasoning, which would score a chain of thought as if it were an answer.
    """
    match = _R1.search(raw)
    if match is None:
        return Split(text=raw, closed=False if "<think>" in raw else None)
    return Split(text=match[2] or None, reasoning=match[1], closed=True)


def tag_parser(start: str, end: str) -> ReasoningParser:
    """Return a parser for reasoning between two marks.

    Chat templates often put the opening mark into the prompt, so it may be missing: then all before the first closing
    mark is reasoning. Several stretches of reasoning are joined with a line break, and so is the answer around them.
    A stretch that never closes is reasoning without an answer after it.
    """

    def parse(raw: str) -> Split:
        if start not in raw and end not in raw:
            return Split(text=raw)
        thoughts: list[str] = []
        answers: list[str] = []
        rest = raw
        opening, closing = rest.find(start), rest.find(end)
        if closing >= 0 and (opening < 0 or closing < opening):
            thoughts.append(rest[:closing])
            rest = rest[closing + len(end) :]
        while (opening := rest.find(start)) >= 0:
            answers.append(rest[:opening])
            thought, mark, rest = rest[opening + len(start) :].partition(end)
            thoughts.append(thought)
            if not mark:
                return Split(text=_joined(answers), reasoning=_joined(thoughts), closed=False)
        answers.append(rest)
        return Split(text=_joined(answers), reasoning=_joined(thoughts), closed=True)

    return parse


def _joined(parts: list[str]) -> str | None:
    """Join the parts that say something; None if none does. Single parts stay as they are."""
    kept = [part for part in parts if part.strip()]
    return "\n".join(kept) if kept else None


IGNORE = "ignore"
"""In place of a parser's name: the text is the answer, whatever tags it has."""


def is_ours(name: str) -> bool:
    """Whether a parser of this name works here, on raw text."""
    return name == "deepseek_r1_markup" or name in NAMED_TAGS or name.startswith("tags:")


def has_tags(text: str | None) -> bool:
    """Whether an answer begins with reasoning that nobody took out. A tag in its middle may be what was asked for."""
    return text is not None and text.lstrip().startswith("<think>")


def client_parser(name: str | None, *, own: bool) -> str | None:
    """Return the parser to use on the text of a server that somebody else started; a server of vLLM has its own."""
    if name is None or name == IGNORE or (own and not is_ours(name)):
        return None
    return name


def find_parser(name: str) -> ReasoningParser:
    """Return the parser of this name. Raises UserError for an unknown one."""
    if name == "deepseek_r1_markup":
        return deepseek_r1_markup
    if name in NAMED_TAGS:
        return tag_parser(*NAMED_TAGS[name])
    if name.startswith("tags:"):
        start, comma, end = name.removeprefix("tags:").partition(",")
        if not (start and comma and end) or start == end:
            raise UserError(f"reasoning parser {name!r}: write tags:START,END with two different marks")
        return tag_parser(start, end)
    known = ["deepseek_r1_markup", *NAMED_TAGS]
    raise UserError(
        f"no reasoning parser named {name!r}{suggestion(name, known)}; there are: {', '.join(known)}, tags:START,END"
    )
