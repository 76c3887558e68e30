"""What a batch scheduler does for us: five verbs, and the truth about how a job ended.

A scheduler knows jobs, not runs. What a run came to stands in its run directory and outranks what is said here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from saiten.clusters.services import NodeKind, Service
from saiten.errors import UserError

NAME_LENGTH = 60
PLAIN_PATH = re.compile(r"/[^\s,:$'\"\\]*")


class SchedulerError(UserError):
    """The scheduler refused a job, or does not answer. A failed question changes nothing that is known of a job."""


class JobState(StrEnum):
    """Where a job is. The last five are ends."""

    QUEUED = "queued"
    HELD = "held"
    """It waits for another job, or somebody holds it."""
    RUNNING = "running"
    ENDING = "ending"
    """It was told to stop, or tidies up."""
    DONE = "done"
    """It ran and exited 0, by itself."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    """Somebody deleted it, before or while it ran, whatever its exit status was."""
    LOST = "lost"
    """The scheduler has no record of it, and had time to write one."""
    UNKNOWN = "unknown"
    """The scheduler said nothing that tells; ask again."""

    @property
    def over(self) -> bool:
        """Return whether the job will not change any more."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.LOST}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A job to be submitted. Everything in it is passed as it is: no shell reads it."""

    name: str
    """A name that every scheduler takes: see `job_name`."""
    script: Path
    """Absolute path of a bash script; it needs no execute permission."""
    arguments: tuple[str, ...] = ()
    output: Path
    """Absolute path of an existing directory: the scheduler's own logs go there, while the job runs."""
    node: NodeKind
    walltime: int
    """Seconds."""
    group: str = ""
    """Who pays: TSUBAME group, ABCI group, Slurm account. Empty: the site's default, or a trial."""
    priority: int | None = None
    after: tuple[str, ...] = ()
    """Jobs whose end (not success) this one waits for."""
    notice: int = 0
    """Ask for a signal about so many seconds before the end, where the scheduler can send one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """What the scheduler says of a job."""

    job_id: str
    state: JobState
    exit_status: int | None = None
    """The program's exit status where it exited by itself; None where it never ran or was killed."""
    reason: str = ""
    """Why it waits, or how it ended, in words. Empty where there is nothing to say."""
    raw: str = ""
    """The scheduler's own words, e.g. `Eqw`, `substate 91`, `CANCELLED by 1002`."""
    walltime_reached: bool = False
    slots: int | None = None
    """What it has or waits for: slots (Grid Engine), cores (PBS, Slurm), GPUs or places (this machine)."""


class Scheduler(Protocol):
    """Grid Engine, PBS, Slurm, or this machine."""

    def argv(self, request: JobRequest) -> list[str]:
        """Return the command that submits the job, word for word."""
        ...

    def submit(self, request: JobRequest) -> str:
        """Submit the job and return its id. Raises SchedulerError with the scheduler's own words."""
        ...

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        """Return what one question to the scheduler tells of these jobs.

        A job that is not in the answer left the scheduler's list: ask `final`. So do for one that failed without a
        reason.
        Raises SchedulerError where the scheduler does not answer.
        """
        ...

    def final(self, job_id: str) -> JobStatus:
        """Return how a job ended, or where it is.

        LOST where the scheduler never had such a job or has forgotten it. UNKNOWN where it has no record that should
        come soon; Grid Engine never writes one for a job that was deleted before it started, so whoever asks gives up
        after a while. Raises SchedulerError where the scheduler does not answer.
        """
        ...

    def cancel(self, ids: Sequence[str]) -> None:
        """Delete jobs, queued or running. Jobs that ended already are no error."""
        ...


def job_name(text: str) -> str:
    """Return `text` as a job name that every scheduler takes: `[A-Za-z_][A-Za-z0-9_.-]*`, at most 60 characters."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", text)[:NAME_LENGTH] or "_"
    return name if re.match(r"[A-Za-z_]", name) else f"_{name}"[:NAME_LENGTH]


def clock(seconds: int) -> str:
    """Return a duration as schedulers write it, `H:MM:SS`."""
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def checked(request: JobRequest) -> JobRequest:
    """Return the request, or raise SchedulerError for what would be lost silently in a scheduler."""
    if job_name(request.name) != request.name:
        raise SchedulerError(
            f"job name {request.name!r}: letters, digits, `_.-`, no digit first, at most {NAME_LENGTH}"
        )
    if not request.script.is_absolute() or not request.script.is_file():
        raise SchedulerError(f"{request.script} is not the absolute path of a job script")
    if not request.output.is_absolute() or not request.output.is_dir():
        raise SchedulerError(f"{request.output} is not the absolute path of an existing directory for the job's logs")
    if request.walltime < 1:
        raise SchedulerError(f"a walltime of {request.walltime} s cannot be asked for")
    return request


def allowed(request: JobRequest, service: Service) -> JobRequest:
    """Return a checked request, or raise SchedulerError for what a batch site would refuse or misread."""
    checked(request)
    plain(request.output)
    in_time(service, request.group, request.walltime)
    offered(service, request.group, request.priority)
    return request


def plain(path: Path) -> None:
    """Raise SchedulerError where schedulers would misread a path."""
    if not PLAIN_PATH.fullmatch(str(path.absolute())):
        raise SchedulerError(f"{path}: schedulers give `,`, `:`, `$`, quotes and blanks in a path a meaning")


def in_time(service: Service, group: str, walltime: int) -> None:
    """Raise SchedulerError for a walltime above what a service is known to take."""
    longest = service.longest(group)
    if longest is not None and walltime > longest:
        trial = "" if group or service.trial_walltime is None else f" without {service.group_variable}"
        raise SchedulerError(f"walltime {clock(walltime)}: {service.name} takes at most {clock(longest)}{trial}")


def offered(service: Service, group: str, priority: int | None) -> None:
    """Raise SchedulerError where a service wants a group, or has no such priority."""
    if service.group_required and not group:
        raise SchedulerError(f"{service.name} needs a group to charge: set {service.group_variable} in .env")
    if priority is not None and priority not in service.priorities:
        known = ", ".join(str(number) for number in service.priorities) or "none"
        raise SchedulerError(f"priority {priority}: {service.name} offers {known}")
