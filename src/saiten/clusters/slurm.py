"""Slurm: `sbatch`, `squeue`, `scontrol`, `sacct`, `scancel`.

Source: the manual pages of Slurm 22.05, and what was measured on it. Output formats are asked for by name, since its
JSON changes between versions.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Sequence

from saiten.clusters.command import run
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError, allowed, clock
from saiten.clusters.services import Service
from saiten.values import replace

FORGOTTEN = re.compile(r"Invalid job id", re.IGNORECASE)
ENDED = re.compile(r"Invalid job id|already completing or completed", re.IGNORECASE)
STATES = {
    "PENDING": JobState.QUEUED,
    "REQUEUED": JobState.QUEUED,
    "REQUEUE_FED": JobState.QUEUED,
    "REQUEUE_HOLD": JobState.HELD,
    "SPECIAL_EXIT": JobState.HELD,
    "RESV_DEL_HOLD": JobState.HELD,
    "SUSPENDED": JobState.HELD,
    "STOPPED": JobState.HELD,
    "CONFIGURING": JobState.RUNNING,
    "RUNNING": JobState.RUNNING,
    "RESIZING": JobState.RUNNING,
    "COMPLETING": JobState.ENDING,
    "SIGNALING": JobState.ENDING,
    "STAGE_OUT": JobState.ENDING,
    "COMPLETED": JobState.DONE,
    "CANCELLED": JobState.CANCELLED,
    "REVOKED": JobState.CANCELLED,
    "FAILED": JobState.FAILED,
    "TIMEOUT": JobState.FAILED,
    "NODE_FAIL": JobState.FAILED,
    "BOOT_FAIL": JobState.FAILED,
    "OUT_OF_MEMORY": JobState.FAILED,
    "DEADLINE": JobState.FAILED,
    "PREEMPTED": JobState.FAILED,
}
"""Slurm's job states (squeue(1), JOB STATE CODES)."""
ENDS = {
    "TIMEOUT": "it reached its walltime",
    "NODE_FAIL": "its node failed",
    "BOOT_FAIL": "its node did not start",
    "OUT_OF_MEMORY": "it used more memory than it asked for",
    "DEADLINE": "its deadline passed",
    "PREEMPTED": "another job took its place",
}
WAITS = {
    "DependencyNeverSatisfied": "it will never start: what it waits for cannot come true any more",
    "Dependency": "it waits for another job",
    "JobHeldUser": "it is held",
    "JobHeldAdmin": "the site holds it",
    "PartitionTimeLimit": "it will never start: it asks for more time than its partition gives",
    "PartitionNodeLimit": "it will never start: it asks for more nodes than its partition gives",
}
HOLDING = {"DependencyNeverSatisfied", "Dependency", "JobHeldUser", "JobHeldAdmin"}
NO_OUTPUT = 53
"""`0:53`: slurmd could not open the job's output file."""


class Slurm:
    """Jobs on Slurm."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def argv(self, request: JobRequest) -> list[str]:
        """Return the `sbatch` command. `%` in the log directory is doubled: Slurm reads patterns there."""
        allowed(request, self._service)
        log = f"{request.output}/{request.name}".replace("%", "%%")
        return [
            "sbatch",
            "--parsable",
            *(("-A", request.group) if request.group else ()),
            *(("-p", request.node.queue) if request.node.queue else ()),
            *(f"--{resource}" for resource in request.node.resources),
            *("-t", clock(request.walltime), "-J", request.name, "-o", f"{log}.o%j", "-e", f"{log}.e%j"),
            "--open-mode=append",
            *((f"--signal=B:USR1@{request.notice}",) if request.notice else ()),
            *(
                (f"--dependency=afterany:{':'.join(request.after)}", "--kill-on-invalid-dep=yes")
                if request.after
                else ()
            ),
            str(request.script),
            *request.arguments,
        ]

    def submit(self, request: JobRequest) -> str:
        """Submit the job and return its number."""
        answer = run(self.argv(request))
        job_id = answer.out.strip().rpartition("\n")[2].partition(";")[0]
        if answer.status != 0 or not job_id.isdecimal():
            raise SchedulerError(f"sbatch refused {request.name}: {answer.complaint}")
        return job_id

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        """Ask one `squeue` for all jobs of this user; a job that ended is not in its answer."""
        user = pwd.getpwuid(os.getuid()).pw_name
        answer = run(["squeue", "-h", "-u", user, "-o", "%i|%T|%r|%C"])
        if answer.status != 0:
            raise SchedulerError(f"squeue does not answer: {answer.complaint}")
        listed = read_squeue(answer.out)
        return {job_id: listed[job_id] for job_id in ids if job_id in listed}

    def final(self, job_id: str) -> JobStatus:
        """Ask the controller, which remembers a job for some minutes, then the accounting, which a site may lack."""
        live = run(["scontrol", "show", "job", "-o", job_id])
        if live.status == 0 and (status := read_scontrol(live.out, job_id)) is not None:
            return status
        fields = "JobID,JobName,State,ExitCode,Elapsed,Timelimit,Start,End,Reason,ReqCPUS"
        kept = run(["sacct", "-X", "-n", "-P", "-j", job_id, "-o", fields])
        if kept.status == 0 and (status := read_sacct(kept.out).get(job_id)) is not None:
            return status
        if live.status != 0 and not FORGOTTEN.search(live.complaint):
            raise SchedulerError(f"scontrol does not answer: {live.complaint}")
        reason = "Slurm does not remember it" + ("" if kept.status == 0 else f" ({kept.complaint})")
        return JobStatus(job_id=job_id, state=JobState.LOST, reason=reason, raw=live.complaint)

    def cancel(self, ids: Sequence[str]) -> None:
        """Delete jobs."""
        if not ids:
            return
        answer = run(["scancel", *ids])
        if answer.status != 0 and not ENDED.search(answer.complaint):
            raise SchedulerError(f"scancel failed: {answer.complaint}")


def open_scheduler(service: Service) -> Slurm:
    """Return the scheduler of a service."""
    return Slurm(service)


def read_squeue(text: str) -> dict[str, JobStatus]:
    """Read `squeue -o %i|%T|%r|%C`, more columns allowed. Rows of arrays have ids of their own (`26_1`)."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") >= 2]
    found = [replace(told(row[0].strip(), row[1], row[2], ""), slots=cores(*row[3:4])) for row in rows]
    return {status.job_id: status for status in found}


def cores(text: str = "") -> int | None:
    """Return a number of CPUs as Slurm writes it; None where it wrote none."""
    return int(text) if text.strip().isdecimal() else None


def read_sacct(text: str) -> dict[str, JobStatus]:
    """Read `sacct -P` with the columns that `final` asks for."""
    rows = [line.split("|") for line in text.splitlines() if line.count("|") >= 8]
    return {row[0]: replace(told(row[0], row[2], row[8], row[3]), slots=cores(*row[9:10])) for row in rows}


def read_scontrol(text: str, job_id: str) -> JobStatus | None:
    """Read `scontrol show job`, in one line or in several; None where it is not about this job."""
    fields = dict(re.findall(r"(?:^|\s)([A-Z]\w+)=(\S*)", text))
    if fields.get("JobId") != job_id:
        return None
    status = told(job_id, fields.get("JobState", ""), fields.get("Reason", ""), fields.get("ExitCode", ""))
    return replace(status, slots=cores(fields.get("NumCPUs", "")))


def told(job_id: str, words: str, reason: str, exit_code: str) -> JobStatus:
    """Make a status of Slurm's words. `CANCELLED by 1002`: the first word is the state; `7:0` is status and signal."""
    word = words.strip().partition(" ")[0].rstrip("+")
    state = STATES.get(word, JobState.UNKNOWN)
    raw = " ".join(part for part in (words.strip(), exit_code, reason if reason != "None" else "") if part)
    if not state.over:
        held = state is JobState.QUEUED and (reason in HOLDING)
        return JobStatus(job_id=job_id, state=JobState.HELD if held else state, reason=waiting(word, reason), raw=raw)
    code, _, signal = exit_code.partition(":")
    exited = int(code) if code.isdecimal() and signal in {"", "0"} else None
    if state is JobState.DONE:
        why = ""
    elif state is JobState.CANCELLED:
        why = WAITS[reason] if reason == "DependencyNeverSatisfied" else words.strip().lower()
    else:
        why = ENDS.get(word) or failure(code, signal)
    return JobStatus(
        job_id=job_id, state=state, exit_status=exited, reason=why, raw=raw, walltime_reached=word == "TIMEOUT"
    )


def waiting(word: str, reason: str) -> str:
    """Say why a job does not run; Slurm's own word where nothing more is known. `None` is no reason."""
    if word == "SUSPENDED":
        return "it is suspended"
    return "" if reason in {"None", ""} else WAITS.get(reason, reason)


def failure(code: str, signal: str) -> str:
    """Say how a job failed."""
    if signal == str(NO_OUTPUT):
        return "its output file could not be opened, so it never ran"
    if signal not in {"", "0"}:
        return f"killed by signal {signal}"
    return f"exited with status {code}" if code else "it failed"
