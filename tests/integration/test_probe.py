"""saiten probe finds out what the provider table says, of every entry in it, within its bounds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from saiten.models.findings import Report, probe, yaml_lines
from saiten.models.limiter import Limiter, Range
from saiten.models.options import ClientOptions
from saiten.models.probe import REQUESTS, TOKENS, Prober
from saiten.models.provider_table import ALL, Provider, builtin_providers, read_providers
from saiten.models.providers import Endpoint
from saiten.models.stats import Stats
from saiten.models.transport import Transport
from tests.helpers.aio import in_loop
from tests.helpers.command import Saiten
from tests.helpers.fake_clock import FakeClock
from tests.helpers.faultd import Fault, FaultServer
from tests.helpers.imitation import WAIT, imitation, rate_limit

HTTP = {name: entry for name, entry in builtin_providers().items() if entry.transport == "http"}
CASES = [
    (entry, model)
    for entry in HTTP.values()
    for model in ("some-model", *(f"{part}-test" for part in entry.refuses if part != "*"))
]


async def found_out(entry: Provider, server: FaultServer, model: str) -> tuple[Report, Prober]:
    endpoint = Endpoint(provider=entry, base_url=server.base_url, model=model, api_key="a-test-key")
    stats = Stats(Limiter(Range(start=1, most=1)))
    transport = Transport(endpoint, ClientOptions().limits(paid=True), stats)
    try:
        prober = Prober(endpoint, transport, FakeClock())
        return await probe(prober), prober
    finally:
        await transport.close()


@pytest.mark.parametrize(("entry", "model"), CASES, ids=[f"{entry.name}-{model}" for entry, model in CASES])
@in_loop
async def test_a_probe_finds_what_the_table_says(entry: Provider, model: str) -> None:
    with imitation(entry, model) as server:
        report, prober = await found_out(entry, server, model)
    assert prober.sent == len(server.ledger) <= REQUESTS
    limits = [item.body.get("max_tokens") or item.body.get("max_completion_tokens") for item in server.ledger]
    assert all(limit is not None and limit <= TOKENS for limit in limits)
    found = report.entry
    assert found["max_tokens_field"] == entry.max_tokens_field
    assert found["reasoning_field"] == entry.reasoning_field
    assert found["streams"]
    assert found["stream_usage"] == entry.stream_usage
    assert found["max_n"] == min(entry.max_n or 128, 128)
    if found["max_n"] < 128:
        assert found["n_beyond"] == entry.n_beyond
    assert found.get("renamed", {}).get("seed") == entry.renamed.get("seed")
    refused = entry.unsent(model) - set(entry.ignores)
    told = set(found.get("refuses", {}).get(model, []))
    assert told >= {"temperature", "top_p", "stop"} if ALL in refused else told == refused


@in_loop
async def test_the_entry_can_be_read_and_says_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("probe") / "providers.yaml"
    with imitation(HTTP["mistral"], "m") as server:
        report, _ = await found_out(HTTP["mistral"], server, "m")
    path.write_text("\n".join(yaml_lines(report, "mine")), "utf-8")
    entry = read_providers(path, {})["mine"]
    assert (entry.stream_usage, entry.renamed) == ("always", {"seed": "random_seed"})
    assert entry.base_url == server.base_url


@in_loop
async def test_an_n_below_the_largest_is_found_in_few_requests() -> None:
    with FaultServer(gives_n=20) as server:
        report, _ = await found_out(HTTP["custom"], server, "test-model")
    assert (report.entry["max_n"], report.entry["n_beyond"]) == (16, "ignored")


@in_loop
async def test_a_rate_limit_is_waited_for() -> None:
    with imitation(HTTP["custom"], "m", [rate_limit(HTTP["custom"])]) as server:
        report, prober = await found_out(HTTP["custom"], server, "m")
    clock = prober._clock
    assert isinstance(clock, FakeClock)
    assert clock.slept == [WAIT]
    assert report.entry["max_tokens_field"] == "max_tokens"


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def test_the_command_says_what_it_costs_and_prints_table_and_entry(saiten: Saiten) -> None:
    with imitation(HTTP["custom"], "m") as server:
        done = saiten("probe", "m", "--provider", "custom", "--base-url", server.base_url)
    assert done.returncode == 0, done.stderr
    assert f"at most {REQUESTS} requests of at most {TOKENS} tokens" in done.stderr
    assert re.search(r"^stop +honoured", done.stdout, re.MULTILINE)
    head, _, entry = done.stdout.partition("For providers.yaml:")
    assert f"{len(server.ledger)} requests were sent." in head
    (saiten.folder / "providers.yaml").write_text(entry)
    assert saiten("settings", "check").returncode == 0


@pytest.mark.parametrize(
    ("script", "status", "says"),
    [
        ([Fault(status=401)], 4, "refuses the API key"),
        ([Fault(status=500)], 5, "does not answer a plain question"),
        ([Fault(body="<html><title>proxy</title></html>")], 5, "does not answer a plain question"),
    ],
    ids=["key", "broken", "proxy"],
)
def test_an_endpoint_that_does_not_answer_is_one_line(
    script: list[Fault], status: int, says: str, saiten: Saiten
) -> None:
    with FaultServer(script) as server:
        done = saiten("probe", "m", "--provider", "custom", "--base-url", server.base_url)
    assert done.returncode == status
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_nobody_there(saiten: Saiten) -> None:
    done = saiten("probe", "m", "--provider", "custom", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 5
    assert "cannot reach http://127.0.0.1:9/v1" in done.stderr
