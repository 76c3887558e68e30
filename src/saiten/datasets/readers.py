"""Reading dataset files row by row: parquet, jsonl, json, csv and tsv, plain or compressed with gzip or zstandard.

Nothing in a file is executed and nothing is held in memory but the row at hand (a json file that is one array, and a
row group of parquet, are the exceptions, and are capped). Cells of csv files are text, as the file has them: a choice
written `0.10` stays `0.10`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from saiten.errors import UserError

if TYPE_CHECKING:
    from _csv import Reader as _csv_reader  # noqa: N813  # the type of csv.reader(), which csv does not name before 3.13
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
MAX_FILE = 8 << 30
"""Bytes of one file as it lies on disk."""
MAX_BYTES = 32 << 30
"""Bytes of all rows of one subset, decompressed."""
MAX_ROWS = 20_000_000
MAX_ROW = 512 * MIB
"""Bytes of one row. Tests of a programming contest can be over 100 MB."""
MAX_ARRAY = 256 * MIB
"""Bytes of a json file that is one array, which has to be read whole."""
MAX_ROW_GROUP = 4 << 30

COMPRESSIONS = (".gz", ".zst")
FORMATS = ("parquet", "jsonl", "ndjson", "json", "csv", "tsv")
"""Suffixes that can be read, best first: where a dataset is stored in several formats the first is taken."""

Record = tuple[bytes, list[str]]
"""A row as an encoded JSON object, and its keys."""


def format_of(name: str) -> str | None:
    """Return which of FORMATS a file name says, or None."""
    for compression in COMPRESSIONS:
        name = name.removesuffix(compression)
    suffix = name.rpartition(".")[2].lower()
    return suffix if suffix in FORMATS and "." in name else None


def read_records(path: Path, name: str, headerless: tuple[str, ...] = ()) -> Iterator[Record]:
    """Yield the rows of the file at `path`, whose format `name` tells.

    Args:
        path: the file.
        name: what to call it in messages, and whose suffix says the format.
        headerless: column names, for csv and tsv files without a header line. A first line that says these names is
            taken for a header all the same.

    Raises:
        UserError: the file is damaged, too large, or not what its name says.
    """
    kind = format_of(name)
    if kind is None:
        raise UserError(f"{name}: not a format that can be read; there are: {', '.join(FORMATS)}")
    try:
        if path.stat().st_size > MAX_FILE:
            raise UserError(f"{name}: larger than {MAX_FILE >> 30} GiB")
        if kind == "parquet":
            yield from _parquet(path, name)
        elif kind in {"csv", "tsv"}:
            yield from _csv(path, name, "\t" if kind == "tsv" else ",", headerless)
        else:
            yield from _json(path, name)
    except _damaged(name) as error:
        raise UserError(f"{name}: damaged compressed file ({error})") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{name}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    except OSError as error:
        raise UserError(f"{name}: cannot be read ({error.strerror or error})") from error


def _damaged(name: str) -> tuple[type[Exception], ...]:
    """Return what the decompressor of a file raises for a damaged one."""
    if name.endswith(".zst"):
        import zstandard

        return (zstandard.ZstdError,)
    return (zlib.error, EOFError, gzip.BadGzipFile)


def limited(records: Iterator[Record], name: str) -> Iterator[Record]:
    """Yield `records` until they are more, or larger, than any benchmark's rows can be."""
    total = 0
    for number, (record, keys) in enumerate(records, start=1):
        total += len(record)
        if number > MAX_ROWS or total > MAX_BYTES:
            raise UserError(f"{name}: more than {MAX_ROWS} rows or {MAX_BYTES >> 30} GiB of rows")
        if len(record) > MAX_ROW:
            raise UserError(f"{name}: row {number} is larger than {MAX_ROW >> 20} MiB")
        yield record, keys


def open_stream(path: Path, name: str) -> BinaryIO:
    """Open a file that may be compressed, for reading bytes piece by piece."""
    if name.endswith(".gz"):
        return io.BufferedReader(gzip.open(path, "rb"))
    if name.endswith(".zst"):
        import zstandard

        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(path.open("rb"), closefd=True)
        return io.BufferedReader(reader)
    return path.open("rb")


def _json(path: Path, name: str) -> Iterator[Record]:
    with closing(open_stream(path, name)) as file:
        head = file.read(1)
        while head.isspace() or head == b"\xef":
            head = file.read(3)[2:] if head == b"\xef" else file.read(1)
        if head == b"[":
            yield from _json_array(head, file, name)
        else:
            yield from _json_lines(head, file, name)


def _json_array(head: bytes, file: BinaryIO, name: str) -> Iterator[Record]:
    text = head + file.read(MAX_ARRAY)
    if len(text) > MAX_ARRAY:
        raise UserError(f"{name}: one array of more than {MAX_ARRAY >> 20} MiB; store one object a line (jsonl)")
    try:
        items = msgspec.json.decode(text, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise UserError(f"{name}: not valid JSON ({error})") from error
    for number, item in enumerate(items, start=1):
        yield _object(bytes(item), f"{name}: item {number}")


def _json_lines(head: bytes, file: BinaryIO, name: str) -> Iterator[Record]:
    number = 0
    while True:
        line = head + file.readline(MAX_ROW + 1)
        number += 1
        if not line:
            return
        if len(line) > MAX_ROW:
            raise UserError(f"{name}: line {number} is longer than {MAX_ROW >> 20} MiB")
        if line := line.strip():
            yield _object(line, f"{name}: line {number}")
        head = b""


def _object(text: bytes, where: str) -> Record:
    """Return the record of one JSON text, on one line, as it stands wherever possible."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        value, text = _lenient(text, where, error)
    if not isinstance(value, dict):
        raise UserError(f"{where} is not a JSON object but {type(value).__name__}")
    return (msgspec.json.encode(value) if b"\n" in text or b"\r" in text else text), list(value)


def _lenient(text: bytes, where: str, error: Exception) -> tuple[Any, bytes]:
    """Read what Python's json writes and JSON does not know, NaN and Infinity (stored as null)."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{where} is not valid JSON ({error})") from error
    return value, msgspec.json.encode(value)


def _csv(path: Path, name: str, delimiter: str, headerless: tuple[str, ...]) -> Iterator[Record]:
    before = csv.field_size_limit(MAX_ROW)
    try:
        with io.TextIOWrapper(open_stream(path, name), encoding="utf-8-sig", newline="") as text:
            yield from _csv_rows(csv.reader(text, delimiter=delimiter, strict=True), name, headerless)
    finally:
        csv.field_size_limit(before)


def _csv_rows(reader: _csv_reader, name: str, headerless: tuple[str, ...]) -> Iterator[Record]:
    columns = list(headerless)
    try:
        for cells in reader:
            if not cells:
                continue
            if not columns:
                columns = _header(cells, name)
            elif len(cells) != len(columns):
                raise UserError(
                    f"{name}: line {reader.line_num} has {len(cells)} cells where there are {len(columns)} columns "
                    f"({', '.join(columns)})"
                )
            elif reader.line_num > 1 or cells != columns:
                yield msgspec.json.encode(dict(zip(columns, cells, strict=True))), columns
    except csv.Error as error:
        raise UserError(f"{name}: line {reader.line_num}: {error}") from error


def _header(cells: list[str], name: str) -> list[str]:
    twice = {cell for cell in cells if cells.count(cell) > 1}
    if twice:
        raise UserError(f"{name}: column {min(twice)!r} is there twice in the header line")
    return cells


def _parquet(path: Path, name: str) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            shape = file.metadata
            if any(shape.row_group(i).total_byte_size > MAX_ROW_GROUP for i in range(shape.num_row_groups)):
                raise UserError(f"{name}: a row group of more than {MAX_ROW_GROUP >> 30} GiB")
            columns = list(file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=256, use_threads=False):
                for row in batch.to_pylist():
                    yield msgspec.json.encode(row), columns
    except (pa.ArrowException, OverflowError) as error:
        raise UserError(f"{name}: not a readable parquet file ({str(error).splitlines()[0]})") from error
