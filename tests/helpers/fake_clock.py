"""A clock that does not wait: whoever sleeps moves it on. The order of wake-ups is kept."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeClock:
    """Time that passes only when everybody waits for it: timers fire in order, one at a turn of the event loop."""

    def __init__(self, now: float = 1000.0) -> None:
        self.time = now
        self.slept: list[float] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._armed = False

    def now(self) -> float:
        return self.time

    def unix(self) -> float:
        return 1_800_000_000.0 + self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        woken = asyncio.get_running_loop().create_future()
        self.call_at(self.time + seconds, lambda: None if woken.done() else woken.set_result(None))
        await woken

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._timers, (when, next(self._numbers), callback))
        self._arm()

    def _arm(self) -> None:
        if not self._armed and self._timers:
            self._armed = True
            asyncio.get_running_loop().call_later(0.005, self._fire)

    def _fire(self) -> None:
        self._armed = False
        if self._timers:
            when, _, callback = heapq.heappop(self._timers)
            self.time = max(self.time, when)
            callback()
        self._arm()
