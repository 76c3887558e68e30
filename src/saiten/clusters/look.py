"""One look at all submissions of output directories: files are read, and each scheduler is asked one question.

What schedulers said of jobs that ended is kept in `submissions/status.look.json`, so nothing is asked twice, and so a
job that ended is announced once. Only `saiten status` writes that file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from saiten.clusters.heartbeat import Heartbeat, covered, heartbeats, read_heartbeat
from saiten.clusters.record import JobReport, Submission, adopted, read_report, read_submissions
from saiten.clusters.scheduler import JobState, JobStatus, Scheduler, SchedulerError
from saiten.clusters.services import Service
from saiten.clusters.sites import open_scheduler, service_of
from saiten.clusters.situation import COMPLETED_LATER, GRACE_SECONDS, VANISHED, Evidence, Situation, State, situation
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
    """What one look saw in one folder."""

    folder: Path
    """Where the submissions are noted."""
    situations: tuple[Situation, ...]
    """Of all submissions, oldest first."""
    left: tuple[Situation, ...]
    """Of these, what ended since the last look."""
    problems: tuple[str, ...] = ()
    """Schedulers that did not answer; what they would have said is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the files of one folder say."""

    folder: Path
    memory: Memory
    submissions: tuple[Submission, ...]
    reports: Mapping[str, JobReport | None]
    """Key -> what the job says."""
    beats: Mapping[str, Heartbeat | None]
    """`Submission.progress` -> what stands there."""
    back: Mapping[str, tuple[JobStatus, float]]
    """Key -> verdict that the job outlived, with its time."""

    @property
    def unclear(self) -> Iterator[Submission]:
        """The jobs of which only a scheduler can tell more."""
        for one in self.submissions:
            ended = said(self.reports[one.key]) or (one.key in self.memory.settled and one.key not in self.back)
            if one.job_id and not ended:
                yield one


def look(folder: Path, *, opener: Opener = open_scheduler, now: float | None = None) -> Look:
    """Look at the submissions of a folder."""
    (seen,) = look_at([folder], opener=opener, now=now)
    return seen


def look_at(folders: Iterable[Path], *, opener: Opener = open_scheduler, now: float | None = None) -> list[Look]:
    """Look at the submissions of several folders; each scheduler is asked one question for all of them."""
    moment = time.time() if now is None else now
    read = [files_of(folder) for folder in folders]
    told, problems = ask([(job, files.memory) for files in read for job in files.unclear], opener, moment)
    return [weighed(files, told, tuple(problems), moment) for files in read]


def files_of(folder: Path) -> Files:
    """Read what lies in a folder of submissions, and the heartbeats of their runs."""
    memory = remember(folder)
    noted = tuple(read_submissions(folder))
    reports = {one.key: read_report(folder, one.key) for one in noted}
    submissions = tuple(adopted(one, reports[one.key]) for one in noted)
    beats = {path: read_heartbeat(Path(path)) for path in {one.progress for one in submissions}}
    back = {
        one.key: (memory.settled[one.key], memory.verdicts.get(one.key, memory.begun))
        for one in submissions
        if memory.outlived(one, reports[one.key], beats[one.progress])
    }
    return Files(folder=folder, memory=memory, submissions=submissions, reports=reports, beats=beats, back=back)


def weighed(files: Files, told: Mapping[str, JobStatus], problems: tuple[str, ...], now: float) -> Look:
    """Weigh what files and schedulers say of the jobs of a folder, and keep what the next look needs."""
    memory, found = files.memory, []
    for submission in files.submissions:
        key, beat = submission.key, files.beats[submission.progress]
        status = told.get(key) or memory.settled.get(key)
        if key in files.back and beat is not None and beat.fresh(now) and status == files.back[key][0]:
            # The scheduler only says again what the job itself has refuted.
            memory.settled[key], memory.verdicts[key] = files.back[key]
            status = None
        evidence = Evidence(
            submission=submission,
            report=files.reports[key],
            heartbeat=beat,
            told=status,
            missing_since=memory.missing.get(key),
            slots=memory.slots.get(key),
            now=now,
        )
        found.append(situation(evidence))
    situations = stuck(healed(found, files), files.reports)
    was_open = set(memory.open)
    left = tuple(
        one
        for one in situations
        if one.state.over and (one.submission.key in was_open or one.submission.submitted > memory.begun > 0)
    )
    keep(files.folder, memory, situations, now)
    return Look(folder=files.folder, situations=tuple(situations), left=left if memory.begun else (), problems=problems)


def said(report: JobReport | None) -> bool:
    """Return whether a job told how it ended."""
    return report is not None and report.finished is not None


def ask(
    asked: Iterable[tuple[Submission, Memory]], opener: Opener, now: float
) -> tuple[dict[str, JobStatus], list[str]]:
    """Ask each scheduler once for all its jobs, then for the end of those it does not list any more."""
    told: dict[str, JobStatus] = {}
    problems: list[str] = []
    by_service: dict[tuple[str, str], list[tuple[Submission, Memory]]] = {}
    for job, memory in asked:
        by_service.setdefault((job.service, job.place), []).append((job, memory))
    for (name, place), jobs in by_service.items():
        try:
            scheduler = opener(service_of(name, jobs[0][0].scheduler), place)
            listed = scheduler.poll([job.job_id for job, _ in jobs])
        except SchedulerError as error:
            problems.append(f"{name}: {error}")
            continue
        except UserError as error:
            problems.append(str(error))
            continue
        unclear = [
            job.job_id for job, memory in jobs if not clear(listed.get(job.job_id), known=job.key in memory.errors)
        ]
        finals, problem = ends_of(scheduler, unclear[:FINALS])
        if problem:
            problems.append(f"{name}: {problem}")
        for job, memory in jobs:
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


def healed(found: list[Situation], files: Files) -> list[Situation]:
    """Take jobs for done whose benchmarks later jobs completed, which may have been cut into other parts."""
    runs: dict[str, list[Heartbeat]] = {}

    def later(one: Situation) -> Situation:
        job, report = one.submission, files.reports[one.submission.key]
        if one.state is not State.RESUMABLE or report is None:
            return one
        if job.run not in runs:
            runs[job.run] = heartbeats(Path(job.run), files.beats)
        after = (beat for beat in runs[job.run] if beat.key != job.key and beat.started > report.started)
        done = covered(job.benchmarks, job.shard, (beat for beat in after if beat.state == "complete"))
        return replace(one, state=State.DONE, reason=COMPLETED_LATER) if done else one

    return [later(one) for one in found]


def stuck(found: list[Situation], reports: Mapping[str, JobReport | None]) -> list[Situation]:
    """Add a warning to jobs that wait for one that was deleted before it ran: PBS and Slurm let them wait for ever."""
    by_key = {one.submission.key: one for one in found}

    def warned(one: Situation) -> Situation:
        before = by_key.get(one.submission.predecessor)
        dead = before is not None and before.state in {State.CANCELLED, State.FAILED}
        waiting = one.state is State.QUEUED and one.reason
        if before is None or not dead or not waiting or reports[before.submission.key] is not None:
            return one
        words = f"it waits for job {before.submission.job_id}, which never ran: saiten cancel, then saiten resubmit"
        return replace(one, warnings=(*one.warnings, words))

    return [warned(one) for one in found]


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
