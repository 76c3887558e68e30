"""The durable record: one JSON line for each choice (or verdict), in append-only files with one writer each.

A line is written with one `write` before anything is counted, and synced to disk at most a second later (paid
endpoints: before it is counted). Readers take the union of all files of a folder: a torn last line is ignored, a
damaged line in the middle is named and its choice is owed again. Nothing is ever rewritten, so a file system that
reorders or delays cannot lose old records.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Generic

import msgspec
from msgspec import Struct

from saiten.engine.crash import crash
from saiten.engine.record import RecordT, seal, unseal
from saiten.engine.writer import Writer, copy_again, pack
from saiten.errors import UserError

OFFSET_BITS = 40


class Damage(Struct, frozen=True, kw_only=True):
    """A line that is not what was written."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}; that choice is asked again"


class Journal(Generic[RecordT]):
    """One folder of records of one benchmark: reads every writer's file, appends to its own."""

    def __init__(self, folder: Path, kind: type[RecordT], writer: str) -> None:
        self.folder = folder
        self.kind = kind
        self._files: list[Path] = []
        self._readers: dict[int, int] = {}
        self._temporary: list[tempfile._TemporaryFileWrapper[bytes]] = []
        self.damages: list[Damage] = []
        self.writer = Writer(folder / f"{writer}.jsonl")
        self._own: int | None = None

    def scan(self) -> Iterator[tuple[int, RecordT]]:
        """Yield (location, record) of everything readable, file by file in name order."""
        for path in sorted(self.folder.glob("*.jsonl*")):
            if path.suffix not in {".jsonl", ".zst"} or path == self.writer.path:
                continue
            number = self._add(path)
            yield from self._scan_file(number)
            crash("during_resume_scan")

    def _add(self, path: Path) -> int:
        self._files.append(path)
        return len(self._files) - 1

    def _scan_file(self, number: int) -> Iterator[tuple[int, RecordT]]:
        offset = 0
        with open(self._descriptor(number), "rb", closefd=False) as file:
            file.seek(0)
            for line_number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break  # torn: its writer died, or is writing it now
                try:
                    yield number << OFFSET_BITS | offset, unseal(line[:-1], self.kind)
                except (ValueError, msgspec.MsgspecError) as error:
                    self.damages.append(Damage(path=self._files[number], line=line_number, reason=str(error)))
                offset += len(line)

    def _descriptor(self, number: int) -> int:
        descriptor = self._readers.get(number)
        if descriptor is None:
            path = self._files[number]
            if number == self._own:
                descriptor = self.writer.reader()
            elif path.suffix == ".zst":
                descriptor = self._unpacked(path)
            else:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._readers[number] = descriptor
        return descriptor

    def _unpacked(self, path: Path) -> int:
        import zstandard

        temporary = tempfile.NamedTemporaryFile(prefix="saiten-", suffix=".jsonl")  # noqa: SIM115  # closed in close()
        self._temporary.append(temporary)
        with path.open("rb") as packed:
            zstandard.ZstdDecompressor().copy_stream(packed, temporary)
        temporary.flush()
        return os.dup(temporary.fileno())

    def rescue(self) -> None:
        """Write files again that were removed while they are open here. UserError where that cannot be."""
        try:
            for number, descriptor in list(self._readers.items()):
                if os.fstat(descriptor).st_nlink:
                    continue
                if number != self._own and self._files[number].suffix == ".jsonl":
                    copy_again(descriptor, self._files[number], owner=False)
                os.close(self._readers.pop(number))
            self.writer.rescue()
        except OSError as error:
            raise UserError(
                f"{self.folder} was removed under this run and cannot be made again: {error.strerror}"
            ) from error

    def append(self, record: RecordT) -> int:
        """Write a record; return its location. It cannot be read while it is pending in the writer (disk full)."""
        offset = self.writer.append(seal(record))
        if self._own is None:
            self._own = self._add(self.writer.path)
        return self._own << OFFSET_BITS | offset

    def read(self, location: int) -> RecordT:
        """Return the record at a location that `scan` or `append` gave."""
        descriptor = self._descriptor(location >> OFFSET_BITS)
        offset = location & (1 << OFFSET_BITS) - 1
        size = 1 << 13
        line = os.pread(descriptor, size, offset)
        while (end := line.find(b"\n")) < 0:
            more = os.pread(descriptor, size, offset + len(line))
            if not more:
                raise UserError(f"{self._files[location >> OFFSET_BITS]}: a record vanished while it was read")
            line += more
            size *= 2
        return unseal(line[:end], self.kind)

    def close(self, *, pack_above: int | None = None) -> None:
        """Close all files; pack this writer's file with zstd if it is larger than `pack_above` bytes."""
        size = self.writer.end
        self.writer.close()
        for descriptor in self._readers.values():
            os.close(descriptor)
        self._readers.clear()
        for temporary in self._temporary:
            temporary.close()
        self._temporary.clear()
        if pack_above is not None and size > pack_above:
            pack(self.writer.path)
