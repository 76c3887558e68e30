"""The names that a generated program finds without importing them, and the modules that are warm.

Source: the prelude of LiveCodeBench's testing_util.py, which the reference measurement puts before every program.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import os
import sys
import tempfile
import types
from collections.abc import Sequence
from functools import cache
from typing import Any

_BOTH = (
    "string re datetime collections heapq bisect copy math random statistics itertools functools operator io sys json"
).split()
_STARRED = (*_BOTH, "builtins", "typing")
RECURSION_LIMIT = 50_000

_WARM = """
    abc argparse array ast asyncio atexit base64 binascii calendar cmath codecs collections.abc concurrent.futures
    contextlib copyreg ctypes dataclasses decimal difflib dis enum errno fnmatch fractions gc glob graphlib hashlib
    heapq hmac html inspect ipaddress keyword linecache locale logging numbers os pathlib pickle platform pprint queue
    random reprlib secrets select selectors shlex shutil signal socket statistics struct subprocess tempfile textwrap
    threading time timeit tokenize traceback types typing unicodedata unittest urllib.parse uuid warnings weakref
    zlib bz2 lzma zoneinfo
""".split()
"""Also every extension module that needs a shared library: where /lib cannot be read, it is loaded already."""


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


def warm(extra: Sequence[str] = ()) -> None:
    """Import what programs use most, once, so that forked processes have it. `extra`: packages to import too."""
    for module in (*_WARM, *extra):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    quitters: Any = importlib.import_module("_sitebuiltins")
    for name in ("exit", "quit"):
        setattr(builtins, name, quitters.Quitter(name, "Ctrl-D (i.e. EOF)"))
    tempfile.tempdir = "/tmp"  # noqa: S108  not written to: it only stops the search for a writable folder
    tempfile.TemporaryFile = _temporary_file  # type: ignore[assignment]  # same call, see below
    sys.setrecursionlimit(RECURSION_LIMIT)
    names()


def _temporary_file(mode: str = "w+b", *_: object, encoding: str | None = None, **__: object) -> Any:
    """Be tempfile.TemporaryFile for a program that may write no file: the same interface, in memory."""
    return io.BytesIO() if "b" in mode else io.TextIOWrapper(io.BytesIO(), encoding=encoding or "utf-8", newline="")


class PackageFinder:
    """Finds a few named packages in their folders, and nothing that lies beside them."""

    def __init__(self, packages: dict[str, str]) -> None:
        self._packages = packages

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Answer the import system."""
        if (folder := self._packages.get(name)) is None:
            return None
        start = os.path.join(folder, "__init__.py")
        return importlib.util.spec_from_file_location(name, start, submodule_search_locations=[folder])


def module(name: str, values: dict[str, Any]) -> types.ModuleType:
    """Make a module with the prelude's names and register it, as dataclasses and typing expect of a class's home."""
    made = types.ModuleType(name)
    made.__dict__.update(values)
    sys.modules[name] = made
    return made
