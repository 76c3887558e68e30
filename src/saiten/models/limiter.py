"""How many choices may be in flight: slots, an adaptive ceiling, and the pause that all requests share.

The ceiling moves by additive increase and multiplicative decrease, after a slow start that doubles it every round
trip. Where a server of ours tells its own load, that decides instead (`load.py`). An overload counts once for all
requests that were sent before the ceiling last moved down: they all saw the same overload.

A slot counts as one choice. Who asks for more slots than the ceiling has gets them when nothing else is in flight.

Source: Chiu and Jain, Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in Computer Networks,
Computer Networks and ISDN Systems 17, 1989; slow start: RFC 5681, section 3.1.
"""

from __future__ import annotations

import asyncio
from collections import deque

from msgspec import Struct

from saiten.models.clock import Clock, LoopClock
from saiten.models.rates import Allowance

DECREASE = 0.5


class Range(Struct, frozen=True, kw_only=True):
    """Where the ceiling starts and how far it may go."""

    start: int
    most: int


PAID = Range(start=32, most=2048)
"""Choices in flight to an API."""
OWN = Range(start=128, most=4096)
"""To a server of ours that tells its load: at first the least that vLLM works on by default on any device."""
BLIND = Range(start=512, most=512)
"""To a server that costs nothing and tells nothing: twice what vLLM works on at once on most cards."""


def ceiling_range(usual: Range, *, given: int | None, room: int) -> Range:
    """Return the range for an endpoint. `given`: the user's ceiling; `room`: connections that the process can open."""
    most = max(1, min(given or usual.most, room))
    return Range(start=min(usual.start, most), most=most)


class Limiter:
    """Hands out slots. All methods belong to one event loop."""

    def __init__(self, limits: Range, clock: Clock | None = None) -> None:
        self._clock = clock or LoopClock()
        self._most = limits.most
        self._level = float(limits.start)
        self._slow_start = limits.start < limits.most
        self._steered = False
        self._in_flight = 0
        self._paused_until = 0.0
        self._held = False
        self._open = False
        self._generation = 0
        self._spare: int | None = None
        """Requests that may start until the endpoint's allowance fills; None: it says nothing."""
        self._spare_word = 0
        self._returning: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._fresh: deque[tuple[int, asyncio.Future[None]]] = deque()

    # ------------------------------------------------------------------------------------------ what it shows

    @property
    def in_flight(self) -> int:
        """Slots that are taken."""
        return self._in_flight

    @property
    def most(self) -> int:
        """Slots that there may ever be."""
        return self._most

    @property
    def ceiling(self) -> int:
        """Slots there are now."""
        return max(1, int(self._level))

    @property
    def waiting(self) -> int:
        """Slots that somebody waits for."""
        return sum(slots for slots, _ in self._returning) + sum(slots for slots, _ in self._fresh)

    @property
    def pause(self) -> float:
        """Seconds until anything may be sent again."""
        return max(0.0, self._paused_until - self._clock.now()) if self._paused_until else 0.0

    @property
    def generation(self) -> int:
        """How often the ceiling went down; a request remembers it when it is sent."""
        return self._generation

    # ------------------------------------------------------------------------------------------ taking and giving back

    def try_acquire(self, slots: int = 1) -> bool:
        """Take slots if they are free and nobody waits for some."""
        if self._returning or self._fresh or not self._fits(slots):
            return False
        self._take(slots)
        return True

    async def acquire(self, slots: int = 1, *, returning: bool = False) -> None:
        """Wait for slots. Requests that had some and gave them back while they waited (`returning`) go first."""
        if not (self._returning or (self._fresh and not returning)) and self._fits(slots):
            self._take(slots)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._returning if returning else self._fresh).append((slots, future))
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(slots)
            self._wake()
            raise

    def release(self, slots: int = 1) -> None:
        """Give slots back."""
        self._in_flight -= slots
        assert self._in_flight >= 0, "more slots were given back than taken"
        self._wake()

    def take_back(self, slots: int) -> None:
        """Take slots whether they are free or not: for a request that ends while its slots are lent to others."""
        self._in_flight += slots

    def _take(self, slots: int) -> None:
        self._in_flight += slots
        if self._spare is not None:
            self._spare -= 1

    def _fits(self, slots: int) -> bool:
        if self._open:
            return True
        if self._spare is not None and self._spare <= 0:
            return False
        if self._held or (self._paused_until and self._clock.now() < self._paused_until):
            return False
        return self._in_flight + slots <= self.ceiling or self._in_flight == 0

    def _wake(self) -> None:
        for queue in (self._returning, self._fresh):
            while queue:
                slots, future = queue[0]
                if future.done():
                    queue.popleft()
                    continue
                if not self._fits(slots):
                    return
                queue.popleft()
                self._take(slots)
                future.set_result(None)

    # ------------------------------------------------------------------------------------------ what moves it

    def pause_for(self, seconds: float) -> None:
        """Let nothing start for so long. A longer pause that is under way stays."""
        until = self._clock.now() + seconds
        if seconds > 0 and until > self._paused_until:
            self._paused_until = until
            self._clock.call_at(until, self._pause_ended)

    def heed(self, allowance: Allowance) -> None:
        """Start no more requests than the endpoint says are left, until it has more or says otherwise."""
        self._spare = allowance.requests
        self._spare_word += 1
        word = self._spare_word
        self._clock.call_at(self._clock.now() + allowance.seconds, lambda: self._filled(word))
        self._wake()

    def _filled(self, word: int) -> None:
        if word == self._spare_word:  # nothing newer was said
            self._spare = None
            self._wake()

    def _pause_ended(self) -> None:
        if self._paused_until <= self._clock.now() + 0.01:  # timers may come a little early
            self._paused_until = 0.0
        self._wake()

    def hold(self) -> None:
        """Let nothing start until `resume`: the endpoint is being probed."""
        self._held = True

    def resume(self) -> None:
        """End the hold."""
        self._held = False
        self._wake()

    def open_wide(self) -> None:
        """Let everybody through: nothing will be sent any more, and who waits must learn of it."""
        self._open = True
        self._wake()

    def succeeded(self, slots: int = 1) -> None:
        """Raise the ceiling, if it is what limits and nobody steers it."""
        if self._steered or self._level >= self._most or self._in_flight < self._level / 2:
            return
        step = slots if self._slow_start else slots / self._level
        self._level = min(float(self._most), self._level + step)
        self._wake()

    def overloaded(self, generation: int) -> bool:
        """Lower the ceiling, once for all requests sent in the same generation. Returns whether it was lowered."""
        self._slow_start = False
        if generation < self._generation:
            return False
        self._generation += 1
        self._level = max(1.0, min(self._level, max(1.0, float(self._in_flight))) * DECREASE)
        return True

    def steer(self, slots: int) -> None:
        """Set the ceiling to what a server of ours is full with, by its own word; answers do not raise it any more."""
        self._steered = True
        self._level = float(max(1, min(slots, self._most)))
        self._wake()

    def cap(self, most: int) -> None:
        """Never go above this from now on (the process has no more file descriptors)."""
        self._most = max(1, min(self._most, most))
        self._level = min(self._level, float(self._most))
