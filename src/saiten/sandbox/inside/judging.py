"""One function and its tests: two processes and a channel between them, both gone when the outcome is known."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from . import wire, zygote
from .processes import Late, Outcome, Process, Watch, readable

_TESTS_CPU = 4.0
"""Processor seconds that tests may need on top of the program's limit."""
_REPORT_BYTES = 1 << 16
_GONE = wire.GONE.encode()
"""In a report: the program's process ended first, so its end is awaited and not made."""


def judge(job: Any, programs: socket.socket, tests: socket.socket) -> Outcome:
    """Run a program and its tests."""
    cpu = float(job["cpu_seconds"])
    program_end, tests_end = socket.socketpair()
    report, report_end = os.pipe()
    program_job = {"source": job["source"], "entry_point": job["entry_point"], "mode": "function", "cpu_seconds": cpu}
    tests_job = {key: job[key] for key in ("tests", "prompt", "entry_point")} | {"cpu_seconds": cpu + _TESTS_CPU}
    zygote.submit(programs, program_job, [program_end.fileno()])
    zygote.submit(tests, tests_job, [tests_end.fileno(), report_end])
    program_end.close()
    tests_end.close()
    os.close(report_end)
    program, testing = Process(programs), Process(tests)
    late, told = _wait(program, testing, report, Watch(cpu, program, testing))
    os.close(report)
    program.end(patience=1.0 if _GONE in told else 0.0)
    testing.end()
    return program.limited(cpu, late) or _reported(program, testing, told, cpu + _TESTS_CPU)


def _wait(program: Process, testing: Process, report: int, watch: Watch) -> tuple[Late | None, bytes]:
    """Wait for the end of the tests; return why waiting was given up, if it was, and what they reported."""
    told, hearing = bytearray(), True
    while hearing or not testing.ended:
        waiting = {process.control.fileno(): process for process in (program, testing) if not process.ended}
        ready = readable([*waiting, *([report] if hearing else [])], watch.tick)
        if (late := watch.late()) is not None:
            return late, b""
        if report in ready:
            part = os.read(report, _REPORT_BYTES)
            told += part
            hearing = bool(part) and len(told) <= _REPORT_BYTES
        for descriptor in ready & waiting.keys():
            waiting[descriptor].hear()
    return None, bytes(told)


def _reported(program: Process, testing: Process, told: bytes, tests_cpu: float) -> Outcome:
    """Return what the tests reported. Only a report of passed tests passes; silence does not."""
    if testing.overdue(tests_cpu):
        return program.outcome("failed", "the tests ran out of processor time")
    if testing.signal == signal.SIGKILL:
        return program.outcome("sandbox_failed", "the process of the tests was killed by the system", again=True)
    try:
        report = wire.parse(told[4:])
        status, detail = str(report["status"]), str(report["detail"])
    except (wire.WireError, KeyError, TypeError):
        how = f"signal {testing.signal}" if testing.signal else "exit"
        return program.outcome("failed", f"the tests ended without a verdict ({how})")
    if status == "broken_tests":
        return program.outcome("sandbox_failed", f"the tests themselves cannot be run: {detail}")
    if program.signal:
        detail += f" (signal {program.signal})"
    return program.outcome(status if status in {"passed", "error"} else "failed", detail)
