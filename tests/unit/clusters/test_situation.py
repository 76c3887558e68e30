"""What is made of the evidence about a submission: the job's own words come first, the scheduler's last."""

from __future__ import annotations

from typing import Any

import pytest

from saiten.clusters.scheduler import JobState
from saiten.clusters.situation import GRACE_SECONDS, Evidence, State, duration, situation
from tests.unit.clusters.made import NOW, heartbeat, report, submission, told

ENDED = {"finished": NOW - 10, "after": 60}
OLD = {"heartbeat": NOW - 500}


def judge(**evidence: Any) -> tuple[str, str]:
    values: dict[str, Any] = {"submission": submission(), "now": NOW}
    found = situation(Evidence(**values | evidence))
    return str(found.state), found.reason


@pytest.mark.parametrize(
    ("evidence", "state", "words"),
    [
        # Before it said a word: the scheduler tells.
        ({"told": told(JobState.QUEUED)}, State.QUEUED, ""),
        ({"told": told(JobState.HELD, "it waits for another job")}, State.QUEUED, "waits"),
        ({"told": told(JobState.RUNNING)}, State.RUNNING, "it starts"),
        ({"told": told(JobState.ENDING)}, State.DRAINING, "being deleted"),
        ({"told": told(JobState.FAILED, "its output file could not be opened")}, State.FAILED, "output file"),
        ({"told": told(JobState.DONE)}, State.FAILED, "without starting saiten"),
        ({"told": told(JobState.CANCELLED, "cancelled by 1002")}, State.CANCELLED, "1002"),
        ({"told": told(JobState.LOST, "forgotten")}, State.FAILED, "forgotten"),
        ({}, State.UNKNOWN, "does not tell here"),
        ({"told": told(JobState.UNKNOWN), "missing_since": NOW - 5}, State.UNKNOWN, "no record yet"),
        ({"missing_since": NOW - GRACE_SECONDS}, State.UNKNOWN, "does not tell here"),
        ({"submission": submission(cancelled=NOW - 9), "missing_since": NOW - 1}, State.CANCELLED, "before it ran"),
        ({"submission": submission(cancelled=NOW - 9), "told": told(JobState.RUNNING)}, State.RUNNING, "it starts"),
        ({"submission": submission(job_id="", refused="no such queue")}, State.FAILED, "no such queue"),
        ({"submission": submission(job_id="")}, State.FAILED, "interrupted before"),
        # It runs.
        ({"report": report(), "heartbeat": heartbeat(), "told": told(JobState.RUNNING)}, State.RUNNING, ""),
        ({"report": report(), "heartbeat": heartbeat()}, State.RUNNING, ""),
        ({"report": report(), "heartbeat": heartbeat(), "missing_since": NOW}, State.RUNNING, ""),
        ({"report": report(), "heartbeat": heartbeat(state="draining")}, State.DRAINING, ""),
        ({"report": report(), "heartbeat": heartbeat(state="scoring")}, State.DRAINING, "scoring"),
        ({"report": report(started=NOW - 9)}, State.RUNNING, "it starts"),
        ({"report": report(), "heartbeat": heartbeat(**OLD), "told": told(JobState.RUNNING)}, State.RUNNING, ""),
        # It was killed: nobody but the silence and the scheduler tells.
        (
            {"report": report(), "heartbeat": heartbeat(), "told": told(JobState.FAILED, "it reached its walltime")},
            State.RESUMABLE,
            "ended without a last word: it reached its walltime",
        ),
        ({"report": report(), "heartbeat": heartbeat(**OLD)}, State.RESUMABLE, "no heartbeat for 8 min"),
        ({"report": report()}, State.RESUMABLE, "no heartbeat for 30 min"),
        ({"report": report(), "heartbeat": heartbeat(**OLD), "missing_since": NOW}, State.RESUMABLE, "no heartbeat"),
        (
            {
                "submission": submission(cancelled=NOW - 9),
                "report": report(),
                "heartbeat": heartbeat(),
                "told": told(JobState.FAILED, "killed by signal 9 (qdel, or out of memory)"),
            },
            State.CANCELLED,
            "kept",
        ),
        # It said how it ended, and that outranks everything.
        ({"report": report(**ENDED, exit_status=0), "told": told(JobState.FAILED, "x")}, State.DONE, ""),
        ({"report": report(**ENDED, exit_status=3)}, State.RESUMABLE, "owed"),
        ({"report": report(**ENDED, exit_status=143, reason="stopped by SIGTERM")}, State.RESUMABLE, "SIGTERM"),
        ({"report": report(**ENDED, exit_status=4, reason="no such model")}, State.FAILED, "no such model"),
        ({"report": report(**ENDED, exit_status=1)}, State.FAILED, "exited with status 1"),
        (
            {"submission": submission(cancelled=NOW - 9), "report": report(**ENDED, exit_status=143)},
            State.CANCELLED,
            "kept",
        ),
    ],
)
def test_evidence_is_weighed(evidence: dict[str, Any], state: State, words: str) -> None:
    found, reason = judge(**evidence)
    assert found == state
    assert words in reason


def test_another_jobs_heartbeat_does_not_keep_a_dead_one_alive() -> None:
    state, _ = judge(report=report(), heartbeat=heartbeat(key="k2"))
    assert state == State.RESUMABLE


def test_progress_eta_and_what_is_left_of_the_walltime() -> None:
    found = situation(Evidence(submission=submission(), report=report(), heartbeat=heartbeat(), now=NOW))
    assert (found.percent, found.eta_seconds, found.left_seconds) == (40.0, 597.0, 1800.0)
    assert found.tokens_per_second == 1234.0
    assert not found.warnings
    ended = situation(Evidence(submission=submission(), report=report(**ENDED, exit_status=3), now=NOW))
    assert (ended.percent, ended.eta_seconds, ended.tokens_per_second) == (60.0, None, None)


def test_99_95_per_cent_is_not_complete() -> None:
    beat = heartbeat(due=10_000, answered=9_999)
    assert situation(Evidence(submission=submission(), report=report(), heartbeat=beat, now=NOW)).percent == 99.9


def test_warnings() -> None:
    counts = {"due": 100, "answered": 40, "failed": 3, "repetition": 4, "truncated": 20, "unclosed": 6, "empty": 4}
    beat = heartbeat(eta_seconds=4000.0, failed=3, benchmarks={"gpqa_ja": counts})
    evidence = Evidence(submission=submission(successor="k2"), report=report(), heartbeat=beat, now=NOW)
    assert situation(evidence).warnings == (
        "its walltime ends before it is done; the next link goes on",
        "3 choices failed",
        "10% of the answers loop",
        "50% of the answers were cut at the token limit",
        "15% of the answers never closed their reasoning",
        "10% of the answers are empty",
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (45, "45 s"), (720, "12 min"), (11_100, "3:05 h"), (187_200, "2 d 04 h")]
)
def test_durations_as_people_read_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
