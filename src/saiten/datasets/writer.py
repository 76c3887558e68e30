"""Writing prepared rows: all files under temporary names, then renamed, the index last."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import msgspec

from saiten.datasets.rows import Meta, SourceFile, apart_path, index_path, jsonl_path
from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_rows(
    base: Path,
    records: Iterable[tuple[bytes, Iterable[str]]],
    revision: str,
    sources: tuple[SourceFile, ...],
    apart: tuple[str, ...] = (),
) -> Meta:
    """Write `records`, pairs of an encoded JSON object and its keys, as the prepared rows named `base`.

    The texts of the columns `apart` go into a file of their own. Memory: eight bytes a row. UserError where the folder
    cannot be written, or such a column holds no text.
    """
    temporary = base.with_name(f".{base.name}.{os.getpid()}")
    columns: dict[str, None] = {}
    offsets = array("Q", [0])
    digest = hashlib.sha256()
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        with jsonl_path(temporary).open("wb") as file, _Texts(temporary, apart) as texts:
            for record, keys in records:
                line = texts.taken_out(record) + b"\n"
                file.write(line)
                digest.update(line)
                offsets.append(offsets[-1] + len(line))
                columns.update(dict.fromkeys(keys))
        size = offsets[-1]
        rows = len(offsets) - 1
        if sys.byteorder == "big":
            offsets.byteswap()
        tail = offsets.tobytes()
        meta = Meta(
            rows=rows,
            size=size,
            sha256=digest.hexdigest(),
            columns=tuple(columns),
            revision=revision,
            sources=sources,
            offsets_crc=zlib.crc32(tail),
            apart=apart,
            apart_size=texts.size,
        )
        index_path(temporary).write_bytes(msgspec.json.encode(meta) + b"\n" + tail)
        if apart:
            apart_path(temporary).replace(apart_path(base))
        jsonl_path(temporary).replace(jsonl_path(base))
        index_path(temporary).replace(index_path(base))
    except OSError as error:
        raise UserError(
            f"cannot write {base.parent} ({error.strerror or error}); set HF_HOME to a folder with room that you own"
        ) from error
    finally:
        _discard(jsonl_path(temporary))
        _discard(index_path(temporary))
        _discard(apart_path(temporary))
    return meta


class _Texts:
    """The file of long texts while it is written; none where there are no such columns."""

    def __init__(self, base: Path, columns: tuple[str, ...]) -> None:
        self.size = 0
        self._columns = columns
        self._file = apart_path(base).open("wb") if columns else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def taken_out(self, record: bytes) -> bytes:
        """Write the long texts of a record; return it with their places instead: offset, length, SHA-256."""
        if self._file is None:
            return record
        row = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
        for name in self._columns:
            if name in row and bytes(row[name]) != b"null":
                text = msgspec.json.decode(row[name])
                if not isinstance(text, str):
                    raise UserError(f"column {name!r} must hold texts, not {type(text).__name__}")
                data = text.encode()
                self._file.write(data)
                place = (self.size, len(data), hashlib.sha256(data).hexdigest())
                row[name] = msgspec.Raw(msgspec.json.encode(place))
                self.size += len(data)
        return msgspec.json.encode(row)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole small file: temporary name, then rename. UserError where the folder cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error})") from error
    finally:
        _discard(temporary)


def _discard(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
