"""One look at all submissions of an output directory: files are read, and each scheduler is asked one question.

What schedulers said of jobs that ended is kept in `submissions/status.look.json`, so nothing is asked twice, and so a
job that ended is announced once. Only `saiten status` writes that file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from saiten.clusters.heartbeat import Heartbeat, read_heartbeat
from saiten.clusters.record import JobReport, Submission, read_report, read_submissions
from saiten.clusters.scheduler import JobState, JobStatus, Scheduler, SchedulerError
from saiten.clusters.services import Service
from saiten.clusters.sites import find_service, open_scheduler
from saiten.clusters.situation import GRACE_SECONDS, VANISHED, Evidence, Situation, State, situation
from saiten.errors import UserError
from saiten.results.files import write_json
from saiten.values import replace

FILE = "status.look.json"
Opener = Callable[[Service, str], Scheduler]
"""From a service and `Submission.place` to the scheduler."""
FINALS = 20
"""Jobs whose accounting record is asked for in one look; the others wait for the next one."""


@dataclass(slots=True)
class Memory:
    """What earlier looks saw."""

    settled: dict[str, JobStatus] = field(default_factory=dict)
    """Key -> how a scheduler said that the job ended."""
    verdicts: dict[str, float] = field(default_factory=dict)
    """Key -> when it said so first; older files lack it: then before `begun`."""
    errors: dict[str, JobStatus] = field(default_factory=dict)
    """Key -> why a job that the scheduler still has is in the error state, from which somebody may free it."""
    missing: dict[str, float] = field(default_factory=dict)
    """Key -> when its scheduler was first found not to list it any more."""
    slots: dict[str, int] = field(default_factory=dict)
    """Key -> the job's slots, which its scheduler tells only as long as it is asked."""
    open: list[str] = field(default_factory=list)
    """Keys of the jobs that had not ended at the last look."""
    begun: float = 0.0
    """When somebody looked last; 0: never."""

    def outlived(self, submission: Submission, report: JobReport | None, beat: Heartbeat | None) -> bool:
        """Return whether a job said something after its scheduler had said that it ended: it was put back, and runs."""
        key = submission.key
        if key not in self.settled or report is None:
            return False
        said = max(report.started, beat.heartbeat if beat is not None and beat.key == key else 0.0)
        return said > self.verdicts.get(key, self.begun)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look saw."""

    situations: tuple[Situation, ...]
    """Of all submissions, oldest first."""
    left: tuple[Situation, ...]
    """Of these, what ended since the last look."""
    problems: tuple[str, ...] = ()
    """Schedulers that did not answer; what they would have said is not known."""


def look(folder: Path, *, opener: Opener = open_scheduler, now: float | None = None) -> Look:
    """Look at the submissions of a folder."""
    moment = time.time() if now is None else now
    memory = remember(folder)
    submissions = list(read_submissions(folder))
    reports = {submission.key: read_report(folder, submission.key) for submission in submissions}
    beats = {path: read_heartbeat(Path(path)) for path in {one.progress for one in submissions}}
    back = {
        one.key: (memory.settled[one.key], memory.verdicts.get(one.key, memory.begun))
        for one in submissions
        if memory.outlived(one, reports[one.key], beats[one.progress])
    }
    asked = [
        one
        for one in submissions
        if one.job_id and (one.key not in memory.settled or one.key in back) and not said(reports[one.key])
    ]
    told, problems = ask(asked, memory, opener, moment)
    found = []
    for submission in submissions:
        key, beat = submission.key, beats[submission.progress]
        status = told.get(key) or memory.settled.get(key)
        if key in back and beat is not None and beat.fresh(moment) and status == back[key][0]:
            # The scheduler only says again what the job itself has refuted.
            memory.settled[key], memory.verdicts[key] = back[key]
            status = None
        evidence = Evidence(
            submission=submission,
            report=reports[submission.key],
            heartbeat=beat,
            told=status,
            missing_since=memory.missing.get(submission.key),
            slots=memory.slots.get(submission.key),
            now=moment,
        )
        found.append(situation(evidence))
    situations = stuck(found, reports)
    was_open = set(memory.open)
    left = tuple(
        one
        for one in situations
        if one.state.over and (one.submission.key in was_open or one.submission.submitted > memory.begun > 0)
    )
    keep(folder, memory, situations, moment)
    return Look(situations=tuple(situations), left=left if memory.begun else (), problems=tuple(problems))


def said(report: JobReport | None) -> bool:
    """Return whether a job told how it ended."""
    return report is not None and report.finished is not None


def ask(
    submissions: Iterable[Submission], memory: Memory, opener: Opener, now: float
) -> tuple[dict[str, JobStatus], list[str]]:
    """Ask each scheduler once for all its jobs, then for the end of those it does not list any more."""
    told: dict[str, JobStatus] = {}
    problems: list[str] = []
    by_service: dict[tuple[str, str], list[Submission]] = {}
    for submission in submissions:
        by_service.setdefault((submission.service, submission.place), []).append(submission)
    for (name, place), jobs in by_service.items():
        try:
            scheduler = opener(find_service(name), place)
            listed = scheduler.poll([job.job_id for job in jobs])
        except SchedulerError as error:
            problems.append(f"{name}: {error}")
            continue
        except UserError as error:
            problems.append(str(error))
            continue
        unclear = [job for job in jobs if not clear(listed.get(job.job_id), known=job.key in memory.errors)]
        finals, problem = ends_of(scheduler, [job.job_id for job in unclear[:FINALS]])
        if problem:
            problems.append(f"{name}: {problem}")
        for job in jobs:
            status = listed.get(job.job_id)
            if status is not None and not clear(status):
                told[job.key] = in_error(memory, job, status, finals.get(job.job_id))
            elif (status := finals.get(job.job_id, status)) is not None:
                told[job.key] = settle(memory, job, status, now)
    return told, problems


def ends_of(scheduler: Scheduler, ids: Iterable[str]) -> tuple[dict[str, JobStatus], str]:
    """Ask how jobs ended, one by one, until a question fails: then return what is known so far, and what was said."""
    ends: dict[str, JobStatus] = {}
    for job_id in ids:
        try:
            ends[job_id] = scheduler.final(job_id)
        except SchedulerError as error:  # the next one would only wait as long for the same
            return ends, str(error)
    return ends, ""


def clear(status: JobStatus | None, *, known: bool = False) -> bool:
    """Return whether a listing tells all there is to tell; `known`: why it is in the error state, was."""
    return status is not None and (known or not (status.state is JobState.FAILED and not status.reason))


def in_error(memory: Memory, job: Submission, listed: JobStatus, asked: JobStatus | None) -> JobStatus:
    """Note why a job is in the error state. It has not ended: its scheduler has it, and somebody may free it."""
    memory.settled.pop(job.key, None)
    memory.missing.pop(job.key, None)
    if listed.slots is not None:
        memory.slots[job.key] = listed.slots
    if asked is not None and asked.state is JobState.FAILED:
        memory.errors[job.key] = asked
    return memory.errors.get(job.key, listed)


def settle(memory: Memory, job: Submission, status: JobStatus, now: float) -> JobStatus:
    """Note slots and how a job ended, or since when there is no record of it; after a while there never will be."""
    memory.settled.pop(job.key, None)
    memory.errors.pop(job.key, None)
    if status.slots is not None:
        memory.slots[job.key] = status.slots
    if status.state is JobState.UNKNOWN:
        first = memory.missing.setdefault(job.key, now)
        if now - first >= GRACE_SECONDS:
            status = replace(status, state=JobState.LOST, reason=VANISHED)
    else:
        memory.missing.pop(job.key, None)
    if clear(status) and status.state.over:
        memory.settled[job.key] = status
        memory.verdicts[job.key] = now
    return status


def stuck(found: list[Situation], reports: Mapping[str, JobReport | None]) -> list[Situation]:
    """Add a warning to jobs that wait for one that was deleted before it ran: PBS and Slurm let them wait for ever."""
    by_key = {one.submission.key: one for one in found}
    told = []
    for one in found:
        before = by_key.get(one.submission.predecessor)
        dead = before is not None and before.state in {State.CANCELLED, State.FAILED}
        waiting = one.state is State.QUEUED and one.reason
        if before is not None and dead and reports[before.submission.key] is None and waiting:
            words = f"it waits for job {before.submission.job_id}, which never ran: saiten cancel, then saiten resubmit"
            one = replace(one, warnings=(*one.warnings, words))  # noqa: PLW2901  # a frozen value with one more field
        told.append(one)
    return told


def remember(folder: Path) -> Memory:
    """Return what earlier looks kept; nothing where there is nothing to read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Memory)
    except (OSError, msgspec.MsgspecError):
        return Memory()


def keep(folder: Path, memory: Memory, situations: Iterable[Situation], now: float) -> None:
    """Keep what was seen. Where the folder cannot be written (somebody else's) nothing is kept."""
    still = [one.submission.key for one in situations if not one.state.over]
    known = {one.submission.key for one in situations}
    if not known:
        return
    kept = Memory(
        settled={key: status for key, status in memory.settled.items() if key in known},
        verdicts={key: when for key, when in memory.verdicts.items() if key in memory.settled and key in known},
        errors={key: status for key, status in memory.errors.items() if key in known},
        missing={key: when for key, when in memory.missing.items() if key in known},
        slots={key: number for key, number in memory.slots.items() if key in known},
        open=still,
        begun=now,
    )
    try:
        write_json(folder / FILE, msgspec.to_builtins(kept))
    except UserError:
        return
