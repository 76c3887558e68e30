"""Limits of a process: what it may use, and that it dies with its parent."""

from __future__ import annotations

import os
import resource
import select
from collections.abc import Callable
from math import ceil
from pathlib import Path

from . import kernel

MEMORY_BYTES = 4 << 30
STACK_BYTES = 64 << 20
OPEN_FILES = 64
THREADS_ABOVE_NOW = 256


def die_with(parent: int) -> None:
    """Be killed when `parent` ends, also when it ended already.

    The kernel forgets this at every change of user, so it is asked again after one.
    """
    if kernel.LINUX:
        kernel.prctl("PDEATHSIG", kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def prepare_to_die_with(parent: int) -> Callable[[], None]:
    """Return what does `die_with` in a child that was just forked."""
    ask = (
        kernel.prepared("PDEATHSIG", kernel.number("prctl"), kernel.PR_SET_PDEATHSIG, kernel.SIGKILL, 0, 0, 0)
        if kernel.LINUX
        else int
    )

    def bind() -> None:
        ask()
        if os.getppid() != parent:
            os._exit(1)

    return bind


def die_with_launcher(alive: int) -> None:
    """Be killed when the parent ends, where its process id cannot be seen: the parent keeps the pipe's other end."""
    kernel.prctl("PDEATHSIG", kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
    if select.select([alive], [], [], 0)[0]:
        os._exit(1)


def hide() -> None:
    """Close /proc/PID/{mem,environ,fd} and ptrace to other processes of the same user, and write no core files."""
    if kernel.LINUX:
        kernel.prctl("DUMPABLE", kernel.PR_SET_DUMPABLE, 0)


def prefer_as_victim() -> None:
    """Let the kernel choose these processes first when memory runs out, not a model server."""
    path = Path("/proc/self/oom_score_adj")
    if os.access(path, os.W_OK):
        path.write_text("1000")


def limit_everything(*, processes: int | None) -> None:
    """Set all limits but the processor time, for this process and those it forks.

    `processes` is None where seccomp forbids new processes: the kernel's count is one per user, so a number fixed
    now would fail honest threads as soon as a model server of the same user starts its own. Address space bounds
    threads too.
    """
    limits = {
        resource.RLIMIT_AS: MEMORY_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_STACK: STACK_BYTES,
    }
    if kernel.LINUX:
        limits[resource.RLIMIT_MEMLOCK] = 0
        limits[resource.RLIMIT_MSGQUEUE] = 0
    if processes is not None:
        limits[resource.RLIMIT_NPROC] = processes + THREADS_ABOVE_NOW
    for what, value in limits.items():
        _, hard = resource.getrlimit(what)
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(what, (lowest, lowest))


def limit_cpu(seconds: float) -> None:
    """Kill this process about a second after so many seconds of processor time; the exact limit is judged later."""
    whole = ceil(seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    lowest = whole if hard == resource.RLIM_INFINITY else min(whole, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (lowest, lowest))


def threads_of_user() -> int:
    """Count the threads of this user on this machine; 0 where /proc does not tell."""
    user, total = os.geteuid(), 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if entry.stat().st_uid == user:
                total += len(list((entry / "task").iterdir()))
        except OSError:  # it ended while we looked
            continue
    return total
