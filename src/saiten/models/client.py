"""The client: asks an endpoint for choices and gives generations back, whatever the network does in between.

    Client.generate     splits a request by what n the endpoint honours, tops up what is missing
      Asker.ask         one request: sends, retries, waits, gives the slot back meanwhile (asker.py)
        Transport.send  one HTTP exchange (transport.py)

Failures are classified in `failures.py`, what follows from them is decided in `retry.py`, outcomes in `outcomes.py`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from saiten.errors import EndpointError
from saiten.models.asker import Asker, Piece
from saiten.models.body import check_extra_body, dropped, request_fields
from saiten.models.budget import Account, Budget
from saiten.models.clock import Clock, LoopClock
from saiten.models.failures import Failure
from saiten.models.limiter import BLIND, OWN, PAID, Limiter, Range, ceiling_range
from saiten.models.load import METRICS, SECONDS, STRANGE, Load, Steering, read_load, waiting_for
from saiten.models.options import WIDE, ClientOptions, connection_room
from saiten.models.preflight import ServerInfo, check_endpoint
from saiten.models.providers import Endpoint
from saiten.models.reasoning import IGNORE, client_parser
from saiten.models.retry import RetryPolicy
from saiten.models.stats import Stats
from saiten.models.transport import Sends, Transport
from saiten.served import Reached
from saiten.types import Access, Generation, Outcome, Request, RunSpec, Sampling
from saiten.values import replace

LOOK_SECONDS = 10.0
"""How long a page of metrics may take: a busy server answers late."""
SILENT_LOOKS = 5
"""Looks without an answer before a server is taken to have no metrics."""
SERVED = replace(RetryPolicy(), outage_seconds=3600.0)
"""A server of ours that died is started again, which may take long; whoever starts it says when to give up."""


def usual_range(endpoint: Endpoint, slots: int | None) -> Range:
    """Return how many choices are in flight where the user says nothing. `slots`: ClientOptions.slots."""
    if endpoint.paid:
        return PAID
    if not endpoint.provider.own_server:
        return BLIND
    return Range(start=slots + waiting_for(slots), most=OWN.most) if slots else OWN


class Client:
    """Talks to one endpoint. An async context manager; belongs to one event loop.

    Whoever calls `generate` has taken `request.n` slots of `limiter` before, and gives them back afterwards; while a
    request waits for its next try, its slots are lent to others.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: ClientOptions | None = None,
        *,
        clock: Clock | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.endpoint = endpoint
        self.options = options or ClientOptions()
        self._clock = clock or LoopClock()
        given = self.options.concurrency or endpoint.provider.concurrency
        limits = ceiling_range(usual_range(endpoint, self.options.slots), given=given, room=connection_room())
        self.limiter = Limiter(limits, self._clock)
        self.stats = Stats(self.limiter)
        self.load: Load | None = None
        """What a server of ours said last of its own work; None: it does not say."""
        self._asker = Asker(endpoint, self.options, self.limiter, self.stats, clock=self._clock, chance=chance)
        self._transport: Sends | None = None
        self._checked: Sampling | None = None
        """The last sampling that was found to be one that can be sent."""

    @classmethod
    def for_run(cls, endpoint: Endpoint, access: Access, spec: RunSpec, reached: Reached | None = None) -> Self:
        """Return the client of a run. `reached`: what is known of a server that was started for it."""
        own = endpoint.provider.own_server
        options = ClientOptions(
            concurrency=access.concurrency,
            slots=reached.slots if reached else None,
            stall_seconds=access.stall_seconds,
            max_n=access.max_n,
            reasoning_parser=reached.reasoning_parser if reached else client_parser(spec.reasoning_parser, own=own),
            warn_of_tags=spec.reasoning_parser != IGNORE,
            completions=bool(spec.server.no_chat_template),
            fields=request_fields(spec.server, reached) if own else {},
            effort_in_template=reached is not None and reached.effort_in_template,
            policy=SERVED if reached else RetryPolicy(),
        )
        return cls(endpoint, options)

    @property
    def width(self) -> int:
        """Most choices that one request asks for, as far as is known now. 1 for a server of ours."""
        if self.endpoint.provider.own_server:
            return 1
        known = (self.options.max_n or self.endpoint.provider.max_n, self._asker.learnt_n, self.options.concurrency)
        return min((n for n in known if n is not None), default=WIDE)

    def pay_from(self, budget: Budget | None) -> None:
        """Charge every request to a budget, where its price is known."""
        price = self.endpoint.provider.price(self.endpoint.model)
        if budget is not None and price is not None:
            self._asker.account = Account(budget, price)

    async def __aenter__(self) -> Self:
        limits = self.options.limits(paid=self.endpoint.paid)
        if self.endpoint.provider.transport == "litellm":
            from saiten.models.litellm_transport import LitellmTransport

            self._transport = LitellmTransport(self.endpoint, limits, self.stats)
        else:
            self._transport = Transport(self.endpoint, limits, self.stats, cut_loops=self.options.cut_loops)
        self._asker.transport = self._transport
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            await self._transport.close()
            self._transport = None

    async def check(self) -> ServerInfo:
        """Look whether the endpoint can serve this run, for the price of one small GET.

        Raises EndpointError, with what to do, if it is not there, refuses the key, or (a server of ours) serves
        another model. An endpoint without a list of models passes.
        """
        assert self._transport is not None, "the client is a context manager: enter it first"
        return await check_endpoint(self.endpoint, self._transport, self._clock)

    async def rehearse(self, settings: Iterable[tuple[Sampling, int]]) -> None:
        """Try each distinct (settings, samples) of a run with one tiny request, where requests cost money.

        Raises EndpointError, with the endpoint's words, if it refuses one; nothing else was asked then.
        """
        tried: list[tuple[Sampling, int]] = []
        for sampling, samples in settings if self.endpoint.paid else ():
            distinct = (replace(sampling, seed=None if sampling.seed is None else 0), min(2, samples, self.width))
            if distinct not in tried:
                tried.append(distinct)
                await self._asker.rehearse(*distinct)

    async def follow_load(self) -> None:
        """Keep a server of ours full, by its own metrics, until cancelled. Returns where there are none of use."""
        if not self.endpoint.provider.own_server:
            return
        limiter, silent = self.limiter, 0
        steering = Steering(limiter.most, rising=self.options.slots is None)
        while silent < SILENT_LOOKS:
            page = await self._metrics()
            load = read_load(page)
            if load is not None:
                self.load = load
                limiter.steer(steering.ceiling(load, in_flight=limiter.in_flight, ceiling=limiter.ceiling))
            elif STRANGE.search(page):
                self.stats.note(
                    "the server's /metrics do not tell what runs and waits there (a version with other names?): at "
                    f"most {min(BLIND.most, limiter.most)} choices are in flight, or as --concurrency says"
                )
                break
            silent += self.load is None
            await self._clock.sleep(SECONDS if load is None else steering.pause)
        if self.options.concurrency is None:
            limiter.steer(BLIND.most)

    async def _metrics(self) -> bytes:
        """Return the page on which a server of ours tells its load; empty where it does not answer."""
        assert self._transport is not None, "the client is a context manager: enter it first"
        found = await self._transport.get(METRICS, LOOK_SECONDS)
        return b"" if isinstance(found, Failure) or found[0] != 200 else found[1]

    async def generate(self, request: Request) -> list[Generation]:
        """Return exactly `request.n` generations, in the order of their index.

        What fails for a choice is that choice's outcome, REQUEST_FAILED. Raises EndpointError if the endpoint cannot
        serve the run any more and nothing of this request was answered; answered choices are returned first.
        Where one HTTP request brought several choices, its input tokens stand on the first of them, and its output
        tokens are divided by length of text, so that sums are the server's. A seed belongs to the first choice:
        choices that are asked for apart get the seed plus their index.
        """
        if request.sampling is not self._checked:  # most requests share one sampling object
            self._check(request.sampling)
        found: dict[int, Generation] = {}
        fatal: EndpointError | None = None
        missing: Sequence[int] = range(request.n)
        while missing and fatal is None:
            width = max(1, min(self.width, len(missing)))
            pieces = [self._piece(request, missing[start : start + width]) for start in range(0, len(missing), width)]
            before = len(found)
            for answer in await self._ask_all(pieces):
                if isinstance(answer, EndpointError):
                    fatal = fatal or answer
                else:
                    found.update(answer)
            if before and len(found) > before:
                self.stats.topped_up += len(found) - before
            missing = [index for index in missing if index not in found]
        if fatal is not None:
            if not any(generation.outcome is not Outcome.REQUEST_FAILED for generation in found.values()):
                raise fatal
            lost = Generation(outcome=Outcome.REQUEST_FAILED, error=str(fatal), started=self._clock.unix())
            found = dict.fromkeys(range(request.n), lost) | found
        return [found[index] for index in range(request.n)]

    def _check(self, sampling: Sampling) -> None:
        """Note what is not sent of these settings. Raises UserError if they cannot be sent."""
        check_extra_body(sampling)
        where = f"the table's entry for {self.endpoint.provider.name}"
        for name in dropped(sampling, self.endpoint):
            self.stats.note(f"{name} is not sent: {self.endpoint.model} refuses or ignores it ({where})")
        self._checked = sampling

    @staticmethod
    def _piece(request: Request, indices: Sequence[int]) -> Piece:
        sampling = request.sampling
        if sampling.seed is not None and indices[0] > 0:
            sampling = replace(sampling, seed=sampling.seed + indices[0])
        return Piece(
            messages=request.messages,
            sampling=sampling,
            indices=tuple(indices),
            expected_tokens=request.expected_tokens,
        )

    async def _ask_all(self, pieces: Sequence[Piece]) -> list[dict[int, Generation] | EndpointError]:
        """Ask all pieces side by side: their slots are taken already."""
        if len(pieces) == 1:
            return [await self._ask(pieces[0])]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._ask(piece)) for piece in pieces]
        return [task.result() for task in tasks]

    async def _ask(self, piece: Piece) -> dict[int, Generation] | EndpointError:
        """Ask one piece. An EndpointError is handed back, so that it does not cancel answers that are paid for."""
        try:
            return await self._asker.ask(piece)
        except EndpointError as error:
            return error
