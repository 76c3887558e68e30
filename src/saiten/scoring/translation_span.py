"""Finding the translation in an answer.

Source: swallow-evaluation-instruct@3520211, tasks wmt20:en-ja and wmt20:ja-en, for the compatible span; the users'
fork of 2026 for further prefixes and the length cut of the careful one.
"""

from __future__ import annotations

from saiten.types import Language

PREFIX: dict[Language, str] = {"ja": "日本語:", "en": "English:"}
"""What stands before a translation into this language."""
LABELS: dict[Language, tuple[str, ...]] = {"ja": ("日本語", "翻訳文", "訳文", "和訳"), "en": ("English",)}
"""Words that a careful reader takes for that; the first that is found decides."""
LONGEST: dict[Language, int] = {"ja": 400, "en": 800}
"""Characters after which a careful reader cuts a translation: what is longer is a loop."""
_MARKS = "*`_\"'"
_BEFORE = _MARKS + "#>-「"


def compatible_span(text: str, language: Language) -> str | None:
    r"""Return what follows the last line that starts with the prefix, or None where there is none.

    White space may stand before and after the prefix; after it even line ends, so that the translation may stand in
    the next line, which is then not looked at as a line of its own. The same as the last match of the multi-line
    expression `^\s*PREFIX\s*([^\n\r]*)`, in linear time.
    """
    found = None
    place = 0
    while (start := text.find(PREFIX[language], place)) >= 0:
        after = start + len(PREFIX[language])
        if not _begins_line(text, place, start):
            place = start + 1
            continue
        found, place = _rest_of_line(text, after)
    return found


def careful_span(text: str, language: Language) -> str | None:
    """Return the translation without marks around it, at most `LONGEST` characters, or None where none is announced.

    Accepts either colon, emphasis and quotes around the label or the whole line, and further labels, one after the
    other; of each the last line that starts with it.
    """
    for label in LABELS[language]:
        found = None
        place = 0
        while (start := text.find(label, place)) >= 0:
            place = start + len(label)
            between = text[place : place + 8]
            colon = place + len(between) - len(between.lstrip(_MARKS + " 」"))
            if text[colon : colon + 1] not in {":", "："} or not _begins_line(text, 0, start, _BEFORE):
                continue
            found, place = _rest_of_line(text, colon + 1)
        if found is not None:
            return _bare(found)[: LONGEST[language]]
    return None


def _begins_line(text: str, least: int, start: int, also: str = "") -> bool:
    """Whether only white space, or `also`, stands between a line's start at `least` or later, and `start`."""
    while start > least and text[start - 1] != "\n" and (text[start - 1].isspace() or text[start - 1] in also):
        start -= 1
    return start == 0 or text[start - 1] == "\n"


def _rest_of_line(text: str, place: int) -> tuple[str, int]:
    """Return the rest of the first line that is not white space, and where it ends."""
    while place < len(text) and text[place].isspace():
        place += 1
    ends = [end for mark in "\n\r" if (end := text.find(mark, place)) >= 0]
    end = min(ends, default=len(text))
    return text[place:end], end


def _bare(line: str) -> str:
    """Drop marks that stand around a whole line, or on one side of it only, left over from around the label."""
    line = line.strip()
    for mark in _MARKS:
        left = len(line) - len(line.lstrip(mark))
        right = len(line) - len(line.rstrip(mark))
        inner = line[left : len(line) - right]
        if (left or right) and mark not in inner:
            line = inner.strip()
    return line
