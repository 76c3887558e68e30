"""The old system's reading of a mathematical answer: patterns, then LaTeX and arithmetic parsed by sympy.

Within a priority the match that ends last is tried first (of two that end together, the one that began first). The
first that parses is the answer. The text of the first match that was tried is kept beside it, for comparison as text.

Only worker processes import this module: it loads sympy, and what it parses was written by a model.

Source: reference measurement (lighteval 0.8.0 fork), checked against its recorded outputs.
Differs: LaTeX is read by the installed latex2sympy2-extended; docs/parity.md lists what that changes.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Literal

from latex2sympy2_extended.sets import FiniteSet as OrderedSet
from sympy import FiniteSet, Number
from sympy.parsing import parse_expr

from saiten.scoring.math_attempt import attempt
from saiten.scoring.math_latex import normalized, parsed
from saiten.scoring.math_patterns import JOINED, Pattern, groups
from saiten.scoring.math_reader import percentage

Role = Literal["answer", "latex gold", "plain gold"]


def _value(latex: str, percent: bool) -> Any:
    value = parsed(latex)
    return percentage(value) if percent else value


def _texts(match: re.Match[str]) -> list[tuple[str, bool]]:
    """Return the normalised text of each environment, and whether a percent sign follows it."""
    found = match.groupdict()
    if bare := found.get("bare"):
        return [(normalized(bare, "last"), False)]
    texts = []
    for index in range(JOINED):
        text = next((text for name, text in found.items() if text and name.startswith(f"e{index}_")), None)
        if text:
            texts.append((normalized(text, "all"), bool(found.get(f"p{index}"))))
    return texts


def _latex(match: re.Match[str]) -> tuple[Any, str]:
    texts = _texts(match)
    if not texts:
        return None, ""
    values = [attempt(partial(_value, text, percent), None) for text, percent in texts]
    if len(values) > 1 and all(value is not None for value in values):
        members = [member for value in values for member in (value.args if isinstance(value, FiniteSet) else (value,))]
        return OrderedSet(*members), " and ".join(text for text, _ in texts)
    return values[0], texts[0][0]


def _plain(match: re.Match[str]) -> tuple[Any, str]:
    found = match.groupdict()
    integer = next((text for name, text in found.items() if name.startswith("integer") and text), "")
    decimal = next((text for name, text in found.items() if name.startswith("decimal") and text), "")
    if integer or decimal:
        digits = integer.replace(",", "").replace(" ", "").lstrip("0") or "0"
        text = digits + decimal.replace(",", ".")
        number = attempt(lambda: Number(text), None)
        return (percentage(number) if number is not None and found.get("percent") else number), text
    text = found.get("expression") or ""
    return attempt(lambda: parse_expr(text.replace("\n", " ").replace("^", "**"), evaluate=False), None), text


def _ordered(text: str, patterns: tuple[Pattern, ...]) -> list[tuple[re.Match[str], Pattern]]:
    """Return the matches of one priority in the order in which they are tried."""
    found = [(match, pattern) for pattern in patterns for match in pattern.regex.finditer(text)]
    return sorted(found, key=lambda item: (item[0].end(), -item[0].start()), reverse=True)


def extract(text: str, role: Role) -> list[Any]:
    """Return what is read out of `text`: [], [string], or [sympy object, string]."""
    first = ""
    for patterns in groups(role):
        for match, pattern in _ordered(text, patterns):
            value, shown = _latex(match) if pattern.target == "latex" else _plain(match)
            first = first or shown
            if value is not None:
                return [value, first] if first else [value]
    return [first] if first else []


def first_text(text: str, role: Role) -> str | None:
    """Return the string that `extract` puts last, where it is known without parsing: one LaTeX environment."""
    for patterns in groups(role):
        if matches := _ordered(text, patterns):
            match, pattern = matches[0]
            texts = _texts(match) if pattern.target == "latex" else []
            return texts[0][0] or None if len(texts) == 1 else None
    return None
