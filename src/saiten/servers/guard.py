"""The process between saiten and a model server: it ends the server when saiten ends, however saiten ends.

Run as a program, `python -I -S guard.py PARENT_PID GRACE_SECONDS COMMAND…`; standard library only, nothing of ours.

A server may be many processes (vLLM is three or more), so the kernel's parent-death signal alone, which reaches one
process, would leave the others. The guard starts the server in a process group of its own and passes on its exit
status (128 + n for signal n). On SIGTERM, or when its parent is gone, it sends SIGTERM to that group, waits
GRACE_SECONDS, then SIGKILL. On SIGUSR1 it sends SIGKILL at once. Should the guard itself be killed, the kernel kills
the server's first process.

Parent death: on Linux the kernel tells at once (prctl); elsewhere it is seen within a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_SECONDS = 1.0
"""How often to look for a dead parent where no signal tells."""


def signal_on_parent_death(number: int) -> None:
    """Ask the kernel for signal `number` when the parent of this process dies. Does nothing outside Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _die_with_guard() -> None:
    signal_on_parent_death(signal.SIGKILL)


class Guard:
    """One guarded command."""

    def __init__(self, parent: int, grace: float) -> None:
        self._parent = parent
        self._grace = grace
        self._asked_to_stop = False
        self._wake, wake_write = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._stop)
        for number in (signal.SIGCHLD, signal.SIGHUP):  # they only wake the loop, which then looks
            signal.signal(number, lambda _number, _frame: None)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # Grid Engine warns all processes; ours decide when to end
        signal_on_parent_death(signal.SIGHUP)

    def _stop(self, number: int, _frame: object) -> None:
        self._asked_to_stop = True
        if number == signal.SIGUSR1:
            self._grace = 0.0

    def _sleep(self, seconds: float) -> None:
        """Sleep until a signal arrives, at most `seconds`."""
        select.select([self._wake], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 512)

    def _must_end(self) -> bool:
        # A parent-death signal also comes when only the thread that started us ends, so the parent is what counts.
        return self._asked_to_stop or os.getppid() != self._parent

    def run(self, command: list[str]) -> int:
        """Run the command to its end and return its exit status."""
        child = subprocess.Popen(  # noqa: S603  # the command is ours, given by the parent
            command,
            process_group=0,
            preexec_fn=_die_with_guard,  # noqa: PLW1509  # this process has one thread
        )
        try:
            while child.poll() is None and not self._must_end():
                self._sleep(_LOOK_SECONDS)
            if child.poll() is None:
                _signal_group(child.pid, signal.SIGTERM)
                asked = time.monotonic()
                while child.poll() is None and (left := asked + self._grace - time.monotonic()) > 0:
                    self._sleep(min(left, 0.1))
        finally:
            _signal_group(child.pid, signal.SIGKILL)
        status = child.wait()
        return status if status >= 0 else 128 - status


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def main(arguments: list[str]) -> int:
    """Guard the command given as `PARENT_PID GRACE_SECONDS COMMAND…`."""
    parent, grace, *command = arguments
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold the key and fill the file system
    guard = Guard(int(parent), float(grace))
    try:
        return guard.run(command)
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
