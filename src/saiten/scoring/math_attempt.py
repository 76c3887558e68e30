"""The one place where a failure of the mathematics libraries is turned into "could not be read" or "not equal"."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")


def attempt(step: Callable[[], T], otherwise: T) -> T:
    """Return what `step` returns, or `otherwise` where it fails.

    sympy and latex2sympy2-extended raise anything at all, down to plain Exception, on what they cannot do; that is the
    answer's fault and not ours. MemoryError passes: it is told apart from an unreadable answer.
    """
    try:
        with suppress(Exception):
            return _unless_out_of_memory(step)
    except _OutOfMemoryError:
        raise MemoryError from None
    return otherwise


class _OutOfMemoryError(BaseException):
    pass


def _unless_out_of_memory(step: Callable[[], T]) -> T:
    try:
        return step()
    except MemoryError:
        raise _OutOfMemoryError from None
