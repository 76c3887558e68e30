"""The lock file: which commit of each dataset repository later runs read, and the hashes of the files.

    {"format": 1, "datasets": {"nlp-waseda/JMMLU": {"revision": "…40 hex…", "files": {"test/anatomy.csv": "…sha256…"}}}}

A locked revision outranks the one that a benchmark names: whoever keeps a lock file wants no surprise from an update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from saiten.datasets.writer import write_atomically
from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Locked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One repository in the lock file."""

    revision: str
    files: dict[str, str] = {}
    """Path in the repository -> sha256."""


class _LockFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    datasets: dict[str, Locked]
    format: int = 1


def read_lock(path: Path | None) -> Mapping[str, Locked]:
    """Return what is locked; nothing where there is no file. UserError for a file that is not a lock file."""
    if path is None:
        return {}
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        return msgspec.json.decode(content, type=_LockFile).datasets
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: not a lock file of saiten ({error}); write it with: saiten data lock") from error


def write_lock(path: Path, locked: Mapping[str, Locked]) -> None:
    """Write the lock file whole, repositories in alphabetical order."""
    ordered = {name: Locked(locked[name].revision, dict(sorted(locked[name].files.items()))) for name in sorted(locked)}
    write_atomically(path, msgspec.json.format(msgspec.json.encode(_LockFile(ordered)), indent=2) + b"\n")
