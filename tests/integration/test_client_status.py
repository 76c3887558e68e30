"""What servers say with status codes: rate limits, quotas, refusals, outages. Rows 23-38 of the fault catalogue."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate

import pytest

from saiten.errors import EndpointError, Exit
from saiten.models.client import Client
from saiten.models.options import ClientOptions
from saiten.models.retry import RetryPolicy
from saiten.types import Outcome, Sampling
from tests.helpers.aio import in_loop
from tests.helpers.asking import Bench, asking, endpoint, paid_endpoint, until
from tests.helpers.fake_clock import FakeClock
from tests.helpers.faultd import Entry, Fault, FaultServer, default_answer

SECRET = "sk-very-secret-key-0123456789"


def expected(prompt: str, index: int = 0) -> str | None:
    return default_answer(prompt, index).text


def error_body(message: str, **fields: object) -> dict[str, object]:
    return {"error": {"message": message, **fields}}


# ---------------------------------------------------------------------------------------------- rate limits


@in_loop
@pytest.mark.parametrize(
    ("header", "value", "least"),
    [
        ("Retry-After", "7", 7.0),
        ("Retry-After-Ms", "1500", 1.5),
        ("Retry-After", "date", 8.0),
        ("Retry-After", "0", 0.0),
        ("Retry-After", "-5", 0.0),
        ("Retry-After", "soon", 0.0),
        ("Retry-After", formatdate(0, usegmt=True), 0.0),
    ],
)
async def test_a_rate_limit_is_waited_for_as_long_as_the_server_asks(header: str, value: str, least: float) -> None:
    value = formatdate(time.time() + 10, usegmt=True) if value == "date" else value
    with FaultServer([Fault(status=429, headers=((header, value),), times=1)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            begun = bench.clock.now()
            generation = await bench.one("a")
            waited = bench.clock.now() - begun
    assert generation.outcome is Outcome.OK
    assert generation.attempts == 2
    assert waited >= least
    assert waited <= max(1.1 * least + 3, RetryPolicy().base_seconds)


@in_loop
async def test_the_pause_after_a_rate_limit_is_shared_by_all_requests() -> None:
    with FaultServer([Fault(status=429, headers=(("Retry-After", "30"),), ordinals=[0])]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            first = asyncio.ensure_future(bench.one("first"))
            await until(lambda: bench.client.stats.failures)
            assert bench.client.stats.paused_seconds > 0
            assert not bench.client.limiter.try_acquire()
            begun = bench.clock.now()
            await bench.one("second")
            assert bench.clock.now() - begun >= 29
            await first
    assert len(server.ledger) == 3


@in_loop
async def test_a_pause_of_hours_ends_the_run_with_the_instant_and_what_is_in_flight_is_kept() -> None:
    script = [Fault(prompt="limited", status=429, headers=(("Retry-After", "10800"),)), Fault(delay=0.1)]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url)) as bench:
            slow = asyncio.ensure_future(bench.one("slow"))
            await until(lambda: server.ledger)
            with pytest.raises(
                EndpointError, match=r"asks to wait until 2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
            ) as caught:
                await bench.one("limited")
            assert (await slow).outcome is Outcome.OK
            with pytest.raises(EndpointError, match="asks to wait until"):
                await bench.one("later")
    assert caught.value.resumable
    assert len(server.ledger) == 2


@in_loop
async def test_a_storm_of_rate_limits_settles_near_the_limit() -> None:
    with FaultServer(rate=40) as server:
        async with Client(paid_endpoint(server.base_url), ClientOptions(concurrency=100)) as client:
            bench = Bench(client, FakeClock())
            begun = time.monotonic()
            generations = await bench.all([f"q{number}" for number in range(100)])
            seconds = time.monotonic() - begun
    assert all(g.outcome is Outcome.OK for g in generations)
    assert len(server.answered) == 100
    assert len(server.ledger) <= 2 * (40 + 40 * seconds)
    assert len(server.ledger) < 200
    assert client.stats.requests_sent == len(server.ledger)


@in_loop
async def test_rate_limits_without_end_end_the_run() -> None:
    with FaultServer([Fault(status=429)]) as server:
        policy = RetryPolicy(rate_outage_seconds=200)
        async with asking(endpoint(server.base_url), ClientOptions(policy=policy)) as bench:
            with pytest.raises(EndpointError, match="only rate limits for") as caught:
                await bench.one("a")
    assert caught.value.resumable
    assert len(server.ledger) < 20


# ---------------------------------------------------------------------------------------------- the whole run


@in_loop
@pytest.mark.parametrize(
    ("fault", "words", "resumable"),
    [
        (Fault(status=401, body=error_body(f"Incorrect API key provided: {SECRET}")), "refuses the API key", False),
        (Fault(status=403, body=error_body("Country not supported")), "refuses the API key", False),
        (Fault(status=402, body=error_body("Insufficient credits")), "quota exhausted", True),
        (Fault(status=429, body=error_body("You exceeded it", code="insufficient_quota")), "quota exhausted", True),
        (Fault(status=404, body=error_body("The model `x` does not exist.")), "does not know the model", False),
        (Fault(status=404, body={"detail": "Not Found"}), "does not know the address", False),
        (Fault(status=405, body=b"Method Not Allowed"), "does not know the address", False),
    ],
    ids=["key", "forbidden", "credits", "quota", "model", "route", "method"],
)
async def test_what_no_request_can_survive_ends_the_run_at_once(fault: Fault, words: str, resumable: bool) -> None:
    with FaultServer([fault]) as server:
        async with asking(paid_endpoint(server.base_url, SECRET)) as bench:
            with pytest.raises(EndpointError, match=words) as caught:
                await bench.one("a")
            with pytest.raises(EndpointError, match=words):
                await bench.one("b")
            assert bench.clock.slept == []
    assert len(server.ledger) == 1
    assert caught.value.resumable is resumable
    assert caught.value.exit in {Exit.CONFIGURATION, Exit.SERVER}
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


@in_loop
async def test_a_key_that_is_revoked_in_mid_run_keeps_answers_that_came_with_it() -> None:
    script = [Fault(status=401, ordinals=range(1, 99), body=error_body("revoked"))]
    with FaultServer(script, max_n=2) as server:
        async with asking(paid_endpoint(server.base_url), ClientOptions(max_n=2)) as bench:
            generations = await bench.ask("a", 4)
            with pytest.raises(EndpointError, match="revoked"):
                await bench.ask("b", 1)
    assert [g.outcome for g in generations] == [Outcome.OK] * 2 + [Outcome.REQUEST_FAILED] * 2
    assert len(server.answered) == 1


@in_loop
async def test_the_key_is_in_no_text_whatever_the_server_repeats() -> None:
    texts = [
        Fault(status=400, body=error_body(f"bad request with {SECRET}"), times=1),
        Fault(status=500, body=f"<html><title>{SECRET}</title></html>", ordinals=range(1, 7)),
        Fault(body=f"<html>{SECRET}</html>", content_type="text/html", ordinals=range(7, 11)),
        Fault(body=f"{SECRET} is no JSON", ordinals=range(11, 13)),
        Fault(body={"error": {"message": SECRET, "code": 400}}, times=1),
        Fault(events=['data: {"error": {"message": "' + SECRET + '", "code": 400}}'], times=1),
    ]
    with FaultServer(texts) as server:
        async with asking(paid_endpoint(server.base_url, SECRET)) as bench:
            generations = [await bench.one(f"q{number}") for number in range(6)]
            shown = [repr(g) for g in generations] + [repr(bench.client.endpoint), repr(bench.client.stats)]
    assert [g.outcome for g in generations] == [Outcome.REQUEST_FAILED] * 6
    assert all(g.error for g in generations)
    assert not any(SECRET in text for text in shown)
    assert all(entry.headers["authorization"] == f"Bearer {SECRET}" for entry in server.ledger)


# ---------------------------------------------------------------------------------------------- one choice


@in_loop
@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 520, 522, 529])
async def test_what_may_work_later_is_tried_again_with_growing_pauses(status: int) -> None:
    with FaultServer([Fault(status=status, times=3)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
            assert bench.clock.slept == [0.5, 1.0, 2.0]
            assert bench.client.stats.statuses == {status: 3, 200: 1}
            assert bench.client.stats.requests_sent == len(server.ledger) == generation.attempts == 4
    assert generation.text == expected("a")


@in_loop
@pytest.mark.parametrize("status", [504, 524])
async def test_a_gateway_that_gave_up_waiting_may_have_cost_money(status: int) -> None:
    with FaultServer([Fault(status=status)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            assert (await bench.one("a")).outcome is Outcome.REQUEST_FAILED
            assert bench.client.stats.possible_double_charges == 1
    assert len(server.ledger) == 2


@in_loop
async def test_a_request_that_is_wrong_fails_once_with_the_servers_words() -> None:
    with FaultServer([Fault(prompt="bad", status=400, body=error_body("temperature must be\nnon-negative"))]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("bad", Sampling(temperature=-1))
            assert (await bench.one("good")).outcome is Outcome.OK
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert generation.error == "400: temperature must be non-negative"
    assert generation.attempts == 1


@in_loop
async def test_an_error_inside_a_good_status_is_an_error() -> None:
    inside = error_body("Provider returned error", code=502)
    event = 'data: {"error": {"message": "EngineCore encountered an issue.", "code": 500}}'
    begun = 'data: {"choices": [{"index": 0, "delta": {"content": "The answer"}}]}'
    script = [
        Fault(prompt="whole", body=inside, times=1),
        Fault(prompt="stream", events=[begun, event, "data: [DONE]"], times=1),
    ]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url)) as bench:
            assert (await bench.one("whole")).text == expected("whole")
            assert (await bench.one("stream")).text == expected("stream")
            assert bench.client.stats.failures == {"rejected": 1, "cut off": 1}


OVERFLOWS = {
    "vllm": error_body(
        "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens."
    ),
    "vllm, no room": error_body("max_tokens must be at least 1, got 0."),
    "vllm, old": error_body(
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4900 in the messages, "
        "100 in the completion). Please reduce the length of the messages or completion."
    ),
    "vllm, engine": error_body("The decoder prompt (length 9000) is longer than the maximum model length of 8192."),
    "llama.cpp": error_body(
        "request (12031 tokens) exceeds the available context size (2048 tokens)", type="exceed_context_size_error"
    ),
    "openai": error_body("Your input exceeds the limit of this model.", code="context_length_exceeded"),
    "anthropic": error_body("prompt is too long: 210000 tokens > 200000 maximum"),
    "gemini": error_body("The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
}


@in_loop
@pytest.mark.parametrize("case", OVERFLOWS)
async def test_a_prompt_that_leaves_no_room_is_truncated_and_not_asked_again(case: str) -> None:
    with FaultServer([Fault(status=400, body=OVERFLOWS[case])]) as server:
        async with asking(endpoint(server.base_url, "custom")) as bench:
            generations = await bench.ask("long", 2)
    for generation in generations:
        assert generation.outcome is Outcome.TRUNCATED
        assert generation.finish_reason == "context_overflow"
        assert generation.text is None
    assert len(server.ledger) == 1


@in_loop
async def test_a_token_limit_that_no_prompt_could_have_is_a_wrong_request() -> None:
    words = "max_tokens=1000000 cannot be greater than max_model_len=2048. This model's maximum context length is 2048."
    with FaultServer([Fault(status=400, body=error_body(words))]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("a", Sampling(max_tokens=1_000_000))
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert "max_model_len" in (generation.error or "")


@in_loop
@pytest.mark.parametrize(
    "body",
    [
        error_body("The response was filtered due to Azure OpenAI's content management policy.", code="content_filter"),
        error_body("Your request was rejected as a result of our safety system.", code="content_policy_violation"),
        error_body("Invalid prompt: your prompt was flagged as potentially violating our usage policy."),
    ],
)
async def test_a_prompt_that_the_policy_turns_away_is_filtered_and_not_asked_again(body: dict[str, object]) -> None:
    with FaultServer([Fault(status=400, body=body)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
    assert generation.outcome is Outcome.CONTENT_FILTER
    assert generation.text is None
    assert len(server.ledger) == 1


# ---------------------------------------------------------------------------------------------- outages


@in_loop
async def test_one_poisoned_prompt_fails_alone() -> None:
    with FaultServer([Fault(prompt="poison", status=500)]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=4)) as bench:
            generations = await bench.all(["poison", *(f"q{number}" for number in range(30))])
            assert bench.client.stats.probes == 0
    assert generations[0].outcome is Outcome.REQUEST_FAILED
    assert generations[0].error == "500: injected 500 (after 6 requests)"
    assert {g.outcome for g in generations[1:]} == {Outcome.OK}


@in_loop
async def test_many_poisoned_prompts_fail_and_the_run_goes_to_its_end() -> None:
    with FaultServer([Fault(share=0.2, by_prompt=True, prompt="q", status=500)]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=64)) as bench:
            generations = await bench.all([f"q{number}" for number in range(150)])
            assert bench.client.stats.probes > 0  # at the end only the bad ones are left: is it the server?
            assert bench.client.stats.requests_sent == len(server.ledger)
    failed = [g for g in generations if g.outcome is Outcome.REQUEST_FAILED]
    assert 10 < len(failed) < 60
    assert all(g.attempts == 6 for g in failed)


@in_loop
async def test_an_endpoint_that_fails_for_everybody_is_probed_and_given_up_before_the_list_is_burnt() -> None:
    with FaultServer([Fault(status=500)]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=16)) as bench:
            with pytest.raises(EndpointError) as caught:
                await bench.all([f"q{number}" for number in range(500)])
            assert bench.client.stats.requests_sent == len(server.ledger)
    message = str(caught.value)
    assert "every request failed for" in message
    assert "injected 500" in message
    assert len({entry.prompt for entry in server.ledger}) < 40
    assert len(server.ledger) < 120


@in_loop
async def test_an_outage_that_ends_costs_no_choice() -> None:
    def down(entry: Entry) -> bool:
        return entry.ordinal >= 8 and sum(earlier.prompt == "1" for earlier in list(server.ledger)) < 4

    with FaultServer([Fault(status=500, when=down)]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=16)) as bench:
            generations = await bench.all([f"q{number}" for number in range(100)])
            assert bench.client.stats.probes == 4
    assert {g.outcome for g in generations} == {Outcome.OK}


@in_loop
async def test_requests_that_are_all_refused_end_the_run_without_a_probe() -> None:
    with FaultServer([Fault(status=400, body=error_body("top_k is not supported"))]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=4)) as bench:
            with pytest.raises(EndpointError) as caught:
                await bench.all([f"q{number}" for number in range(500)])
    assert "top_k is not supported" in str(caught.value)
    assert not caught.value.resumable
    assert len(server.ledger) < 40


@in_loop
async def test_ten_percent_of_random_errors_cost_no_choice() -> None:
    with FaultServer([Fault(share=0.1, status=500), Fault(share=0.1, rst=True)], seed=3) as server:
        async with asking(endpoint(server.base_url), ClientOptions(concurrency=32)) as bench:
            generations = await bench.all([f"q{number}" for number in range(300)])
            assert bench.client.stats.requests_sent == len(server.ledger)
            assert bench.client.stats.retries == len(server.ledger) - 300
    assert [g.text for g in generations] == [expected(f"q{number}") for number in range(300)]


@in_loop
async def test_requests_that_wait_for_their_next_try_learn_at_once_that_the_run_is_over() -> None:
    script = [
        Fault(prompt="waits", status=500, headers=(("Retry-After", "500"),)),
        Fault(prompt="ends", status=401),
    ]
    with FaultServer(script) as server:
        async with Client(endpoint(server.base_url)) as client:
            bench = Bench(client)
            waiting = asyncio.ensure_future(bench.one("waits"))
            await until(lambda: client.stats.failures)
            for task in (bench.one("ends"), asyncio.wait_for(waiting, 5)):
                with pytest.raises(EndpointError, match="refuses the API key"):
                    await task
            assert client.limiter.in_flight == 0


# ---------------------------------------------------------------------------------------------- preflight


@in_loop
async def test_preflight_tells_models_and_context_length() -> None:
    card = {"id": "test-model", "max_model_len": 32768, "root": "org/test-model"}
    with FaultServer(models=[card]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            info = await bench.client.check()
    assert (info.models, info.max_model_len, info.revision, info.notes) == (
        ("test-model",),
        32768,
        "org/test-model",
        (),
    )
    assert server.ledger == []


@in_loop
async def test_preflight_names_what_an_own_server_serves_instead() -> None:
    with FaultServer(models=["test-modell", "other"]) as server:
        async with asking(endpoint(server.base_url, "vllm")) as bench:
            with pytest.raises(EndpointError, match=r"does not serve 'test-model'.*it serves 'test-modell', 'other'"):
                await bench.client.check()
        async with asking(endpoint(server.base_url, "custom")) as bench:
            assert "does not serve" in (await bench.client.check()).notes[0]


@in_loop
async def test_preflight_passes_a_server_without_a_list_of_models() -> None:
    with FaultServer(models=None) as server:
        async with asking(endpoint(server.base_url)) as bench:
            info = await bench.client.check()
    assert info.models == ()
    assert info.notes


@in_loop
@pytest.mark.parametrize("key", [None, SECRET])
async def test_preflight_says_which_variable_holds_a_refused_key(key: str | None) -> None:
    with FaultServer(key="another") as server:
        async with asking(endpoint(server.base_url, "openai", key)) as bench:
            with pytest.raises(EndpointError, match="set OPENAI_API_KEY") as caught:
                await bench.client.check()
    assert caught.value.exit == Exit.CONFIGURATION
    assert SECRET not in str(caught.value)
    assert ("no key was given" in str(caught.value)) is (key is None)


@in_loop
async def test_a_token_limit_that_does_not_fit_behind_the_prompt_is_lowered() -> None:
    words = (
        "This model's maximum context length is 2048 tokens. However, you requested 3048 tokens (1048 in the messages, "
        "2000 in the completion). Please reduce the length of the messages or completion."
    )
    script = [Fault(status=400, body=error_body(words), when=lambda entry: entry.body["max_tokens"] > 1000)]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("a", Sampling(max_tokens=2000))
            assert any("max_tokens is lowered" in note for note in bench.client.stats.notes)
    assert generation.outcome is Outcome.OK
    assert [entry.body["max_tokens"] for entry in server.ledger] == [2000, 1000]


@in_loop
async def test_a_change_of_the_model_during_a_run_is_noted() -> None:
    other = {"model": "other", "choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}
    with FaultServer([Fault(prompt="b", body=other)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            assert [(await bench.one(prompt)).model for prompt in ("a", "b")] == ["test-model", "other"]
            assert "answered as 'test-model' and as 'other'" in bench.client.stats.notes[0]
