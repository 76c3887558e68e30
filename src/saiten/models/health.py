"""Whether the endpoint still works: the circuit breaker in action, and the end of a run that cannot go on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from saiten.models.clock import Clock
from saiten.models.failures import Failure, Kind
from saiten.models.limiter import Limiter
from saiten.models.preflight import unreachable
from saiten.models.providers import Endpoint
from saiten.models.retry import OUTAGE, Breaker, RetryPolicy

AskHarmless = Callable[[], Awaitable[Failure | None]]
"""Asks something tiny. None: answered."""


class Health:
    """Watches over one endpoint. When too many requests fail, it holds all of them and probes."""

    def __init__(
        self, endpoint: Endpoint, policy: RetryPolicy, limiter: Limiter, clock: Clock, chance: Callable[[], float]
    ) -> None:
        self.breaker = Breaker(policy)
        self._endpoint = endpoint
        self._policy = policy
        self._limiter = limiter
        self._clock = clock
        self._chance = chance
        self._fatal: Failure | None = None
        self._well = asyncio.Event()
        self._well.set()
        self._ended = asyncio.Event()

    @property
    def doubtful(self) -> bool:
        """Whether the endpoint must be looked at, or is being looked at, before anything goes on."""
        return self.breaker.suspect or not self._well.is_set()

    @property
    def probing(self) -> bool:
        """Whether somebody looks already; then `well` is what to wait for."""
        return not self._well.is_set()

    async def well(self) -> None:
        """Wait until the endpoint works or is given up."""
        await self._well.wait()

    async def rest(self, seconds: float) -> None:
        """Wait; less if the endpoint is given up meanwhile."""
        waits = [asyncio.ensure_future(self._clock.sleep(seconds)), asyncio.ensure_future(self._ended.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def check(self) -> None:
        """Raise EndpointError if the run cannot go on."""
        if self._fatal is not None:
            raise unreachable(self._endpoint, self._fatal)

    def failed(self, request: int, failure: Failure) -> None:
        """Note a failure of a request. Raises EndpointError if it, or the sum of them, ends the run."""
        reason = self.breaker.failed(request, failure, self._clock.now())
        if failure.kind is Kind.FATAL:
            self._end(failure)
        elif reason is not None:
            self._end(self._because(reason, failure))

    def gave_up(self, failure: Failure) -> None:
        """Note a choice that has failed for good. Raises EndpointError if nothing was ever answered."""
        reason = self.breaker.gave_up()
        if reason is not None:
            self._end(self._because(reason, failure, resumable=failure.kind is not Kind.REFUSED))

    def refuse_to_wait(self, instant: str, failure: Failure) -> None:
        """End the run: the endpoint asks for a longer pause than anybody wants to sit through."""
        self._end(self._because(f"the endpoint asks to wait until {instant}", failure))

    def _because(self, reason: str, failure: Failure, *, resumable: bool = True) -> Failure:
        message = f"{reason}; the last answer: {failure.message}"
        return Failure(kind=Kind.FATAL, message=message, resumable=resumable)

    def _end(self, failure: Failure) -> None:
        self._fatal = self._fatal or failure
        self._limiter.open_wide()
        self._well.set()
        self._ended.set()
        self.check()

    async def probe(self, ask_harmless: AskHarmless) -> None:
        """Hold everything and ask until something is answered. Raises EndpointError when that takes too long."""
        self._well.clear()
        self._limiter.hold()
        try:
            while True:
                await self.rest(self.breaker.pause(self._chance))
                self.check()
                if not self.breaker.suspect:
                    return  # a request that was still in flight was answered
                failure = await self._asked(ask_harmless)
                if failure is None:
                    self.breaker.cleared()
                    return
                if failure.kind is Kind.FATAL:
                    self._end(failure)
                reason = self.breaker.probe_failed(self._clock.now())
                if reason is not None:
                    self._end(self._because(reason, failure))
        finally:
            self._well.set()
            self._limiter.resume()

    async def _asked(self, ask_harmless: AskHarmless) -> Failure | None:
        """Ask. A server that answers, if only to say that it does not like the question, works."""
        try:
            async with asyncio.timeout(self._policy.probe_seconds):
                found = await ask_harmless()
        except TimeoutError:
            return Failure(kind=Kind.AMBIGUOUS, message="no answer to a request for one token")
        return found if found is not None and found.kind in OUTAGE | {Kind.FATAL, Kind.NO_FILES} else None
