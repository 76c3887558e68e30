"""Asks a client the way the engine does: takes the slots, generates, gives them back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from saiten.errors import EndpointError
from saiten.models.client import Client
from saiten.models.options import ClientOptions
from saiten.models.provider_table import find_provider
from saiten.models.providers import Endpoint
from saiten.types import Generation, Message, Request, Sampling
from saiten.values import replace
from tests.helpers.fake_clock import FakeClock

PAID = replace(find_provider("custom"), name="paid")


def endpoint(base_url: str, provider: str = "vllm", key: str | None = None) -> Endpoint:
    """Return the endpoint of a test server."""
    return Endpoint(provider=find_provider(provider), base_url=base_url, model="test-model", api_key=key)


class PaidEndpoint(Endpoint):
    """A test server that is treated as if each answer cost money."""

    __slots__ = ()

    @property
    def paid(self) -> bool:
        """Say yes."""
        return True


def paid_endpoint(base_url: str, key: str | None = "sk-secret") -> Endpoint:
    """Return the endpoint of a test server that charges."""
    return PaidEndpoint(provider=PAID, base_url=base_url, model="test-model", api_key=key)


def question(prompt: str, n: int = 1, sampling: Sampling | None = None) -> Request:
    """Return a request with one user message."""
    return Request(messages=(Message(role="user", content=prompt),), sampling=sampling or Sampling(), n=n)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something holds that another thread brings about."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # no event of this loop tells it
            await asyncio.sleep(0.002)


@dataclass
class Bench:
    """A client with a clock that does not wait."""

    client: Client
    clock: FakeClock = field(default_factory=FakeClock)

    async def ask(self, prompt: str, n: int = 1, sampling: Sampling | None = None) -> list[Generation]:
        """Ask one question."""
        return await self.send(question(prompt, n, sampling))

    async def send(self, request: Request) -> list[Generation]:
        """Take the slots, generate, give them back."""
        await self.client.limiter.acquire(request.n)
        try:
            return await self.client.generate(request)
        finally:
            self.client.limiter.release(request.n)

    async def one(self, prompt: str, sampling: Sampling | None = None) -> Generation:
        """Ask for one choice."""
        (generation,) = await self.ask(prompt, 1, sampling)
        return generation

    async def all(self, prompts: Sequence[str]) -> list[Generation]:
        """Ask many questions, each in a task of its own that is made when it has its slot.

        Raises the first EndpointError; nothing is asked after it, and what is in flight goes on to its end.
        """
        found: dict[int, Generation] = {}
        fatal: list[EndpointError] = []

        async def ask(number: int, prompt: str) -> None:
            try:
                (found[number],) = await self.client.generate(question(prompt))
            except EndpointError as error:
                fatal.append(error)
            finally:
                self.client.limiter.release()

        async with asyncio.TaskGroup() as group:
            for number, prompt in enumerate(prompts):
                await self.client.limiter.acquire()
                if fatal:
                    self.client.limiter.release()
                    break
                group.create_task(ask(number, prompt))
        if fatal:
            raise fatal[0]
        return [found[number] for number in range(len(prompts))]


@asynccontextmanager
async def asking(endpoint: Endpoint, options: ClientOptions | None = None) -> AsyncIterator[Bench]:
    """Open a client on a fake clock, with no chance in its back-off (the whole span is waited)."""
    clock = FakeClock()
    async with Client(endpoint, options, clock=clock, chance=lambda: 1.0) as client:
        yield Bench(client, clock)
    assert client.limiter.in_flight == 0, "slots were lost"
