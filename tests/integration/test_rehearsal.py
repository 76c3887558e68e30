"""Before anything is asked of an endpoint that charges: does it take these settings, and how many choices at once?"""

from __future__ import annotations

import pytest

from saiten.errors import EndpointError, Exit
from saiten.models.options import ClientOptions
from saiten.types import Outcome, Sampling
from tests.helpers.aio import in_loop
from tests.helpers.asking import asking, endpoint, paid_endpoint
from tests.helpers.faultd import Fault, FaultServer

REFUSAL = b'{"error": {"message": "Unsupported value: \'temperature\' must be 1", "param": "temperature"}}'
TOO_MANY = b'{"error": {"message": "n must be at most 1, got 2", "param": "n"}}'


@in_loop
async def test_a_refused_setting_is_one_line_and_nothing_else_is_asked() -> None:
    with FaultServer([Fault(status=400, body=REFUSAL)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            with pytest.raises(EndpointError) as caught:
                await bench.client.rehearse([(Sampling(temperature=0.2, top_p=0.9), 4)])
    said = str(caught.value)
    assert "temperature 0.2, top_p 0.9, n 2" in said
    assert "must be 1" in said
    assert "\n" not in said
    assert caught.value.exit == Exit.CONFIGURATION
    assert len(server.ledger) == 1


@in_loop
async def test_each_distinct_set_costs_one_tiny_request() -> None:
    with FaultServer() as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            cold, warm = Sampling(temperature=0.0), Sampling(temperature=0.7, seed=3, max_tokens=4000)
            await bench.client.rehearse([(cold, 1), (cold, 1), (warm, 4), (Sampling(temperature=0.7, seed=3), 1)])
    assert [entry.body.get("n", 1) for entry in server.ledger] == [1, 2, 1]
    assert {entry.body.get("max_tokens") or entry.body.get("max_completion_tokens") for entry in server.ledger} == {16}


@in_loop
@pytest.mark.parametrize("case", ["refused", "ignored"])
async def test_an_n_that_is_not_honoured_is_known_before_the_first_question(case: str) -> None:
    refused = Fault(status=400, body=TOO_MANY, times=1)
    answer = b'{"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}'
    script = [refused] if case == "refused" else [Fault(body=answer, times=2)]
    with FaultServer(script) as server:
        async with asking(paid_endpoint(server.base_url), ClientOptions(stream=False)) as bench:
            await bench.client.rehearse([(Sampling(temperature=0.7), 4)])
            assert bench.client.width == 1
            assert "n up to 1" in " ".join(bench.client.stats.notes)
            rehearsed = len(server.ledger)
            generations = await bench.ask("q", 3, Sampling(temperature=0.7))
    assert [generation.outcome for generation in generations] == [Outcome.OK] * 3
    assert all(entry.body.get("n", 1) == 1 for entry in server.ledger[rehearsed:])


@in_loop
async def test_a_busy_endpoint_is_left_to_the_run_and_a_server_of_ours_is_not_rehearsed() -> None:
    with FaultServer([Fault(status=503, times=1)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            await bench.client.rehearse([(Sampling(), 1)])
        assert len(server.ledger) == 1
        async with asking(endpoint(server.base_url)) as bench:
            await bench.client.rehearse([(Sampling(), 1)])
        assert len(server.ledger) == 1


@in_loop
async def test_used_up_requests_are_waited_for_without_asking() -> None:
    used_up = (("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "20s"))
    with FaultServer([Fault(headers=used_up, times=1)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            begun = bench.clock.now()
            await bench.one("first")
            assert not bench.client.limiter.try_acquire()
            await bench.one("second")
            assert bench.clock.now() - begun >= 20
            assert bench.client.stats.statuses == {200: 2}
