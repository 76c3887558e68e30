"""Comparing what a program gave with what it should have given.

Source: the reference measurement (LiveCodeBench's testing_util.py). Output: strip, split into lines, strip each; as
many lines; each line equal, or both made of the same decimal numbers (`1.50` = `1.5`, no tolerance). A value: equal, a
tuple counting as a list, but not the tuples in it; the careful reading takes these for lists too.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any


def same_output(printed: str, expected: str) -> bool:
    """Tell whether the printed text is the expected one."""
    ours, theirs = _lines(printed), _lines(expected)
    return len(ours) == len(theirs) and all(a == b or _same_numbers(a, b) for a, b in zip(ours, theirs, strict=True))


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().split("\n")]


def _same_numbers(first: str, second: str) -> bool:
    try:
        return [Decimal(word) for word in first.split()] == [Decimal(word) for word in second.split()]
    except (InvalidOperation, ValueError):  # a word is no number, or a signalling NaN, which equals nothing
        return False


def same_value(value: Any, expected: Any) -> bool:
    """Tell whether a returned value is the expected one, as the reference compares."""
    try:
        return bool((list(value) if type(value) is tuple else value) == expected)
    except RecursionError:
        return False


def same_in_lists(value: Any, expected: Any) -> bool:
    """Tell whether a returned value is the expected one, tuples at any depth counting as lists."""
    try:
        return bool(_in_lists(value) == expected)
    except RecursionError:
        return False


def _in_lists(value: Any) -> Any:
    if type(value) in (list, tuple):
        return [_in_lists(item) for item in value]
    return value
