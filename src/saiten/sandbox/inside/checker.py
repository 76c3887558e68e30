"""The process of a dataset's tests. The program is not here: the tests call a stand-in that asks the other process.

The tests are the dataset's and only half trusted, so this process is confined like the program's own.

Differs: in the reference, tests and program share a module. Names that the tests use and the prompt defines (helper
functions) come from the trusted prompt here, but the program must define them too, as it had to there. Other objects
cross as values: a list that the function changes in place is changed for the tests as well, its inner lists are new
ones; a value of a class of the program's own equals nothing.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import os
import sys
import types
from typing import Any, NoReturn

from . import prelude, wire
from .zygote import CHANNEL, REPORT, Job

_CACHED = 8
_MESSAGE = 1000

_cache: dict[tuple[str, str, str], Tests] = {}


class Gone(BaseException):
    """The program's process ended, left, or broke the protocol. Tests do not catch this as an Exception."""


class Raised(Exception):  # noqa: N818  it reads in test output as what the program did
    """The program raised an exception of its own class."""


class Tests:
    """A dataset's tests, compiled once for all programs they judge."""

    def __init__(self, tests: str, prompt: str, entry_point: str) -> None:
        self.error = ""
        self.helpers: list[str] = []
        self.starter: types.CodeType | None = None
        try:
            self.code = compile(tests, "<tests>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.error = f"{type(error).__name__}: {error}"
            return
        try:
            tree = ast.parse(prompt)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # a starter that ends in mid-function
            return
        used = set(_global_names(self.code))
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        names = {node.name for node in tree.body if isinstance(node, defined)} - {entry_point}
        self.helpers = sorted(names & used)
        if self.helpers:
            self.starter = compile(tree, "<starter>", "exec", dont_inherit=True)


def _global_names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _global_names(constant)
    return found


def prepare(job: Job) -> Job:
    """Compile a job's tests before the fork, or take them from the job before; have numpy ready where they use it."""
    if "numpy" in job["tests"]:
        with contextlib.suppress(ImportError):
            importlib.import_module("numpy")
    key = (job["tests"], job["prompt"], job["entry_point"])
    if key not in _cache:
        while len(_cache) >= _CACHED:
            del _cache[next(iter(_cache))]
        _cache[key] = Tests(*key)
    return job | {"compiled": _cache[key]}


def run(job: Job) -> NoReturn:
    """Run a job's tests against the program at the other end of the channel, and report."""
    wire.send(REPORT, _judge(job["compiled"], job["entry_point"]))
    os._exit(0)


def _judge(tests: Tests, entry_point: str) -> dict[str, str]:
    """Return {"status": passed | failed | error | broken_tests, "detail": …}."""
    if tests.error:
        return {"status": "broken_tests", "detail": tests.error}
    program = StandIn(tests.helpers)
    module = sys.modules[prelude.TESTS]
    try:
        if tests.starter is not None:
            exec(tests.starter, module.__dict__)  # noqa: S102  confined, like the tests
        module.__dict__[entry_point] = program  # some tests call the function by its name
        exec(tests.code, module.__dict__)  # noqa: S102  this process exists to run them
        check = module.__dict__["check"]
    except BaseException as error:  # noqa: BLE001  whatever the tests raise is reported
        return {"status": "failed" if program.asked else "broken_tests", "detail": program.broken or _text(error)}
    try:
        if not program.load():
            return {"status": "error", "detail": program.broken}
        check(program)
    except BaseException as error:  # noqa: BLE001  an assertion of the tests, or what the program raised
        return {"status": "failed", "detail": program.broken or _text(error)}
    return {"status": "failed" if program.broken else "passed", "detail": program.broken}


def _text(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_MESSAGE]
    except BaseException as second:  # noqa: BLE001  an exception of the tests that cannot describe itself
        return f"{type(error).__name__} ({type(second).__name__})"


class StandIn:
    """What the tests call in place of the program's function."""

    def __init__(self, helpers: list[str]) -> None:
        self.broken = ""
        """Why the program can no longer pass, whatever the tests make of it."""
        self.asked = False
        self._helpers = helpers
        self._loaded = False

    def load(self) -> bool:
        """Wait until the program is loaded; return whether it is, with all that it must define."""
        if not self._loaded and not self.broken:
            try:
                self.broken = self._problem()
            except wire.WireError as error:
                self.broken = f"the program ended while it was loaded ({error})"
            self._loaded = True
        return not self.broken

    def _problem(self) -> str:
        message = _expect(wire.receive(CHANNEL), dict)
        if message.get("loaded") is not True:
            name, text = _error_of(message.get("error"))
            return f"{name}: {text}"
        if self._helpers:
            wire.send(CHANNEL, {"names": self._helpers})
            have = _expect(wire.receive(CHANNEL), list)
            missing = [name for name in self._helpers if name not in have]
            return f"NameError: no {missing[0]} is defined" if missing else ""
        return ""

    def __call__(self, *arguments: object, **keywords: object) -> object:
        """Ask the program."""
        self.asked = True
        if not self.load():
            raise Gone(self.broken)
        try:
            return self._ask(arguments, keywords)
        except wire.WireError as error:
            self.broken = f"no valid answer to a call: {error}"
            raise Gone(self.broken) from error

    def _ask(self, arguments: tuple[object, ...], keywords: dict[str, object]) -> object:
        question = {
            "arguments": [wire.encode(value) for value in arguments],
            "keywords": {name: wire.encode(value) for name, value in keywords.items()},
        }
        wire.send(CHANNEL, question)
        reply = _expect(wire.receive(CHANNEL), dict)
        if "raised" in reply:
            name, text = _error_of(reply["raised"])
            if reply.get("exit") is not False:
                raise wire.WireError(f"the program left with {name}: {text}".removesuffix(": "))
            raise _exception(name, text)
        if "result" not in reply:
            raise wire.WireError("a reply holds no result")
        for place, after in _expect(reply.get("changed", {}), dict).items():
            _change(arguments, place, wire.decode(after))
        return wire.decode(reply["result"])


def _expect(message: Any, kind: type) -> Any:
    if type(message) is not kind:
        raise wire.WireError("a message has the wrong form")
    return message


def _error_of(described: Any) -> tuple[str, str]:
    if type(described) is list and len(described) == 2 and all(type(part) is str for part in described):
        return described[0], described[1][:_MESSAGE]
    raise wire.WireError("a message has the wrong form")


def _exception(name: str, text: str) -> Exception:
    """Make the exception that the program raised, if it is a built-in one, so that tests can catch it by its class."""
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            return kind(text)
        except TypeError:  # UnicodeDecodeError and the like want more than a text
            pass
    return Raised(f"{name}: {text}")


def _change(arguments: tuple[object, ...], place: str, after: Any) -> None:
    """Let an argument that the program changed in place be changed here."""
    if not place.isdecimal() or int(place) >= len(arguments):
        raise wire.WireError("a reply changes an argument that was not given")
    before: Any = arguments[int(place)]
    if type(before) is not type(after):
        raise wire.WireError("a reply changes the kind of an argument")
    if isinstance(before, list | bytearray):
        before[:] = after
    elif isinstance(before, dict | set):
        before.clear()
        before.update(after)
    else:
        raise wire.WireError("a reply changes an argument that cannot change")
