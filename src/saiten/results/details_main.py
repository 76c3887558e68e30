"""The process behind `details.DetailsWriter`: turns the messages on its standard input into parquet files.

Ends with the stream. Memory is bounded by the row groups, not by the number of documents.

Source: reference/benchmarks.md §4.3 (columns of the old details files).
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
from saiten.results.files import replacing
from saiten.results.frames import ChoiceRow, DocumentRow, End, Opening, read_frames

ROWS_BYTES = 1_000_000
"""Text that is held as Python objects, over all files, before it is packed into columns: a quarter of the memory."""
GROUP_BYTES = 6_000_000
"""Packed columns that are held before they are written as row groups, over all files. The writer keeps what it knows
of each row group until the end: many small ones cost more memory than a few large ones hold."""
Row = dict[str, Any]


class Sink:
    """One parquet file that is being written."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = parquet.ParquetWriter(path, schema, compression="zstd", write_statistics=False)
        self.rows: list[Row] = []
        self._packed: list[pa.RecordBatch] = []

    def pack(self) -> int:
        """Put the held rows into columns; return how many bytes these take."""
        if not self.rows:
            return 0
        self._packed.append(pa.RecordBatch.from_pylist(self.rows, schema=self._schema))
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
        self._scores = self._open(opening.scores, scores_schema(opening.values))

    def _open(self, path: str, schema: pa.Schema) -> Sink:
        temporary = self._stack.enter_context(replacing(Path(path)))
        sink = Sink(temporary, schema)
        self._sinks[path] = sink
        return sink

    def add(self, row: DocumentRow) -> None:
        """Take in one document."""
        self._scores.rows.extend(score_row(row, choice, self._opening.values) for choice in row.choices)
        path = self._opening.details.get(row.subset)
        if path is not None:
            turns = self._turns.setdefault(path, row.turns)
            if (turns > 1) != (row.turns > 1):
                raise ValueError(f"{path}: documents with one turn and with several in one subset")
            several = turns > 1
            sink = self._sinks.get(path)
            if sink is None:
                judged = turns if self._opening.judged else 0
                sink = self._open(path, details_schema(self._opening.metrics, several=several, judged=judged))
            sink.rows.append(details_row(row, several=several))
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


def scores_schema(values: tuple[str, ...]) -> pa.Schema:
    """One row for each choice."""
    text, flag = pa.string(), pa.bool_()
    return pa.schema(
        [
            ("subset", text),
            ("document", text),
            ("index", pa.int64()),
            ("repetition", pa.int64()),
            ("outcome", text),
            *((f"value_{name}", pa.float64()) for name in values),
            ("extracted", text),
            ("note", text),
            ("verdict", text),
            ("truncated", flag),
            ("loop", flag),
            ("unclosed", flag),
            ("copied", flag),
            ("finish_reason", text),
            ("output_tokens", pa.int64()),
            ("seconds", pa.float64()),
            ("attempts", pa.int64()),
            ("identity", text),
        ]
    )


def score_row(row: DocumentRow, choice: ChoiceRow, values: tuple[str, ...]) -> Row:
    """Return a choice's row; what differs between turns is joined by commas."""
    return {
        "subset": row.subset,
        "document": row.document,
        "index": row.index,
        "repetition": choice.repetition,
        "outcome": ",".join(choice.outcomes),
        **{f"value_{name}": choice.values.get(name) for name in values},
        "extracted": choice.extracted,
        "note": choice.note,
        "verdict": choice.verdict,
        "truncated": choice.truncated,
        "loop": choice.loop,
        "unclosed": choice.unclosed,
        "copied": choice.copied,
        "finish_reason": ",".join(reason or "" for reason in choice.finish_reasons),
        "output_tokens": choice.output_tokens,
        "seconds": choice.seconds,
        "attempts": choice.attempts,
        "identity": choice.identity,
    }


def details_schema(metrics: tuple[str, ...], *, several: bool, judged: int = 0) -> pa.Schema:
    """The old columns, one row for each document. `several` turns: lists of lists of predictions.

    `judged`: so many turns have ratings, judge prompts and judgements among the metrics, a list of each.
    """
    text, whole = pa.string(), pa.int64()
    texts = pa.list_(text)
    kinds = {"judge_score_overall": pa.list_(pa.float64()), "user_prompt": texts, "judgement": texts}
    lists = [(f"{name}_turn_{turn}", kind) for name, kind in kinds.items() for turn in range(1, judged + 1)]
    specifics = pa.struct(
        [
            ("document_id", text),
            ("extracted_golds", texts),
            ("extracted_predictions", texts),
            ("finish_reasons", texts),
            ("notes", texts),
            ("outcomes", texts),
            ("reasoning", pa.list_(texts) if several else texts),
            ("verdicts", texts),
        ]
    )
    return pa.schema(
        [
            ("choices", texts),
            ("cont_tokens", pa.list_(pa.list_(whole))),
            ("example", text),
            ("full_prompt", pa.list_(pa.struct([("content", text), ("role", text)]))),
            ("gold", texts),
            ("gold_index", pa.list_(whole)),
            ("input_tokens", pa.list_(pa.list_(whole))),
            ("instruction", text),
            ("metrics", pa.struct([*((name, pa.float64()) for name in metrics), *lists])),
            ("num_asked_few_shots", whole),
            ("num_effective_few_shots", whole),
            ("padded", pa.list_(whole)),
            ("pred_logits", pa.list_(pa.float64())),
            ("prediction_logits", pa.list_(pa.float64())),
            ("predictions", pa.list_(texts) if several else texts),
            ("specifics", specifics),
            ("truncated", pa.list_(whole)),
        ]
    )


def details_row(row: DocumentRow, *, several: bool) -> Row:
    """Return a document's row. Predictions by turn, then by repetition, where there are several turns."""
    choices = row.choices
    return {
        "choices": [],
        "cont_tokens": [],
        "example": row.example,
        "full_prompt": [{"content": content, "role": role} for role, content in row.messages],
        "gold": [row.gold],
        "gold_index": [0],
        "input_tokens": [],
        "instruction": "",
        "metrics": row.metrics | _judged(row),
        "num_asked_few_shots": 0,
        "num_effective_few_shots": 0,
        "padded": [0],
        "pred_logits": [],
        "prediction_logits": [],
        "predictions": _by_turn([choice.texts for choice in choices], row.turns, several=several),
        "specifics": {
            "document_id": row.document,
            "extracted_golds": [row.gold],
            "extracted_predictions": [choice.extracted for choice in choices],
            "finish_reasons": [",".join(reason or "" for reason in choice.finish_reasons) for choice in choices],
            "notes": [choice.note for choice in choices],
            "outcomes": [",".join(choice.outcomes) for choice in choices],
            "reasoning": _by_turn([choice.reasonings for choice in choices], row.turns, several=several),
            "verdicts": [choice.verdict for choice in choices],
        },
        "truncated": [0],
    }


def _judged(row: DocumentRow) -> Row:
    found: Row = {}
    for number, turn in enumerate(row.judged, start=1):
        found[f"judge_score_overall_turn_{number}"] = turn.ratings
        found[f"user_prompt_turn_{number}"] = turn.prompts
        found[f"judgement_turn_{number}"] = turn.judgements
    return found


def _by_turn(texts: list[tuple[str | None, ...]], turns: int, *, several: bool) -> list[Any]:
    if several:
        return [[choice[turn] for choice in texts] for turn in range(turns)]
    return [choice[0] for choice in texts]


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
