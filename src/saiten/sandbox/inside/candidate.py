"""The process of a generated program. No test and no expected value ever enters it.

It may do what it likes with this module and with the channel: all it can send is plain data, which the other side
takes as the answer to its question, and silence or nonsense is a failure.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any, NoReturn

from . import prelude, wire
from .zygote import CHANNEL, Job

_MUTABLE = (list, dict, set, bytearray)


def run(job: Job) -> NoReturn:
    """Run the program of a job: a function that is called from outside, or a script with stdin and stdout."""
    if job["script"]:
        _run_script(job)
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
    except BaseException as error:  # noqa: BLE001  whatever the program raises is its result
        wire.send(CHANNEL, {"loaded": False, "error": _describe(error)})
        return
    if job["entry_point"] not in module.__dict__:
        wire.send(CHANNEL, {"loaded": False, "error": ["NameError", f"no {job['entry_point']} is defined"]})
        return
    function = module.__dict__[job["entry_point"]]
    wire.send(CHANNEL, {"loaded": True})
    while True:
        message = wire.receive(CHANNEL)
        if "names" in message:
            wire.send(CHANNEL, [name for name in message["names"] if name in module.__dict__])
        else:
            wire.send(CHANNEL, _call(function, message))


def _call(function: Any, message: Any) -> Any:
    """Call the function; return its result and the arguments it changed, or what it raised."""
    arguments = [wire.decode(item) for item in message["arguments"]]
    keywords = {name: wire.decode(item) for name, item in message["keywords"].items()}
    try:
        reply = {"result": wire.encode(function(*arguments, **keywords))}
        changed = {
            index: after
            for index, (value, before) in enumerate(zip(arguments, message["arguments"], strict=True))
            if isinstance(value, _MUTABLE) and (after := wire.encode(value)) != before
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
