"""Where one submission is: its own words, the run directory and the scheduler, weighed against each other.

What the job says of itself decides, then the heartbeat of the run, then our own record, and last the scheduler. So a
job that ended well is done whatever its scheduler made of it, and all of this works where there is no scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from saiten.clusters.heartbeat import ENDING_STATES, STALE_SECONDS, Heartbeat
from saiten.clusters.record import JobReport, Submission
from saiten.clusters.scheduler import JobState, JobStatus
from saiten.errors import Exit

GRACE_SECONDS = 120.0
"""How long a scheduler may take to write the record of a job that left its list."""
COMPLETED_LATER = "a later job completed the run"
VANISHED = "it left the queue without a trace: deleted before it ran"
RESUMABLE = frozenset({Exit.INCOMPLETE, Exit.INTERRUPTED, Exit.TERMINATED})


class State(StrEnum):
    """Where a submission is, in the words of `saiten status`."""

    QUEUED = "queued"
    RUNNING = "running"
    DRAINING = "draining"
    """It asks nothing new: it drains, or scores and writes."""
    DONE = "done"
    RESUMABLE = "resumable"
    """It ended, some choices are owed, and `saiten resubmit` goes on."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def over(self) -> bool:
        """Return whether the job has ended."""
        return self in {State.DONE, State.RESUMABLE, State.FAILED, State.CANCELLED}


UNSTARTED = {
    JobState.QUEUED: State.QUEUED,
    JobState.HELD: State.QUEUED,
    JobState.RUNNING: State.RUNNING,
    JobState.ENDING: State.DRAINING,
    JobState.DONE: State.FAILED,
    JobState.FAILED: State.FAILED,
    JobState.CANCELLED: State.CANCELLED,
    JobState.LOST: State.FAILED,
}
"""What a scheduler's word means for a job that has not said one itself."""
SILENT_REASONS = {
    JobState.RUNNING: "it starts",
    JobState.ENDING: "it is being deleted",
    JobState.DONE: "it ended without starting saiten: see its log",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a submission at a moment."""

    submission: Submission
    report: JobReport | None = None
    heartbeat: Heartbeat | None = None
    """Of the run, or of this job's part of it."""
    told: JobStatus | None = None
    """What the scheduler says; None: it was not asked, or did not answer."""
    missing_since: float | None = None
    """When the scheduler was first found not to know the job any more."""
    slots: int | None = None
    """What its scheduler said of them, now or at an earlier look."""
    now: float

    @property
    def own(self) -> Heartbeat | None:
        """The heartbeat, where this very job wrote it."""
        beat = self.heartbeat
        return beat if beat is not None and beat.key in {"", self.submission.key} and self.report is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One line of `saiten status`."""

    submission: Submission
    state: State
    reason: str = ""
    slots: int | None = None
    """Slots, cores, GPUs or places, as its scheduler counts; None: it was not asked in time."""
    answered: int = 0
    due: int = 0
    tokens_per_second: float | None = None
    eta_seconds: float | None = None
    """Until all choices of the job's part are answered, at the present rate."""
    left_seconds: float | None = None
    """Of the walltime."""
    warnings: tuple[str, ...] = field(default=())

    @property
    def percent(self) -> float | None:
        """Share of the choices that are answered, in per cent; rounded down, so that 100 is complete."""
        return None if self.due == 0 else int(1000 * self.answered / self.due) / 10


def situation(evidence: Evidence) -> Situation:
    """Weigh the evidence."""
    state, reason = judged(evidence)
    beat, report, now = evidence.heartbeat, evidence.report, evidence.now
    answered, due = (report.after, report.due) if report is not None else (0, 0)
    if beat is not None and beat.due and (report is None or report.finished is None):
        answered, due = beat.answered, beat.due
    running = state in {State.RUNNING, State.DRAINING}
    eta = None
    if running and beat is not None and beat.eta_seconds is not None:
        eta = max(0.0, beat.eta_seconds - (now - beat.heartbeat))
    left = max(0.0, report.ends - now) if running and report is not None else None
    found = Situation(
        submission=evidence.submission,
        state=state,
        reason=reason,
        slots=evidence.slots,
        answered=answered,
        due=due,
        tokens_per_second=beat.tokens_per_second if running and beat is not None else None,
        eta_seconds=eta,
        left_seconds=left,
    )
    return Situation(
        **{name: getattr(found, name) for name in found.__slots__} | {"warnings": warnings(evidence, found)}
    )


def judged(evidence: Evidence) -> tuple[State, str]:
    """Return the state and its reason."""
    submission, report = evidence.submission, evidence.report
    if submission.refused:
        return State.FAILED, f"not accepted: {submission.refused}"
    if not submission.job_id:
        return State.FAILED, "saiten submit was interrupted before its scheduler had answered"
    if report is None:
        return unstarted(evidence)
    if report.finished is not None:
        return finished(evidence, report)
    return started(evidence)


def finished(evidence: Evidence, report: JobReport) -> tuple[State, str]:
    """Judge a job that said how it ended."""
    status = report.exit_status
    if status == Exit.COMPLETE:
        return State.DONE, report.reason
    if evidence.submission.cancelled is not None:
        return State.CANCELLED, "cancelled; what was answered is kept"
    if status in RESUMABLE:
        return State.RESUMABLE, report.reason or "some choices are owed"
    return State.FAILED, report.reason or f"exited with status {status}"


def started(evidence: Evidence) -> tuple[State, str]:
    """Judge a job that began and has not said how it ended: it runs, or was killed."""
    submission, told, beat, now = evidence.submission, evidence.told, evidence.own, evidence.now
    alive = beat is not None and beat.fresh(now)
    gone = told is not None and told.state.over
    if told is None and evidence.missing_since is not None:
        gone = not alive
    if told is None and evidence.missing_since is None and not alive:
        report = evidence.report
        quiet = now - max(beat.heartbeat if beat is not None else 0.0, report.started if report is not None else 0.0)
        gone = quiet > STALE_SECONDS  # nobody to ask: a process that is silent is taken for dead
    if not gone:
        if beat is not None and beat.state in ENDING_STATES:
            return State.DRAINING, beat.state if beat.state != "draining" else ""
        return State.RUNNING, beat.detail if beat is not None else "it starts"
    if submission.cancelled is not None or (told is not None and told.state is JobState.CANCELLED):
        return State.CANCELLED, "cancelled; what was answered is kept"
    if told is not None and told.state.over and told.reason:
        return State.RESUMABLE, f"ended without a last word: {told.reason}"
    return State.RESUMABLE, f"died: no heartbeat for {since(evidence)}"


def since(evidence: Evidence) -> str:
    """Return how long the run has been silent."""
    beat, report = evidence.heartbeat, evidence.report
    last = max(beat.heartbeat if beat is not None else 0.0, report.started if report is not None else 0.0)
    return duration(evidence.now - last)


def unstarted(evidence: Evidence) -> tuple[State, str]:
    """Judge a job that has not said a word."""
    told = evidence.told
    silent = told is None or told.state is JobState.UNKNOWN
    if evidence.submission.cancelled is not None and (silent or (told is not None and told.state.over)):
        return State.CANCELLED, "cancelled before it ran"
    if told is None or silent:
        return untold(evidence)
    reason = told.reason or SILENT_REASONS.get(told.state, "")
    return UNSTARTED[told.state], reason


def untold(evidence: Evidence) -> tuple[State, str]:
    """Judge a job of which neither itself nor its scheduler says anything."""
    if evidence.told is None:
        return State.UNKNOWN, "its scheduler does not tell here"
    return State.UNKNOWN, "it left the queue; its scheduler has no record yet"


def warnings(evidence: Evidence, found: Situation) -> tuple[str, ...]:
    """Say what a person should know before the job ends."""
    beat = evidence.heartbeat
    if beat is None or not beat.benchmarks or found.state in {State.QUEUED, State.UNKNOWN}:
        return ()
    said = []
    if found.state is State.RUNNING and evidence.now - beat.heartbeat > STALE_SECONDS and evidence.own is beat:
        said.append(f"no heartbeat for {duration(evidence.now - beat.heartbeat)}")
    if found.eta_seconds is not None and found.left_seconds is not None and found.eta_seconds > found.left_seconds:
        more = "the next link goes on" if evidence.submission.successor else "saiten resubmit goes on afterwards"
        said.append(f"its walltime ends before it is done; {more}")
    if beat.failed:
        said.append(f"{beat.failed} choices failed")
    for counter, limit, words in (
        ("repetition", 0.05, "loop"),
        ("truncated", 0.2, "were cut at the token limit"),
        ("unclosed", 0.1, "never closed their reasoning"),
        ("empty", 0.05, "are empty"),
    ):
        if beat.share(counter) > limit:
            said.append(f"{beat.share(counter):.0%} of the answers {words}")
    return tuple(said)


def duration(seconds: float) -> str:
    """Return a duration as people read it: `45 s`, `12 min`, `3:05 h`, `2 d 04 h`."""
    whole = int(max(0.0, seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min"
    if whole < 172_800:
        return f"{whole // 3600}:{whole // 60 % 60:02d} h"
    return f"{whole // 86_400} d {whole // 3600 % 24:02d} h"
