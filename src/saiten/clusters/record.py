"""Our own record of a submission: what was asked of a scheduler, and what the job itself says it came to.

    OUTPUT/submissions/<key>.json           one `Submission` for each job, written by whoever submits or cancels
    OUTPUT/submissions/<key>.report.json    its `JobReport`, written by the job alone: at its start and at its end
    OUTPUT/submissions/<key>.job.json       what the job is told (`clusters.job`)

A scheduler forgets jobs, cuts their names and renames their resources, so nothing is recovered from it. Every file has
one writer and is replaced whole.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from saiten.errors import UserError
from saiten.results.files import write_json
from saiten.values import replace

FOLDER = "submissions"
REPORT = ".report.json"
JOB = ".job.json"
Record = TypeVar("Record", "Submission", "JobReport")


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One job as it was submitted. Paths are absolute. Holds no secret."""

    key: str
    """Name of its files; unique."""
    service: str
    scheduler: str
    place: str = ""
    """Folder of the local queue that has the job; empty: a real scheduler."""
    node_kind: str
    job_id: str = ""
    """The scheduler's whole id; empty: not accepted (yet)."""
    name: str
    """The job's name: `{lang}_{task}` where it has one benchmark."""
    model: str
    provider: str
    settings: str
    benchmarks: tuple[str, ...]
    run: str
    """The run directory."""
    progress: str
    """The heartbeat of this job: `progress.json`, or a file of its own where several jobs share the run directory."""
    output: str
    """Folder of the job's logs."""
    stdout: str = ""
    stderr: str = ""
    server_log: str = ""
    argv: tuple[str, ...] = ()
    """The command that submitted it."""
    walltime: int
    """Asked for, seconds."""
    estimate: int = 0
    """Expected, seconds, start of the server included."""
    estimate_source: str = ""
    group: str = ""
    priority: int | None = None
    shard: tuple[int, int] = (0, 1)
    """Which part of the documents, of how many."""
    link: int = 1
    """Position in its chain, from 1."""
    links: int = 1
    predecessor: str = ""
    """Key of the submission whose end this one waits for."""
    successor: str = ""
    """Key of the one that goes on after it."""
    submitted: float
    """Unix time."""
    cancelled: float | None = None
    """When `saiten cancel` deleted it."""
    refused: str = ""
    """The scheduler's words where it did not take the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """What a job says of itself. It outranks what its scheduler says of it."""

    job_id: str
    host: str
    pid: int
    started: float
    """Unix time."""
    ends: float
    """When its walltime is over; it stops asking before."""
    finished: float | None = None
    """None: it runs, or was killed: see the heartbeat in `Submission.progress`."""
    exit_status: int | None = None
    reason: str = ""
    """How it ended, in words."""
    due: int = 0
    """Choices that this job's part of the run owes altogether."""
    before: int = 0
    """Of these, answered when it started."""
    after: int = 0
    """Answered when it ended."""
    verified_before: int = 0
    """Executions and judgements that stood when it started."""
    output_tokens: dict[str, int] = field(default_factory=dict)
    """Benchmark -> tokens that this job got."""
    choices: dict[str, int] = field(default_factory=dict)
    """Benchmark -> choices that this job got."""
    owed: dict[str, int] = field(default_factory=dict)
    """Benchmark -> choices due in the whole run."""
    server_seconds: float = 0.0
    """Start of the model server."""
    asking_seconds: float = 0.0

    @property
    def new(self) -> int:
        """Choices that this job brought."""
        return self.after - self.before

    @property
    def stood(self) -> int:
        """Choices, executions and judgements that stood when it started."""
        return self.before + self.verified_before


def folder_of(output: Path) -> Path:
    """Return the folder of submissions of an output directory."""
    return output.absolute() / FOLDER


def new_key(moment: float | None = None) -> str:
    """Return the name of a new submission's files; names of one process sort by time."""
    now = time.time() if moment is None else moment
    when = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
    return f"{when}-{int(now % 1 * 1e6):06}-{secrets.token_hex(3)}"


def submission_file(folder: Path, key: str) -> Path:
    """Return the file of a submission."""
    return folder / f"{key}.json"


def job_file(folder: Path, key: str) -> Path:
    """Return the file that tells the job what to do."""
    return folder / f"{key}{JOB}"


def report_file(folder: Path, key: str) -> Path:
    """Return the file in which a job says what it came to."""
    return folder / f"{key}{REPORT}"


def write_submission(folder: Path, submission: Submission) -> Submission:
    """Write (or replace) a submission's file, and return the submission."""
    write_json(submission_file(folder, submission.key), msgspec.to_builtins(submission))
    return submission


def adopted(submission: Submission, report: JobReport | None) -> Submission:
    """Return a submission with the id that its job tells, where `saiten submit` was stopped before it noted one."""
    if submission.job_id or submission.refused or report is None or not report.job_id:
        return submission
    return replace(submission, job_id=report.job_id)


def mark_cancelled(folder: Path, submission: Submission) -> Submission:
    """Note that somebody deleted the job."""
    return write_submission(folder, replace(submission, cancelled=time.time()))


def write_report(folder: Path, key: str, report: JobReport) -> None:
    """Write (or replace) a job's report."""
    write_json(report_file(folder, key), msgspec.to_builtins(report))


def read_report(folder: Path, key: str) -> JobReport | None:
    """Return what a job said of itself; None where it has not started."""
    return _read(report_file(folder, key), JobReport)


def read_submission(folder: Path, key: str) -> Submission | None:
    """Return one submission; None where there is none, or its file is not what was written."""
    return _read(submission_file(folder, key), Submission)


def read_submissions(folder: Path) -> Iterator[Submission]:
    """Yield all submissions of a folder, oldest first. Files that cannot be read are left out."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    except PermissionError as error:
        raise UserError(f"cannot read {folder}: {error.strerror}; give another --output-dir") from error
    for name in names:
        if name.count(".") == 1 and name.endswith(".json"):
            submission = _read(folder / name, Submission)
            if submission is not None:
                yield submission


def _read(path: Path, kind: type[Record]) -> Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, IsADirectoryError, PermissionError, msgspec.MsgspecError):
        return None
