"""The process of a generated program. No test and no expected value ever enters it.

It may do what it likes with this module and with the channel: all it can send is plain data, which the other side
takes as the answer to its question, and silence or nonsense is a failure.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any, NoReturn

from . import prelude, wire, wrapped
from .zygote import CHANNEL, Job

_MUTABLE = (list, dict, set, bytearray)
_INPUT_BYTES = 1 << 30
"""Longest input. It comes from a dataset, through the worker."""


def run(job: Job) -> NoReturn:
    """Run the program of a job, in the way that `mode` says.

    function, method: load it and answer calls; the function may be a method of a class `Solution`.
    wrapped: load it as the reference does and answer inputs with what it prints.
    script: run it as the main module with the job's descriptors as standard input and output.
    """
    match job["mode"]:
        case "script":
            _run_script(job)
        case "wrapped":
            _serve_wrapped(job)
        case _:
            _serve(job)
    os._exit(0)


def _describe(error: BaseException) -> list[str]:
    """Name an exception in plain data, whatever the program made its methods do."""
    try:
        text = str(error)
    except BaseException:  # noqa: BLE001  a __str__ of the program may raise anything; it must not end our reply
        text = ""
    return [type(error).__name__[:200], text[:2000]]


def _serve(job: Job) -> None:
    """Load the program, then answer calls until the other side hangs up."""
    module = sys.modules[prelude.SOLUTION]
    try:
        exec(compile(job["source"], "<program>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this process exists to run it
        function, method = _found(module.__dict__, job)
    except BaseException as error:  # noqa: BLE001  whatever the program raises is its result
        wire.send(CHANNEL, {"loaded": False, "error": _describe(error)})
        return
    wire.send(CHANNEL, {"loaded": True, "method": method})
    while True:
        message = wire.receive(CHANNEL, _INPUT_BYTES)
        if "names" in message:
            wire.send(CHANNEL, [name for name in message["names"] if name in module.__dict__])
        else:
            wire.send(CHANNEL, _call(function, message, changes=job["mode"] == "function"))


def _found(names: dict[str, Any], job: Job) -> tuple[Any, bool]:
    """Return the function to call, and whether it is a method of `Solution`."""
    name = job["entry_point"]
    solution: Any = names.get("Solution")
    if job["mode"] == "method" and hasattr(solution, name):
        return getattr(solution(), name), True
    if name not in names:
        raise NameError(f"no {name} is defined")
    return names[name], False


def _serve_wrapped(job: Job) -> None:
    """Load a script as a function, then answer inputs until the other side hangs up."""
    try:
        function = wrapped.load(job["source"])
    except BaseException as error:  # noqa: BLE001  whatever the program raises is its result
        wire.send(CHANNEL, {"loaded": False, "error": _describe(error)})
        return
    wire.send(CHANNEL, {"loaded": True})
    while True:
        given = wire.receive(CHANNEL, _INPUT_BYTES)["stdin"]
        try:
            reply: Any = {"printed": wrapped.call(function, given)}
        except BaseException as error:  # noqa: BLE001  whatever the program raises is its result
            reply = {"raised": _describe(error)}
        wire.send(CHANNEL, reply)


def _call(function: Any, message: Any, *, changes: bool) -> Any:
    """Call the function; return its result and, where asked, the arguments it changed, or what it raised."""
    arguments = [wire.decode(item) for item in message["arguments"]]
    keywords = {name: wire.decode(item) for name, item in message["keywords"].items()}
    try:
        reply = {"result": wire.encode(function(*arguments, **keywords))}
        changed = {
            index: after
            for index, (value, before) in enumerate(zip(arguments, message["arguments"], strict=True))
            if changes and isinstance(value, _MUTABLE) and (after := wire.encode(value)) != before
        }
    except BaseException as error:  # noqa: BLE001  whatever the program raises is its result
        return {
            "raised": _describe(error),
            "exit": not isinstance(error, Exception) or isinstance(error, wire.WireError),
        }
    return reply | {"changed": changed} if changed else reply


def _run_script(job: Job) -> NoReturn:
    """Run the program as the main module; leave with status 1 if it raised, 0 otherwise."""
    os.dup2(CHANNEL, 0)
    os.dup2(CHANNEL + 1, 1)
    os.closerange(CHANNEL, CHANNEL + 2)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115  they live as long as the process
    module = sys.modules["__main__"] = sys.modules[prelude.SOLUTION]
    module.__dict__.update(__name__="__main__", stdin=sys.stdin, stdout=sys.stdout)
    status = 0
    try:
        exec(compile(job["source"], "<program>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this process exists to run it
    except SystemExit:
        pass
    except BaseException:  # noqa: BLE001  whatever the program raises is its result
        status = 1
    threading = sys.modules.get("threading")
    for finish in (getattr(threading, "_shutdown", bool), atexit._run_exitfuncs):  # noqa: SLF001  what leaving does
        try:
            finish()
        except BaseException:  # noqa: BLE001  a handler of the program
            status = 1
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        status = 1
    os._exit(status)
