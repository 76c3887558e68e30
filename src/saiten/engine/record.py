"""The lines of a journal: what stands in them, and how a damaged one is told from a whole one.

Each line ends in `,"crc":"xxxxxxxx"}`: the CRC-32 of the line without that field.
"""

from __future__ import annotations

import json
import zlib
from typing import TypeVar

import msgspec

from saiten.types import Generation, Verdict

RATED, JUDGE_FAILED, JUDGE_UNPARSABLE = "rated", "judge_failed", "judge_unparsable"
"""Statuses of a judgement. One that failed is no verdict: it is owed again."""
SUFFIX_BYTES = len(b',"crc":"01234567"}')


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Which choice a record is about, in words that survive a reordered dataset."""

    id: str
    subset: str
    document: str
    index: int
    """Position in the seeded order when it was written; a hint, the identity decides."""
    repetition: int
    turn: int


class GenerationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `generations/`."""

    place: Place
    generation: Generation
    v: int = 1


class VerdictRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line of `judgements/`. `place.id` is the identity of what was executed or judged."""

    place: Place
    verdict: Verdict
    generation_id: str
    by: str
    """What decided: the sandbox level, or the judge model."""
    v: int = 1


RecordT = TypeVar("RecordT", bound=GenerationRecord | VerdictRecord)


def seal(record: GenerationRecord | VerdictRecord) -> bytes:
    """Return the line of a record, with its checksum and newline. Lone surrogates survive as escapes."""
    try:
        body = msgspec.json.encode(record)
    except UnicodeEncodeError:
        body = json.dumps(msgspec.to_builtins(record), ensure_ascii=True, allow_nan=False).encode()
    return b'%s,"crc":"%08x"}\n' % (body[:-1], zlib.crc32(body))


def unseal(line: bytes, kind: type[RecordT]) -> RecordT:
    """Return the record of a line (without its newline). Raises ValueError that says what is wrong with it."""
    body = line[:-SUFFIX_BYTES] + b"}"
    if line[-SUFFIX_BYTES:-10] != b',"crc":"' or line[-2:] != b'"}':
        raise ValueError("not a record of this journal")
    if line[-10:-2] != b"%08x" % zlib.crc32(body):
        raise ValueError("the checksum does not match")
    try:
        record: RecordT = msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:  # a lone surrogate: legal JSON that the fast decoder refuses
        record = msgspec.convert(json.loads(body), type=kind)
    return record
