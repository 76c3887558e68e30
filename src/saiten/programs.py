"""Programs that a model wrote, and what decides whether they are right. Imports nothing of ours."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Program(Struct, frozen=True, kw_only=True):
    """A generated program and how to test it. `tests` never enters the process that runs `source`."""

    source: str
    entry_point: str
    tests: str
    language_prompt: str = ""
    """Trusted starter code whose helper functions the tests may use."""
    cpu_seconds: float = 6.0


class LongText(Protocol):
    """A text that may be very large, so that it is read when it is needed and not kept."""

    @property
    def digest(self) -> str:
        """A hash of the text: what it is, without reading it."""
        ...

    def read(self) -> str:
        """Return the text."""
        ...


class CasesProgram(Struct, frozen=True, kw_only=True):
    """A generated program and pairs of inputs and outputs. No output enters the process that runs `source`."""

    source: str
    function: str | None
    """Called with each line of an input, read as JSON. None: the program reads standard input and prints."""
    public: str
    """JSON list of objects with `input` and `output`."""
    private: LongText
    """More of them, as JSON or packed as LiveCodeBench packs them."""
    cpu_seconds: float = 6.0
    """Processor time for each case."""


AnyProgram = Program | CasesProgram
