"""Submissions that exist already: finding those that somebody means, deleting them, seeing which still run."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saiten.clusters.heartbeat import read_heartbeat
from saiten.clusters.look import FINALS, Memory, clear, ends_of, remember
from saiten.clusters.record import JobReport, Submission, adopted, mark_cancelled, read_report, read_submissions
from saiten.clusters.scheduler import JobState
from saiten.clusters.sites import open_scheduler, service_of
from saiten.clusters.situation import GRACE_SECONDS
from saiten.errors import UserError

ENDING_SECONDS = 600.0
"""How long a cancelled job may take to be gone, at most: its last answers, its server, its scheduler's own ways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A submission with what is known of its end from our own files."""

    submission: Submission
    report: JobReport | None

    @property
    def over(self) -> bool:
        """Whether it will not run (any more), as far as our own files tell."""
        finished = self.report is not None and self.report.finished is not None
        return finished or bool(self.submission.refused) or not self.submission.job_id

    @property
    def open(self) -> bool:
        """Whether only its scheduler can tell that it ended."""
        return not self.over and self.submission.cancelled is None

    def ending(self, now: float) -> bool:
        """Return whether it was cancelled so lately that it may not be gone yet."""
        cancelled = self.submission.cancelled
        return not self.over and cancelled is not None and now - cancelled < ENDING_SECONDS


def known(folder: Path) -> list[Known]:
    """Return all submissions of a folder, oldest first."""
    pairs = ((one, read_report(folder, one.key)) for one in read_submissions(folder))
    return [Known(submission=adopted(one, report), report=report) for one, report in pairs]


def chosen(folders: Sequence[Path], words: Iterable[str]) -> dict[Path, list[Known]]:
    """Return the submissions that words mean, by folder: a job id, a key, a job's name, a model, or a run directory.

    The first folder that knows a word says what it means. UserError for a word that means nothing in any.
    """
    found: dict[Path, dict[str, Known]] = {}
    for word in words:
        for folder in folders:
            matching = {one.submission.key: one for one in known(folder) if means(word, one.submission)}
            if matching:
                found.setdefault(folder, {}).update(matching)
                break
        else:
            raise UserError(
                f"no submission is called {word!r} here: give a job id, a job's name, a model or a run directory, "
                "and --output-dir for those of another output folder"
            )
    return {folder: list(jobs.values()) for folder, jobs in found.items()}


def means(word: str, submission: Submission) -> bool:
    """Return whether a word means a submission."""
    names = {submission.job_id, submission.key, submission.name, submission.model}
    names.add(submission.job_id.partition(".")[0])
    return bool(word) and (word in names or str(Path(word).absolute()) == submission.run)


def with_successors(some: Sequence[Known], all_known: Sequence[Known]) -> list[Known]:
    """Return submissions with the later links of their chains, last links first: none must start meanwhile."""
    by_key = {one.submission.key: one for one in all_known}
    found: dict[str, Known] = {}
    for one in some:
        key = one.submission.key
        while key and key not in found and (link := by_key.get(key)) is not None:
            found[key] = link
            key = link.submission.successor
    return sorted(found.values(), key=lambda one: (-one.submission.link, one.submission.key))


def cancel(folder: Path, some: Sequence[Known]) -> Iterator[str]:
    """Delete the jobs that still wait or run, each service with one command, and yield what was done in words."""
    open_ones = [one for one in some if one.open]
    going = still_going(folder, open_ones, in_error=True)
    for (service, place), jobs in by_service(going).items():
        scheduler = open_scheduler(service_of(service, jobs[0].submission.scheduler), place)
        scheduler.cancel([one.submission.job_id for one in jobs])
        for one in jobs:
            mark_cancelled(folder, one.submission)
            yield f"cancelled: {one.submission.name}, job {one.submission.job_id} on {service}"
    deleted = {one.submission.key for one in going}
    for one in open_ones:
        if one.submission.key not in deleted:
            job = one.submission
            yield f"had ended already: {job.name}, job {job.job_id} on {job.service} (saiten status tells how)"


def by_service(some: Iterable[Known]) -> Mapping[tuple[str, str], list[Known]]:
    """Return submissions by their service, and the place of its queue."""
    found: dict[tuple[str, str], list[Known]] = {}
    for one in some:
        found.setdefault((one.submission.service, one.submission.place), []).append(one)
    return found


def still_going(folder: Path, some: Sequence[Known], *, in_error: bool = False) -> list[Known]:
    """Return the submissions that wait or run: our own files first, then one question to each scheduler.

    A new job of which a scheduler does not know how it ended (or is not asked: there were too many) counts as: it
    runs. Later there is no such record any more: Grid Engine writes none for a job that was deleted while it waited.
    `in_error`: jobs that a scheduler keeps in the error state count as well. A cancelled job counts as long as its
    scheduler lists it: it may still finish its last answers.
    """
    now = time.time()
    memory = remember(folder)
    unclear = [one for one in some if (one.open or one.ending(now)) and not ended_earlier(memory, one)]
    found: list[Known] = []
    for (service, place), jobs in by_service(unclear).items():
        scheduler = open_scheduler(service_of(service, jobs[0].submission.scheduler), place)
        statuses = scheduler.poll([one.submission.job_id for one in jobs])
        left = [one.submission.job_id for one in jobs if one.open and one.submission.job_id not in statuses]
        ends, _ = ends_of(scheduler, left[:FINALS])
        for one in jobs:
            job = one.submission
            status = statuses.get(job.job_id) or ends.get(job.job_id)
            if status is None or status.state is JobState.UNKNOWN:
                goes_on = one.open and job.submitted >= now - GRACE_SECONDS
            else:
                goes_on = not status.state.over or (in_error and job.job_id in statuses and not clear(status))
            if goes_on:
                found.append(one)
    return found


def ended_earlier(memory: Memory, one: Known) -> bool:
    """Return whether an earlier look was told how a job ended, and the job has not spoken since."""
    job = one.submission
    return job.key in memory.settled and not memory.outlived(job, one.report, read_heartbeat(Path(job.progress)))


def by_run(some: Iterable[Known]) -> Mapping[str, list[Known]]:
    """Return submissions by their run directory, oldest first."""
    found: dict[str, list[Known]] = {}
    for one in some:
        found.setdefault(one.submission.run, []).append(one)
    return found
