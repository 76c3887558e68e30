"""The client against a real socket: good answers, answer semantics, n, reasoning, limits. (Faults: test_client_*.)"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from saiten.models.options import ClientOptions
from saiten.types import Outcome, Sampling
from tests.helpers.aio import in_loop
from tests.helpers.asking import asking, endpoint, paid_endpoint, until
from tests.helpers.fault_answers import Reply, always
from tests.helpers.faultd import Fault, FaultServer, default_answer

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])


def expected(prompt: str, index: int = 0) -> str | None:
    return default_answer(prompt, index).text


@BOTH
@in_loop
async def test_a_choice_is_recorded_with_all_its_evidence(stream: bool) -> None:
    with FaultServer() as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=stream)) as bench:
            generation = await bench.one("hello")
    assert generation.outcome is Outcome.OK
    assert generation.text == expected("hello")
    assert generation.finish_reason == "stop"
    assert generation.model == "test-model"
    assert generation.usage.input_tokens == len("hello")
    assert generation.usage.output_tokens == len(expected("hello") or "")
    assert generation.attempts == 1
    assert 0 < (generation.first_token_seconds or 0) <= generation.seconds < 5
    assert generation.reasoning is None
    assert generation.reasoning_closed is None


@BOTH
@in_loop
async def test_n_choices_come_in_order_and_usage_adds_up(stream: bool) -> None:
    with FaultServer() as server:
        async with asking(endpoint(server.base_url, "custom"), ClientOptions(stream=stream)) as bench:
            generations = await bench.ask("hello", 5)
    assert [g.text for g in generations] == [expected("hello", index) for index in range(5)]
    assert len(server.ledger) == 1
    assert [g.usage.input_tokens for g in generations] == [5, None, None, None, None]
    assert sum(g.usage.output_tokens or 0 for g in generations) == sum(len(g.text or "") for g in generations)


@in_loop
async def test_an_own_server_gets_one_request_for_each_choice_with_its_own_seed() -> None:
    with FaultServer() as server:
        async with asking(endpoint(server.base_url, "vllm")) as bench:
            generations = await bench.ask("hello", 3, Sampling(seed=7))
            assert bench.client.width == 1
    assert sorted(entry.body["seed"] for entry in server.ledger) == [7, 8, 9]
    assert all("n" not in entry.body for entry in server.ledger)
    assert [g.text for g in generations] == [expected("hello", 7 + index) for index in range(3)]


@in_loop
async def test_a_refused_n_is_learnt_once_and_the_choices_are_asked_in_portions() -> None:
    with FaultServer(max_n=4) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            first = await bench.ask("a", 10, Sampling(seed=0))
            asked = len(server.ledger)
            second = await bench.ask("b", 8, Sampling(seed=0))
            assert bench.client.width == 4
            assert any("n up to 4" in note for note in bench.client.stats.notes)
    assert [g.text for g in first] == [expected("a", index) for index in range(10)]
    assert [g.text for g in second] == [expected("b", index) for index in range(8)]
    assert (asked, len(server.ledger)) == (4, 6)  # the refusal, 4 + 4 + 2; 4 + 4


@BOTH
@in_loop
async def test_missing_choices_are_asked_again(stream: bool) -> None:
    with FaultServer(gives_n=2) as server:
        async with asking(endpoint(server.base_url, "custom"), ClientOptions(stream=stream)) as bench:
            generations = await bench.ask("a", 5, Sampling(seed=3))
            assert bench.client.stats.topped_up == 3
    assert [g.text for g in generations] == [expected("a", 3 + index) for index in range(5)]
    assert [g.outcome for g in generations] == [Outcome.OK] * 5


@in_loop
async def test_a_server_that_ignores_n_is_learnt() -> None:
    with FaultServer(gives_n=1) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            generations = await bench.ask("a", 6)
            assert bench.client.width == 1
    assert len(generations) == 6
    assert len(server.ledger) == 6


@in_loop
async def test_a_choice_that_broke_off_beside_finished_ones_is_asked_again() -> None:
    broken = ["data: " + json.dumps({"choices": [{"index": i, "delta": {"content": "x"}}]}) for i in range(2)]
    broken.append('data: {"choices": [{"index": 1, "delta": {}, "finish_reason": "stop"}]}')
    with FaultServer([Fault(ordinals=[0], events=[*broken, "data: [DONE]"])]) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            generations = await bench.ask("a", 2)
    assert [g.text for g in generations] == [expected("a"), "x"]
    assert len(server.ledger) == 2


@in_loop
async def test_duplicate_and_shuffled_indices() -> None:
    def body(*indices: int) -> dict[str, Any]:
        choices = [{"index": i, "message": {"content": f"c{i}"}, "finish_reason": "stop"} for i in indices]
        return {"choices": choices}

    script = [Fault(prompt="shuffled", body=body(2, 0, 1)), Fault(prompt="twice", body=body(0, 0, 1), times=1)]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            assert [g.text for g in await bench.ask("shuffled", 3)] == ["c0", "c1", "c2"]
            assert [g.text for g in await bench.ask("twice", 3)] == [expected("twice", i) for i in range(3)]
            assert bench.client.stats.failures == {"malformed": 1}


Answers = Callable[[str, int], Reply | str]
CASES: dict[str, tuple[Reply, Outcome, str | None, str | None, bool | None]] = {
    "length without content": (
        Reply(text=None, reasoning="hmm", finish_reason="length"), Outcome.TRUNCATED, None, "hmm", False,
    ),
    "null and length": (Reply(text=None, finish_reason="length"), Outcome.TRUNCATED, None, None, None),
    "cut answer": (Reply(text="The ans", finish_reason="length"), Outcome.TRUNCATED, "The ans", None, None),
    "reasoning": (Reply(text="B", reasoning="hmm"), Outcome.OK, "B", "hmm", True),
    "old reasoning key": (
        Reply(text="B", reasoning="hmm", reasoning_key="reasoning_content"), Outcome.OK, "B", "hmm", True,
    ),
    "never closed": (Reply(text=None, reasoning="hmm"), Outcome.UNCLOSED_REASONING, None, "hmm", False),
    "empty": (Reply(text=""), Outcome.EMPTY, "", None, None),
    "blank": (Reply(text=" \n"), Outcome.EMPTY, " \n", None, None),
    "nothing": (Reply(text=None), Outcome.EMPTY, None, None, None),
    "filtered": (Reply(text="partly", finish_reason="content_filter"), Outcome.CONTENT_FILTER, "partly", None, None),
    "unknown reason": (Reply(text="B", finish_reason="eos_token"), Outcome.OK, "B", None, None),
    "refusal": (Reply(text=None, message={"refusal": "I cannot."}), Outcome.OK, "I cannot.", None, None),
    "tools": (
        Reply(finish_reason="tool_calls", message={"tool_calls": [{"id": "1"}]}), Outcome.EMPTY, None, None, None,
    ),
    "parts": (
        Reply(message={"content": [{"type": "text", "text": "B"}, {"type": "image_url"}]}), Outcome.OK, "B", None, None,
    ),
    "loop": (
        Reply(text="start" + "again " * 100, finish_reason="length"),
        Outcome.REPETITION, "start" + "again " * 100, None, None,
    ),
    "loop that ended": (Reply(text="x" * 300), Outcome.OK, "x" * 300, None, None),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("case", CASES)
@in_loop
async def test_what_an_answer_comes_to(case: str, stream: bool) -> None:
    reply, outcome, text, reasoning, closed = CASES[case]
    with FaultServer(answer=always(reply)) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=stream)) as bench:
            generation = await bench.one("a")
    assert generation.outcome is outcome
    assert (generation.text or None) == (text or None)
    assert (generation.text is None) == (text is None) or stream  # a stream cannot tell null from ""
    assert (generation.reasoning, generation.reasoning_closed) == (reasoning, closed)
    assert generation.finish_reason == reply.finish_reason
    assert (generation.repetition is not None) == case.startswith("loop")
    assert len(server.ledger) == 1


@BOTH
@in_loop
async def test_a_parser_tells_reasoning_from_answer_in_the_text(stream: bool) -> None:
    answers = {"closed": "<think>hmm</think>B", "open": "<think>hmm", "cut": "<think>hmm"}
    reason = {"cut": "length"}

    def answer(prompt: str, _: int) -> Reply:
        return Reply(text=answers[prompt], finish_reason=reason.get(prompt, "stop"))

    with FaultServer(answer=answer) as server:
        options = ClientOptions(stream=stream, reasoning_parser="tags")
        async with asking(endpoint(server.base_url), options) as bench:
            closed, opened, cut = [await bench.one(prompt) for prompt in answers]
    assert (closed.text, closed.reasoning, closed.reasoning_closed) == ("B", "hmm", True)
    assert (opened.text, opened.reasoning, opened.outcome) == (None, "hmm", Outcome.UNCLOSED_REASONING)
    assert (cut.reasoning_closed, cut.outcome) == (False, Outcome.TRUNCATED)


@in_loop
async def test_the_completions_route_sends_the_last_user_message() -> None:
    with FaultServer() as server:
        async with asking(endpoint(server.base_url), ClientOptions(completions=True)) as bench:
            generation = await bench.one("hello", Sampling(max_tokens=9))
    assert server.ledger[0].path == "/v1/completions"
    assert server.ledger[0].body["prompt"] == "hello"
    assert generation.text == expected("hello")


@in_loop
async def test_a_loop_is_cut_where_that_is_asked_for_and_the_connection_is_closed() -> None:
    with FaultServer(answer=always("the same thing again. " * 4000), gap=0.0005) as server:
        async with asking(endpoint(server.base_url), ClientOptions(cut_loops=True)) as bench:
            generation = await bench.one("a")
        entry = server.ledger[0]
    assert generation.outcome is Outcome.REPETITION
    assert generation.finish_reason == "repetition"
    assert generation.repetition is not None
    assert generation.repetition.period == 22
    assert len(generation.text or "") < 22 * 4000
    assert not entry.answered


@in_loop
async def test_a_server_without_stream_options_or_streams_is_learnt_once() -> None:
    def refuses(field: str) -> Fault:
        body = {"error": {"message": f"Unrecognized request argument supplied: {field}"}}
        return Fault(status=400, body=body, when=lambda entry: bool(entry.body.get(field)))

    with FaultServer([refuses("stream_options"), refuses("stream")]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generations = [await bench.one(prompt) for prompt in ("a", "b")]
            assert len(bench.client.stats.notes) == 2
    assert [g.text for g in generations] == [expected("a"), expected("b")]
    assert len(server.ledger) == 4


@in_loop
async def test_a_server_that_ignores_stream_is_read_as_a_whole() -> None:
    body = {"model": "m", "choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}
    with FaultServer([Fault(body=body)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            assert (await bench.one("a")).text == "B"


@in_loop
async def test_the_other_name_of_the_token_limit_is_tried() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    script = [Fault(status=400, body={"error": {"message": words}}, when=lambda entry: "max_tokens" in entry.body)]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            assert (await bench.one("a", Sampling(max_tokens=5))).outcome is Outcome.OK
    assert server.ledger[1].body["max_completion_tokens"] == 5


@in_loop
async def test_streamed_tokens_are_counted_and_corrected_by_the_usage() -> None:
    with FaultServer() as server:
        async with asking(endpoint(server.base_url)) as bench:
            await bench.one("a")
            stats = bench.client.stats
            assert stats.output_tokens == len(expected("a") or "")
            assert stats.requests_sent == len(server.ledger) == 1
            assert stats.statuses == {200: 1}
            assert stats.models == {"test-model": 1}
            assert stats.bytes_received > 100


@in_loop
async def test_connections_are_used_again_and_never_more_than_the_ceiling() -> None:
    with FaultServer(latency=0.01) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=8)) as bench:
            generations = await bench.all([f"q{number}" for number in range(100)])
    assert all(g.outcome is Outcome.OK for g in generations)
    assert server.peak <= 8
    assert server.connections <= 8


@in_loop
async def test_cancelling_a_request_closes_its_connection_and_keeps_the_slots_right() -> None:
    with FaultServer([Fault(prompt="slow", hang=True)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            task = asyncio.ensure_future(bench.one("slow"))
            await until(lambda: server.ledger)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert bench.client.limiter.in_flight == 0
            assert (await bench.one("quick")).outcome is Outcome.OK
