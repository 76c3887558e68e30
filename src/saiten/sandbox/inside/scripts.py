"""A script as a program of its own: a process for each input, fed and read from here, its output compared here."""

from __future__ import annotations

import os
import select
import socket

from . import answers, packed, zygote
from .processes import Late, Outcome, Process, Watch

_SPARE_OUTPUT = 1 << 16
"""Bytes that a script may print beyond four times the expected output."""
_PIPE_BYTES = 1 << 16


def run(source: str, case: packed.Case, cpu: float, programs: socket.socket) -> Outcome:
    """Run a script on one input."""
    given, expected = case
    input_end, feed = os.pipe()
    output, output_end = os.pipe()
    job = {"source": source, "entry_point": "", "mode": "script", "cpu_seconds": cpu}
    zygote.submit(programs, job, [input_end, output_end])
    os.close(input_end)
    os.close(output_end)
    program = Process(programs)
    talk = _Talk(feed, output, given.encode("utf-8", "replace"), 4 * len(expected.encode()) + _SPARE_OUTPUT)
    late = talk.until(program, Watch(cpu, program))
    program.end()
    if (limited := program.limited(cpu, late)) is not None:
        return limited
    if len(talk.printed) > talk.longest:
        return program.outcome("failed", f"printed more than {talk.longest} bytes")
    if program.status:
        return program.outcome("error", f"ended with {os.waitstatus_to_exitcode(program.status)}")
    if not answers.same_output(talk.printed.decode("utf-8", "replace"), expected):
        return program.outcome("failed", "the output is another one")
    return program.outcome("passed", "")


class _Talk:
    """What goes into a script and comes out of it."""

    def __init__(self, feed: int, output: int, given: bytes, longest: int) -> None:
        self.longest = longest
        self.printed = bytearray()
        self._feed: int | None = feed
        self._output: int | None = output
        self._rest = memoryview(given)
        os.set_blocking(feed, False)

    def until(self, program: Process, watch: Watch) -> Late | None:
        """Feed and read until the script ended or printed too much; return why that was given up, if it was."""
        try:
            while len(self.printed) <= self.longest and (self._output is not None or not program.ended):
                self._write()
                reading = [] if self._output is None else [self._output]
                hearing = [] if program.ended else [program.control.fileno()]
                writing = [] if self._feed is None else [self._feed]
                ready, _, _ = select.select([*reading, *hearing], writing, [], watch.tick)
                if (late := watch.late()) is not None:
                    return late
                if hearing and hearing[0] in ready:
                    program.hear()
                if reading and reading[0] in ready:
                    self._read(reading[0])
            return None
        finally:
            for descriptor in (self._feed, self._output):
                if descriptor is not None:
                    os.close(descriptor)

    def _write(self) -> None:
        """Write what fits; close the input when all is written or nobody reads it."""
        if self._feed is None:
            return
        try:
            self._rest = self._rest[os.write(self._feed, self._rest[:_PIPE_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._rest = memoryview(b"")
        if not self._rest:
            os.close(self._feed)
            self._feed = None

    def _read(self, output: int) -> None:
        part = os.read(output, _PIPE_BYTES)
        self.printed += part
        if not part:
            os.close(output)
            self._output = None
