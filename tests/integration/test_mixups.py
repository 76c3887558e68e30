"""A proxy that mixes answers up: what is noticed, and what cannot be."""

from __future__ import annotations

import json

import pytest

from saiten.models.mixups import REMEMBERED, Names
from saiten.models.options import ClientOptions
from tests.helpers.aio import in_loop
from tests.helpers.asking import asking, endpoint
from tests.helpers.faultd import Fault, FaultServer


def whole(name: str, text: str) -> bytes:
    return json.dumps({"id": name, "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode()


def event(name: str, text: str, reason: str | None = None) -> str:
    return "data: " + json.dumps({"id": name, "choices": [{"delta": {"content": text}, "finish_reason": reason}]})


@in_loop
async def test_an_answer_that_comes_to_two_requests_is_told() -> None:
    script = [Fault(prompt="a", body=whole("x-1", "A")), Fault(body=whole("x-2", "B"))]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=False)) as bench:
            for prompt in ("a", "b"):
                await bench.one(prompt)
            assert bench.client.stats.notes == []
            await bench.one("c")
            assert "came to several requests" in " ".join(bench.client.stats.notes)


@in_loop
async def test_a_stream_of_two_answers_is_told() -> None:
    events = [event("x-1", "A"), event("x-2", "B", "stop"), "data: [DONE]"]
    with FaultServer([Fault(events=events)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            await bench.one("a")
            assert "chunks of several answers" in " ".join(bench.client.stats.notes)


@in_loop
async def test_two_whole_answers_that_were_swapped_cannot_be_noticed() -> None:
    """The limit: nothing in the protocol ties an answer to its request, so both are taken as they came."""
    script = [Fault(prompt="a", body=whole("x-2", "answer to b")), Fault(prompt="b", body=whole("x-1", "answer to a"))]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=False)) as bench:
            assert (await bench.one("a")).text == "answer to b"
            assert (await bench.one("b")).text == "answer to a"
            assert bench.client.stats.notes == []


@pytest.mark.parametrize("ids", [("",), ("chatcmpl-0",)])
def test_a_server_that_calls_all_answers_the_same_says_nothing(ids: tuple[str, ...]) -> None:
    names = Names()
    assert [names.finding(ids if ids[0] else ()) for _ in range(5)] == [None] * 5


def test_only_the_latest_names_are_kept() -> None:
    names = Names()
    assert all(names.finding((str(number),)) is None for number in range(REMEMBERED + 2))
    assert names.finding(("0",)) is None
    assert names.finding((str(REMEMBERED),)) is not None
