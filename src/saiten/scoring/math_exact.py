r"""Verdicts on mathematical answers that need no algebra: the same text, or whole numbers and fractions.

Most right answers repeat the gold text, and most wrong ones are another number. Where a text holds exactly one
`\boxed{…}` and nothing of a higher priority, its content is what the patterns find, whichever of them matches first;
and where the content is plain enough to pass the normalisation unchanged, its verdict is known. Anything else is left
to the workers. Never guesses: a verdict given here is the one that the workers would give (tests compare them).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from msgspec import Struct

Gold = Literal["latex", "expression"]

_FOLDS_TO_ASCII = "ſıİ"
_OUTSIDE = ("$", r"\(", r"\)", r"\[", r"\]", "]")
"""What could end an environment inside the box."""
_PLAIN = re.compile(
    r"(?:\\(?:frac|sqrt)\{|\\(?:pi|theta|alpha|beta|infty)(?![a-zA-Z])"
    r"|\d\.\d|[0-9]|[a-zA-Z](?![a-zA-Z])|[-+(){,=^ ]|\}(?! ?\d))+"
)
_CHANGED = re.compile(r"\^ ?\(|\{ *,|=.*=|^0\.5$|^,|,$|\s$|^\s|\^ *\^")
"""Forms of `_PLAIN` that the normalisation would rewrite."""
_INTEGER = r"(?:0|[1-9]\d{0,30})"
_RATIONAL = re.compile(
    rf"(?P<sign>-?)(?:(?P<whole>{_INTEGER})|\\frac\{{(?P<top>{_INTEGER})\}}\{{(?P<bottom>[1-9]\d{{0,30}})\}})"
)


class ExactVerdict(Struct, frozen=True):
    """What comparing the texts says."""

    equal: bool
    extracted: str


def single_box(text: str, *, gold: bool) -> str | None:
    r"""Return the content of the only `\boxed{}` of `text`, or None where the patterns could find anything else."""
    start = text.find(r"\boxed{")
    if start < 0 or text.find(r"\boxed", start + 1) >= 0 or text.find(r"\boxed", 0, start) >= 0 or r"\fbox" in text:
        return None
    if any(letter in text for letter in _FOLDS_TO_ASCII):
        return None
    if ("final answer" if gold else "final answer is") in text.lower():
        return None
    depth, opening = 0, start + len(r"\boxed")
    for brace in re.finditer(r"[{}]", text[opening : opening + 400]):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            content = text[opening + 1 : opening + brace.start()]
            rest = text[opening + brace.end() :]
            break
    else:
        return None
    if any(mark in content for mark in _OUTSIDE) or any(mark in rest for mark in ("%", "ercent", "pct")):
        return None
    return content.strip()


def _rational(content: str) -> Fraction | None:
    match = _RATIONAL.fullmatch(content)
    if not match:
        return None
    size = Fraction(int(match["whole"])) if match["whole"] else Fraction(int(match["top"]), int(match["bottom"]))
    return -size if match["sign"] else size


def _is_plain(content: str) -> bool:
    return bool(_PLAIN.fullmatch(content)) and not _CHANGED.search(content)


def exact_verdict(gold: str, kind: Gold, answer: str) -> ExactVerdict | None:
    """Return the verdict on `answer` if comparing texts, whole numbers or fractions decides it, else None."""
    content = single_box(answer, gold=False)
    if content is None:
        return None
    if kind == "expression":
        expected = str(int(gold)) if gold.isascii() and gold.isdigit() else None
    else:
        expected = single_box(gold, gold=True)
    if expected is None:
        return None
    if kind == "latex" and content == expected and _is_plain(content):
        return ExactVerdict(equal=True, extracted=content)
    mine, other = _rational(content), _rational(expected)
    if mine is None or other is None:
        return None
    return ExactVerdict(equal=mine == other, extracted=content)
