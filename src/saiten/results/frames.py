"""What passes from a run to the process that writes its parquet files: messages, each after its length.

The parquet library costs more memory than all the rest of a run, so it lives in a process of its own
(`details_main`); this module is the contract between the two, and loads nothing else of ours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

LENGTH = struct.Struct("<I")


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
