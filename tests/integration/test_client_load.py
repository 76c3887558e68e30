"""A server of ours that tells its load: full within a second, and never with much waiting in front of it."""

from __future__ import annotations

import asyncio

import pytest

from saiten.models.client import Client
from saiten.models.options import ClientOptions
from tests.helpers.aio import in_loop
from tests.helpers.asking import Bench, endpoint
from tests.helpers.faultd import FaultServer


async def followed(server: FaultServer, options: ClientOptions, questions: int) -> Client:
    """Ask so many questions of a server whose load is followed."""
    async with Client(endpoint(server.base_url), options) as client:
        following = asyncio.ensure_future(client.follow_load())
        await Bench(client).all([f"question {number}" for number in range(questions)])
        following.cancel()
    return client


@pytest.mark.parametrize(
    ("knows", "peak"),
    [(True, 20), (False, 128)],
    ids=["who knows its size lets few wait", "who does not learns it"],
)
@in_loop
async def test_a_small_server_is_not_drowned(knows: bool, peak: int) -> None:
    with FaultServer(slots=16, latency=0.1) as server:
        client = await followed(server, ClientOptions(slots=16 if knows else None), 300)
    assert 16 < server.peak <= peak
    assert client.limiter.ceiling <= 20
    assert len(server.answered) == 300


@in_loop
async def test_a_large_server_is_full_before_its_first_answers_are_there() -> None:
    with FaultServer(slots=250, latency=3.0) as server:
        client = await followed(server, ClientOptions(), 300)
    first = min(entry.at for entry in server.ledger)
    assert sum(entry.at < first + 2.9 for entry in server.ledger) >= 250
    assert client.limiter.ceiling >= 250


@in_loop
async def test_the_ceiling_that_the_user_gave_holds() -> None:
    with FaultServer(slots=400, latency=0.2) as server:
        await followed(server, ClientOptions(concurrency=100), 500)
    assert 90 < server.peak <= 100


@in_loop
async def test_a_paid_api_is_not_asked_for_its_load() -> None:
    with FaultServer() as server:
        async with Client(endpoint(server.base_url, "custom")) as client:
            await asyncio.wait_for(client.follow_load(), 1)
    assert server.other == []
