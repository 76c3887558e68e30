"""Test cases as LiveCodeBench packs them: base64 of zlib of a pickle of a string that is JSON.

The pickle is never unpickled. Of its language only what writes one string is read, and everything else is refused.

Source: the columns `public_test_cases` and `private_test_cases` of livecodebench/code_generation_lite; opcodes and
their operands as in the standard library's pickletools.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any

UNPACKED_BYTES = 512 << 20
"""Most bytes of one document's cases; a few hundred kilobytes can be made to unpack to far more."""

Case = tuple[str, str]
"""An input and the expected output."""

_SKIPPED = {b"\x80": 1, b"\x95": 8, b"\x94": 0, b"q": 1, b"r": 4}
"""Operand bytes of PROTO, FRAME, MEMOIZE, BINPUT and LONG_BINPUT: they change nothing about one string."""
_STRINGS = {b"\x8c": 1, b"X": 4, b"\x8d": 8}
"""Bytes of the length in SHORT_BINUNICODE, BINUNICODE and BINUNICODE8."""
_STOP = b"."


class BrokenCases(ValueError):  # noqa: N818  it reads as what was found
    """The cases of a document cannot be read."""


def cases(public: str, private: str) -> list[Case]:
    """Return a document's cases, the public ones first.

    Args:
        public: a JSON list of objects with `input` and `output`.
        private: the same, or packed; empty where there are none.
    """
    return [*_listed(public), *(_listed(_unpacked(private)) if private.strip() else ())]


def _listed(text: str | bytes) -> list[Case]:
    try:
        found: Any = json.loads(text)
        return [(_text(case["input"]), _text(case["output"])) for case in found]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BrokenCases(f"the cases are no JSON list of inputs and outputs ({type(error).__name__})") from error


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError("an input or output is no text")
    return value


def _unpacked(text: str) -> str | bytes:
    """Return the JSON text of private cases."""
    if text.lstrip().startswith("["):
        return text
    try:
        stream = zlib.decompressobj()
        data = stream.decompress(base64.b64decode(text, validate=True), UNPACKED_BYTES)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise BrokenCases(f"the cases are not packed as base64 and zlib ({error})") from error
    if not stream.eof:
        raise BrokenCases(f"the cases end too early, or are more than {UNPACKED_BYTES >> 20} MiB")
    return pickled_string(data)


def pickled_string(data: bytes) -> bytes:
    """Return the UTF-8 of the one string that a pickle holds. Raises BrokenCases for a pickle of anything else."""
    place, found = 0, None
    view = memoryview(data)
    while (code := bytes(view[place : place + 1])) != _STOP:
        place += 1
        if code in _SKIPPED:
            place += _SKIPPED[code]
        elif code in _STRINGS and found is None:
            start = place + _STRINGS[code]
            place = start + int.from_bytes(view[place:start], "little")
            found = view[start:place]
        else:
            raise BrokenCases("the cases are a pickle of something else than one string")
    if found is None or place + 1 != len(view):
        raise BrokenCases("the cases are a pickle without a string, or with something behind it")
    return bytes(found)
