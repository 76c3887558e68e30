"""Finds the end of a text that repeats itself.

A text loops if its end is one piece of `period` characters over and over: at least MIN_COUNT whole times, at least
MIN_CHARACTERS characters in all, and still going on when the text ends (the last piece may be cut off). Short pieces
must come more often (a period of 1 makes MIN_CHARACTERS repetitions), so a rule of dashes under a heading, a table's
border or a verse's refrain is no loop.

How: the smallest period p of each beginning of a string s follows from its prefix function f (Knuth, Morris, Pratt):
the first i characters have the period i - f[i]. On the reversed tail of the text, the beginnings are the text's
endings. So one pass, linear in the length, gives for every length of ending the smallest period that explains it;
the longest ending that repeats often enough is the loop. Only the last WINDOW characters are read; when the loop fills
the window, its start is followed back through the rest by comparing each character with the one `period` later.

Source: Knuth, Morris, Pratt, Fast Pattern Matching in Strings, SIAM J. Comput. 6(2), 1977 (the prefix function).
"""

from __future__ import annotations

from itertools import takewhile

from saiten.types import Repetition

MIN_COUNT = 4
"""Fewest whole repetitions."""
MIN_CHARACTERS = 200
"""Fewest characters that the repetitions cover together."""
WINDOW = 16_384
"""Characters at the end of a text that are searched; so the longest period is WINDOW / MIN_COUNT."""
PROBE = 24
"""Length of the ending that must occur a second time before anything else is tried."""


def find_loop(text: str) -> Repetition | None:
    """Return the loop that a text ends in, with the smallest period, or None."""
    if len(text) < MIN_CHARACTERS or not _promising(text):
        return None
    tail = text[-WINDOW:][::-1]
    best = _longest_periodic_prefix(tail)
    if best is None:
        return None
    period, covered = best
    start = len(text) - covered
    if covered == len(tail):
        start -= _followed_back(text, start, period)
    return Repetition(period=period, count=(len(text) - start) // period, start=start)


def _promising(text: str) -> bool:
    """Tell quickly, at C speed, that a text cannot loop: in a loop the last characters occurred before.

    The last PROBE characters must be found again with their end one period (at most WINDOW / MIN_COUNT) earlier.
    """
    probe = text[-PROBE:]
    return text.rfind(probe, max(0, len(text) - WINDOW // MIN_COUNT - PROBE), len(text) - 1) >= 0


def _longest_periodic_prefix(s: str) -> tuple[int, int] | None:
    """Return (period, length) of the longest prefix of s that repeats often enough."""
    size = len(s)
    failure = [0] * (size + 1)
    best: tuple[int, int] | None = None
    border = 0
    for length in range(2, size + 1):
        character = s[length - 1]
        while border and s[border] != character:
            border = failure[border]
        if s[border] == character:
            border += 1
        failure[length] = border
        period = length - border
        if length >= MIN_CHARACTERS and length >= MIN_COUNT * period:
            best = (period, length)
    return best


def _followed_back(text: str, start: int, period: int) -> int:
    """Return how many characters before `start` belong to the loop as well."""
    whole = 0
    piece = text[start : start + period]
    while start - whole - period >= 0 and text[start - whole - period : start - whole] == piece:
        whole += period
    before = text[max(0, start - whole - period) : start - whole]
    matching = takewhile(lambda pair: pair[0] == pair[1], zip(reversed(before), reversed(piece), strict=False))
    return whole + sum(1 for _ in matching)
