"""Time, as something that can be given: tests bring a clock that does not wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Seconds on a clock that only goes forward, the time of day, and waiting."""

    def now(self) -> float:
        """Return seconds since some moment."""
        ...

    def unix(self) -> float:
        """Return the Unix time, seconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back when `now()` has reached `when`."""
        ...


class LoopClock:
    """The real one."""

    def now(self) -> float:
        """Return the running loop's monotonic time."""
        return asyncio.get_running_loop().time()

    def unix(self) -> float:
        """Return the Unix time, seconds."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call back when `now()` has reached `when`."""
        asyncio.get_running_loop().call_at(when, callback)
