"""What the mathematics scorer and its workers say to each other. Imports nothing heavy."""

from __future__ import annotations

from typing import Literal

import msgspec

STEP_SECONDS = 5.0
"""CPU time for reading the gold text, reading the answer, or comparing them: each like the old system's limit."""


class Pair(msgspec.Struct, frozen=True):
    """A gold text and an answer to compare."""

    gold: str
    kind: Literal["latex", "expression"]
    answer: str


class Judged(msgspec.Struct, frozen=True):
    """How the answer compares with the gold text, in the old reading and in the careful one."""

    match: bool
    accurate: bool
    extracted: str | None
    note: str = ""
