"""A script as the reference measurement runs it: one function, called for each input in one process.

Imports stay outside of the function, so `from sys import stdin` is bound when nothing is there to be read; all else
becomes its local names. Standard input is a text in memory without a `buffer`, lines that are read one by one come
without their line ends, and reading on after the last raises.

Source: the reference measurement (LiveCodeBench's testing_util.py: how the code is rewritten, and what stands in for
standard input and output while it is called). Written anew.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from . import prelude

FUNCTION = "wrapped_function"
_GUARD = ("__name__ == '__main__'",)
_TAKEN_AWAY = """
    kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace unlink
    fchmod fchown chmod chown chroot lchflags lchmod lchown getcwd chdir
""".split()  # noqa: SIM905  a list of words
"""Functions of `os` that the reference's guard replaces by None."""
_SLICE, _LONGEST_SLICE = 0.005, 0.1
"""Seconds of processor time that a thread has once the script has returned, and by the clock at most."""
_LOADED_BEFORE = ("multiprocessing", "numpy", "scipy", "sympy")
"""What the reference's process has loaded before its guard, and what cannot be loaded after it."""
_MISSING = ("ipdb", "joblib", "resource", "psutil", "tkinter")


def load(source: str) -> Callable[[], object]:
    """Return a script as a function. Whatever the script raises on the way is raised."""
    module = sys.modules[prelude.SOLUTION]
    # a process without a script has an empty file for standard input
    sys.stdin, sys.stdout = open(0, closefd=False), io.TextIOWrapper(io.BytesIO())  # noqa: SIM115  they live on
    for name in _LOADED_BEFORE:
        if name in source:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    for name in _TAKEN_AWAY:
        if hasattr(os, name):
            setattr(os, name, None)
    for name in _MISSING:
        sys.modules[name] = None  # type: ignore[assignment]  # the import system refuses it
    builtins.quit = builtins.help = None  # type: ignore[assignment]
    module.__dict__.update(stdin=sys.stdin, stdout=sys.stdout, quit=None, help=None)
    text = rewritten(source)
    exec(compile(text, "<program>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this process exists to run it
    if "class Solution" in text:
        raise NameError("no Solution is defined where the reference looks for it")
    function: Callable[[], object] = module.__dict__[FUNCTION]
    return function


def rewritten(source: str) -> str:
    """Return the text of a module in which a script is a function, and a guard at its end is gone."""
    body = ast.parse(source).body
    if body and isinstance(body[-1], ast.If) and ast.unparse(body[-1].test) in _GUARD:
        body = [*body[:-1], *body[-1].body]
    imports = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    rest = [node for node in body if not isinstance(node, ast.Import | ast.ImportFrom)]
    arguments = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.FunctionDef(name=FUNCTION, args=arguments, body=rest, decorator_list=[], lineno=1, col_offset=0)
    # the first statement: no import comes first, as a `from __future__` would have to
    return "0\n" + ast.unparse(ast.Module(body=[*imports, function], type_ignores=[]))


def call(function: Callable[[], object], given: str) -> str:
    """Call the script's function with a text on standard input; return what it printed. Raises what it raises."""
    stdin: Any = io.StringIO(given)
    printed: Any = io.StringIO()
    lines = iter(given.split("\n"))
    stdin.readline = lambda *_: next(lines)
    stdin.readlines = lambda *_: given.split("\n")
    stdin.read = lambda *_: given
    printed.close = lambda _: 1
    outside = sys.stdin, sys.stdout
    sys.stdin, sys.stdout = stdin, printed
    try:
        function()
    except SystemExit:
        pass
    finally:
        _let_threads_run()
        sys.stdin, sys.stdout = outside
    text: str = printed.getvalue()
    return text


def _let_threads_run() -> None:
    """Give threads that nobody waited for the little time that they had in the reference until its next look.

    There it is the interpreter's switch interval by the clock; here it is processor time, which a busy machine
    gives too.
    """
    threading = sys.modules.get("threading")
    if threading is None or threading.active_count() == 1:
        return
    enough, latest = time.process_time() + _SLICE, time.monotonic() + _LONGEST_SLICE
    while threading.active_count() > 1 and time.process_time() < enough and time.monotonic() < latest:
        time.sleep(_SLICE / 10)
