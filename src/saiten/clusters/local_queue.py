"""The queue of this machine: starts a job when its turn has come and its devices are free. One process for each user.

It keeps nothing in memory that is not on disk, ends when nothing waits, and is started again by the next submission or
the next look at the queue; when it is killed, running jobs go on, for each has a runner of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from saiten.clusters.local_runner import PASSED_ON, started_ticks
from saiten.results.files import write_json

LOOK_SECONDS = 0.2
LOCK_SECONDS = 5.0
"""How long a new queue waits for the old one, which may be just about to end."""
START_SECONDS = 20.0
"""How long a runner may take until it says who it is."""
KEPT_SECONDS = 30 * 24 * 3600.0
_RUNNER = Path(__file__).with_name("local_runner.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job's folder says of it."""

    name: str
    script: str
    arguments: tuple[str, ...]
    output: str
    walltime: int
    kill_seconds: float
    wanted: int
    """Devices that it needs."""
    devices: tuple[str, ...]
    """Devices that it may have: GPUs, or `slot…` where it needs none."""
    priority: int
    after: tuple[str, ...]
    submitted: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """Who runs a job, on which devices."""

    pid: int
    ticks: str
    started: float
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a job ended."""

    exit_status: int | None
    reason: str
    walltime_reached: bool
    cancelled: bool
    finished: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as its files tell."""

    number: int
    folder: Path
    request: Request
    started: Started | None
    ended: Ended | None
    cancel: bool

    @property
    def alive(self) -> bool:
        """Whether its runner lives."""
        return self.started is not None and self.ended is None and is_alive(self.started)

    @property
    def over(self) -> bool:
        """Whether it will never run (again)."""
        return self.ended is not None or (self.cancel and self.started is None) or self.lost

    @property
    def lost(self) -> bool:
        """Whether its runner died without a word."""
        return self.started is not None and self.ended is None and not self.alive and not _ended_now(self.folder)


def is_alive(started: Started) -> bool:
    """Return whether this very process lives."""
    try:
        os.kill(started.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return started_ticks(started.pid) == started.ticks


def _ended_now(folder: Path) -> bool:
    """Look again: a runner may have written its last word and ended since the files were read."""
    return (folder / "ended.json").exists()


def read(path: Path, kind: Any) -> Any:
    """Return a file's content; None where it is not there (yet)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def read_job(folder: Path) -> Job | None:
    """Return one job; None where there is none."""
    request = read(folder / "request.json", Request)
    if request is None or not folder.name.isdecimal():
        return None
    return Job(
        number=int(folder.name),
        folder=folder,
        request=request,
        started=read(folder / "started.json", Started),
        ended=read(folder / "ended.json", Ended),
        cancel=(folder / "cancel").exists(),
    )


def read_jobs(root: Path, without: Container[int] = ()) -> list[Job]:
    """Return all jobs, oldest first; `without` those of these numbers, which are not read."""
    numbered = sorted((int(path.name), path) for path in root.glob("[0-9]*"))
    folders = [path for number, path in numbered if number not in without]
    return [job for job in map(read_job, folders) if job is not None]


def choose(jobs: list[Job]) -> Iterator[tuple[Job, tuple[str, ...]]]:
    """Yield jobs whose turn has come, with their devices: highest priority first, then in order of submission.

    A job that does not fit keeps its devices from those behind it, so that it is not overtaken for ever.
    """
    taken = {device for job in jobs if job.alive and job.started for device in job.started.devices}
    going = {job.number for job in jobs if not job.over}
    waiting = [job for job in jobs if job.started is None and not job.over]
    for job in sorted(waiting, key=lambda job: (-job.request.priority, job.number)):
        if any(int(other) in going for other in job.request.after if other.isdecimal()):
            continue
        free = [device for device in job.request.devices if device not in taken]
        if len(free) < job.request.wanted:
            taken.update(job.request.devices)
            continue
        devices = tuple(free[: job.request.wanted])
        taken.update(devices)
        yield job, devices


def launch(job: Job, devices: tuple[str, ...]) -> None:
    """Start a job's runner in a session of its own, and wait until it says who it is."""
    with (job.folder / "runner.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # a program of ours
            [sys.executable, "-I", "-S", "-B", str(_RUNNER), str(job.folder), ",".join(devices)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    deadline = time.monotonic() + START_SECONDS
    started = job.folder / "started.json"
    while not started.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    if (
        process.poll() is not None and not started.exists() and not _ended_now(job.folder)
    ):  # it would fail again, five times a second
        said = (job.folder / "runner.log").read_text(errors="replace").strip().rpartition("\n")[2]
        reason = f"its supervisor did not start: {said or f'exit status {process.returncode}'}"
        end = Ended(exit_status=None, reason=reason, walltime_reached=False, cancelled=False, finished=time.time())
        write_json(job.folder / "ended.json", msgspec.to_builtins(end))


def work(root: Path) -> None:
    """Start jobs until none waits."""
    ended: set[int] = set()  # a month's jobs are not read five times a second
    while True:
        jobs = read_jobs(root, ended)
        ended.update(job.number for job in jobs if job.ended is not None or (job.cancel and job.started is None))
        if not any(job.started is None and not job.over for job in jobs):
            return
        for job, devices in choose(jobs):
            launch(job, devices)
        reap()
        time.sleep(LOOK_SECONDS)


def reap() -> None:
    """Take note of runners that ended, so that none stays a zombie and looks alive."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def forget(root: Path) -> None:
    """Remove what is left of jobs that ended long ago."""
    for job in read_jobs(root):
        if job.over and time.time() - job.request.submitted > KEPT_SECONDS:
            shutil.rmtree(job.folder, ignore_errors=True)


@contextlib.contextmanager
def only_one(root: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock of the queue; yield whether we have it. The file is on local disk, where locks can be trusted."""
    name = hashlib.sha256(f"{os.getuid()} {root}".encode()).hexdigest()[:16]
    path = Path(tempfile.gettempdir()) / f"saiten-queue-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.05)
            else:
                break
        yield True
    finally:
        os.close(descriptor)


def ensure(root: Path) -> None:
    """Start the queue's process; it ends at once where there is one already."""
    environment = {name: value for name, value in os.environ.items() if name in PASSED_ON}
    with (root / "queue.log").open("ab") as log:
        subprocess.run(  # noqa: S603  # a program of ours
            [sys.executable, "-I", "-m", "saiten.clusters.local_queue", str(root)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            check=False,
            timeout=60,
        )


def main(root: Path) -> None:
    """Work as the queue, as a child of nobody."""
    if os.fork():
        os._exit(0)  # whoever called us goes on
    with only_one(root, LOCK_SECONDS) as mine:
        if mine:
            forget(root)
            work(root)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
