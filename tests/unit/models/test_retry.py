from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.models.failures import Failure, Kind
from saiten.models.retry import Breaker, RetryPolicy, Step, Tries

POLICY = RetryPolicy()
FAILURES = st.builds(
    Failure,
    kind=st.sampled_from(list(Kind)),
    message=st.just("m"),
    retry_after=st.none() | st.floats(0.01, 600),
    reused=st.booleans(),
)
TIMED = {Kind.NOT_SENT, Kind.NO_FILES}
"""Kinds that the outage's clock ends, not the count of tries."""


def fail(kind: Kind, **fields: object) -> Failure:
    return Failure(kind=kind, message="m", **fields)  # type: ignore[arg-type]


@given(st.lists(FAILURES.filter(lambda f: f.kind not in TIMED), min_size=1, max_size=400), st.booleans())
def test_tries_are_bounded_for_any_sequence_of_failures(failures: list[Failure], paid: bool) -> None:
    tries = Tries(POLICY, paid)
    sent = 1
    for failure in failures:
        if tries.next(failure) is Step.GIVE_UP:
            break
        sent += 1
    assert sent <= POLICY.attempts + POLICY.rate_attempts + 6
    assert tries.maybe_billed <= (POLICY.paid_resends + 1 if paid else POLICY.attempts)


@given(st.lists(FAILURES, max_size=60), st.floats(0, 1, exclude_max=True))
def test_waiting_is_bounded_and_never_shorter_than_asked(failures: list[Failure], draw: float) -> None:
    tries = Tries(POLICY, paid=False)
    for failure in failures:
        tries.next(failure)
        seconds = tries.delay(failure, lambda: draw)
        if failure.retry_after is None:
            assert 0 <= seconds <= POLICY.most_seconds
        else:
            assert failure.retry_after <= seconds <= failure.retry_after + 1


def test_back_off_grows_and_is_drawn_from_the_whole_span() -> None:
    tries = Tries(POLICY, paid=False)
    spans = []
    for _ in range(5):
        tries.next(fail(Kind.REJECTED))
        assert tries.delay(fail(Kind.REJECTED), lambda: 0.0) == 0.0
        spans.append(tries.delay(fail(Kind.REJECTED), lambda: 1.0))
    assert spans == [0.5, 1.0, 2.0, 4.0, 8.0]


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.FATAL, Kind.TOO_LARGE, Kind.CONTEXT_OVERFLOW, Kind.CONTENT_POLICY])
def test_what_would_only_fail_again_is_not_sent_again(kind: Kind) -> None:
    assert Tries(POLICY, paid=False).next(fail(kind)) is Step.GIVE_UP


def test_doubt_costs_a_paid_endpoint_one_more_request_and_a_stale_connection_none() -> None:
    tries = Tries(POLICY, paid=True)
    assert tries.next(fail(Kind.AMBIGUOUS, reused=True)) is Step.AGAIN
    assert tries.next(fail(Kind.AMBIGUOUS, reused=True)) is Step.LATER
    assert tries.next(fail(Kind.AMBIGUOUS)) is Step.GIVE_UP


# ---------------------------------------------------------------------------------------------- the breaker


def test_one_request_never_makes_the_endpoint_suspect() -> None:
    breaker = Breaker(POLICY)
    for now in range(200):
        assert breaker.failed(1, fail(Kind.REJECTED), float(now)) is None
    assert not breaker.suspect


def test_distinct_requests_do_and_a_success_between_them_clears_it() -> None:
    breaker = Breaker(POLICY)
    for request in range(POLICY.breaker):
        assert not breaker.suspect
        breaker.failed(request, fail(Kind.REJECTED), 0.0)
    assert breaker.suspect
    breaker.succeeded()
    assert not breaker.suspect
    for request in range(POLICY.breaker - 1):
        breaker.failed(request, fail(Kind.REJECTED), 0.0)
    breaker.succeeded()
    breaker.failed(99, fail(Kind.REJECTED), 0.0)
    assert not breaker.suspect


@pytest.mark.parametrize("kind", [Kind.RATE_LIMITED, Kind.REFUSED, Kind.TOO_LARGE, Kind.FIELD_REFUSED, Kind.NO_FILES])
def test_what_is_no_trouble_of_the_endpoint_makes_nothing_suspect(kind: Kind) -> None:
    breaker = Breaker(POLICY)
    for request in range(100):
        assert breaker.failed(request, fail(kind), 0.0) is None
    assert not breaker.suspect


def test_an_outage_is_given_up_after_its_time_and_not_before() -> None:
    breaker = Breaker(POLICY)
    for request in range(POLICY.breaker):
        breaker.failed(request, fail(Kind.REJECTED), 100.0)
    assert breaker.probe_failed(100.0 + POLICY.outage_seconds - 1) is None
    assert breaker.outages == 1
    assert "every request failed for 300 s" in (breaker.probe_failed(100.0 + POLICY.outage_seconds) or "")
    assert breaker.outages == 1


def test_a_server_that_refuses_connections_is_given_up_even_by_one_request() -> None:
    breaker = Breaker(POLICY)
    assert breaker.failed(1, fail(Kind.NOT_SENT), 0.0) is None
    assert breaker.failed(1, fail(Kind.NOT_SENT), 299.0) is None
    assert "not reachable" in (breaker.failed(1, fail(Kind.NOT_SENT), 300.0) or "")


def test_an_answer_of_any_kind_shows_that_the_server_can_be_reached() -> None:
    breaker = Breaker(POLICY)
    breaker.failed(1, fail(Kind.NOT_SENT), 0.0)
    breaker.failed(1, fail(Kind.REJECTED), 200.0)
    assert breaker.failed(1, fail(Kind.NOT_SENT), 400.0) is None


def test_failed_choices_end_the_run_only_before_the_first_answer() -> None:
    never, once = Breaker(POLICY), Breaker(POLICY)
    once.succeeded()
    reasons = [(never.gave_up(), once.gave_up()) for _ in range(POLICY.hopeless)]
    assert [reason is not None for reason, _ in reasons] == [False] * (POLICY.hopeless - 1) + [True]
    assert {reason for _, reason in reasons} == {None}


def test_an_outage_is_forgiven_a_few_times_only() -> None:
    tries = Tries(POLICY, paid=False)
    assert [tries.forgive() for _ in range(POLICY.outages + 1)] == [True] * POLICY.outages + [False]


def test_pauses_between_probes_grow_to_half_a_minute() -> None:
    breaker = Breaker(POLICY)
    pauses = []
    for _ in range(12):
        pauses.append(breaker.pause(lambda: 1.0))
        breaker.probe_failed(0.0)
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert pauses[-1] == 30.0
