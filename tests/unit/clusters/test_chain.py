"""What a link decides when it looks back."""

from __future__ import annotations

from saiten.clusters.chain import gains, look_back
from saiten.clusters.record import JobReport
from saiten.errors import Exit


def link(before: int, exit_status: int | None = Exit.INCOMPLETE, reason: str = "", verified: int = 0) -> JobReport:
    finished = None if exit_status is None else 2.0
    return JobReport(
        job_id="1",
        host="n",
        pid=1,
        started=1.0,
        ends=9.0,
        finished=finished,
        exit_status=exit_status,
        reason=reason,
        before=before,
        verified_before=verified,
    )


def test_gains_are_counted_from_the_record_and_not_from_last_words() -> None:
    assert gains([], 7) == []
    assert gains([link(0), link(10), link(15, None)], 15) == [10, 5, 0]
    assert gains([link(0, None), None, link(10)], 12) == [10, 0, 2]  # the second never ran


def test_a_link_goes_on_while_there_is_progress() -> None:
    assert look_back([], 0) is None
    assert look_back([link(0)], 0) is None
    assert look_back([link(0), link(0)], 3) is None
    assert look_back([link(0), link(5)], 5) is None


def test_two_links_without_a_new_choice_end_the_chain() -> None:
    verdict = look_back([link(0), link(5), link(5, None)], 5)
    assert verdict is not None
    assert verdict.exit == Exit.INCOMPLETE
    assert "brought no new choice" in verdict.reason
    assert look_back([None, None], 0) is not None


def test_links_that_only_judge_or_execute_make_progress() -> None:
    assert look_back([link(5), link(5, verified=2), link(5, verified=4)], 5 + 6) is None
    assert gains([link(5, verified=2), link(5, verified=4)], 5 + 4) == [2, 0]
    assert look_back([link(5, verified=2), link(5, verified=4), link(5, verified=4)], 5 + 4) is not None


def test_a_complete_run_and_a_hopeless_one_end_it_at_once() -> None:
    done = look_back([link(0), link(5, Exit.COMPLETE)], 9)
    assert done is not None
    assert done.exit == Exit.COMPLETE
    hopeless = look_back([link(0, Exit.CONFIGURATION, "no such model")], 0)
    assert hopeless is not None
    assert (hopeless.exit, "no such model" in hopeless.reason) == (Exit.CONFIGURATION, True)
    assert look_back([link(0, Exit.SERVER)], 0) is None
