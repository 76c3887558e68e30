"""What providers say of their rate limits, and what the limiter makes of it."""

from __future__ import annotations

import pytest

from saiten.models.limiter import Limiter, Range
from saiten.models.rates import LONGEST_SECONDS, Allowance, read_allowance, read_duration
from tests.helpers.aio import in_loop
from tests.helpers.fake_clock import FakeClock


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("6m0s", 360.0), ("120ms", 0.12), ("1s", 1.0), ("1h2m3.5s", 3723.5), ("2.5", 2.5), ("0", 0.0)),
        *(("", None), ("soon", None), ("1s later", None), ("-3", None), ("nan", None)),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert read_duration(text) == seconds


def told(**values: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


def test_no_header_is_no_allowance() -> None:
    assert read_allowance({"content-type": "application/json"}) is None
    assert read_allowance(told(remaining_requests="many", reset_requests="1s")) is None


def test_an_empty_bucket_has_one_request_again_after_its_share_of_the_reset() -> None:
    headers = told(limit_requests="60", remaining_requests="0", reset_requests="1m0s")
    found = read_allowance(headers)
    assert found is not None
    assert found.requests == 0
    assert found.seconds == pytest.approx(1.0)
    headers.pop("x-ratelimit-limit-requests")
    assert read_allowance(headers) == Allowance(requests=0, seconds=60.0)


def test_what_is_left_is_left_until_the_reset() -> None:
    headers = told(limit_requests="60", remaining_requests="7", reset_requests="53s")
    assert read_allowance(headers) == Allowance(requests=7, seconds=53.0)


def test_used_up_tokens_stop_requests_and_tokens_that_are_left_do_not() -> None:
    requests = told(remaining_requests="9", reset_requests="1s")
    empty = told(limit_tokens="1000", remaining_tokens="0", reset_tokens="30s")
    assert read_allowance(requests | empty) == Allowance(requests=0, seconds=30.0)
    assert read_allowance(empty | told(remaining_tokens="50")) is None


def test_no_header_stops_a_run_for_long() -> None:
    found = read_allowance(told(remaining_requests="0", reset_requests="30d"))
    assert found is not None
    assert found.seconds == LONGEST_SECONDS


@in_loop
async def test_no_more_requests_start_than_are_left_and_they_go_on_when_the_bucket_fills() -> None:
    clock = FakeClock()
    limiter = Limiter(Range(start=8, most=8), clock)
    limiter.heed(Allowance(requests=2, seconds=5.0))
    assert [limiter.try_acquire() for _ in range(4)] == [True, True, False, False]
    limiter.heed(Allowance(requests=1, seconds=9.0))
    assert [limiter.try_acquire() for _ in range(2)] == [True, False]
    await clock.sleep(6.0)
    assert not limiter.try_acquire(), "a newer word holds"
    await clock.sleep(4.0)
    assert [limiter.try_acquire() for _ in range(2)] == [True, True]
