"""The columns of the parquet files: what each is called, of what type it is, and what of a document stands in it.

Values are gathered column by column: a dictionary for each row costs three times as much.

Source: reference/benchmarks.md §4.3 (columns of the old details files).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import pyarrow as pa

from saiten.results.frames import ChoiceRow, DocumentRow

TEXT, WHOLE, NUMBER, FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()
TEXTS, WHOLES, NUMBERS = pa.list_(TEXT), pa.list_(WHOLE), pa.list_(NUMBER)


class Column(msgspec.Struct, frozen=True):
    """One column, of rows of any kind."""

    name: str
    kind: pa.DataType
    of: Callable[[Any], Any]
    """From a row to its value."""

    def array(self, rows: Sequence[Any]) -> pa.Array:
        """Return the values of rows."""
        return pa.array([self.of(row) for row in rows], type=self.kind)


class Constant(msgspec.Struct, frozen=True):
    """A column that the old files have and that says nothing here."""

    name: str
    kind: pa.DataType
    value: Any

    def array(self, rows: Sequence[Any]) -> pa.Array:
        """Return the value as often as there are rows."""
        return pa.repeat(pa.scalar(self.value, type=self.kind), len(rows))


class Group(msgspec.Struct, frozen=True):
    """Columns in one."""

    name: str
    columns: tuple[Column, ...]

    @property
    def kind(self) -> pa.DataType:
        """A structure with a field for each column."""
        return pa.struct(fields(self.columns))

    def array(self, rows: Sequence[Any]) -> pa.Array:
        """Return the values of rows."""
        if not self.columns:  # a structure without fields cannot be put together
            return pa.array([{}] * len(rows), type=self.kind)
        return pa.StructArray.from_arrays([column.array(rows) for column in self.columns], fields=fields(self.columns))


Columns = tuple[Column | Constant | Group, ...]


def fields(columns: Iterable[Column | Constant | Group]) -> list[pa.Field]:
    """Return the fields of columns in a schema."""
    return [pa.field(column.name, column.kind) for column in columns]


def batch(columns: Columns, rows: Sequence[Any]) -> pa.RecordBatch:
    """Return rows as columns."""
    return pa.RecordBatch.from_arrays([column.array(rows) for column in columns], schema=pa.schema(fields(columns)))


ScoreRow = tuple[DocumentRow, ChoiceRow]
"""A row of `scores.parquet`."""


def document(name: str, kind: pa.DataType) -> Column:
    """A column with a field of the document."""
    value = attrgetter(name)
    return Column(name, kind, lambda row: value(row[0]))


def choice(name: str, kind: pa.DataType) -> Column:
    """A column with a field of the choice."""
    value = attrgetter(name)
    return Column(name, kind, lambda row: value(row[1]))


def value(name: str) -> Column:
    """A column with one of the scorer's values."""
    return Column(f"value_{name}", NUMBER, lambda row: row[1].values.get(name))


def joined(words: Iterable[str | None]) -> str:
    """Return what differs between turns, with commas between."""
    return ",".join(word or "" for word in words)


def score_columns(values: tuple[str, ...]) -> Columns:
    """`scores.parquet`: one row for each choice."""
    return (
        document("subset", TEXT),
        document("document", TEXT),
        document("index", WHOLE),
        choice("repetition", WHOLE),
        Column("outcome", TEXT, lambda row: joined(row[1].outcomes)),
        *map(value, values),
        choice("extracted", TEXT),
        choice("note", TEXT),
        choice("verdict", TEXT),
        choice("truncated", FLAG),
        choice("loop", FLAG),
        choice("unclosed", FLAG),
        choice("copied", FLAG),
        Column("finish_reason", TEXT, lambda row: joined(row[1].finish_reasons)),
        choice("output_tokens", WHOLE),
        choice("seconds", NUMBER),
        choice("attempts", WHOLE),
        choice("identity", TEXT),
    )


def details_columns(metrics: tuple[str, ...], *, several: bool, judged: int = 0) -> Columns:
    """The old columns, one row for each document. `several` turns: lists of lists of predictions, by turn first.

    `judged`: so many turns have ratings, judge prompts and judgements among the metrics, a list of each.
    """
    texts = pa.list_(TEXTS) if several else TEXTS
    message = pa.struct([("content", TEXT), ("role", TEXT)])
    return (
        Constant("choices", TEXTS, []),
        Constant("cont_tokens", pa.list_(WHOLES), []),
        Column("example", TEXT, attrgetter("example")),
        Column("full_prompt", pa.list_(message), prompt),
        Column("gold", TEXTS, gold),
        Constant("gold_index", WHOLES, [0]),
        Constant("input_tokens", pa.list_(WHOLES), []),
        Constant("instruction", TEXT, ""),
        Group("metrics", (*map(metric, metrics), *judge_columns(judged))),
        Constant("num_asked_few_shots", WHOLE, 0),
        Constant("num_effective_few_shots", WHOLE, 0),
        Constant("padded", WHOLES, [0]),
        Constant("pred_logits", NUMBERS, []),
        Constant("prediction_logits", NUMBERS, []),
        Column("predictions", texts, by_turn("texts", several=several)),
        Group(
            "specifics",
            (
                Column("document_id", TEXT, attrgetter("document")),
                Column("extracted_golds", TEXTS, gold),
                Column("extracted_predictions", TEXTS, of_choices(attrgetter("extracted"))),
                Column("finish_reasons", TEXTS, of_choices(lambda one: joined(one.finish_reasons))),
                Column("notes", TEXTS, of_choices(attrgetter("note"))),
                Column("outcomes", TEXTS, of_choices(lambda one: joined(one.outcomes))),
                Column("reasoning", texts, by_turn("reasonings", several=several)),
                Column("verdicts", TEXTS, of_choices(attrgetter("verdict"))),
            ),
        ),
        Constant("truncated", WHOLES, [0]),
    )


def prompt(row: DocumentRow) -> list[dict[str, str]]:
    """Return the messages that a document was asked with."""
    return [{"content": content, "role": role} for role, content in row.messages]


def gold(row: DocumentRow) -> list[str]:
    """Return the target, as the old files have it."""
    return [row.gold]


def metric(name: str) -> Column:
    """A column with a document's value of a metric."""
    return Column(name, NUMBER, lambda row: row.metrics.get(name))


def judge_columns(turns: int) -> tuple[Column, ...]:
    """What a judge was sent and said about each turn, a list over the choices."""
    named = (
        ("judge_score_overall", NUMBERS, "ratings"),
        ("user_prompt", TEXTS, "prompts"),
        ("judgement", TEXTS, "judgements"),
    )
    return tuple(
        Column(f"{name}_turn_{turn + 1}", kind, of_judged(turn, attribute))
        for name, kind, attribute in named
        for turn in range(turns)
    )


def of_judged(turn: int, attribute: str) -> Callable[[DocumentRow], Any]:
    """Return how to read what a judge made of a turn; None where it was not asked."""
    value = attrgetter(attribute)
    return lambda row: value(row.judged[turn]) if turn < len(row.judged) else None


def of_choices(value: Callable[[ChoiceRow], Any]) -> Callable[[DocumentRow], list[Any]]:
    """Return how to read a value of each choice."""
    return lambda row: [value(one) for one in row.choices]


def by_turn(attribute: str, *, several: bool) -> Callable[[DocumentRow], list[Any]]:
    """Return how to read texts that each turn has: by turn, then by repetition, where there are several turns."""
    texts = attrgetter(attribute)
    if several:
        return lambda row: [[texts(one)[turn] for one in row.choices] for turn in range(row.turns)]
    return lambda row: [texts(one)[0] for one in row.choices]
