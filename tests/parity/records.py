"""The reference measurement's recorded inputs and outputs, and who compares them.

A set is a folder of records. The function `compared_SET` of any module of this package compares it: it yields, for
each record, its id, what the reference gave, and what saiten gives.
"""

from __future__ import annotations

import gzip
import os
import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.helpers.shared import shared_path

Compared = tuple[str, object, object]
"""Id of a record, what the reference gave, what saiten gives."""
PREFIX = "compared_"


def folder() -> Path:
    """Return the folder of sets; SAITEN_PARITY names another one."""
    other = os.environ.get("SAITEN_PARITY")
    return shared_path("fixtures/parity" if other is None else other)


def records(name: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a set: all parts that are there. Skips the calling test where there are none."""
    parts = sorted((folder() / name).glob("*.jsonl.gz"))
    if not parts:
        pytest.skip(f"no records in {folder() / name}")
    for part in parts:
        with gzip.open(part, "rb") as file:
            for line in file:
                yield msgspec.json.decode(line)


def checkers() -> dict[str, Callable[[], Iterator[Compared]]]:
    """Return the function that compares each set."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name != "__main__":
            for name, value in vars(import_module(f"tests.parity.{module.name}")).items():
                if name.startswith(PREFIX):
                    found[name.removeprefix(PREFIX)] = value
    return found
