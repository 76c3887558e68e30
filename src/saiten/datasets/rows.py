"""Rows of one subset, read one at a time from disk.

A prepared subset is two files: `NAME.jsonl`, one JSON object a line, and `NAME.index`, written last, so its presence
means that both are complete. The index is one line of JSON (`Meta`) followed by the byte offset of each line and of
the end, unsigned 64-bit little-endian. In memory a row costs the eight bytes of its offset. Very long texts are in a
third file (`apart`).
"""

from __future__ import annotations

import os
import sys
import zlib
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import overload

import msgspec

from saiten.datasets.apart import Stored
from saiten.errors import UserError
from saiten.types import Row

FORMAT = 1
OPEN_FILES = 64
"""Files kept open at once: a suite has hundreds of subsets, a process often 1,024 file descriptors."""
ROW_NUMBER = "__row__"
"""A key that every row has besides its columns: its position in the dataset, from 0. Some datasets repeat a row word
for word and have no column that tells the copies apart."""


class SourceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that rows came from: its path in the repository, and what it was when it was read."""

    path: str
    sha256: str
    size: int
    mtime_ns: int = 0


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of an index."""

    rows: int
    size: int
    """Bytes of the jsonl file."""
    sha256: str
    """Of the jsonl file."""
    columns: tuple[str, ...]
    revision: str
    """Commit that the files were read from, or `sha256:…` of the content."""
    sources: tuple[SourceFile, ...]
    offsets_crc: int
    apart: tuple[str, ...] = ()
    """Columns whose texts are in the file `NAME.apart`."""
    apart_size: int = 0
    """Bytes of that file."""
    format: int = FORMAT


class _OpenFiles:
    """The most recently used files, open. Reads at an offset, so threads and processes do not disturb each other."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._descriptors: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def read(self, path: str, offset: int, length: int) -> bytes:
        with self._lock:
            descriptor = self._descriptors.pop(path, None)
            if descriptor is None:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                while len(self._descriptors) >= self._limit:
                    os.close(self._descriptors.popitem(last=False)[1])
            self._descriptors[path] = descriptor
            return os.pread(descriptor, length, offset)

    def forget(self, path: str) -> None:
        with self._lock:
            descriptor = self._descriptors.pop(path, None)
            if descriptor is not None:
                os.close(descriptor)


_files = _OpenFiles(OPEN_FILES)


class Rows(Sequence[Row]):
    """The rows of one subset: a sequence that reads from disk. Never all in memory."""

    __slots__ = ("_apart", "_name", "_offsets", "_path", "columns", "revision", "source", "sources")

    def __init__(self, path: Path, offsets: array[int], meta: Meta) -> None:
        self._path = path
        self._name = str(path)
        self._offsets = offsets
        self._apart = meta.apart
        self.columns = meta.columns
        self.revision = meta.revision
        """Commit of the hub repository, or `sha256:…` of a local file."""
        self.source = path
        self.sources = meta.sources

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        """Return the row at `index`, with its position under `__row__`. UserError if the file was damaged since."""
        if isinstance(index, slice):
            return [self._row(i) for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(index)
        return self._row(position)

    def __iter__(self) -> Iterator[Row]:
        return (self._row(i) for i in range(len(self)))

    def _row(self, position: int) -> Row:
        start, end = self._offsets[position], self._offsets[position + 1]
        try:
            row = msgspec.json.decode(_files.read(self._name, start, end - start))
        except (msgspec.DecodeError, RecursionError) as error:
            raise UserError(f"{self._path}: row {position + 1} is not readable JSON ({error})") from error
        except OSError as error:
            raise UserError(f"{self._path}: cannot be read ({error.strerror or error})") from error
        if not isinstance(row, dict):
            raise UserError(f"{self._path}: row {position + 1} is not a JSON object")
        for name in self._apart:
            if (place := row.get(name)) is not None:
                row[name] = Stored(self._path.with_suffix(".apart"), *place)
        row[ROW_NUMBER] = position
        return row


def index_path(base: Path) -> Path:
    """Return the index of the prepared rows named `base`."""
    return base.with_name(base.name + ".index")


def jsonl_path(base: Path) -> Path:
    """Return the jsonl file of the prepared rows named `base`."""
    return base.with_name(base.name + ".jsonl")


def apart_path(base: Path) -> Path:
    """Return the file of long texts of the prepared rows named `base`."""
    return base.with_name(base.name + ".apart")


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False


def read_index(base: Path) -> tuple[Meta, array[int]] | None:
    """Return what the index of `base` says, or None where there is none or it does not fit its jsonl file."""
    try:
        head, _, tail = index_path(base).read_bytes().partition(b"\n")
        size = jsonl_path(base).stat().st_size
        meta = msgspec.json.decode(head, type=Meta)
    except (OSError, msgspec.DecodeError):
        return None
    if meta.format != FORMAT or meta.size != size or len(tail) != 8 * (meta.rows + 1):
        return None
    if meta.apart and not _has_size(apart_path(base), meta.apart_size):
        return None
    if zlib.crc32(tail) != meta.offsets_crc:
        return None
    offsets = array("Q", tail)
    if sys.byteorder == "big":
        offsets.byteswap()
    return meta, offsets


def open_prepared(base: Path, origin: Path | None = None) -> Rows | None:
    """Return the prepared rows named `base`, or None where they have to be made (again).

    With `origin`, the folder of the files they were made from, files that changed since make them outdated.
    """
    found = read_index(base)
    if found is None:
        return None
    meta, offsets = found
    if origin is not None and not all(_unchanged(origin / source.path, source) for source in meta.sources):
        return None
    _files.forget(str(jsonl_path(base)))
    return Rows(jsonl_path(base), offsets, meta)


def _unchanged(path: Path, source: SourceFile) -> bool:
    try:
        now = path.stat()
    except OSError:
        return False
    return now.st_size == source.size and now.st_mtime_ns == source.mtime_ns
