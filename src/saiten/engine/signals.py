"""Being asked to stop is normal: a walltime ends, somebody presses ctrl-C.

The first signal stops launching and drains; the second stops now. Both leave a run that the same command continues.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct, field

from saiten.errors import Exit

SIGNALS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,
    signal.SIGUSR1: Exit.INCOMPLETE,
    signal.SIGUSR2: Exit.INCOMPLETE,
}
"""USR1 and USR2 are how schedulers announce the end of a job: the run is incomplete, start it again to resume."""
WARNINGS = {signal.SIGUSR1, signal.SIGUSR2}
"""They say when, not how: Grid Engine sends them twice, and our own clock is often first. No reason to hurry."""


class StoppedNow(Exception):  # noqa: N818  # not an error: somebody asked
    """Ends every request in flight."""


class StopRequest(Struct):
    """Whether and how this process was asked to stop."""

    draining: asyncio.Event = field(default_factory=asyncio.Event)
    now: asyncio.Event = field(default_factory=asyncio.Event)
    exit: Exit | None = None
    reason: str = ""
    until: float | None = None
    """Unix time until which requests in flight may finish, where that is known."""
    hurried: bool = False
    """Whether a signal asked: who sent it may kill this process soon."""

    def grace(self, seconds: float) -> float | None:
        """Return how long requests in flight may still finish: `seconds` or until `until`; None: not stopping."""
        if not self.draining.is_set():
            return None
        return seconds if self.until is None else max(0.0, self.until - time.time())

    def give_up(self) -> None:
        """End at once: nothing will come any more, so what is in flight is not waited for."""
        self.draining.set()
        self.now.set()

    async def finish(
        self, watching: asyncio.Task[None], busy: Callable[[], object], changed: asyncio.Event, seconds: float
    ) -> None:
        """Wait for what is in flight, then end `watching`; if the wait has run out, that still ends the requests."""
        await self._drained(busy, changed, seconds)
        if not self.now.is_set():
            watching.cancel()

    async def _drained(self, busy: Callable[[], object], changed: asyncio.Event, seconds: float) -> None:
        """Wait for what is in flight; once this process is asked to stop, only as long as `grace` says."""
        limit = self.grace(seconds)
        try:
            async with asyncio.timeout(limit):
                while busy():
                    changed.clear()
                    await changed.wait()
                    if limit is None and self.draining.is_set():
                        return await self._drained(busy, changed, seconds)
        except TimeoutError:
            self.now.set()
        return None

    async def watched(self, changed: asyncio.Event) -> None:
        """Wake whoever waits for `changed` when draining begins; raise StoppedNow when every request must end."""
        await self.draining.wait()
        changed.set()
        await self.now.wait()
        raise StoppedNow

    def ask(self, reason: str, exit_status: Exit) -> None:
        """Ask to drain; asked again, to stop now."""
        if self.draining.is_set():
            self.now.set()
            return
        self.reason = reason
        self.exit = exit_status
        self.draining.set()


@contextmanager
def watch_signals(stop: StopRequest, tell: Callable[[str], None]) -> Iterator[None]:
    """Turn signals into stop requests while the block runs. Only the main thread can: elsewhere it does nothing."""
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if number in WARNINGS and stop.draining.is_set():
            return
        stop.hurried = True
        what = "stopping now" if stop.draining.is_set() else "finishing what is in flight (again: stop now)"
        stop.ask(number.name, SIGNALS[number])
        tell(f"{number.name}: {what}")

    before = {number: signal.getsignal(number) for number in SIGNALS}
    installed = []
    try:
        for number in SIGNALS:
            loop.add_signal_handler(number, received, number)
            installed.append(number)
    except (ValueError, RuntimeError, NotImplementedError):
        pass  # not the main thread: the caller handles signals
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
