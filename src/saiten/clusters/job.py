"""What a job is told: one JSON file, whose path is the only argument of the script that the scheduler runs.

The file holds no secret. Keys come to the job in `.env` of the folder that the job was submitted from.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from saiten.clusters.services import Service
from saiten.errors import UserError
from saiten.part import Part
from saiten.results.files import write_bytes, write_json
from saiten.types import Access, RunSpec
from saiten.values import replace

STARTED = "SAITEN_JOB_STARTED"
OFFLINE = "HF_HUB_OFFLINE"
"""Set in jobs whose model and datasets were fetched before."""
RESERVE_SHARE = 0.05
RESERVE_LEAST, RESERVE_MOST = 4.0, 240.0
"""Of the walltime, how much is kept for ending: draining, then stopping the server and writing."""
DRAIN_SHARE = 0.6
KILL_DRAIN_SHARE, KILL_SERVER_SHARE = 0.5, 0.3
"""Of the time from the scheduler's signal to the kill: for what is in flight, then for the server; the rest writes."""
UNTOLD = frozenset({"api_key", "judge_api_key", "server", "part"})
"""Fields of `Access` that are no business of a file."""
FORWARDED = (
    *("SAITEN_CACHE", "SAITEN_DATA", "SAITEN_DATA_LOCK", "XDG_CACHE_HOME", "UV_CACHE", "UV_CACHE_DIR", "VLLM_CACHE"),
    *("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_CACHE", "HF_ENDPOINT", "LITELLM_CONCURRENT_CALLS", "REQUEST_TIMEOUT"),
    *("VLLM_VERSION", "REPO_PATH", "JUDGE_BASE_URL", "JUDGE_MODEL_NAME", "JUDGE_REASONING_EFFORT"),
    "JUDGE_CONCURRENT_CALLS",
)
"""Variables of the submitting shell that a job gets: places and limits, nothing that could be a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """All that one job has to know."""

    spec: RunSpec
    access: Mapping[str, Any] = field(default_factory=dict)
    """Fields of `Access`, without its keys, its server and its part."""
    budget: float | None = None
    """Of `max_cost` in `access`, what this job and the other links of its chain may spend; None: no other job asks."""
    part: Part = field(default_factory=Part)
    key: str
    """Of its submission."""
    directory: str
    """Folder of its submission and report."""
    output: str
    """Folder above results/ and outputs/."""
    walltime: int
    """Seconds, from the start of the script."""
    kill_seconds: float = 10.0
    """From the scheduler's signal to the kill."""
    before: tuple[str, ...] = ()
    """Keys of the earlier links of its chain, first one first."""
    logs: str = ""
    """Folder of the model server's log."""
    save_details: bool = True
    accept_changes: bool = False
    scratch: tuple[str, ...] = ()
    """Where job-local disk is, first that exists; `$NAME` is a variable of the job."""
    environment: Mapping[str, str] = field(default_factory=dict)


def read_job(path: Path) -> JobFile:
    """Return what a job file says. UserError where it is no job file."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=JobFile)
    except OSError as error:
        raise UserError(f"cannot read the job file {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise UserError(f"{path} is no job file of this version of saiten: {error}; submit again") from error


def write_job(path: Path, job: JobFile) -> None:
    """Write a job file."""
    write_json(path, msgspec.to_builtins(job))


def told_access(access: Access) -> dict[str, Any]:
    """Return the fields of an access that a job file may hold."""
    names = (item.name for item in fields(access) if item.name not in UNTOLD)
    return {name: value for name in names if (value := getattr(access, name)) is not None}


def access_of(job: JobFile) -> Access:
    """Return how a job reaches its model. Jobs do not know of each other's money: each has its share of the budget."""
    access = Access(**job.access, part=job.part)
    if job.budget is None:
        return access
    return replace(access, max_cost=job.budget, part=replace(job.part, budgeted=True))


def write_script(path: Path, service: Service, cwd: Path) -> Path:
    """Write the script that a scheduler runs, and return its path. It becomes saiten, so that signals reach it."""
    lines = [
        "#!/bin/bash",
        "# Written by saiten submit. The one argument is the job file.",
        "trap '' USR1 USR2  # until saiten listens",
        f"export {STARTED}=$(date +%s)",
        *service.setup,
        f"cd {shlex.quote(str(cwd))} || exit 4",
        f'exec {shlex.quote(sys.executable)} -P -m saiten run --job "$1"',
    ]
    write_bytes(path, "\n".join([*lines, ""]).encode())
    path.chmod(0o750)
    return path


def forwarded(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the submitting shell that a job gets."""
    return {name: value for name in FORWARDED if (value := environ.get(name))}


def ends(job: JobFile, environ: Mapping[str, str]) -> float:
    """Return the Unix time at which the job's walltime is over: by our own clock, or earlier where Slurm says so.

    Slurm rounds a walltime up to minutes.
    """
    started = environ.get(STARTED, "")
    own = (float(started) if started.isdecimal() else time.time()) + job.walltime
    told = environ.get("SLURM_JOB_END_TIME", "")
    return min(own, float(told)) if told.isdecimal() else own


def with_end(job: JobFile, end: float) -> Access:
    """Return the job's access with the moments at which it stops asking, and gives up what is in flight then."""
    reserve = min(max(RESERVE_SHARE * job.walltime, RESERVE_LEAST), RESERVE_MOST)
    stop_at = end - reserve
    access = access_of(job)
    part = replace(
        access.part,
        key=job.key,
        takes_over=job.before,
        stop_at=stop_at,
        drain_until=stop_at + DRAIN_SHARE * reserve,
    )
    # After a signal the kill is near.
    return replace(access, part=part, drain_seconds=min(access.drain_seconds, KILL_DRAIN_SHARE * job.kill_seconds))


def enter(job: JobFile) -> dict[str, str]:
    """Return the variables to set in the job: what it was told, and job-local disk for temporary files."""
    found = dict(job.environment)
    for place in job.scratch:
        path = Path(os.path.expandvars(place))
        if "$" not in str(path) and path.is_dir() and os.access(path, os.W_OK):
            return found | {"TMPDIR": str(path)}
    return found
