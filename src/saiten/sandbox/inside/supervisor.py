"""A worker: takes programs from saiten, has them run and tested in confined processes, and says what happened.

It is started with a clean environment, holds no key, and reads one job at a time from its standard input. The order of
its start matters: namespaces first, then the zygotes, and only then the first job, so that the zygote of generated
programs was forked before any test existed in memory.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any, NoReturn

from . import candidate, cases, checker, judging, kernel, landlock, limits, namespaces, prelude, seccomp, wire, zygote
from .places import Places, find_places

_JOB_BYTES = 1 << 30
"""Jobs come from saiten itself; the inputs of a script may be large."""


def main() -> NoReturn:
    """Set up, say which layers hold, and serve until standard input ends."""
    configuration = wire.receive(0)
    layers, missing, confinement = _set_up(configuration)
    programs = zygote.start(confinement, lambda job: job, candidate.run)
    tests = zygote.start(confinement, checker.prepare, checker.run)
    wire.send(1, {"layers": layers, "missing": missing})
    tried = cases.Cases()
    while True:
        try:
            job = wire.receive(0, _JOB_BYTES)
        except wire.Ended:
            _leave(programs, tests)
        wire.send(1, tried.run(job, programs) if "public" in job else judging.judge(job, programs, tests))


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
    sys.meta_path.append(prelude.PackageFinder(packages))
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
