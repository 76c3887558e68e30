"""Comparing what a script printed with what it should have printed.

Source: the reference measurement (LiveCodeBench's testing_util.py): strip, split into lines, strip each; as many lines;
each line equal, or both made of the same decimal numbers (`1.50` = `1.5`, no tolerance).
Differs: numbers are read from lines of at most 1000 characters, and only finite ones without huge exponents.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?")
_LONGEST_NUMERIC_LINE = 1000


def same_output(printed: str, expected: str) -> bool:
    """Tell whether the printed text is the expected one."""
    ours, theirs = _lines(printed), _lines(expected)
    return len(ours) == len(theirs) and all(a == b or _same_numbers(a, b) for a, b in zip(ours, theirs, strict=True))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _same_numbers(first: str, second: str) -> bool:
    ours, theirs = _numbers(first), _numbers(second)
    return ours is not None and ours == theirs


def _numbers(line: str) -> list[Decimal] | None:
    if len(line) > _LONGEST_NUMERIC_LINE:
        return None
    words = line.split()
    return [Decimal(word) for word in words] if all(_NUMBER.fullmatch(word) for word in words) else None
