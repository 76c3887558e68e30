"""The reference measurement's recorded inputs and outputs."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tests.helpers.shared import shared_path


def records(name: str) -> Iterator[dict[str, Any]]:
    """Yield the records of a set: all parts that are there. SAITEN_PARITY names another folder of sets."""
    other = os.environ.get("SAITEN_PARITY")
    folder = shared_path(f"fixtures/parity/{name}") if other is None else shared_path(other) / name
    parts = sorted(folder.glob("*.jsonl.gz"))
    if not parts:
        pytest.skip(f"no records in {folder}")
    for part in parts:
        with gzip.open(part, "rb") as file:
            for line in file:
                yield msgspec.json.decode(line)
