"""Filling a prompt template."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from string import ascii_uppercase

PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    r"""Put `values` in the place of `{name}` in a template, in one pass.

    Neither the braces of a value nor others of the template (`\boxed{ANSWER}`) mean anything, which `str.format`
    would not grant. KeyError: a value is not used, so the template and the document function do not fit.
    """
    unused = set(values) - set(PLACEHOLDER.findall(template))
    if unused:
        raise KeyError(f"the prompt has no place for {', '.join(sorted(unused))}")
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), template)


def lettered(choices: Sequence[str]) -> str:
    """Return the choices one a line: `A) first`, `B) second`, …"""
    return "\n".join(f"{letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False))
