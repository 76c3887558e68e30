"""Programs that read standard input and print, judged by what they print."""

from __future__ import annotations

from dataclasses import dataclass

from saiten.sandbox.inside import prelude


@dataclass(frozen=True, slots=True, kw_only=True)
class StdinProgram:
    """A script and its tests. An expected output never enters the process that runs `source`."""

    source: str
    cases: tuple[tuple[str, str], ...]
    """Pairs of standard input and expected standard output; each runs in a process of its own."""
    cpu_seconds: float = 6.0
    """Processor time for each test."""


def predefined(name: str) -> bool:
    """Tell whether a program finds this name without defining it: the prelude has it."""
    return name in prelude.names()
