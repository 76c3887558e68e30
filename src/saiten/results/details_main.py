"""The process behind `details.DetailsWriter`: turns the messages on its standard input into parquet files.

Ends with the stream. Memory is bounded by the row groups, not by the number of documents.
"""

from __future__ import annotations

import contextlib
import gc
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from saiten.errors import Exit, UserError
from saiten.results.columns import Columns, batch, details_columns, fields, score_columns
from saiten.results.files import replacing
from saiten.results.frames import DocumentRow, End, Opening, read_frames

ROWS_BYTES = 1_000_000
"""Text that is held as Python objects, over all files, before it is packed into columns: a quarter of the memory."""
GROUP_BYTES = 6_000_000
"""Packed columns that are held before they are written as row groups, over all files. The writer keeps what it knows
of each row group until the end: many small ones cost more memory than a few large ones hold."""


class Sink:
    """One parquet file that is being written."""

    def __init__(self, path: Path, columns: Columns) -> None:
        self._columns = columns
        self._schema = pa.schema(fields(columns))
        # Dictionaries of texts that never repeat are given up after a megabyte of each: without, files are smaller.
        self._writer = parquet.ParquetWriter(
            path, self._schema, compression="zstd", write_statistics=False, use_dictionary=False
        )
        self.rows: list[Any] = []
        self._packed: list[pa.RecordBatch] = []

    def pack(self) -> int:
        """Put the held rows into columns; return how many bytes these take."""
        if not self.rows:
            return 0
        self._packed.append(batch(self._columns, self.rows))
        self.rows.clear()
        return int(self._packed[-1].nbytes)

    def flush(self) -> None:
        """Write what is packed as a row group."""
        if self._packed:
            self._writer.write_table(pa.Table.from_batches(self._packed, schema=self._schema))
            self._packed.clear()

    def close(self) -> None:
        """Write the rest and the footer."""
        self.pack()
        self.flush()
        self._writer.close()


class BenchmarkFiles:
    """The files of one benchmark. They take their places together, in `commit`."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._stack = contextlib.ExitStack()
        self._sinks: dict[str, Sink] = {}
        self._turns: dict[str, int] = {}
        self._held = self._packed = 0
        self._scores = self._open(opening.scores, score_columns(opening.values))

    def _open(self, path: str, columns: Columns) -> Sink:
        temporary = self._stack.enter_context(replacing(Path(path)))
        sink = Sink(temporary, columns)
        self._sinks[path] = sink
        return sink

    def add(self, row: DocumentRow) -> None:
        """Take in one document."""
        self._scores.rows.extend([(row, choice) for choice in row.choices])
        path = self._opening.details.get(row.subset)
        if path is not None:
            turns = self._turns.setdefault(path, row.turns)
            if (turns > 1) != (row.turns > 1):
                raise ValueError(f"{path}: documents with one turn and with several in one subset")
            sink = self._sinks.get(path)
            if sink is None:
                judged = turns if self._opening.judged else 0
                sink = self._open(path, details_columns(self._opening.metrics, several=turns > 1, judged=judged))
            sink.rows.append(row)
        self._held += weight(row)
        if self._held > ROWS_BYTES:
            self._packed += sum(sink.pack() for sink in self._sinks.values())
            self._held = 0
        if self._packed > GROUP_BYTES:
            for sink in self._sinks.values():
                sink.flush()
            pa.default_memory_pool().release_unused()  # else what was freed between what is kept adds up
            self._packed = 0

    def commit(self) -> None:
        """Finish all files and put them in place."""
        with self._stack:
            for sink in self._sinks.values():
                sink.close()

    def discard(self) -> None:
        """Remove what was written; the old files stay."""
        with contextlib.suppress(BrokenOff), self._stack:
            raise BrokenOff


class BrokenOff(Exception):  # noqa: N818  # a reason to stop, not an error
    """The stream ended in the middle of a benchmark."""


def weight(row: DocumentRow) -> int:
    """Return about how many bytes a document holds."""
    texts = sum(len(text or "") for choice in row.choices for text in (*choice.texts, *choice.reasonings))
    judged = sum(len(text) for turn in row.judged for text in (*turn.prompts, *turn.judgements))
    return 1_000 + 2 * (texts + judged + sum(len(content) for _, content in row.messages))


def main() -> int:
    """Write what comes in; return 0 when it came to its end, 1 when it was broken off."""
    pa.set_cpu_count(1)
    gc.disable()  # rows have no cycles, and looking for some costs as much as making them
    files: BenchmarkFiles | None = None
    try:
        for frame in read_frames(sys.stdin.buffer):
            match frame:
                case DocumentRow():
                    assert files is not None
                    files.add(frame)
                case Opening() | End():
                    if files is not None:
                        finished, files = files, None
                        finished.commit()
                    if isinstance(frame, End):
                        return Exit.COMPLETE
                    files = BenchmarkFiles(frame)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit
    except OSError as error:
        sys.stderr.write(f"cannot write the score and details files: {error.strerror or error}\n")
        return Exit.CONFIGURATION
    finally:
        if files is not None:
            files.discard()
    return Exit.BUG
