"""PBS (ABCI 3.0's Altair PBS Professional, OpenPBS): `qsub`, `qstat`, `qdel`.

Source: qsub(1B), qstat(1B), job.h of OpenPBS 23.06; measured on OpenPBS 22.05.11 and 23.06.06.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from saiten.clusters.command import Answer, run
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError, allowed, clock
from saiten.clusters.services import Service
from saiten.values import replace

JOB_ID = re.compile(r"\d+(?:\[\d*\])?(?:\.[\w.-]+)?")
GONE = re.compile(r"Unknown Job Id|finished", re.IGNORECASE)
NO_HISTORY = re.compile(r"not configured to maintain job history")
DELETED, STUCK = 91, 51
"""Values of `substate`. A job that was told to stop stays R with substate 42, as every running job."""
OWN_STATUS = {
    -29: "it reached its walltime",
    -27: "it used more memory than it asked for",
    -28: "it used more CPU time than it may",
}
WALLTIME = -29
LIVE = {
    "Q": JobState.QUEUED,
    "W": JobState.QUEUED,
    "T": JobState.QUEUED,
    "M": JobState.QUEUED,
    "H": JobState.HELD,
    "S": JobState.HELD,
    "U": JobState.HELD,
    "R": JobState.RUNNING,
    "B": JobState.RUNNING,
    "E": JobState.ENDING,
}
"""`job_state` -> state, as long as it is not F (finished)."""


class Pbs:
    """Jobs on PBS."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._history = True

    def _qstat(self, *words: str) -> Answer:
        """Run `qstat` for finished jobs, too; for live ones only where the server keeps no history (PBS's default)."""
        if self._history:
            answer = run(["qstat", "-x", *words])
            if not NO_HISTORY.search(answer.err):
                return answer
            self._history = False
        return run(["qstat", *words])

    def argv(self, request: JobRequest) -> list[str]:
        """Return the `qsub` command.

        `-k oed` writes the logs where `-o` and `-e` say, while the job runs. `-- /bin/bash SCRIPT` needs no execute
        permission and passes arguments byte for byte. PBS's own umask for jobs is 077.
        """
        allowed(request, self._service)
        after = f"depend=afterany:{':'.join(request.after)}"
        return [
            "qsub",
            *(("-P", request.group) if request.group else ()),
            *(("-q", request.node.queue) if request.node.queue else ()),
            *(part for resource in request.node.resources for part in ("-l", resource)),
            *("-l", f"walltime={clock(request.walltime)}"),
            *(("-p", str(request.priority)) if request.priority is not None else ()),
            *("-N", request.name, "-o", f"{request.output}/", "-e", f"{request.output}/"),
            *("-k", "oed", "-W", "umask=027"),
            *(("-W", after) if request.after else ()),
            *("--", "/bin/bash", str(request.script)),
            *request.arguments,
        ]

    def submit(self, request: JobRequest) -> str:
        """Submit the job and return its whole id, `1234.pbs1`.

        PBS accepts a dependency on a job that it does not know, and drops the new job silently: that is looked at. A
        look that fails changes nothing: the job was taken.
        """
        answer = run(self.argv(request))
        lines = answer.out.split()
        if answer.status != 0 or not lines or not JOB_ID.fullmatch(lines[-1]):
            raise SchedulerError(f"qsub refused {request.name}: {answer.complaint}")
        status = None
        with contextlib.suppress(SchedulerError):
            seen = self.poll(lines[-1:]) if request.after else {}
            status = seen.get(lines[-1])
        if status is not None and status.state.over:
            raise SchedulerError(f"PBS took {request.name} as {lines[-1]} and dropped it: {status.reason}")
        return lines[-1]

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        """Ask one `qstat` for these jobs, finished ones too.

        As text: OpenPBS's JSON answers only the first of several ids (issue 2672), its text answers all.
        """
        if not ids:
            return {}
        answer = self._qstat("-f", *ids)
        listed = {job_id: status_of(job_id, fields) for job_id, fields in read_text(answer.out).items()}
        if not listed and not known_complaint(answer):
            raise SchedulerError(f"qstat does not answer: {answer.complaint}")
        return {job_id: status for job_id in ids if (status := named(listed, job_id)) is not None}

    def final(self, job_id: str) -> JobStatus:
        """Ask for one job, as JSON; as text where the JSON cannot be read (unescaped variables, issue 2541)."""
        answer = self._qstat("-f", "-F", "json", job_id)
        jobs = read_json(answer.out)
        if not jobs and not GONE.search(answer.complaint):
            answer = self._qstat("-f", job_id)
            jobs = read_text(answer.out)
        if (status := named({name: status_of(name, fields) for name, fields in jobs.items()}, job_id)) is not None:
            return status
        if not known_complaint(answer):
            raise SchedulerError(f"qstat does not answer: {answer.complaint}")
        reason = "PBS does not know it (never accepted, or older than its history)"
        return JobStatus(job_id=job_id, state=JobState.LOST, reason=reason, raw=answer.complaint)

    def cancel(self, ids: Sequence[str]) -> None:
        """Delete jobs."""
        if not ids:
            return
        answer = run(["qdel", *ids])
        if answer.status != 0 and not known_complaint(answer):
            raise SchedulerError(f"qdel failed: {answer.complaint}")


def open_scheduler(service: Service) -> Pbs:
    """Return the scheduler of a service."""
    return Pbs(service)


def known_complaint(answer: Answer) -> bool:
    """Return whether every line that a command complained with is about a job that ended or never was."""
    lines = [line for line in answer.err.splitlines() if line.strip()]
    return bool(lines) and all(GONE.search(line) for line in lines)


def named(listed: Mapping[str, JobStatus], job_id: str) -> JobStatus | None:
    """Return a job by its id; one server may answer under another name than the one it gave (`pbs1`, `pbs2`)."""
    if job_id in listed:
        return listed[job_id]
    own = job_id.partition(".")[0]
    same = [status for name, status in listed.items() if name.partition(".")[0] == own]
    return replace(same[0], job_id=job_id) if len(same) == 1 else None


def read_text(text: str) -> dict[str, dict[str, str]]:
    """Read `qstat -f`: job -> attribute -> value. Long lines go on after a TAB, in the middle of a word."""
    jobs: dict[str, dict[str, str]] = {}
    fields: dict[str, str] = {}
    for line in text.replace("\r\n", "\n").replace("\n\t", "").splitlines():
        if line.startswith("Job Id: "):
            fields = jobs.setdefault(line.removeprefix("Job Id: ").strip(), {})
        elif (found := re.match(r" {4}([\w.]+) = (.*)$", line)) is not None:
            fields.setdefault(found[1], found[2])
    return jobs


def read_json(text: str) -> dict[str, dict[str, str]]:
    """Read `qstat -f -F json` as `read_text` reads text (a job named 123 comes as a number). Empty: it is no JSON."""
    try:
        found: Any = json.loads(text, strict=False)
    except json.JSONDecodeError:
        return {}
    jobs = found.get("Jobs", {}) if isinstance(found, dict) else {}
    return {
        job_id: {
            name if part is None else f"{name}.{part}": str(value)
            for name, found_value in fields.items()
            for part, value in (found_value.items() if isinstance(found_value, dict) else ((None, found_value),))
        }
        for job_id, fields in jobs.items()
        if isinstance(fields, dict)
    }


def status_of(job_id: str, fields: Mapping[str, str]) -> JobStatus:
    """Tell where a job is, or how it ended, and its cores (its nodes, where PBS tells no cores)."""
    cores = number(fields.get("Resource_List.ncpus")) or number(fields.get("Resource_List.nodect"))
    letter, substate = fields.get("job_state", "?"), number(fields.get("substate"))
    comment = fields.get("comment", "")
    if letter in {"F", "X"}:
        return replace(ended(job_id, substate, number(fields.get("Exit_status")), comment), slots=cores)
    state, reason = LIVE.get(letter, JobState.UNKNOWN), ""
    if letter == "E" and substate == STUCK:
        reason = "it ended; PBS is still copying its output (does the directory exist?)"
    elif letter in {"S", "U"}:
        reason = "it is suspended"
    elif letter == "H":
        reason = f"it waits: {fields['depend']}" if "depend" in fields else "it is held"
    elif state is JobState.QUEUED:
        reason = comment
    raw = f"{letter} substate {substate}"
    return JobStatus(job_id=job_id, state=state, reason=reason, raw=raw, slots=cores)


def ended(job_id: str, substate: int | None, code: int | None, comment: str) -> JobStatus:
    """Tell how a finished job ended.

    Without an exit status it never ran; substate 91 was deleted, whatever its exit status; below 0 are PBS's own
    reasons (job.h, JOB_EXEC_*), above 256 is the signal.
    """
    raw = f"F substate {substate} Exit_status {code}"
    exited = code if code is not None and 0 <= code < 256 else None
    limit = code == WALLTIME or "exceeded resource walltime" in comment
    if substate == DELETED:
        state, reason = JobState.CANCELLED, "deleted" if code is not None else "deleted before it ran"
        if comment.startswith("Can Never Run"):
            reason = f"{reason}; {comment}"
    elif code is None:
        state, reason = JobState.FAILED, "it never ran: what it waited for cannot come true any more, so PBS dropped it"
    elif limit:
        state, reason = JobState.FAILED, OWN_STATUS[WALLTIME]
    elif code < 0:
        state, reason = JobState.FAILED, OWN_STATUS.get(code, f"PBS ended it (reason {code}); {comment}")
    elif code > 256:
        state, reason = JobState.FAILED, f"killed by signal {code - 256}"
    elif code == 0:
        state, reason = JobState.DONE, ""
    else:
        state, reason = JobState.FAILED, f"exited with status {code}"
    return JobStatus(job_id=job_id, state=state, exit_status=exited, reason=reason, raw=raw, walltime_reached=limit)


def number(text: str | None) -> int | None:
    """Return a whole number, None where there is none."""
    return int(text) if text is not None and re.fullmatch(r"-?\d+", text.strip()) else None
