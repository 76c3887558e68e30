"""How many choices keep a server full: its own metrics, and what follows from them."""

from __future__ import annotations

import asyncio

import pytest

from saiten.models.client import Client
from saiten.models.limiter import BLIND, OWN, Limiter, Range
from saiten.models.load import CALM_LOOKS, LEAST_WAITING, SECONDS, Load, Steering, read_load
from saiten.models.provider_table import find_provider
from saiten.models.providers import Endpoint

VLLM = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 250.0
vllm:num_requests_running{engine="1",model_name="m"} 200.0
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
vllm:num_requests_waiting{engine="1",model_name="m"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 3.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.75
vllm:kv_cache_usage_perc{engine="1",model_name="m"} 0.5
vllm:num_preemptions_total{engine="0",model_name="m"} 2.0
vllm:num_preemptions_created{engine="0",model_name="m"} 1.79e+09
vllm:generation_tokens_total{engine="0",model_name="m"} 1e+06
vllm:request_num_preemptions_bucket{engine="0",le="1.0",model_name="m"} 2.0
"""
LLAMACPP = b"llamacpp:requests_processing 4\nllamacpp:requests_deferred 12\nllamacpp:tokens_predicted_total 99\n"


def test_replicas_are_added_up_and_the_fullest_memory_counts() -> None:
    assert read_load(VLLM) == Load(running=450, waiting=3, kv_use=0.75, preemptions=2, generated=1_000_000)


def test_the_embedded_server_tells_in_its_own_words() -> None:
    assert read_load(LLAMACPP) == Load(running=4, waiting=12, generated=99)


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>",
        b"vllm:num_requests_running{} NaN?\n",
        b"vllm:num_requests_waiting 3\n",
        b"vllm:num_requests_running 3\n",
    ],
)
def test_a_page_that_tells_nothing_is_none(page: bytes) -> None:
    assert read_load(page) is None


def test_the_metrics_lie_beside_the_api() -> None:
    where = Endpoint(provider=find_provider("vllm"), base_url="http://127.0.0.1:8000/v1", model="m")
    assert where.url("/../metrics") == "http://127.0.0.1:8000/metrics"
    assert where.url("/models") == "http://127.0.0.1:8000/v1/models"


class Server:
    """A server that works on at most `room` choices; the rest waits."""

    def __init__(self, room: int, ceiling: int) -> None:
        self.room, self.ceiling, self.steering = room, ceiling, Steering(most=4096)
        self.preemptions = 0

    def look(self, in_flight: int | None = None) -> int:
        flying = self.ceiling if in_flight is None else in_flight
        load = Load(running=min(flying, self.room), waiting=max(0, flying - self.room), preemptions=self.preemptions)
        self.ceiling = self.steering.ceiling(load, in_flight=flying, ceiling=self.ceiling)
        return self.ceiling


@pytest.mark.parametrize(("room", "start"), [(256, 512), (64, 512), (1000, 512), (8, 512)])
def test_a_little_waits_and_not_more(room: int, start: int) -> None:
    server = Server(room, start)
    for _ in range(100):
        server.look()
    assert room < server.ceiling <= room + max(3, room // 4)


@pytest.mark.parametrize(("room", "most_waiting"), [(16, 112), (128, 64), (256, 128), (1000, 500)])
def test_the_first_looks_fill_a_server_that_holds_much_and_do_not_drown_one_that_holds_little(
    room: int, most_waiting: int
) -> None:
    server, seconds, waiting = Server(room, OWN.start), 0.0, 0
    while server.ceiling < room:
        server.look()
        seconds += server.steering.pause
        waiting = max(waiting, server.ceiling - room)
    assert seconds < 0.5
    for _ in range(5):
        server.look()
        waiting = max(waiting, server.ceiling - room)
    assert waiting <= most_waiting
    assert server.ceiling <= room + max(LEAST_WAITING, room // 8)
    for _ in range(20):
        server.look()
    assert server.steering.pause == SECONDS


def test_a_wave_that_grows_into_the_batch_does_not_end_the_rise() -> None:
    """Prompts are read for seconds: many wait, and at each look more of them run."""
    steering = Steering(4096)
    for running in (0, 10, 30, 60, 90):
        assert steering.ceiling(Load(running=running, waiting=96 - running), in_flight=96, ceiling=96) == 96
    assert steering.ceiling(Load(running=96, waiting=0), in_flight=96, ceiling=96) == 144


def test_a_wave_that_is_just_being_taken_up_is_no_queue() -> None:
    server = Server(256, 300)
    steering, load = server.steering, Load(running=0, waiting=300)
    assert steering.ceiling(load, in_flight=300, ceiling=300) == 300


def test_the_ceiling_does_not_grow_where_it_does_not_limit() -> None:
    server = Server(256, 100)
    for _ in range(5):
        assert server.look(in_flight=40) == 100


def test_a_server_that_throws_answers_out_gets_fewer_and_rests() -> None:
    server = Server(200, 200)
    server.look()
    server.room, server.preemptions = 150, 3
    assert server.look() == 150
    assert [server.look() for _ in range(CALM_LOOKS - 1)] == [150] * (CALM_LOOKS - 1)
    assert server.look() > 150


def test_waiting_requests_start_when_the_ceiling_rises() -> None:
    async def scenario() -> int:
        limiter = Limiter(Range(start=1, most=9))
        await limiter.acquire()
        waiting = asyncio.ensure_future(limiter.acquire())
        await asyncio.sleep(0)
        assert not waiting.done()
        limiter.steer(3)
        await waiting
        return limiter.ceiling

    assert asyncio.run(scenario()) == 3


def test_a_version_that_calls_its_figures_otherwise_is_told_and_not_steered_by() -> None:
    page = b"# HELP vllm:requests\nvllm:requests_in_engine 3\n"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))
        await writer.drain()
        writer.close()

    async def scenario() -> tuple[int, list[str]]:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
            async with Client(Endpoint(provider=find_provider("vllm"), base_url=url, model="m")) as client:
                await asyncio.wait_for(client.follow_load(), 5)
                return client.limiter.ceiling, list(client.stats.notes)

    ceiling, (note,) = asyncio.run(scenario())
    assert ceiling == BLIND.most
    assert note.startswith("the server's /metrics do not tell what runs and waits there")
    assert f"at most {ceiling} choices are in flight" in note


def test_what_the_engine_has_not_seen_waits_too() -> None:
    """A vLLM in its first long step: 512 are in flight, and its figures are still those of the step before."""
    steering = Steering(4096)
    for _ in range(60):
        assert steering.ceiling(Load(running=1, waiting=0), in_flight=512, ceiling=512) == 512
    crowded = Load(running=16, waiting=496)
    assert steering.ceiling(crowded, in_flight=512, ceiling=512) == 512
    assert steering.ceiling(crowded, in_flight=512, ceiling=512) == 18
