from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.models.client import usual_range
from saiten.models.limiter import BLIND, OWN, PAID, Limiter, Range, ceiling_range
from tests.helpers.aio import in_loop
from tests.helpers.asking import endpoint
from tests.helpers.fake_clock import FakeClock


def limiter(start: int, most: int | None = None, clock: FakeClock | None = None) -> Limiter:
    return Limiter(Range(start=start, most=most or start), clock or FakeClock())


@pytest.mark.parametrize(
    ("usual", "given", "room", "start", "most"),
    [
        (OWN, None, 10_000, 128, 4096),
        (PAID, None, 10_000, 32, 2048),
        (BLIND, None, 10_000, 512, 512),
        (OWN, 8, 10_000, 8, 8),
        (PAID, 8, 10_000, 8, 8),
        (PAID, 500, 10_000, 32, 500),
        (OWN, 900, 10_000, 128, 900),
        (BLIND, 900, 10_000, 512, 900),
        (OWN, None, 200, 128, 200),
        (OWN, None, 40, 40, 40),
        (PAID, None, 0, 1, 1),
    ],
)
def test_where_the_ceiling_starts_and_ends(usual: Range, given: int | None, room: int, start: int, most: int) -> None:
    assert ceiling_range(usual, given=given, room=room) == Range(start=start, most=most)


def test_what_is_usual_depends_on_who_answers() -> None:
    own = endpoint("http://127.0.0.1:9/v1")
    assert usual_range(own, None) == OWN
    assert usual_range(own, 16) == Range(start=18, most=OWN.most)
    assert usual_range(endpoint("http://127.0.0.1:9/v1", "custom"), None) == BLIND
    assert usual_range(endpoint("https://llm.example.org/v1", "openai", "key"), None) == PAID


@in_loop
async def test_answers_do_not_raise_a_ceiling_that_the_server_steers() -> None:
    slots = limiter(4, 100)
    slots.steer(2)
    for _ in range(10):
        await slots.acquire()
        slots.succeeded()
        slots.release()
    assert slots.ceiling == 2


@in_loop
async def test_steering_keeps_to_what_the_process_can_open() -> None:
    slots = limiter(4, 100)
    slots.cap(10)
    slots.steer(50)
    assert slots.ceiling == slots.most == 10


@in_loop
async def test_never_more_than_the_ceiling_is_in_flight() -> None:
    slots = limiter(5)
    most = 0

    async def work() -> None:
        nonlocal most
        await slots.acquire()
        most = max(most, slots.in_flight)
        await asyncio.sleep(0)
        slots.release()

    async with asyncio.TaskGroup() as group:
        for _ in range(100):
            group.create_task(work())
    assert most == 5
    assert slots.in_flight == 0


@in_loop
async def test_a_request_for_more_than_the_ceiling_goes_alone() -> None:
    slots = limiter(4)
    assert slots.try_acquire(10)
    assert not slots.try_acquire(1)
    slots.release(10)
    assert slots.try_acquire(1)
    assert not slots.try_acquire(10)


@in_loop
async def test_who_lent_its_slots_goes_first_and_nobody_overtakes() -> None:
    slots = limiter(1)
    await slots.acquire()
    order: list[str] = []

    async def wait(name: str, returning: bool) -> None:
        await slots.acquire(returning=returning)
        order.append(name)
        slots.release()

    tasks = [asyncio.ensure_future(wait(name, name.startswith("r"))) for name in ("f1", "f2", "r1", "r2")]
    await asyncio.sleep(0)
    assert slots.waiting == 4
    assert not slots.try_acquire()
    slots.release()
    await asyncio.gather(*tasks)
    assert order == ["r1", "r2", "f1", "f2"]


@in_loop
async def test_cancelled_waiters_lose_no_slots() -> None:
    slots = limiter(1)
    await slots.acquire()
    waiting = [asyncio.ensure_future(slots.acquire()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    slots.release()  # granted to the second, which is cancelled before it runs
    waiting[1].cancel()
    await asyncio.gather(*waiting[:2], return_exceptions=True)
    await waiting[2]
    assert slots.in_flight == 1
    slots.release()
    assert slots.in_flight == 0


@in_loop
async def test_a_pause_holds_everybody_and_a_shorter_one_does_not_end_it() -> None:
    clock = FakeClock()
    slots = limiter(10, clock=clock)
    begun = clock.now()
    slots.pause_for(30)
    slots.pause_for(5)
    assert slots.pause == 30
    assert not slots.try_acquire()
    await slots.acquire()
    assert clock.now() - begun == 30
    assert slots.pause == 0
    assert slots.try_acquire()


@in_loop
async def test_a_hold_ends_with_resume() -> None:
    slots = limiter(2)
    slots.hold()
    waiting = asyncio.ensure_future(slots.acquire())
    await asyncio.sleep(0)
    assert not waiting.done()
    slots.resume()
    await waiting
    assert slots.in_flight == 1


@in_loop
async def test_at_the_end_of_a_run_everybody_gets_through() -> None:
    slots = limiter(1)
    await slots.acquire()
    slots.hold()
    waiting = [asyncio.ensure_future(slots.acquire(3)) for _ in range(3)]
    await asyncio.sleep(0)
    slots.open_wide()
    await asyncio.gather(*waiting)
    assert slots.in_flight == 10


@in_loop
async def test_slow_start_doubles_in_a_round_trip_until_the_first_overload() -> None:
    slots = limiter(32, 1000)
    for expected in (64, 128):
        flight = slots.ceiling
        for _ in range(flight):
            assert slots.try_acquire()
        for _ in range(flight):
            slots.succeeded()
        for _ in range(flight):
            slots.release()
        assert slots.ceiling == expected


@in_loop
async def test_an_overload_halves_once_for_all_requests_of_its_time_and_growth_is_slow_then() -> None:
    slots = limiter(64, 1000)
    for _ in range(64):
        slots.try_acquire()
    generation = slots.generation
    assert [slots.overloaded(generation) for _ in range(20)] == [True] + [False] * 19
    assert slots.ceiling == 32
    for _ in range(32):
        slots.succeeded()
    assert slots.ceiling in {32, 33}
    assert slots.overloaded(slots.generation)
    assert slots.ceiling == 16


@in_loop
async def test_the_ceiling_does_not_grow_while_it_does_not_limit() -> None:
    slots = limiter(32, 1000)
    slots.try_acquire()
    for _ in range(500):
        slots.succeeded()
    assert slots.ceiling == 32


@in_loop
async def test_the_ceiling_falls_from_what_was_in_flight_and_never_below_one() -> None:
    slots = limiter(512)
    for _ in range(8):
        slots.try_acquire()
    slots.overloaded(slots.generation)
    assert slots.ceiling == 4
    for _ in range(10):
        slots.overloaded(slots.generation)
    assert slots.ceiling == 1


@in_loop
async def test_a_cap_stays() -> None:
    slots = limiter(100)
    slots.cap(10)
    for _ in range(10):
        slots.try_acquire()
    for _ in range(100):
        slots.succeeded()
    assert slots.ceiling == 10


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=25)
def test_no_sequence_of_events_loses_or_invents_slots(seed: int, ceiling: int) -> None:
    chance = random.Random(seed)

    async def scenario() -> None:
        slots = limiter(ceiling, ceiling * 4)

        async def work() -> None:
            size = chance.randint(1, 3)
            await slots.acquire(size)
            try:
                for _ in range(chance.randint(0, 3)):
                    await asyncio.sleep(0)
                    match chance.randint(0, 5):
                        case 0:
                            slots.overloaded(slots.generation)
                        case 1:
                            slots.succeeded(size)
                        case 2:
                            slots.pause_for(chance.random())
                        case 3:
                            slots.release(size)
                            held = False
                            try:
                                await slots.acquire(size, returning=True)
                                held = True
                            finally:
                                if not held:
                                    slots.take_back(size)
                        case _:
                            pass
            finally:
                slots.release(size)

        tasks = [asyncio.ensure_future(work()) for _ in range(20)]
        for task in tasks:
            if chance.random() < 0.3:
                await asyncio.sleep(0)
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.in_flight == 0
        assert slots.waiting == 0

    asyncio.run(scenario())
