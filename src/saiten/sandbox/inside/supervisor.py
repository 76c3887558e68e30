"""A worker: takes programs from saiten, has them run and tested in confined processes, and says what happened.

It is started with a clean environment, holds no key, and reads one job at a time from its standard input. The order of
its start matters: namespaces first, then the zygotes, and only then the first job, so that the zygote of generated
programs was forked before any test existed in memory.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any, NoReturn

from . import answers, candidate, checker, kernel, landlock, limits, namespaces, prelude, seccomp, wire, zygote
from .places import Places, find_places

_WALL_FACTOR, _WALL_MARGIN = 3.0, 10.0
"""Wall limit = 3 x CPU limit + 10 s: only programs that wait, and machines that starve them, ever reach it."""
_STARVED = 0.5
"""A program that had less than this share of its CPU limit when the clock ran out may have been starved."""
_TESTS_CPU = 4.0
"""Processor seconds that tests may need on top of the program's limit."""
_REPORT_BYTES = 1 << 16
_GONE = wire.GONE.encode()
"""In a report: the program's process ended first, so its end is awaited and not made."""
_JOB_BYTES = 1 << 30
"""Jobs come from saiten itself; the inputs of a script may be large."""


def main() -> NoReturn:
    """Set up, say which layers hold, and serve until standard input ends."""
    configuration = wire.receive(0)
    layers, missing, confinement = _set_up(configuration)
    programs = zygote.start(confinement, lambda job: job, candidate.run)
    tests = zygote.start(confinement, checker.prepare, checker.run)
    wire.send(1, {"layers": layers, "missing": missing})
    while True:
        try:
            job = wire.receive(0, _JOB_BYTES)
        except wire.Ended:
            _leave(programs, tests)
        wire.send(1, _run_script(job, programs) if "cases" in job else _judge(job, programs, tests))


def _leave(*zygotes: socket.socket) -> NoReturn:
    """End after the zygotes, so that what they used is counted for whoever waits for us."""
    for control in zygotes:
        control.close()
    for _ in zygotes:
        os.wait()
    os._exit(0)


# ---------------------------------------------------------------------------------------------- set-up


def _set_up(configuration: Any) -> tuple[list[str], dict[str, str], zygote.Confinement]:
    """Enter every layer that is wanted and works; return the names of those that hold and why others do not."""
    wanted, packages = configuration["layers"], configuration["packages"]
    limits.die_with(configuration["parent"])
    limits.prefer_as_victim()
    sys.argv[:] = [""]
    places = find_places(packages)
    sys.meta_path.append(prelude.PackageFinder(packages))  # type: ignore[arg-type]  # it has what the protocol needs
    reading = "namespaces" in wanted or "landlock" in wanted
    prelude.warm(everything=not reading)
    processes = limits.threads_of_user()
    layers: list[str] = []
    missing: dict[str, str] = {}
    launcher = _enter_namespaces(places, configuration["parent"], missing) if "namespaces" in wanted else None
    layers += ["namespaces"] if launcher is not None else []
    rules = None
    if "landlock" in wanted:
        try:
            rules, version = landlock.ruleset(places)
            layers.append(f"landlock{version}")
        except OSError as error:
            missing["landlock"] = str(error)
    namespaces.become_nobody()
    if launcher is None:
        limits.die_with(configuration["parent"])
    else:
        limits.die_with_launcher(launcher)
    os.chdir("/")
    os.umask(0o077)
    if "seccomp" in wanted:
        problem = _seccomp_problem()
        layers += ["seccomp"] if problem is None else []
        missing |= {} if problem is None else {"seccomp": problem}
    limits.hide()
    confinement = zygote.Confinement(
        landlock_rules=rules,
        seccomp="seccomp" in layers,
        reading=rules is not None or launcher is not None,
        processes=None if "seccomp" in layers else processes,
    )
    return layers, missing, confinement


def _enter_namespaces(places: Places, parent: int, missing: dict[str, str]) -> int:
    """Go on in new namespaces; return the pipe that tells of the launcher's end."""
    try:
        namespaces.enter(places)
    except OSError as error:
        _give_up(missing | {"namespaces": str(error)})
    limits.die_with(parent)
    return namespaces.run_in_child()


def _give_up(missing: dict[str, str]) -> NoReturn:
    """Half-entered namespaces cannot be left: tell why, so that a worker without them is started instead."""
    wire.send(1, {"layers": [], "missing": missing})
    os._exit(0)


def _seccomp_problem() -> str | None:
    """Try the filter in a process of its own; return why it cannot be used, or None."""
    child = os.fork()
    if child == 0:
        try:
            kernel.prctl("NO_NEW_PRIVS", kernel.PR_SET_NO_NEW_PRIVS, 1)
            seccomp.long_filter(reading=False).install()
            seccomp.short_filter().install()
        except OSError as error:
            os._exit((error.errno or 1) & 0x7F)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return None
    return f"no seccomp filter for {kernel.MACHINE}: {os.strerror(code) if code > 0 else f'signal {-code}'}"


# ---------------------------------------------------------------------------------------------- one process


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

    def hear(self) -> None:
        """Take in the zygote's next message."""
        message = wire.receive(self.control.fileno())
        if isinstance(message, int):
            self.pid = message
        else:
            self.ended = True
            self.status, self.cpu_seconds = message

    def end(self, patience: float = 0.0) -> None:
        """Kill it, unless it ends by itself within so many seconds, and wait for its end."""
        while not self.pid:
            self.hear()
        if not self.ended and patience and select.select([self.control], [], [], patience)[0]:
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


def _kill(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _overdue(process: Process, cpu_seconds: float) -> bool:
    """Tell whether a process used up its processor time.

    The kernel counts ticks for the limit and exact time for the report; the two differ by a few percent.
    """
    by_kernel = process.signal in {signal.SIGKILL, signal.SIGXCPU} and process.cpu_seconds >= 0.75 * cpu_seconds
    return process.cpu_seconds >= cpu_seconds or by_kernel


# ---------------------------------------------------------------------------------------------- a function and its tests


def _judge(job: Any, programs: socket.socket, tests: socket.socket) -> dict[str, Any]:
    """Run a program and its tests; return status, detail, the program's CPU seconds, and whether to try again alone."""
    cpu = float(job["cpu_seconds"])
    program_end, tests_end = socket.socketpair()
    report, report_end = os.pipe()
    keys = ("source", "entry_point")
    zygote.submit(
        programs, {key: job[key] for key in keys} | {"script": False, "cpu_seconds": cpu}, [program_end.fileno()]
    )
    keys = ("tests", "prompt", "entry_point")
    zygote.submit(
        tests, {key: job[key] for key in keys} | {"cpu_seconds": cpu + _TESTS_CPU}, [tests_end.fileno(), report_end]
    )
    program_end.close()
    tests_end.close()
    os.close(report_end)
    program, testing = Process(programs), Process(tests)
    late, told = _wait(program, testing, report, time.monotonic() + _WALL_FACTOR * cpu + _WALL_MARGIN)
    os.close(report)
    program.end(patience=0.0 if late or _GONE not in told else 1.0)
    testing.end()
    return _outcome(program, testing, told, cpu, late=late)


def _wait(program: Process, testing: Process, report: int, deadline: float) -> tuple[bool, bytes]:
    """Wait for the end of the tests; return whether time ran out, and what they reported."""
    told, hearing = bytearray(), True
    while hearing or not testing.ended:
        waiting = [process.control for process in (program, testing) if not process.ended]
        left = deadline - time.monotonic()
        ready = select.select([*waiting, *([report] if hearing else [])], [], [], max(0.0, left))[0]
        if not ready or left <= 0:
            return True, b""
        if report in ready:
            part = os.read(report, _REPORT_BYTES)
            told += part
            hearing = bool(part) and len(told) <= _REPORT_BYTES
        for process in (program, testing):
            if process.control in ready:
                process.hear()
    return False, bytes(told)


def _outcome(program: Process, testing: Process, told: bytes, cpu: float, *, late: bool) -> dict[str, Any]:
    """Decide. Only a report of passed tests, by a program within its limits, passes."""

    def outcome(status: str, detail: str, *, again: bool = False) -> dict[str, Any]:
        return {"status": status, "detail": detail, "cpu_seconds": program.cpu_seconds, "again": again}

    if _overdue(program, cpu):
        return outcome("timeout", f"more than {cpu:g} s of processor time")
    if late:
        starved = program.cpu_seconds < _STARVED * cpu
        return outcome("timeout", f"no end after {_WALL_FACTOR * cpu + _WALL_MARGIN:g} s", again=starved)
    if program.signal == signal.SIGKILL:
        return outcome("error", "killed by the system, probably for its memory", again=True)
    if testing.signal == signal.SIGKILL and not _overdue(testing, cpu + _TESTS_CPU):
        return outcome("sandbox_failed", "the process of the tests was killed by the system", again=True)
    try:
        report = wire.parse(told[4:])
        status, detail = str(report["status"]), str(report["detail"])
    except (wire.WireError, KeyError, TypeError):
        return outcome("failed", _silence(testing, cpu))
    if status == "broken_tests":
        return outcome("sandbox_failed", f"the tests themselves cannot be run: {detail}")
    if status in {"failed", "error"} and program.signal:
        detail += f" (signal {program.signal})"
    return outcome(status if status in {"passed", "failed", "error"} else "failed", detail)


def _silence(testing: Process, cpu: float) -> str:
    """Say why the tests reported nothing."""
    if _overdue(testing, cpu + _TESTS_CPU):
        return "the tests ran out of processor time"
    return f"the tests ended without a verdict ({f'signal {testing.signal}' if testing.signal else 'exit'})"


# ---------------------------------------------------------------------------------------------- a script


def _run_script(job: Any, programs: socket.socket) -> dict[str, Any]:
    """Run a script on each input in turn, each time in a new process, until one output is wrong."""
    cpu, total = float(job["cpu_seconds"]), 0.0
    for number, (given, expected) in enumerate(job["cases"], start=1):
        result = _run_case(job["source"], given, expected, cpu, programs)
        total += result["cpu_seconds"]
        if result["status"] != "passed":
            return result | {"detail": f"test {number}: {result['detail']}", "cpu_seconds": total}
    return {"status": "passed", "detail": "", "cpu_seconds": total, "again": False}


def _run_case(source: str, given: str, expected: str, cpu: float, programs: socket.socket) -> dict[str, Any]:
    input_end, feed = os.pipe()
    output, output_end = os.pipe()
    job = {"source": source, "entry_point": "", "script": True, "cpu_seconds": cpu}
    zygote.submit(programs, job, [input_end, output_end])
    os.close(input_end)
    os.close(output_end)
    program = Process(programs)
    longest = 4 * len(expected.encode()) + (1 << 16)
    deadline = time.monotonic() + _WALL_FACTOR * cpu + _WALL_MARGIN
    late, printed = _converse(program, feed, given.encode("utf-8", "replace"), output, longest, deadline)
    os.close(output)
    program.end()

    def outcome(status: str, detail: str, *, again: bool = False) -> dict[str, Any]:
        return {"status": status, "detail": detail, "cpu_seconds": program.cpu_seconds, "again": again}

    if _overdue(program, cpu):
        return outcome("timeout", f"more than {cpu:g} s of processor time")
    if late:
        return outcome("timeout", "no end in time", again=program.cpu_seconds < _STARVED * cpu)
    if len(printed) > longest:
        return outcome("failed", f"printed more than {longest} bytes")
    if program.signal == signal.SIGKILL:
        return outcome("error", "killed by the system, probably for its memory", again=True)
    if program.status:
        return outcome("error", f"ended with {os.waitstatus_to_exitcode(program.status)}")
    if not answers.same_output(printed.decode("utf-8", "replace"), expected):
        return outcome("failed", "the output is another one")
    return outcome("passed", "")


def _converse(
    program: Process, feed: int, given: bytes, output: int, longest: int, deadline: float
) -> tuple[bool, bytes]:
    """Feed a script and read what it prints until it ended or printed too much; return whether time ran out."""
    os.set_blocking(feed, False)
    printed, rest, feeding, reading = bytearray(), memoryview(given), True, True
    try:
        while len(printed) <= longest and (reading or not program.ended):
            if feeding and not rest:
                os.close(feed)
                feeding = False
            watched = [*([output] if reading else []), *([] if program.ended else [program.control])]
            left = deadline - time.monotonic()
            ready, writable, _ = select.select(watched, [feed] if feeding else [], [], max(0.0, left))
            if left <= 0 or not (ready or writable):
                return True, bytes(printed)
            if program.control in ready:
                program.hear()
            if output in ready:
                part = os.read(output, 1 << 16)
                reading = bool(part)
                printed += part
            if writable:
                try:
                    rest = rest[os.write(feed, rest) :]
                except BrokenPipeError:
                    rest = memoryview(b"")
    finally:
        if feeding:
            os.close(feed)
    return False, bytes(printed)
