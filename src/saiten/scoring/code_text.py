"""Finding the program in an answer.

Source: swallow-evaluation-instruct@3520211, code extraction: fenced blocks of CommonMark, nested ones and an unclosed
last one included; indented blocks and inline code are not fenced.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def extract_code(text: str, entry_point: str) -> str:
    """Return the last fenced block that holds `def <entry_point>`, else the last one, else an empty string."""
    blocks = fenced_blocks(text)
    wanted = [block for block in blocks if f"def {entry_point}" in block]
    return (wanted or blocks or [""])[-1]


def extract_script(text: str) -> str:
    """Return the last fenced block whatever it is, else the whole text."""
    blocks = fenced_blocks(text)
    return blocks[-1] if blocks else text


def fenced_blocks(text: str) -> list[str]:
    """Return the contents of all fenced blocks, in order."""
    if "```" not in text and "~~~" not in text:
        return []
    return [token.content for token in _parser().parse(text) if token.type == "fence"]


def defines(code: str, name: str) -> bool:
    """Tell whether code binds a name at all: defines, assigns or imports it."""
    word = re.escape(name)
    return re.search(rf"(?m)\b(?:def|class|as)\s+{word}\b|^{word}\s*[:=]|\bimport\b[^\n]*\b{word}\b", code) is not None


REFUSED = re.compile(
    r"^\s*from\s+__future__\s+import"  # not at the beginning of a file that a prelude begins
    r"|\A\ufeff"  # nor is this mark
    r"|\bgetcwd\b|\bputenv\b"  # taken away by its guard, and so are these modules
    r"|^\s*(?:import|from)\s+(?:resource|psutil|joblib|ipdb|tkinter)\b",
    re.MULTILINE,
)
"""Programs that the reference fails for what its harness does, however right they are."""
IN_CLASS = "class Solution"
"""Where an answer has this text, the reference looks for everything, the tests of HumanEval included, in that class."""


@cache
def _parser() -> MarkdownIt:
    """Return a parser that leaves the text within blocks alone: nothing there can open or close a fence."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
