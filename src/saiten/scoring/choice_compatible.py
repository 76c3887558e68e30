"""The old system's reading of a choice letter, quirks included, in time linear in the answer's length.

Patterns are tried in order of priority. The first that occurs decides, and of its occurrences the last one. Letters
are upper-case ASCII; only the anchor words (`final answer`, `answer`, 回答) ignore case.

    priority  English                                             Japanese
    0         "final answer is" L "I hope"                        -
    50        "final answer" … "is" L                             -
    100       "answer:" … " L "                                   "回答:" … L
    150       "answer" … " L "                                    "回答" … L
    200       the text starts with L                              the text starts with L
    250       " L " anywhere                                      L anywhere
    300       L anywhere, even inside a word                      L anywhere

English wants a space (or the start) before the letter and one of `.`, `,`, `:`, space, end after it; Japanese wants
nothing around it.

Source: reference measurement (lighteval 0.8.0 fork, "extractive match"), checked against its recorded outputs.
Differs: in nothing that is measured. The search runs from the end of the text and steps over white space once, so a
hostile answer cannot make it slow.
"""

from __future__ import annotations

import re
from functools import cache

from msgspec import Struct

from saiten.types import Language

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_FOLDS_TO_ASCII = re.compile("[ſıİ]")
"""Letters outside ASCII that case-insensitive matching takes for s and i."""


class _Patterns(Struct, frozen=True):
    anchors: tuple[tuple[str, re.Pattern[str]], ...]
    """(lower-case word that every match starts with, pattern from there), by priority."""
    start: re.Pattern[str]
    spaced: re.Pattern[str] | None
    """Where a letter must stand alone: the pattern of one that does. None: any letter will do."""


@cache
def _patterns(language: Language, letters: str) -> _Patterns:
    letter = f"(?P<letter>[{letters}])"
    if language == "ja":
        # At most 50 characters before the letter, or before two asterisks and the letter.
        near = rf"[^\n{letters}]{{0,50}}+(?:\*\*|(?<=\*)\*)?{letter}"
        return _Patterns(
            anchors=(("回答", re.compile(rf"回答[：:]{near}")), ("回答", re.compile(f"回答{near}"))),
            start=re.compile(rf"^(?:\*\*)?{letter}"),
            spaced=None,
        )
    after = r"(?:\*\*)?(?:[.,: ]|$)"
    spaced = rf" (?:\*\*)?{letter}{after}"
    return _Patterns(
        # White space before a word is taken whole and only from its first character: elsewhere the result is the same.
        anchors=(
            ("final answer is", re.compile(rf"(?i:final answer is):?\s*+{letter}\.?\s?I hope")),
            ("final answer", re.compile(rf"(?i:final answer).{{0,100}}?(?<!\s)\s++is:?\s*+{letter}")),
            ("answer:", re.compile(rf"(?i:answer):.{{0,50}}?{spaced}")),
            ("answer", re.compile(rf"(?i:answer).{{0,50}}?{spaced}")),
        ),
        start=re.compile(rf"^(?:\*\*)?{letter}{after}"),
        spaced=re.compile(spaced),
    )


def _last_anchored(text: str, lowered: str | None, word: str, pattern: re.Pattern[str]) -> str | None:
    """Return the letter of the last match of `pattern`.

    A match that begins inside an earlier one ends at the same letter, so the last place that matches decides; but not
    where its F is the letter of the earlier one ("the final answer is Final answer is B" with six choices or more).
    """
    if lowered is None:
        found = None
        for found in pattern.finditer(text):  # noqa: B007 - only the last one is wanted
            pass
        return found["letter"] if found else None
    at = lowered.rfind(word)
    while at >= 0:
        if match := pattern.match(text, at):
            taken = text[at] == "F" and text[:at].rstrip().removesuffix(":").endswith("is")
            return _last_anchored(text, None, word, pattern) if taken else match["letter"]
        at = lowered.rfind(word, 0, at + len(word) - 1)
    return None


def _last_spaced(text: str, patterns: _Patterns) -> str | None:
    """Return the last letter that stands alone. Matches do not overlap: in " A B " the space belongs to A alone."""
    if patterns.spaced is None:
        return None
    first = patterns.start.match(text)
    letter = first["letter"] if first else None
    for match in patterns.spaced.finditer(text, first.end() if first else 0):
        letter = match["letter"]
    return letter


def compatible_letter(text: str, language: Language, choices: int) -> str | None:
    """Return the letter that the old system reads out of `text`, or None. `choices`: how many letters, 1 to 26."""
    letters = LETTERS[:choices]
    patterns = _patterns(language, letters)
    lowered: str | None = text.lower()
    if not text.isascii() and _FOLDS_TO_ASCII.search(text):
        lowered = None
    for word, pattern in patterns.anchors:
        if letter := _last_anchored(text, lowered, word, pattern):
            return letter
    if match := patterns.start.match(text):
        return match["letter"]
    if letter := _last_spaced(text, patterns):
        return letter
    last = max(letters, key=text.rfind)
    return last if last in text else None
