"""A confined process as the supervisor sees it: its end, and what its limits say about that end."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from . import kernel, wire

WALL_FACTOR, WALL_MARGIN = 3.0, 10.0
"""Wall limit = 3 x CPU limit + 10 s: only programs that wait, and machines that starve them, ever reach it."""
_STARVED = 0.5
"""A program that had less than this share of its CPU limit when the clock ran out may have been starved."""
_IDLE_MARGIN = 1.0
_BUSY_SECONDS = 0.05
"""Processes that together use less than this in (CPU limit + 1 s) of the clock wait for something: a starved one gets
more even with a hundred others beside it."""
_SUSPENDED = 4
"""A look that comes so many ticks late was held up with the whole job, by a scheduler or a crowd: that time is free."""
_TICKS = 0.75
"""The kernel counts ticks for its limit and exact time for its report: a kill may come at this share of the latter."""

Outcome = dict[str, Any]
"""status, detail, cpu_seconds of the program, and `again`: whether to try once more with nothing beside it."""


@dataclass(slots=True)
class Process:
    """A confined process, as its zygote tells of it."""

    control: socket.socket
    pid: int = 0
    ended: bool = False
    status: int = 0
    cpu_seconds: float = 0.0
    killed: bool = False
    """We ended it."""
    used_disk: bool = False

    def hear(self) -> None:
        """Take in the zygote's next message."""
        message = wire.receive(self.control.fileno())
        if isinstance(message, int):
            self.pid = message
        else:
            self.ended = True
            self.status, self.cpu_seconds, self.used_disk = message

    def end(self, patience: float = 0.0) -> None:
        """Kill it, unless it ends by itself within so many seconds, and wait for its end."""
        while not self.pid:
            self.hear()
        if not self.ended and patience and readable([self.control.fileno()], patience):
            self.hear()
        if not self.ended:
            self.killed = True
            _kill(self.pid)
        while not self.ended:
            self.hear()

    @property
    def signal(self) -> int:
        """The signal that ended it without our doing; 0 for none."""
        return os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) and not self.killed else 0

    def overdue(self, cpu_seconds: float) -> bool:
        """Tell whether it used up its processor time."""
        by_kernel = self.signal in {signal.SIGKILL, signal.SIGXCPU} and self.cpu_seconds >= _TICKS * cpu_seconds
        return self.cpu_seconds >= cpu_seconds or by_kernel

    def outcome(self, status: str, detail: str, *, again: bool = False) -> Outcome:
        """Return an outcome of this program."""
        return {"status": status, "detail": detail, "cpu_seconds": self.clock(), "again": again}

    def limited(self, cpu_seconds: float, late: Late | None) -> Outcome | None:
        """Return the outcome that a limit decides, whatever else was seen; None if none was reached."""
        if self.overdue(cpu_seconds):
            return self.outcome("timeout", f"more than {cpu_seconds:g} s of processor time")
        if late is Late.IDLE:
            return self.outcome("timeout", "it waited for something that did not come", again=self.used_disk)
        if late is Late.CLOCK:
            starved = self.cpu_seconds < _STARVED * cpu_seconds
            return self.outcome("timeout", f"no end after {wall_seconds(cpu_seconds):g} s", again=starved)
        if self.signal == signal.SIGKILL:
            return self.outcome("error", "killed by the system, probably for its memory", again=True)
        return None

    def clock(self) -> float:
        """Return the CPU seconds it has used so far."""
        if self.ended or not self.pid or not kernel.LINUX:
            return self.cpu_seconds
        try:
            return time.clock_gettime((~self.pid << 3) | 2)
        except OSError:  # it has just ended
            return self.cpu_seconds


class Late(Enum):
    """Why waiting for a program was given up."""

    CLOCK = "the wall limit"
    IDLE = "nothing happens"


class Watch:
    """Tells when waiting for some processes makes no sense any more."""

    tick = 0.5
    """Seconds between two looks."""

    def __init__(self, cpu_seconds: float, *processes: Process) -> None:
        self._processes = processes
        self._deadline = time.monotonic() + wall_seconds(cpu_seconds)
        self._patience = cpu_seconds + _IDLE_MARGIN
        self._busy_at, self._busy = time.monotonic(), 0.0
        self._looked = time.monotonic()

    def late(self) -> Late | None:
        """Look at the clock, and whether the processes did anything since they last did."""
        now = time.monotonic()
        if (pause := now - self._looked) > _SUSPENDED * self.tick:
            self._deadline += pause
            self._busy_at += pause
        self._looked = now
        if now >= self._deadline:
            return Late.CLOCK
        if kernel.LINUX and now - self._busy_at > self.tick:
            used = sum(process.clock() for process in self._processes)
            if used - self._busy >= _BUSY_SECONDS:
                self._busy_at, self._busy = now, used
            elif now - self._busy_at > self._patience:
                return Late.IDLE
        return None


def wall_seconds(cpu_seconds: float) -> float:
    """Return the wall limit that goes with a CPU limit."""
    return WALL_FACTOR * cpu_seconds + WALL_MARGIN


def readable(descriptors: Iterable[int], seconds: float) -> set[int]:
    """Wait until one of the descriptors can be read (or is closed at its other end); an empty set: none was."""
    return set(select.select(list(descriptors), [], [], max(0.0, seconds))[0])


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it has just ended, or has not made its group yet
            continue
