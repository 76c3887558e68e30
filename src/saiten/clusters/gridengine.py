"""Grid Engine (TSUBAME4's Altair Grid Engine, Son of Grid Engine): `qsub`, `qstat`, `qacct`, `qdel`.

Source: qsub(1), qstat(1), accounting(5) of Grid Engine 8.1; measured on Son of Grid Engine 8.1.9.
"""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Sequence

from saiten.clusters.command import run
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError, allowed, clock
from saiten.clusters.services import Service

SUBMITTED = re.compile(r"^Your job(?:-array)? (\d+)", re.MULTILINE)
NO_JOB = re.compile(r"do(?:es)? not exist|not found|unknown_jobs")
LIMIT, AFTER_JOB, APPLICATION_ERROR, RESCHEDULED = 37, 100, 30, 25
FAILED = {
    LIMIT: "it reached its walltime",
    26: "its output directory or file could not be opened, so it never ran",
    27: "its shell could not be started",
    28: "it could not change to its working directory",
    APPLICATION_ERROR: "it exited 100, which puts a Grid Engine job into the error state",
}
"""Values of `failed` in an accounting record; others are told in the record's own words."""


class GridEngine:
    """Jobs on Grid Engine."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def argv(self, request: JobRequest) -> list[str]:
        """Return the `qsub` command. A script, never `-b y`: there a shell would read the arguments."""
        allowed(request, self._service)
        priority = request.priority if request.priority is not None else self._service.default_priority
        return [
            "qsub",
            *((self._service.group_option, request.group) if request.group else ()),
            *(part for resource in request.node.resources for part in ("-l", resource)),
            *("-l", f"h_rt={clock(request.walltime)}"),
            *(("-p", str(priority)) if priority is not None and self._service.priorities else ()),
            *(("-notify",) if request.notice else ()),
            *("-N", request.name, "-o", str(request.output), "-e", str(request.output)),
            *(("-hold_jid", ",".join(request.after)) if request.after else ()),
            str(request.script),
            *request.arguments,
        ]

    def submit(self, request: JobRequest) -> str:
        """Submit the job and return its number."""
        answer = run(self.argv(request))
        found = SUBMITTED.search(answer.out)
        if answer.status != 0 or found is None:
            raise SchedulerError(f"qsub refused {request.name}: {answer.complaint}")
        return found[1]

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        """Ask one plain `qstat` for all jobs of this user; a job that ended is not in its answer."""
        answer = run(["qstat", "-u", pwd.getpwuid(os.getuid()).pw_name])
        if answer.status != 0:
            raise SchedulerError(f"qstat does not answer: {answer.complaint}")
        listed = read_qstat(answer.out)
        return {job_id: listed[job_id] for job_id in ids if job_id in listed}

    def final(self, job_id: str) -> JobStatus:
        """Read the job's accounting record; a job in the error state has none and is asked for its reason."""
        answer = run(["qacct", "-j", job_id])
        if answer.status == 0 and (status := read_qacct(answer.out, job_id)) is not None:
            return status
        live = run(["qstat", "-j", job_id])
        if live.status == 0 and live.out.strip():
            return read_qstat_j(live.out, job_id)
        if answer.status != 0 and not NO_JOB.search(answer.complaint) and not NO_JOB.search(live.complaint):
            raise SchedulerError(f"qacct does not answer: {answer.complaint}")
        return JobStatus(
            job_id=job_id,
            state=JobState.UNKNOWN,
            reason="it left the queue without an accounting record: deleted before it ran, or not written yet",
            raw=answer.complaint,
        )

    def cancel(self, ids: Sequence[str]) -> None:
        """Delete jobs."""
        if not ids:
            return
        answer = run(["qdel", *ids])
        lines = [line for line in (answer.out + answer.err).splitlines() if line.strip()]
        if answer.status != 0 and not all(
            NO_JOB.search(line) or "for deletion" in line or "deleted" in line for line in lines
        ):
            raise SchedulerError(f"qdel failed: {answer.complaint}")


def open_scheduler(service: Service) -> GridEngine:
    """Return the scheduler of a service."""
    return GridEngine(service)


def read_qstat(text: str) -> dict[str, JobStatus]:
    """Read plain `qstat`: number, priority, name (10 characters, ours have no blanks), user, state.

    Its columns shift with long job numbers and with AGE's jclass, so words are read, not columns.
    """
    found: dict[str, JobStatus] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 5 or not words[0].isdecimal():
            continue
        job_id, letters = words[0], words[4]
        status = JobStatus(
            job_id=job_id, state=state_of(letters), reason=waits(letters), raw=letters, slots=slots_of(words[5:])
        )
        if job_id not in found or status.state is JobState.RUNNING:  # an array has several rows: what runs, counts
            found[job_id] = status
    return found


def slots_of(words: Sequence[str]) -> int | None:
    """Return the slots of a `qstat` line: the first plain number after date, time, queue and jclass, if these stand."""
    return next((int(word) for word in words[2:] if word.isdecimal()), None)


def state_of(letters: str) -> JobState:
    """Return the state that Grid Engine's letters spell; they combine freely (`hRwq`, `Eqw`, `dr`)."""
    for letter, state in (("E", JobState.FAILED), ("d", JobState.ENDING)):
        if letter in letters:
            return state
    if any(letter in letters for letter in "sST"):
        return JobState.HELD
    if "h" in letters:
        return JobState.HELD
    if "w" in letters:
        return JobState.QUEUED
    if "r" in letters or "t" in letters:
        return JobState.RUNNING
    return JobState.QUEUED if "q" in letters else JobState.UNKNOWN


def waits(letters: str) -> str:
    """Say why a job with these letters does not run; why it is in the error state, only `qstat -j` tells."""
    if "E" in letters:
        return ""
    if any(letter in letters for letter in "sST"):
        return "it is suspended"
    return "it waits for another job, or is held" if "h" in letters else ""


def read_qstat_j(text: str, job_id: str) -> JobStatus:
    """Read `qstat -j`: why a job is in the error state. Anything else is a job that is still there."""
    reasons = re.findall(r"^error reason[^:]*:\s*(.*)$", text, re.MULTILINE)
    if not reasons:
        return JobStatus(job_id=job_id, state=JobState.UNKNOWN, reason="it is still in the queue")
    told = re.sub(r"^\S+ \S+ \[[\d:]+\]:\s*(?:error:\s*)?", "", reasons[-1].strip())
    return JobStatus(job_id=job_id, state=JobState.FAILED, reason=f"error state: {told}", raw="E")


def read_qacct(text: str, job_id: str) -> JobStatus | None:
    """Read accounting records; None where none is about this job. A job that was started again has several."""
    records = [
        fields
        for part in re.split(r"^={10,}\s*$", text, flags=re.MULTILINE)
        if (fields := dict(re.findall(r"^(\w+)[ \t]+(.*?)[ \t]*$", part, re.MULTILINE))).get("jobnumber") == job_id
    ]
    if not records:
        return None
    tasks = {fields.get("taskid", ""): ended(fields, job_id) for fields in records}
    return next((status for status in tasks.values() if status.state is not JobState.DONE), ended(records[-1], job_id))


def ended(fields: dict[str, str], job_id: str) -> JobStatus:
    """Tell how one record's job ended."""
    failed, code = leading(fields.get("failed", "")), leading(fields.get("exit_status", ""))
    raw = f"failed {fields.get('failed', '?')}, exit_status {fields.get('exit_status', '?')}"
    if failed is None or code is None:
        return JobStatus(job_id=job_id, state=JobState.UNKNOWN, reason="its accounting record cannot be read", raw=raw)
    state, reason = verdict(failed, code, fields)
    itself = code < 128 and failed in {0, LIMIT, APPLICATION_ERROR}
    return JobStatus(
        job_id=job_id,
        state=state,
        exit_status=code if itself else None,
        reason=reason,
        raw=raw,
        walltime_reached=failed == LIMIT,
        slots=leading(fields.get("slots", "")),
    )


def verdict(failed: int, code: int, fields: dict[str, str]) -> tuple[JobState, str]:
    """Return the state and the reason: `failed` decides before the exit status, since 26 comes with exit status 0."""
    deleter = fields.get("deleted_by", "NONE")
    if deleter not in {"NONE", "NA", ""}:
        return JobState.CANCELLED, f"deleted by {deleter}"
    if failed == RESCHEDULED:
        return JobState.UNKNOWN, "it was put back into the queue"
    if failed:
        told = fields["failed"].partition(":")[2].strip() or f"Grid Engine's failure {failed}"
        return JobState.FAILED, f"{killed_by(code)} (qdel, or out of memory)" if failed == AFTER_JOB else FAILED.get(
            failed, told
        )
    if code == 0:
        return JobState.DONE, ""
    return JobState.FAILED, killed_by(code) if code > 128 else f"exited with status {code}"


def killed_by(code: int) -> str:
    """Name the signal in an exit status as shells spell it."""
    return f"killed by signal {code - 128}" if code > 128 else "killed by a signal"


def leading(text: str) -> int | None:
    """Return the number that a value begins with: `137                  (Killed)`, `37  : qmaster enforced …`."""
    found = re.match(r"-?\d+", text.strip())
    return int(found[0]) if found else None
