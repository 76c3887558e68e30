"""A model's server as those see it who ask it: where it answers, and that it is started and stopped for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """Where a server of ours answers, and how it wants to be asked."""

    base_url: str
    api_key: str = field(repr=False)
    reasoning_parser: str | None = None
    """Parser for the text, where the server does not tell reasoning from answer itself."""
    slots: int | None = None
    """Choices that it works on at the same time, where that is known."""
    repetition_detection: bool = True
    """Whether this server can end answers that repeat themselves."""
    effort_in_template: bool = False
    """Whether the model's chat template reads `reasoning_effort`."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What run.json records of the server: version, command, plan."""


class ModelServer(Protocol):
    """A server that is started for a run when there is something to ask, and stopped when there is not."""

    async def start(self, tell: Callable[[str], None]) -> Reached:
        """Start it and wait for its first token. Raises UserError or EndpointError."""
        ...

    async def ended(self) -> None:
        """Return when the server has ended by itself."""
        ...

    async def restart(self) -> None:
        """Start it again, at the same address and with the same arguments. Raises EndpointError."""
        ...

    async def stop(self) -> None:
        """End it; nothing is left behind. Does nothing where it never started."""
        ...
