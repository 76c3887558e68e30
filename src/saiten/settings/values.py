"""How one value that a person wrote is read: from what stands there to a number, a word, a list. One function for each
kind; all raise ValueError with `must be …` and never show the value, for it may be a key.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from saiten.settings.tree import TRUTH, Items, Node, Table, Text, number, value_of

Read = Callable[[Node], Any]


def number_between(low: float, high: float, wanted: str) -> Callable[[Node], float]:
    """Return the reader of a number from `low` to `high`."""

    def read(node: Node) -> float:
        found = number(node.text) if isinstance(node, Text) and not node.quoted else None
        if found is None or not low <= found <= high:
            raise ValueError(f"must be {wanted}")
        return float(found)

    return read


def whole_from(low: int, wanted: str) -> Callable[[Node], int]:
    """Return the reader of a whole number from `low` on."""

    def read(node: Node) -> int:
        found = number(node.text) if isinstance(node, Text) and not node.quoted else None
        if found is None or found != int(found) or found < low:
            raise ValueError(f"must be {wanted}")
        return int(found)

    return read


def word(node: Node) -> str:
    """Read a word; numbers are words, too (versions)."""
    if not isinstance(node, Text) or not node.text:
        raise ValueError("must be one word")
    return node.text


def text(node: Node) -> str:
    """Read a text, which may be empty."""
    if not isinstance(node, Text):
        raise ValueError("must be a text")  # noqa: TRY004  # bad input
    return node.text


def truth(node: Node) -> bool:
    """Read true or false."""
    if not isinstance(node, Text) or node.quoted or node.text not in TRUTH:
        raise ValueError("must be true or false")
    return TRUTH[node.text]


def one_of(*words: str) -> Callable[[Node], str]:
    """Return the reader of one of these words."""

    def read(node: Node) -> str:
        if not isinstance(node, Text) or node.text not in words:
            raise ValueError(f"must be {' or '.join(words)}")
        return node.text

    return read


def words(node: Node) -> tuple[str, ...]:
    """Read a list of words."""
    found = node.items if isinstance(node, Items) else ()
    if not isinstance(node, Items) or not all(isinstance(item, Text) and item.text for item in found):
        raise ValueError("must be a list of words, e.g. [seed, top_k]")
    return tuple(item.text for item in found if isinstance(item, Text))


def renames(node: Node) -> dict[str, str]:
    """Read names and what each is called instead."""
    if not isinstance(node, Table) or not all(isinstance(item, Text) and item.text for item in node.entries.values()):
        raise ValueError("must hold names and words, e.g. {seed: random_seed}")
    return {name: item.text for name, item in node.entries.items() if isinstance(item, Text)}


def word_lists(node: Node) -> dict[str, tuple[str, ...]]:
    """Read names with a list of words each."""
    if not isinstance(node, Table):
        raise ValueError("must hold names with lists of words, e.g. {grok-4: [stop]}")  # noqa: TRY004  # bad input
    return {name: words(item) for name, item in node.entries.items()}


def stops(node: Node) -> tuple[str, ...]:
    """Read stop sequences. Spaces belong to them; commas part them, except in a list."""
    texts: Sequence[str] = []
    if isinstance(node, Items):
        texts = [item.text for item in node.items if isinstance(item, Text)]
    elif isinstance(node, Text):
        texts = node.text.split(",")
    found = tuple(text for text in texts if text)
    if not found or (isinstance(node, Items) and len(texts) != len(node.items)):
        raise ValueError('must be texts, separated by commas, e.g. "def ,__main__"')
    return found


def mapping(node: Node) -> dict[str, Any]:
    """Read names and values of any kind."""
    if not isinstance(node, Table):
        raise ValueError("must hold names and values, e.g. {enable_thinking: false}")  # noqa: TRY004  # bad input
    return {name: value_of(item) for name, item in node.entries.items()}


def shell_words(node: Node) -> str:
    """Read command-line arguments: a text as one types it in a shell, or a list of words."""
    if isinstance(node, Items):
        return shlex.join(words(node))
    found = word(node)
    try:
        shlex.split(found)
    except ValueError:
        raise ValueError("must be arguments as in a shell: a quote does not end") from None
    return found


GENERATION: Mapping[str, tuple[str, Read]] = {
    "temperature": ("temperature", number_between(0, 100, "a number from 0 on")),
    "top_p": ("top_p", number_between(1e-9, 1, "a number above 0 and at most 1")),
    "top_k": ("top_k", whole_from(-1, "a whole number")),
    "min_p": ("min_p", number_between(0, 1, "a number from 0 to 1")),
    "max_new_tokens": ("max_tokens", whole_from(1, "a whole number above 0")),
    "seed": ("seed", whole_from(-(2**63), "a whole number")),
    "stop_tokens": ("stop", stops),
    "frequency_penalty": ("frequency_penalty", number_between(-100, 100, "a number")),
    "presence_penalty": ("presence_penalty", number_between(-100, 100, "a number")),
    "repetition_penalty": ("repetition_penalty", number_between(1e-9, 100, "a number above 0")),
    "reasoning_effort": ("reasoning_effort", word),
    "chat_template_kwargs": ("chat_template_kwargs", mapping),
}
"""Old name of a generation parameter -> field of Sampling, and how it is read."""
