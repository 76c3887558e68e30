"""Writing prepared rows: both files under temporary names, then renamed, the index last."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from saiten.datasets.rows import Meta, SourceFile, index_path, jsonl_path
from saiten.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_rows(
    base: Path, records: Iterable[tuple[bytes, Iterable[str]]], revision: str, sources: tuple[SourceFile, ...]
) -> Meta:
    """Write `records`, pairs of an encoded JSON object and its keys, as the prepared rows named `base`.

    Memory: eight bytes a row. UserError where the folder cannot be written.
    """
    temporary = base.with_name(f".{base.name}.{os.getpid()}")
    columns: dict[str, None] = {}
    offsets = array("Q", [0])
    digest = hashlib.sha256()
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        with jsonl_path(temporary).open("wb") as file:
            for record, keys in records:
                line = record + b"\n"
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
        )
        index_path(temporary).write_bytes(msgspec.json.encode(meta) + b"\n" + tail)
        jsonl_path(temporary).replace(jsonl_path(base))
        index_path(temporary).replace(index_path(base))
    except OSError as error:
        raise UserError(
            f"cannot write {base.parent} ({error.strerror or error}); set HF_HOME to a folder with room that you own"
        ) from error
    finally:
        _discard(jsonl_path(temporary))
        _discard(index_path(temporary))
    return meta


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
