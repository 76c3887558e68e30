"""A conversation with a program's process, led by the worker itself: each question has its own processor time.

The worker trusts nothing that comes back: a reply is plain data of bounded length, and silence is a failure.
"""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any, Self

from . import wire, zygote
from .processes import Late, Outcome, Process, Watch, wall_seconds

_PART_BYTES = 1 << 16
_LOADING = 1 << 16
"""Longest reply to being loaded."""


class Over(Exception):  # noqa: N818  the end of a conversation is no error
    """The conversation ended without an answer; `outcome` says how."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome["detail"])
        self.outcome = outcome


class Dialogue:
    """A program's process that answers questions one at a time. Use it as a context manager: its end ends the process.

    Args:
        programs: the zygote of programs.
        job: what the process runs.
        cpu_seconds: processor time for loading, and again for each question.
        questions: how many there can be.
    """

    def __init__(self, programs: socket.socket, job: zygote.Job, cpu_seconds: float, questions: int) -> None:
        self._cpu = cpu_seconds
        self._ours, theirs = socket.socketpair()
        zygote.submit(programs, job | {"cpu_seconds": cpu_seconds * (questions + 2)}, [theirs.fileno()])
        theirs.close()
        self._ours.setblocking(False)
        self.program = Process(programs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.end()
        self._ours.close()

    def loaded(self) -> Any:
        """Return what the process says when it is loaded. Raises Over."""
        return self._exchange(memoryview(b""), _LOADING)

    def ask(self, question: Any, longest: int) -> Any:
        """Return the reply, of at most `longest` bytes, to a question. Raises Over."""
        data = wire.to_text(question).encode()
        return self._exchange(memoryview(len(data).to_bytes(4, "big") + data), longest)

    def _exchange(self, rest: memoryview, longest: int) -> Any:
        """Send a question and wait for its reply."""
        start, reply = self.program.clock(), bytearray()
        watch = Watch(self._cpu, self.program)
        while (size := _size(reply)) is None or len(reply) < 4 + size:
            if size is not None and size > longest:
                raise self._over("failed", f"answered with more than {longest} bytes")
            rest, part = self._step(rest, watch, start)
            if part is not None:
                reply += part
                if not part:
                    raise self._gone()
        if self.program.clock() - start >= self._cpu:
            raise self._timeout()
        try:
            return wire.parse(bytes(reply[4 : 4 + size]))
        except wire.WireError as error:
            raise self._over("failed", str(error)) from error

    def _step(self, rest: memoryview, watch: Watch, start: float) -> tuple[memoryview, bytes | None]:
        """Wait for something to happen; return what is still to be sent, and what came (None: nothing)."""
        hearing = [] if self.program.ended else [self.program.control]
        ready, writable, _ = select.select([self._ours, *hearing], [self._ours] if rest else [], [], watch.tick)
        late = watch.late()
        if self.program.clock() - start >= self._cpu:
            raise self._timeout()
        if late is not None:
            raise self._given_up(late, start)
        if self.program.control in ready:
            self.program.hear()
        part = None
        try:
            if writable:
                rest = rest[self._ours.send(rest[:_PART_BYTES]) :]
            if self._ours in ready:
                part = self._ours.recv(_PART_BYTES)
        except BlockingIOError:
            pass
        except OSError:  # it hung up with our question unread
            part = b""
        return rest, part

    def _gone(self) -> Over:
        self.program.end(patience=1.0)
        if self.program.signal == signal.SIGKILL:
            return self._over("error", "killed by the system, probably for its memory", again=True)
        status = self.program.status
        ended = f"signal {self.program.signal}" if self.program.signal else f"exit {os.waitstatus_to_exitcode(status)}"
        return self._over("error", f"the program ended without an answer ({ended})")

    def _timeout(self) -> Over:
        return self._over("timeout", f"more than {self._cpu:g} s of processor time")

    def _given_up(self, late: Late, start: float) -> Over:
        if late is Late.IDLE:
            self.program.end()
            return self._over("timeout", "it waited for something that did not come", again=self.program.used_disk)
        starved = self.program.clock() - start < self._cpu / 2
        return self._over("timeout", f"no answer after {wall_seconds(self._cpu):g} s", again=starved)

    def _over(self, status: str, detail: str, *, again: bool = False) -> Over:
        return Over(self.program.outcome(status, detail, again=again))


def _size(reply: bytearray) -> int | None:
    """Return the length that a frame announces, once it is there."""
    return int.from_bytes(reply[:4], "big") if len(reply) >= 4 else None
