"""The process around one job on this machine: it starts the job, ends it at its walltime, and writes how it ended.

Run as a program, `python -I -S local_runner.py FOLDER DEVICES`; standard library only, nothing of ours, so that it
costs little while the job runs. It belongs to no shell and no queue: both may end before it.

    FOLDER/request.json   what to run
    FOLDER/started.json   who this is, and which devices the job has; whoever makes it first runs the job
    FOLDER/cancel         somebody wants it to end; SIGTERM says so at once
    FOLDER/ended.json     how it ended

Everything that the job started ends with it: orphans become children of this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LOOK_SECONDS = 0.5
PASSED_ON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR")
"""A job gets no more of the submitting shell: what it needs is in its job file, as on any cluster."""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _write(path: Path, value: dict[str, Any]) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value))
    part.replace(path)


def started_ticks(pid: int) -> str:
    """Return what tells a process from a later one of the same number: boot and start time. Empty where unknown."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return ""


def _descendants() -> list[int]:
    """Return the processes below this one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


class Runner:
    """One job."""

    def __init__(self, folder: Path, devices: str) -> None:
        self._folder = folder
        self._request: dict[str, Any] = json.loads((folder / "request.json").read_text())
        self._devices = devices
        self._cancelled = False
        self._wake, write = os.pipe()
        for end in (self._wake, write):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._cancel)
        for number in (signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)

    def _cancel(self, _number: int, _frame: object) -> None:
        self._cancelled = True

    def _wait(self, child: subprocess.Popen[bytes], until: float) -> bool:
        """Wait for the child to end until a moment, or a cancellation. Return whether it ended."""
        cancelled = self._cancelled
        while child.poll() is None and (left := until - time.monotonic()) > 0 and self._cancelled == cancelled:
            select.select([self._wake], [], [], min(left, _LOOK_SECONDS))
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 512)
            self._cancelled |= (self._folder / "cancel").exists()
        return child.poll() is not None

    def run(self) -> None:
        """Run the job to its end."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        me = {"pid": os.getpid(), "ticks": started_ticks(os.getpid()), "started": time.time()}
        part = self._folder / f"started.{os.getpid()}"
        part.write_text(json.dumps({**me, "devices": self._devices.split(",")}))
        os.link(part, self._folder / "started.json")
        part.unlink()
        end: dict[str, Any] = {"exit_status": None, "reason": "", "walltime_reached": False, "cancelled": False}
        if (self._folder / "cancel").exists():
            end |= {"cancelled": True, "reason": "deleted as it was about to start"}
        else:
            try:
                end |= self._run_script()
            except OSError as error:
                end["reason"] = f"cannot start it: {error.strerror}: {error.filename}"
        _write(self._folder / "ended.json", {**end, "finished": time.time()})

    def _run_script(self) -> dict[str, Any]:
        request, number = self._request, self._folder.name
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        stem = Path(request["output"]) / request["name"]
        out, err = (os.open(f"{stem}.{letter}{number}", flags, 0o644) for letter in "oe")
        scratch = tempfile.mkdtemp(prefix=f"saiten-job-{number}-")
        try:
            child = subprocess.Popen(  # noqa: S603  # the script that this user submitted
                ["/bin/bash", request["script"], *request["arguments"]],
                env=self._environment(scratch),
                cwd=os.environ.get("HOME") or "/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                preexec_fn=lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),  # noqa: PLW1509  # one thread here
            )
            return self._supervise(child)
        finally:
            os.close(out)
            os.close(err)
            shutil.rmtree(scratch, ignore_errors=True)

    def _environment(self, scratch: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        visible = "" if self._devices.startswith("slot") else self._devices
        own = {"JOB_ID": self._folder.name, "JOB_NAME": self._request["name"], "TMPDIR": scratch}
        return kept | own | {"CUDA_VISIBLE_DEVICES": visible}

    def _supervise(self, child: subprocess.Popen[bytes]) -> dict[str, Any]:
        ended = self._wait(child, time.monotonic() + self._request["walltime"])
        late = not ended and not self._cancelled
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
            self._wait(child, time.monotonic() + self._request["kill_seconds"])
        for _ in range(20):
            left = _descendants()
            if not left:
                break
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
        status = child.wait()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        reason = f"killed by signal {-status}" if status < 0 else f"exit status {status}" if status else ""
        if late:
            reason = "its walltime was over"
        return {
            "exit_status": status if status >= 0 else None,
            "reason": "deleted while it ran" if self._cancelled else reason,
            "walltime_reached": late,
            "cancelled": self._cancelled,
        }


if __name__ == "__main__":
    Runner(Path(sys.argv[1]), sys.argv[2]).run()
