"""When to try again: what follows from a kind of failure, how long to wait, and when the endpoint is given up.

Pure: time and chance are given, nothing waits here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from msgspec import Struct, field

from saiten.models.failures import Failure, Kind


class RetryPolicy(Struct, frozen=True, kw_only=True):
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
    outages: int = 3
    """Outages that one request may survive."""
    breaker: int = 10
    """Distinct requests that fail one after the other, without a success in between, before the endpoint is probed."""
    probe_seconds: float = 120.0
    """How long a request for one token may take."""
    hopeless: int = 20
    """Choices that fail before the first answer of the run, before it is ended."""


class Step(Enum):
    """What to do with a request that failed."""

    AGAIN = auto()
    """At once: another form of it, or a new connection."""
    LATER = auto()
    GIVE_UP = auto()
    """The choice has failed; the run goes on."""


class Tries(Struct):
    """What one request has been through."""

    policy: RetryPolicy
    paid: bool
    sent: int = 0
    unsent: int = 0
    spoilt: int = 0
    maybe_billed: int = 0
    pages: int = 0
    turned_away: int = 0
    reconnected: bool = False
    reformed: int = 0
    outages: int = 0

    def next(self, failure: Failure) -> Step:
        """Say what to do after a failure, and count it."""
        match failure.kind:
            case Kind.NOT_SENT | Kind.NO_FILES:
                self.unsent += 1
                step = Step.LATER  # free; the outage's clock ends it
            case Kind.RATE_LIMITED:
                self.turned_away += 1
                step = Step.LATER if self.turned_away < self.policy.rate_attempts else Step.GIVE_UP
            case Kind.FIELD_REFUSED | Kind.NO_ROOM:
                self.reformed += 1
                step = Step.AGAIN if self.reformed <= 4 else Step.GIVE_UP
            case Kind.REJECTED:
                step = self._spoilt()
            case Kind.NOT_API:
                self.pages += 1
                step = self._spoilt() if self.pages <= self.policy.page_retries else Step.GIVE_UP
            case Kind.AMBIGUOUS | Kind.MALFORMED:
                step = self._ambiguous(failure)
            case _:
                step = Step.GIVE_UP
        return step

    def forgive(self) -> bool:
        """Forget what an outage spoilt. False if that was so too often: this request may be what brings it about."""
        self.outages += 1
        self.spoilt = 0
        return self.outages <= self.policy.outages

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
        steps = max(self.unsent, self.spoilt, self.turned_away, 1) - 1
        span = min(self.policy.most_seconds, self.policy.base_seconds * 2.0 ** min(steps, 20))
        if failure.retry_after is not None:
            return failure.retry_after + random() * min(1.0, 0.1 * failure.retry_after)
        return random() * span


class Breaker(Struct):
    """Tells an endpoint that fails for everybody from requests that always fail.

    When `policy.breaker` distinct requests have failed with no success in between, the endpoint is `suspect`: the
    client pauses everything and asks it something harmless. An answer clears it (then it is those requests that fail),
    and only an outage that goes on for `policy.outage_seconds` ends the run. Requests that were refused as wrong, or
    have used up their tries, end the run only if nothing was answered yet: then nothing will be.
    """

    policy: RetryPolicy
    answered: bool = False
    """Whether anything was answered in this run."""
    since: float | None = None
    """When the first failure after the last success was, seconds."""
    unreachable_since: float | None = None
    turned_away_since: float | None = None
    probes: int = 0
    """Probes that have failed one after the other."""
    outages: int = 0
    given_up: int = 0
    _failed: set[int] = field(default_factory=set)

    def succeeded(self) -> None:
        """Note an answer."""
        self.answered = True
        if self.since is not None or self.turned_away_since is not None:
            self.cleared()

    def cleared(self) -> None:
        """Note that the endpoint works."""
        self.since = self.unreachable_since = self.turned_away_since = None
        self._failed.clear()
        self.probes = 0

    @property
    def suspect(self) -> bool:
        """Whether so many requests failed that the endpoint itself must be looked at."""
        return len(self._failed) >= self.policy.breaker

    def failed(self, request: int, failure: Failure, now: float) -> str | None:
        """Note a failure of a request. Returns why the endpoint is given up, or None."""
        kind = failure.kind
        if kind is Kind.RATE_LIMITED:
            self.turned_away_since = now if self.turned_away_since is None else self.turned_away_since
            return self._too_long(self.turned_away_since, now, self.policy.rate_outage_seconds, "only rate limits")
        if kind not in OUTAGE:
            return None
        self.since = now if self.since is None else self.since
        self._failed.add(request)
        if kind is not Kind.NOT_SENT:
            self.unreachable_since = None
            return None
        self.unreachable_since = now if self.unreachable_since is None else self.unreachable_since
        return self._too_long(self.unreachable_since, now, self.policy.outage_seconds, "not reachable")

    def probe_failed(self, now: float) -> str | None:
        """Note that the probe failed as well. Returns why the endpoint is given up, or None."""
        self.outages += self.probes == 0
        self.probes += 1
        since = now if self.since is None else self.since
        return self._too_long(since, now, self.policy.outage_seconds, "every request failed")

    def gave_up(self) -> str | None:
        """Note a choice that has failed for good. Returns why the endpoint is given up, or None."""
        self.given_up += 1
        if self.answered or self.given_up < self.policy.hopeless:
            return None
        return f"the first {self.given_up} choices all failed"

    @staticmethod
    def _too_long(since: float, now: float, limit: float, what: str) -> str | None:
        return f"{what} for {now - since:.0f} s" if now - since >= limit else None

    def pause(self, random: Callable[[], float]) -> float:
        """Return the seconds before the next probe."""
        span = min(self.policy.most_seconds / 2, self.policy.base_seconds * 2.0 ** min(self.probes, 20))
        return span * (0.5 + 0.5 * random())


OUTAGE = frozenset({Kind.NOT_SENT, Kind.REJECTED, Kind.NOT_API, Kind.AMBIGUOUS, Kind.MALFORMED})
"""Kinds that an endpoint in trouble produces."""
