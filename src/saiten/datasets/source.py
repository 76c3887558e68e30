"""Where a dataset's files are taken from: a repository at one commit, however it is reached."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Source(Protocol):
    """A repository at one commit: on the hub, in a mirror, or a local folder."""

    @property
    def revision(self) -> str:
        """The commit; empty for local files, whose content is their revision."""
        ...

    def files(self) -> Mapping[str, int]:
        """Return path -> size in bytes."""
        ...

    def fetch(self, path: str) -> Path:
        """Return a readable copy of one file, complete. UserError where it cannot be had."""
        ...

    def converted(self) -> Source | None:
        """Return the same rows as the hub converted them to parquet, where it did."""
        ...


class LocalSource:
    """A file or folder of the user's, or of this package."""

    revision = ""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise UserError(f"no such dataset file: {path}")
        self.origin = path if path.is_dir() else path.parent
        self._only = None if path.is_dir() else path.name

    def files(self) -> Mapping[str, int]:
        """Return the files below the folder, links not followed."""
        if self._only is not None:
            return {self._only: (self.origin / self._only).stat().st_size}
        found = {}
        for path in sorted(self.origin.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found[path.relative_to(self.origin).as_posix()] = path.stat().st_size
        return found

    def fetch(self, path: str) -> Path:
        """Return the file itself."""
        return self.origin / path

    def converted(self) -> Source | None:
        """Return None: nobody converts local files."""
        return None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def safe_join(folder: Path, relative: str) -> Path:
    """Return `folder/relative`; UserError where `relative` would leave the folder."""
    pure = PurePosixPath(relative)
    if not relative or pure.is_absolute() or ".." in pure.parts or "\\" in relative or "\0" in relative:
        raise UserError(f"{relative!r} is not a path inside {folder}")
    return folder.joinpath(*pure.parts)
