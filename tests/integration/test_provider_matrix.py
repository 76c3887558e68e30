"""Every entry of the provider table against a server that has its quirks. A new entry is tested by being there.

Once as the table knows it (no request is wasted), and once as a stranger whose quirks are learnt from its refusals.
"""

from __future__ import annotations

import pytest

from saiten.models.provider_table import Provider, builtin_providers
from saiten.models.providers import Endpoint
from saiten.types import Outcome, Sampling
from saiten.values import replace
from tests.helpers.aio import in_loop
from tests.helpers.asking import asking
from tests.helpers.faultd import FaultServer
from tests.helpers.imitation import FULL, WAIT, imitation, rate_limit, refused

HTTP = {name: entry for name, entry in builtin_providers().items() if entry.transport == "http"}
CASES = [
    (entry, model)
    for entry in HTTP.values()
    for model in ("some-model", *(f"{part}-test" for part in entry.refuses if part != "*"))
]
N = 5
named = pytest.mark.parametrize(("entry", "model"), CASES, ids=[f"{entry.name}-{model}" for entry, model in CASES])
each = pytest.mark.parametrize("entry", HTTP.values(), ids=HTTP)


def endpoint(provider: Provider, server: FaultServer, model: str = "some-model") -> Endpoint:
    return Endpoint(provider=provider, base_url=server.base_url, model=model, api_key="k")


@named
@in_loop
async def test_an_entry_wastes_no_request_and_loses_no_choice(entry: Provider, model: str) -> None:
    with imitation(entry, model) as server:
        async with asking(endpoint(entry, server, model)) as bench:
            found = await bench.ask("q", N, FULL)
            seeds = not set(entry.ignores) & {"seed"} and "all" not in entry.unsent(model)
            assert [g.outcome for g in found] == [Outcome.OK] * N
            assert all(g.text and g.text.endswith("to q") for g in found)
            shown = entry.reasoning_field != "none"
            assert all((g.reasoning is not None) == shown for g in found)
            assert bench.client.stats.requests_sent == len(server.ledger)
            dropped = {note.split()[0] for note in bench.client.stats.notes if "is not sent" in note}
            assert bool(dropped) == bool(entry.unsent(model))
            for item in server.ledger:
                sent = item.body.keys() - {"model", "messages", "n", "stream", "stream_options"}
                assert not sent & (dropped - {"max_tokens"})
                assert (entry.renamed.get("seed", "seed") in sent) == seeds
    assert refused(server) == []
    width = 1 if entry.own_server else entry.max_n or N
    assert len(server.ledger) == -(-N // min(width, N))


@each
@in_loop
async def test_what_an_entry_says_of_usage_is_counted(entry: Provider) -> None:
    with imitation(entry, "some-model") as server:
        async with asking(endpoint(entry, server)) as bench:
            generation = await bench.one("q")
            known = entry.stream_usage != "never"
            assert (generation.usage.output_tokens is not None) == known


@each
@in_loop
async def test_an_answer_cut_while_thinking_is_truncated_and_never_an_answer(entry: Provider) -> None:
    with imitation(entry, "some-model") as server:
        async with asking(endpoint(entry, server)) as bench:
            generation = await bench.one("a long one", Sampling(max_tokens=5))
            assert generation.outcome is Outcome.TRUNCATED
            assert generation.text is None
            assert (generation.reasoning is not None) == (entry.reasoning_field != "none")


@each
@in_loop
async def test_a_rate_limit_is_waited_for_as_the_provider_asks(entry: Provider) -> None:
    with imitation(entry, "some-model", [rate_limit(entry)]) as server:
        async with asking(endpoint(entry, server)) as bench:
            assert (await bench.one("q")).outcome is Outcome.OK
            longest = max(bench.clock.slept)
            assert WAIT <= longest < WAIT + 2 if entry.retry_hint != "none" else longest < WAIT
    assert [item.status for item in server.ledger] == [429, 200]


LEARNABLE = [entry for entry in HTTP.values() if not entry.own_server]


@pytest.mark.parametrize("entry", LEARNABLE, ids=[entry.name for entry in LEARNABLE])
@in_loop
async def test_a_stranger_with_the_same_quirks_is_learnt(entry: Provider) -> None:
    stranger = builtin_providers()["custom"]
    sampling = Sampling(
        temperature=0.6, max_tokens=64
    )  # what is refused as wrong cannot be learnt, and ends the choice
    with imitation(replace(entry, refuses={}, renamed={}), "some-model") as server:
        async with asking(endpoint(stranger, server)) as bench:
            for question in ("a", "b", "c"):
                found = await bench.ask(question, 10, sampling)
                assert [g.outcome for g in found] == [Outcome.OK] * 10
            before = len(refused(server))
            assert before <= 1 + 10  # a refused n, then a refused spelling for each of ten that went side by side
            await bench.ask("d", 10, sampling)
            assert len(refused(server)) == before
            assert bench.client.width <= (entry.max_n or 128)


@each
@in_loop
async def test_an_entry_can_stop_streaming(entry: Provider) -> None:
    silent = replace(entry, streams=False)
    with imitation(silent, "some-model") as server:
        async with asking(endpoint(silent, server)) as bench:
            generation = await bench.one("q")
            assert generation.outcome is Outcome.OK
            assert (generation.reasoning is not None) == (entry.reasoning_field != "none")
    assert "stream" not in server.ledger[0].body


@in_loop
async def test_the_ceiling_of_an_entry_holds() -> None:
    entry = replace(HTTP["custom"], concurrency=3)
    with imitation(entry, "some-model") as server:
        server.latency = 0.05
        async with asking(endpoint(entry, server)) as bench:
            await bench.all([f"q{number}" for number in range(12)])
    assert server.peak <= 3
