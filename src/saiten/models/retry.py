"""When to try again: what follows from a kind of failure, how long to wait, and when the endpoint is given up.

Pure: time and chance are given, nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from saiten.models.failures import Failure, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Limits. Every one is a bound: no sequence of failures can make a request go on for ever."""

    attempts: int = 6
    """Requests for one choice that the server or the network may spoil."""
    paid_resends: int = 1
    """Of these on a paid endpoint: how many after a failure that may have been billed."""
    page_retries: int = 3
    """Tries against a proxy's web page."""
    base_seconds: float = 0.5
    most_seconds: float = 60.0
    rate_attempts: int = 200
    """Requests for one choice that the rate limit may turn away."""
    longest_pause: float = 600.0
    """A longer Retry-After ends the run, resumable."""
    outage_seconds: float = 300.0
    """How long an endpoint may fail for everybody before the run ends, resumable."""
    rate_outage_seconds: float = 1800.0
    """How long it may turn everybody away."""
    breaker: int = 10
    """Distinct requests that fail one after the other, without a success in between, before anything is paused."""
    breaker_refused: int = 20
    """The same for requests that are refused as wrong: then no later request will be right."""


class Step(Enum):
    """What to do with a request that failed."""

    AGAIN = auto()
    """At once: another form of it, or a new connection."""
    LATER = auto()
    GIVE_UP = auto()
    """The choice has failed; the run goes on."""


@dataclass(slots=True)
class Tries:
    """What one request has been through."""

    policy: RetryPolicy
    paid: bool
    sent: int = 0
    spoilt: int = 0
    maybe_billed: int = 0
    pages: int = 0
    turned_away: int = 0
    reconnected: bool = False
    reformed: int = 0

    def next(self, failure: Failure) -> Step:
        """Say what to do after a failure, and count it."""
        match failure.kind:
            case Kind.NOT_SENT | Kind.NO_FILES:
                return Step.LATER  # free; the outage's clock ends it
            case Kind.RATE_LIMITED:
                self.turned_away += 1
                return Step.LATER if self.turned_away < self.policy.rate_attempts else Step.GIVE_UP
            case Kind.FIELD_REFUSED | Kind.N_REFUSED:
                self.reformed += 1
                return Step.AGAIN if self.reformed <= 4 else Step.GIVE_UP
            case Kind.REJECTED:
                return self._spoilt()
            case Kind.NOT_API:
                self.pages += 1
                return self._spoilt() if self.pages <= self.policy.page_retries else Step.GIVE_UP
            case Kind.AMBIGUOUS | Kind.MALFORMED:
                return self._ambiguous(failure)
            case _:
                return Step.GIVE_UP

    def _ambiguous(self, failure: Failure) -> Step:
        if failure.reused and not self.reconnected:
            self.reconnected = True
            return Step.AGAIN
        self.maybe_billed += 1
        if self.paid and self.maybe_billed > self.policy.paid_resends:
            return Step.GIVE_UP
        return self._spoilt()

    def _spoilt(self) -> Step:
        self.spoilt += 1
        return Step.LATER if self.spoilt < self.policy.attempts else Step.GIVE_UP

    def delay(self, failure: Failure, random: Callable[[], float]) -> float:
        """Return the seconds to wait: what the server asks and a little more, or full jitter of a growing span.

        Source: Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015 ("full jitter").
        """
        steps = max(self.spoilt, self.turned_away, 1) - 1
        span = min(self.policy.most_seconds, self.policy.base_seconds * 2.0 ** min(steps, 20))
        if failure.retry_after is not None:
            return failure.retry_after + random() * min(1.0, 0.1 * failure.retry_after)
        return random() * span


@dataclass(slots=True)
class Breaker:
    """Tells an endpoint that fails for everybody from a request that always fails.

    `policy.breaker` distinct requests that fail with no success in between open it: then one request at a time goes
    out, with growing pauses. It closes with the first success, or gives up when the outage lasts too long.
    """

    policy: RetryPolicy
    open: bool = False
    since: float | None = None
    """When the first failure after the last success was."""
    unreachable_since: float | None = None
    turned_away_since: float | None = None
    probes: int = 0
    _failed: set[int] = field(default_factory=set)
    _refused: set[int] = field(default_factory=set)

    def succeeded(self) -> None:
        """Note an answer."""
        if self.since is not None or self._refused or self.turned_away_since is not None:
            self.since = self.unreachable_since = self.turned_away_since = None
            self._failed.clear()
            self._refused.clear()
            self.open = False
            self.probes = 0

    def failed(self, request: int, failure: Failure, now: float) -> str | None:
        """Note a failure. Returns why the endpoint is given up, or None."""
        if failure.kind is Kind.REFUSED:
            self._refused.add(request)
            if len(self._refused) >= self.policy.breaker_refused:
                return f"{len(self._refused)} requests in a row were refused"
            return None
        if failure.kind is Kind.RATE_LIMITED:
            self.turned_away_since = now if self.turned_away_since is None else self.turned_away_since
            if now - self.turned_away_since > self.policy.rate_outage_seconds:
                return f"nothing but rate limits for {now - self.turned_away_since:.0f} s"
            return None
        if failure.kind in {Kind.TOO_LARGE, Kind.NO_FILES}:
            return None
        self.since = now if self.since is None else self.since
        self._failed.add(request)
        if failure.kind is Kind.NOT_SENT:
            self.unreachable_since = now if self.unreachable_since is None else self.unreachable_since
            if now - self.unreachable_since > self.policy.outage_seconds:
                return f"not reachable for {now - self.unreachable_since:.0f} s"
        else:
            self.unreachable_since = None
        if len(self._failed) >= self.policy.breaker:
            self.probes += self.open
            self.open = True
            if now - self.since > self.policy.outage_seconds:
                return f"every request has failed for {now - self.since:.0f} s"
        return None

    def pause(self, random: Callable[[], float]) -> float:
        """Return how long everybody waits before the next probe, seconds."""
        span = min(self.policy.most_seconds, self.policy.base_seconds * 2.0 ** min(self.probes, 20))
        return span * (0.5 + 0.5 * random())
