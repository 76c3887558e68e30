"""This machine as a cluster of one: jobs are supervised process groups that outlive the shell, and wait for devices.

Devices are the GPUs that the submitting shell may see (CUDA_VISIBLE_DEVICES, else all that nvidia-smi lists). A job
without GPUs takes one of SAITEN_LOCAL_SLOTS slots instead (default 1). What is kept lies below SAITEN_LOCAL, else the
user's state folder, one folder for each host.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from saiten.clusters.command import run
from saiten.clusters.local_queue import Job, Request, ensure, only_one, read_job
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError, checked
from saiten.clusters.services import NodeKind, Service
from saiten.values import replace

_NVIDIA_SMI_SECONDS = 30.0


def open_scheduler(service: Service, where: str = "") -> LocalScheduler:
    """Return the scheduler of this machine, or of the queue that lies there. SchedulerError for another machine's."""
    root = Path(where) if where else place(os.environ)
    if root.name != socket.gethostname():
        raise SchedulerError(f"its queue is that of {root.name}; ask there")
    return LocalScheduler(root, kill_seconds=service.kill_seconds)


def place(environ: Mapping[str, str]) -> Path:
    """Return the folder of this host's queue."""
    state = environ.get("XDG_STATE_HOME")
    base = Path(state) if state and Path(state).is_absolute() else Path.home() / ".local" / "state"
    root = Path(environ.get("SAITEN_LOCAL") or base / "saiten" / "local")
    return root.expanduser().absolute() / socket.gethostname()


def gpus(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs that jobs of this shell may have, each under one name: its index, as far as the driver tells it.

    One shell may say `0`, another `GPU-5c2f…`: two jobs must not get the same GPU under two names.
    """
    stated = environ.get("CUDA_VISIBLE_DEVICES")
    if stated is not None and stated.strip() in {"", "-1"}:
        return ()
    there = listed()
    if stated is None:
        return tuple(there)
    found = []
    for word in (part.strip() for part in stated.split(",")):
        named = [
            index
            for index, uuid in there.items()
            if word == index or (word.startswith("GPU-") and uuid.startswith(word))
        ]
        if word in {"", "-1"} or (there and not named and not word.startswith("MIG-")):
            break  # CUDA, too, ends the list at the first word that it does not know
        found.append(named[0] if len(named) == 1 else word)
    return tuple(dict.fromkeys(found))


def listed() -> dict[str, str]:
    """Return the UUID of each GPU that nvidia-smi lists, by its index; nothing where it does not answer."""
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        answer = run(query, seconds=_NVIDIA_SMI_SECONDS)
    except SchedulerError:
        return {}
    pairs = (line.partition(",") for line in answer.out.splitlines() if answer.status == 0)
    return {index.strip(): uuid.strip() for index, _, uuid in pairs}


def slots(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the places of jobs without GPUs."""
    text = environ.get("SAITEN_LOCAL_SLOTS") or "1"
    if not text.isdecimal() or int(text) < 1:
        raise SchedulerError(f"SAITEN_LOCAL_SLOTS={text!r} is not a whole number above 0; correct or unset it")
    return tuple(f"slot{number}" for number in range(int(text)))


def devices(node: NodeKind, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the GPUs or places that jobs of a node kind may have. SchedulerError where they are too few for one."""
    wanted = math.ceil(node.gpus)
    found = gpus(environ) if wanted else slots(environ)
    if wanted > len(found):
        raise SchedulerError(
            f"node kind {node.name} needs {wanted} GPUs and this machine offers {len(found)} "
            "(CUDA_VISIBLE_DEVICES, nvidia-smi); choose another --node-kind"
        )
    return found


class LocalScheduler:
    """Implements `clusters.scheduler.Scheduler`. Job ids are numbers, counted up for each host."""

    def __init__(self, root: Path, *, kill_seconds: float) -> None:
        self._root = root
        self._kill_seconds = kill_seconds

    @property
    def _jobs(self) -> Path:
        return self._root / "jobs"

    def argv(self, request: JobRequest) -> list[str]:
        """Return what is run when the job's turn has come."""
        return ["/bin/bash", str(request.script), *request.arguments]

    def submit(self, request: JobRequest) -> str:
        """Put the job into the queue and return its id. SchedulerError where this machine can never run it."""
        checked(request)
        offered = devices(request.node, os.environ)
        described = Request(
            name=request.name,
            script=str(request.script),
            arguments=request.arguments,
            output=str(request.output),
            walltime=request.walltime,
            kill_seconds=self._kill_seconds,
            wanted=max(1, math.ceil(request.node.gpus)),
            devices=offered,
            priority=request.priority or 0,
            after=request.after,
            submitted=time.time(),
        )
        try:
            folder = self._new_folder()
            part = folder / "request.part"
            part.write_bytes(msgspec.json.encode(described))
            part.replace(folder / "request.json")
        except OSError as error:
            raise SchedulerError(f"cannot write {error.filename}: {error.strerror}; set SAITEN_LOCAL") from error
        ensure(self._jobs)
        return folder.name

    def _new_folder(self) -> Path:
        self._jobs.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = max((int(path.name) for path in self._jobs.glob("[0-9]*")), default=0) + 1
        while True:
            folder = self._jobs / str(number)
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                number += 1
            else:
                return folder

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        """Return the state of jobs; starts the queue again where it was killed."""
        jobs = {job_id: job for job_id in ids if (job := self._job(job_id)) is not None}
        statuses = {job_id: self._status(job) for job_id, job in jobs.items()}
        if any(status.state in {JobState.QUEUED, JobState.HELD} for status in statuses.values()):
            with only_one(self._jobs, 0.0) as nobody:
                pass
            if nobody:
                ensure(self._jobs)
        return statuses

    def final(self, job_id: str) -> JobStatus:
        """Return how a job ended."""
        job = self._job(job_id)
        if job is None:
            return JobStatus(job_id=job_id, state=JobState.LOST, reason="this machine has no record of it")
        status = self._status(job)
        return status if status.state.over else JobStatus(job_id=job_id, state=JobState.UNKNOWN, raw=status.state)

    def cancel(self, ids: Sequence[str]) -> None:
        """Delete jobs: those that wait at once, those that run get SIGTERM and then SIGKILL."""
        for job_id in ids:
            job = self._job(job_id)
            if job is None or job.over:
                continue
            (job.folder / "cancel").touch()
            if job.started is not None and job.alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(job.started.pid, signal.SIGTERM)

    def _job(self, job_id: str) -> Job | None:
        return read_job(self._jobs / job_id) if job_id.isdecimal() else None

    def _status(self, job: Job) -> JobStatus:
        return replace(self._state(job), slots=job.request.wanted)

    def _state(self, job: Job) -> JobStatus:
        number = job.folder.name
        if job.ended is not None:
            end = job.ended
            state = JobState.CANCELLED if end.cancelled else JobState.DONE if end.exit_status == 0 else JobState.FAILED
            if end.walltime_reached:
                state = JobState.FAILED
            return JobStatus(
                job_id=number,
                state=state,
                exit_status=end.exit_status,
                reason=end.reason,
                raw="ended",
                walltime_reached=end.walltime_reached,
            )
        if job.lost:
            reason = "the process that watched it died (or this machine was restarted)"
            return JobStatus(job_id=number, state=JobState.LOST, reason=reason, raw="no runner")
        if job.started is not None:
            state = JobState.ENDING if job.cancel else JobState.RUNNING
            return JobStatus(job_id=number, state=state, raw=f"pid {job.started.pid}")
        if job.cancel:
            return JobStatus(job_id=number, state=JobState.CANCELLED, reason="deleted before it ran", raw="cancel")
        held = [other for other in job.request.after if (before := self._job(other)) and not before.over]
        if held:
            return JobStatus(job_id=number, state=JobState.HELD, reason=f"waits for {', '.join(held)}", raw="held")
        return JobStatus(job_id=number, state=JobState.QUEUED, reason="waits for a free device", raw="queued")
