"""Text as a terminal shows it: how wide it is, and nothing in it that could move the cursor."""

from __future__ import annotations

import unicodedata

WIDE = frozenset("WF")
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, invisible and direction-changing characters, surrogates, line separators."""
ZERO_WIDTH = frozenset({"Mn", "Me"})


def plain(text: str) -> str:
    """Return text without control, invisible and direction-changing characters; line ends become spaces.

    Names come from users, datasets and servers: an escape sequence in one could clear the screen, forge a line or
    fill the clipboard (OSC 52).
    """
    if text.isascii() and text.isprintable():
        return text
    spaced = "".join(" " if character in "\t\n\r\v\f\x85\u2028\u2029" else character for character in text)
    return "".join(character for character in spaced if unicodedata.category(character) not in HIDDEN)


def columns_of(text: str) -> int:
    """Return the columns that text takes: full-width East Asian characters take two, combining marks none.

    Source: Unicode Standard Annex 11; ambiguous characters count as one.
    """
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(c) in ZERO_WIDTH else 2 if unicodedata.east_asian_width(c) in WIDE else 1
        for c in text
    )


def fit(text: str, columns: int) -> str:
    """Return text in at most so many columns; what is cut off is told by an ellipsis."""
    if columns_of(text) <= columns:
        return text
    kept = ""
    for character in text:
        if columns_of(kept + character) > columns - 1:
            break
        kept += character
    return f"{kept}…" if columns > 0 else ""


def pad(text: str, columns: int, *, right: bool = False) -> str:
    """Return text filled with spaces to so many columns."""
    spaces = " " * max(0, columns - columns_of(text))
    return spaces + text if right else text + spaces


def wrap(text: str, columns: int, indent: str = "") -> list[str]:
    """Return text in lines of at most so many columns (longer words stay whole), later ones indented."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        grown = f"{line} {word}" if line.strip() else f"{line}{word}"
        if line.strip() and columns_of(grown) > columns:
            lines.append(line)
            grown = f"{indent}{word}"
        line = grown
    return [*lines, line] if line else lines
