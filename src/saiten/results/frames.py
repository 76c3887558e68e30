"""What passes from a run to the process that writes its parquet files: messages, each after its length.

The parquet library costs more memory than all the rest of a run, so it lives in a process of its own
(`details_main`); this module is the contract between the two.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import msgspec

from saiten.results.summary import ScoredDocument
from saiten.types import Choice, ChoiceScore, Outcome

LENGTH = struct.Struct("<I")
CUT = frozenset({"length", "context_overflow"})
"""Finish reasons of an answer that was cut at a token limit."""


class Opening(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """A benchmark begins; the one before it is finished and its files take their places."""

    scores: str
    """Path of its score file."""
    details: dict[str, str]
    """Subset -> path of its details file; empty: no details wanted."""
    metrics: tuple[str, ...]
    """Names of per-document values."""
    values: tuple[str, ...]
    """Names of per-choice values."""
    judged: bool = False
    """Whether each turn of each choice has a judgement."""


class ChoiceRow(msgspec.Struct, frozen=True, array_like=True):
    """One choice with all its turns."""

    repetition: int
    copied: bool
    identity: str
    texts: tuple[str | None, ...]
    reasonings: tuple[str | None, ...]
    outcomes: tuple[str, ...]
    finish_reasons: tuple[str | None, ...]
    truncated: bool
    loop: bool
    unclosed: bool
    output_tokens: int | None
    seconds: float
    attempts: int
    verdict: str | None
    extracted: str | None
    note: str
    values: dict[str, float]


class JudgedTurn(msgspec.Struct, frozen=True, array_like=True):
    """What a judge was sent and said about one turn, one entry for each choice."""

    ratings: tuple[float, ...]
    """As the old system read them; -1 for none."""
    prompts: tuple[str, ...]
    judgements: tuple[str, ...]


class DocumentRow(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """One document with its choices."""

    subset: str
    document: str
    index: int
    example: str
    messages: tuple[tuple[str, str], ...]
    """(role, content) of everything sent, up to the last turn."""
    gold: str
    metrics: dict[str, float]
    choices: tuple[ChoiceRow, ...]
    turns: int
    judged: tuple[JudgedTurn, ...] = ()


class End(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """All is said: finish the last benchmark. A stream that ends without it was broken off, and leaves no file."""


Frame = Opening | DocumentRow | End
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Frame)


def encode(frame: Frame) -> bytes:
    """Return a message with its length. Lone surrogates, which no file may hold, become U+FFFD."""
    try:
        body = _encoder.encode(frame)
    except UnicodeEncodeError:
        body = _encoder.encode(_mended(msgspec.to_builtins(frame)))
    return LENGTH.pack(len(body)) + body


def read_frames(stream: BinaryIO) -> Iterator[Frame]:
    """Yield messages until the stream ends; a message that is cut short is not yielded."""
    while len(header := stream.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(header)
        body = stream.read(length)
        if len(body) < length:
            return
        yield _decoder.decode(body)


def _mended(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return [_mended(item) for item in value] if isinstance(value, list | tuple) else value


def document_row(scored: ScoredDocument, identities: Sequence[str] = ()) -> DocumentRow:
    """Return the message of a document. `identities` has one for each choice, or none at all."""
    conversation = scored.messages[-1] if scored.messages else ()
    rows = []
    for position, (choice, score) in enumerate(zip(scored.choices, scored.scores, strict=True)):
        rows.append(_choice_row(choice, score, identities[position] if identities else ""))
    return DocumentRow(
        subset=scored.subset,
        document=scored.document.id,
        index=scored.index,
        example=scored.document.turns[0],
        messages=tuple((message.role, message.content) for message in conversation),
        gold=scored.document.target,
        metrics=dict(scored.values),
        choices=tuple(rows),
        turns=len(scored.document.turns),
        judged=tuple(_judged_turn(scored, turn) for turn in range(len(scored.judge_prompts))),
    )


def _judged_turn(scored: ScoredDocument, turn: int) -> JudgedTurn:
    verdicts = [choice.verdicts[turn] for choice in scored.choices]
    return JudgedTurn(
        ratings=tuple(score.values.get(f"turn_{turn + 1}", -1.0) for score in scored.scores),
        prompts=scored.judge_prompts[turn],
        judgements=tuple(verdict.detail if verdict is not None else "" for verdict in verdicts),
    )


def _choice_row(choice: Choice, score: ChoiceScore, identity: str) -> ChoiceRow:
    turns = choice.turns
    tokens = [turn.usage.output_tokens for turn in turns if turn.usage.output_tokens is not None]
    verdicts = [verdict.status for verdict in choice.verdicts if verdict is not None]
    return ChoiceRow(
        repetition=choice.repetition,
        copied=choice.copied,
        identity=identity,
        texts=tuple(turn.text for turn in turns),
        reasonings=tuple(turn.reasoning for turn in turns),
        outcomes=tuple(str(turn.outcome) for turn in turns),
        finish_reasons=tuple(turn.finish_reason for turn in turns),
        truncated=any(turn.outcome is Outcome.TRUNCATED or turn.finish_reason in CUT for turn in turns),
        loop=any(turn.repetition is not None for turn in turns),
        unclosed=any(turn.reasoning_closed is False for turn in turns),
        output_tokens=sum(tokens) if len(tokens) == len(turns) else None,
        seconds=sum(turn.seconds for turn in turns),
        attempts=sum(turn.attempts for turn in turns),
        verdict=",".join(verdicts) if verdicts else None,
        extracted=score.extracted,
        note=score.note,
        values=dict(score.values),
    )
