"""One request from the first try to its end: send, read, wait, try again, give up.

The only place that retries. A request that waits lends its slots to others, but no more requests may wait than may be
in flight: beyond that they keep their slots, so that a failing endpoint is not handed the whole list.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from saiten.errors import EndpointError, Exit
from saiten.models.assemble import ended_choices, finished_choices
from saiten.models.body import Form, dropped, encode_body, sampling_fields
from saiten.models.budget import Account
from saiten.models.clock import Clock
from saiten.models.failures import Failure, Kind, Sent
from saiten.models.health import Health
from saiten.models.limiter import Limiter
from saiten.models.mixups import Names
from saiten.models.options import ClientOptions
from saiten.models.providers import Endpoint
from saiten.models.reasoning import ReasoningParser, find_parser, has_tags
from saiten.models.retry import OUTAGE, Step, Tries
from saiten.models.stats import Stats
from saiten.models.transport import Answer, Sends
from saiten.types import Generation, Message, Sampling
from saiten.values import replace

PROBE = (Message(role="user", content="1"),)
"""Something harmless and cheap to ask, to see whether anything is answered at all."""
MAYBE_BILLED = frozenset({Kind.AMBIGUOUS, Kind.MALFORMED, Kind.TOO_LARGE})
"""Failures after which an answer may have been generated all the same."""
REHEARSALS = 4
"""Requests, at most, that find out how one set of settings must be sent."""
REHEARSAL_TOKENS = 16
"""Some endpoints refuse fewer."""
SHORTFALLS = 2
"""Answers in a row with fewer choices than asked for, before fewer are asked for."""


class Piece(Struct, frozen=True, kw_only=True):
    """Choices of one conversation that are asked for in one HTTP request."""

    messages: tuple[Message, ...]
    sampling: Sampling
    indices: tuple[int, ...]
    expected_tokens: float | None = None
    """A guess of the length of an answer."""


class Trial(Struct, frozen=True, kw_only=True):
    """One sending of a piece, and the state of things when it was sent."""

    number: int
    """Of the piece."""
    tries: Tries
    slots: int
    form: Form
    generation: int
    """Of the limiter's ceiling."""
    outages: int
    """How many outages there had been."""


def told(sampling: Sampling) -> dict[str, object]:
    """Return the settings that are said, by name."""
    values = {name: getattr(sampling, name) for name in sampling.__slots__}
    return {name: value for name, value in values.items() if value is not None}


class Asker:
    """Asks pieces. Holds what was learnt about the endpoint, and whether it still works."""

    def __init__(
        self,
        endpoint: Endpoint,
        options: ClientOptions,
        limiter: Limiter,
        stats: Stats,
        *,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self.transport: Sends | None = None
        self.account: Account | None = None
        """Where requests cost something that is known."""
        self.learnt_n: int | None = None
        """The largest n that the endpoint honours, where it was learnt."""
        self._endpoint = endpoint
        self._options = options
        self._limiter = limiter
        self._stats = stats
        self._clock = clock
        self._chance = chance
        self._parser: ReasoningParser | None = (
            find_parser(options.reasoning_parser) if options.reasoning_parser else None
        )
        streams = endpoint.provider.streams if options.stream is None else options.stream
        self._form = Form(
            stream=streams,
            usage=endpoint.provider.stream_usage == "asked",
            completions=options.completions,
            max_tokens_field=endpoint.provider.max_tokens_field,
            fields=options.fields,
            effort_in_template=options.effort_in_template,
        )
        self._health = Health(endpoint, options.policy, limiter, clock, chance)
        self._numbers = itertools.count()
        self._names = Names()
        self._sampling: Sampling | None = None
        self._sampled_as: Form | None = None
        self._fields: dict[str, Any] = {}
        """How the last sampling was sent in the last form."""
        self._waiting = 0
        self._shortfalls = 0

    # ------------------------------------------------------------------------------------------ one piece

    async def ask(self, piece: Piece) -> dict[int, Generation]:
        """Return the choices that could be had; an index that is missing may be asked again. Raises EndpointError."""
        tries = Tries(self._options.policy, self._endpoint.paid)
        number = next(self._numbers)
        while True:
            self._health.check()
            trial = Trial(
                number=number,
                tries=tries,
                slots=len(piece.indices),
                form=self._form,
                generation=self._limiter.generation,
                outages=self._health.breaker.outages,
            )
            self._stats.retries += tries.sent > 0
            tries.sent += 1
            started = self._clock.unix()
            found = await self._paid(piece, trial.form)
            if isinstance(found, Answer):
                return self._answered(piece, found, tries.sent, started)
            self._stats.note_failure(found.kind)
            if found.kind is Kind.N_REFUSED:
                self._learn_n(found.limit or 1, found.message)
                return {}
            if found.kind is Kind.NO_ROOM and tries.next(found) is Step.AGAIN:
                piece = replace(piece, sampling=replace(piece.sampling, max_tokens=found.limit))
                self._stats.note("max_tokens is lowered to what fits behind the prompt, where that is less")
                continue
            if found.kind in {Kind.CONTEXT_OVERFLOW, Kind.CONTENT_POLICY}:
                self._health.breaker.succeeded()
            elif await self._again(found, trial):
                continue
            return ended_choices(piece.indices, found, attempts=tries.sent, started=started)

    async def rehearse(self, sampling: Sampling, n: int) -> None:
        """Ask for one token with these settings, n of them if n is above 1, before anything is asked for good.

        Learns which n and which form of request the endpoint honours. Raises EndpointError if it refuses the settings;
        what else may fail is left to the run.
        """
        tiny = replace(sampling, max_tokens=min(REHEARSAL_TOKENS, sampling.max_tokens or REHEARSAL_TOKENS))
        for _ in range(REHEARSALS):
            indices = tuple(range(min(n, self.learnt_n or n)))
            self._stats.probes += 1
            found = await self._paid(Piece(messages=PROBE, sampling=tiny, indices=indices), self._form)
            if isinstance(found, Answer):
                came = len(found.reply.choices)
                if came >= len(indices):
                    return
                self._learn_n(max(1, came), f"{len(indices)} choices were asked for")
            elif found.kind is Kind.N_REFUSED:
                self._learn_n(found.limit or 1, found.message)
            elif found.field is not None:
                self._reform(self._form, found)
            elif found.kind is Kind.REFUSED:
                named = ", ".join(f"{name} {value}" for name, value in told(sampling).items())
                raise EndpointError(
                    f"{self._endpoint.shown} refuses the settings of this run ({named}{f', n {n}' if n > 1 else ''}): "
                    f"{found.message}; nothing was asked; change or leave out the setting it names",
                    exit_status=Exit.CONFIGURATION,
                    resumable=False,
                )
            else:
                return

    async def _paid(self, piece: Piece, form: Form) -> Answer | Failure:
        """Send, and pay where it costs something. Raises EndpointError when the budget does not allow it."""
        if self.account is None:
            return await self._send(piece, form)
        limited = None if "max_tokens" in dropped(piece.sampling, self._endpoint) else piece.sampling.max_tokens
        count = len(piece.indices)
        async with self.account.paying(piece.messages, count, limited, piece.expected_tokens) as bill:
            found = await self._send(piece, form)
            if isinstance(found, Answer):
                said = [(choice.text or "") + (choice.reasoning or "") for choice in found.reply.choices.values()]
                bill.cost = self.account.charge(found.reply.usage, piece.messages, said)
            elif found.kind not in MAYBE_BILLED or found.reused:
                bill.cost = 0.0
        return found

    async def _send(self, piece: Piece, form: Form) -> Answer | Failure:
        assert self.transport is not None, "the client is a context manager: enter it first"
        if piece.sampling is not self._sampling or form is not self._sampled_as:  # most requests share both
            self._fields = sampling_fields(piece.sampling, self._endpoint, form)
            self._sampling, self._sampled_as = piece.sampling, form
        fields = self._fields
        n = len(piece.indices)
        body = encode_body(piece.messages, fields, model=self._endpoint.model, n=n, form=form)
        sent = Sent(
            n=n,
            stream=form.stream,
            usage_asked=form.stream and form.usage,
            max_tokens_field=form.max_tokens_field if form.max_tokens_field in fields else None,
        )
        return await self.transport.send(form.route, body, sent)

    def _answered(self, piece: Piece, answer: Answer, attempts: int, unix: float) -> dict[int, Generation]:
        self._health.breaker.succeeded()
        asked = len(piece.indices)
        self._limiter.succeeded(asked)
        found = finished_choices(piece.indices, answer, self._parser, attempts=attempts, started=unix)
        if self._options.warn_of_tags and self._parser is None and any(has_tags(each.text) for each in found.values()):
            self._stats.note(
                "answers begin with <think>, so thoughts are scored as answers: give the server its reasoning parser, "
                "or say --reasoning-parser tags (or ignore, if it is meant)"
            )
        self._stats.note_model(answer.reply.model)
        if (finding := self._names.finding(answer.reply.ids)) is not None:
            self._stats.note(finding)
        self._shortfalls = 0 if len(answer.reply.choices) >= asked else self._shortfalls + 1
        if asked > 1 and self._shortfalls >= SHORTFALLS:
            self._learn_n(max(1, len(answer.reply.choices)), f"{asked} choices were asked for")
            self._shortfalls = 0
        return found

    def _learn_n(self, limit: int, why: str) -> None:
        if self.learnt_n is None or limit < self.learnt_n:
            self.learnt_n = limit
            self._stats.note(f"the endpoint honours n up to {limit} ({why})")

    # ------------------------------------------------------------------------------------------ after a failure

    async def _again(self, failure: Failure, trial: Trial) -> bool:
        """Do what a failure calls for, waiting included. Returns whether to send again. Raises EndpointError."""
        tries = trial.tries
        if failure.overload:
            self._limiter.overloaded(trial.generation)
        if failure.kind is Kind.NO_FILES:
            self._limiter.cap(max(1, self._limiter.in_flight // 2))
        self._health.failed(trial.number, failure)
        step = tries.next(failure)
        if self._health.doubtful and failure.kind in OUTAGE:
            await self._until_well(trial.slots)
            lost = step is Step.GIVE_UP and tries.spoilt >= self._options.policy.attempts
            if self._health.breaker.outages > trial.outages and lost and tries.forgive():
                step = Step.AGAIN
        if step is Step.GIVE_UP:
            self._health.gave_up(failure)
            return False
        if failure.field is not None:
            self._reform(trial.form, failure)
        self._stats.stale_connections += failure.reused
        if step is Step.LATER:
            await self._wait(failure, trial)
        if self._endpoint.paid and failure.kind in {Kind.AMBIGUOUS, Kind.MALFORMED}:
            self._stats.possible_double_charges += 1
        return True

    def _reform(self, form: Form, failure: Failure) -> None:
        """Put requests otherwise from now on. Others that were sent in the old form may have learnt it already."""
        if failure.field is not None and self._form == form:
            self._form = form.without(failure.field)
            self._stats.note(f"the endpoint refuses {failure.field}; requests go without it ({failure.message})")

    async def _wait(self, failure: Failure, trial: Trial) -> None:
        """Wait before the next try; when the endpoint is overloaded, everybody waits."""
        seconds = trial.tries.delay(failure, self._chance)
        if failure.retry_after is not None and failure.retry_after > self._options.policy.longest_pause:
            instant = datetime.fromtimestamp(self._clock.unix() + failure.retry_after, UTC)
            self._health.refuse_to_wait(instant.strftime("%Y-%m-%d %H:%M:%S UTC"), failure)
        if failure.kind is Kind.RATE_LIMITED or (failure.overload and failure.retry_after is not None):
            self._limiter.pause_for(seconds)
        await self._lend(trial.slots, self._health.rest(seconds))

    async def _lend(self, slots: int, waiting: Awaitable[object]) -> None:
        """Wait while others use the slots; take them back before going on, and whatever happens."""
        if self._waiting + slots > self._limiter.ceiling:
            await waiting
            return
        self._waiting += slots
        self._limiter.release(slots)
        held = False
        try:
            await waiting
            await self._limiter.acquire(slots, returning=True)
            held = True
        finally:
            self._waiting -= slots
            if not held:
                self._limiter.take_back(slots)

    async def _until_well(self, slots: int) -> None:
        """Wait until the endpoint answers something harmless; whoever comes first asks. Raises EndpointError."""
        if self._health.probing:
            await self._lend(slots, self._health.well())
        else:
            await self._health.probe(self._ask_harmless)
        self._health.check()

    async def _ask_harmless(self) -> Failure | None:
        """Ask for one token. Returns the failure, or None if an answer came."""
        self._stats.probes += 1
        found = await self._send(Piece(messages=PROBE, sampling=Sampling(max_tokens=1), indices=(0,)), self._form)
        return found if isinstance(found, Failure) else None
