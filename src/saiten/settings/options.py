"""Settings are dataclass fields; flags, help and the reference page are read off them.

A field's flag is its name with hyphens, its type its annotation, its help the string that stands under it.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import math
import re
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import Field, fields
from functools import cache
from typing import Any

from saiten.errors import UsageError

LITERAL = re.compile(r"""["'](\w+)["']""")
AT_LEAST = {
    "temperature": 0,
    "samples": 1,
    "max_samples": 1,
    "concurrency": 1,
    "judge_concurrency": 1,
    "max_n": 1,
    "max_cost": 0,
    "max_tokens": 1,
    "max_model_length": 1,
    "tensor_parallel": 1,
    "data_parallel": 1,
    "slots": 1,
    "start_seconds": 1,
}
"""Smallest value that a setting can have."""


@cache
def field_docs(cls: type) -> Mapping[str, str]:
    """Return the string under each field of a class, in one line, without its full stop."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0]
    assert isinstance(body, ast.ClassDef)
    docs: dict[str, str] = {}
    name = ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            docs[name] = " ".join(str(node.value.value).split()).rstrip(".")
            name = ""
    return docs


class LazyHelp:
    """A field's help text; the source is read only when somebody asks for help."""

    def __init__(self, cls: type, name: str) -> None:
        self._cls, self._name = cls, name

    def __str__(self) -> str:
        return field_docs(self._cls).get(self._name, self._name.replace("_", " ")).replace("%", "%%")

    def __mod__(self, values: Mapping[str, Any]) -> str:
        return str(self) % values

    def strip(self) -> str:
        """Return the text; argparse strips help before it shows it."""
        return str(self).strip()


def add_options(parser: argparse._ActionsContainer, cls: type, names: Collection[str], *, hidden: bool = False) -> None:
    """Add a flag for each of the named fields. What is not given on the command line stays None.

    `hidden`: the help leaves them out (another command's options, which its help explains).
    """
    for item in fields(cls):
        if item.name not in names:
            continue
        flag = "--" + item.name.replace("_", "-")
        text: Any = argparse.SUPPRESS if hidden else LazyHelp(cls, item.name)
        if "bool" in str(item.type):
            parser.add_argument(flag, action="store_true", default=None, help=text)
        elif "Literal" in str(item.type):
            parser.add_argument(flag, choices=LITERAL.findall(str(item.type)), default=None, help=text)
        else:
            parser.add_argument(flag, type=converter(item), default=None, metavar=metavar(item), help=text)


def metavar(item: Field[Any]) -> str:
    """Return what stands for a value in the help."""
    kind = str(item.type)
    return "N" if "int" in kind else "X" if "float" in kind else "JSON" if "Mapping" in kind else "TEXT"


def converter(item: Field[Any]) -> Any:
    """Return the function that reads a flag's value."""
    kind = str(item.type)
    if "int" in kind:
        return whole
    if "float" in kind:
        return number
    if "Mapping" in kind:
        return mapping
    if "tuple" in kind:
        return lambda text: tuple(part for part in text.split(",") if part)
    return str


def whole(text: str) -> int:
    """Read a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def number(text: str) -> float:
    """Read a finite number."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return value


def mapping(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return value


def given_options(args: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    """Return the given fields as constructor arguments."""
    return {name: value for name in names if (value := getattr(args, name)) is not None}


def check_ranges(given: Mapping[str, Any]) -> None:
    """Raise UsageError for numbers that cannot be meant."""
    for name, least in AT_LEAST.items():
        value = given.get(name)
        if value is not None and value < least:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be at least {least}")
    for name in ("top_p", "gpu_memory"):
        value = given.get(name)
        if value is not None and not 0 < value <= 1:
            raise UsageError(f"--{name.replace('_', '-')} {value}: must be above 0 and at most 1")
