"""The names that a generated program finds without importing them, and the modules that are warm.

Source: the prelude of LiveCodeBench's testing_util.py, which the reference measurement puts before every program.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.util
import io
import sys
import tempfile
import types
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

_BOTH = """
    string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json
""".split()  # noqa: SIM905  a list of words
_STARRED = (*_BOTH, "builtins", "typing")
RECURSION_LIMIT = 50_000
SOLUTION, TESTS = "solution", "tests"
"""Modules with the prelude's names, made before any fork and registered, as dataclasses and typing expect."""

_WARM = """
    abc array base64 binascii calendar cmath collections.abc contextlib ctypes dataclasses decimal enum fractions
    hashlib heapq inspect keyword numbers os pathlib pprint resource secrets shutil struct tempfile textwrap time
    timeit traceback types unicodedata uuid warnings weakref zlib bz2 lzma
""".split()  # noqa: SIM905  a list of words
"""Without `threading` and all that imports it: its handler in a forked process costs 0.3 ms each time."""
_THE_REST = """
    argparse ast asyncio atexit codecs concurrent.futures configparser copyreg csv difflib dis encodings.idna errno
    fnmatch glob graphlib gzip hmac html html.parser importlib ipaddress linecache locale logging multiprocessing.pool
    optparse pickle platform queue reprlib sched select selectors shelve shlex signal socket sqlite3 stat stringprep
    subprocess symtable sysconfig threading tokenize typing unittest unittest.mock urllib.parse xml.dom.minidom
    xml.etree.ElementTree zipfile zoneinfo numpy
""".split()  # noqa: SIM905  a list of words
"""Where no file can be opened later, what is not imported now does not exist."""


@cache
def names() -> dict[str, Any]:
    """Return the prelude's names with their values."""
    namespace: dict[str, Any] = {}
    for module in _STARRED:
        exec(f"from {module} import *", namespace)  # noqa: S102  fixed text
    for module in _BOTH:
        namespace[module] = importlib.import_module(module)
    del namespace["__builtins__"]
    return namespace


def warm(*, everything: bool) -> None:
    """Import what programs use most, once, so that forked processes have it; or everything they could ever use."""
    for module in (*_WARM, *(_THE_REST if everything else ())):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    quitters: Any = importlib.import_module("_sitebuiltins")
    for name in ("exit", "quit"):
        setattr(builtins, name, quitters.Quitter(name, "Ctrl-D (i.e. EOF)"))
    tempfile.tempdir = "/tmp"  # noqa: S108  not written to: it only stops the search for a writable folder
    tempfile.TemporaryFile = _temporary_file
    sys.setrecursionlimit(RECURSION_LIMIT)
    for name in (SOLUTION, TESTS):
        made = types.ModuleType(name)
        made.__dict__.update(names())
        sys.modules[name] = made


def _temporary_file(mode: str = "w+b", *_: object, encoding: str | None = None, **__: object) -> Any:
    """Be tempfile.TemporaryFile for a program that may write no file: the same interface, in memory."""
    return io.BytesIO() if "b" in mode else io.TextIOWrapper(io.BytesIO(), encoding=encoding or "utf-8", newline="")


class PackageFinder:
    """Finds a few named packages in their folders, and nothing that lies beside them."""

    def __init__(self, packages: dict[str, str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Answer the import system."""
        if (folder := self._packages.get(name)) is None:
            return None
        start = Path(folder) / "__init__.py"
        return importlib.util.spec_from_file_location(name, start, submodule_search_locations=[folder])
