"""The shapes of a completion on the wire, and strict JSON.

Decoding is typed and fast for good bodies; whatever the fast way refuses is read again by a slow and strict one, which
keeps what a model can really say (lone surrogates, broken UTF-8) and refuses what nobody may say (duplicate keys, NaN,
numbers out of range, nesting without end).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec

BOM = b"\xef\xbb\xbf"
MARKED = (b'"choices"', b'"finish_reason"', b'"content"')
"""Keys that come at most once for each choice (`choices`: once a body); more of them may be duplicates."""


class Malformed(Exception):  # noqa: N818  # a finding about bytes, caught where they are read
    """The bytes are not a completion. The message says why, in a few words."""


class Said(msgspec.Struct, gc=False):
    """A message or a delta."""

    content: str | list[Any] | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: list[Any] | None = None


class WireChoice(msgspec.Struct, gc=False):
    """A choice, whole or a part of one."""

    index: int | None = None
    message: Said | None = None
    delta: Said | None = None
    text: str | None = None
    finish_reason: str | None = None


class Completion(msgspec.Struct, gc=False):
    """A whole answer, or one chunk of a stream."""

    choices: list[WireChoice] | None = None
    model: str | None = None
    usage: Any = None
    error: Any = None
    id: Any = None


_one = msgspec.json.Decoder(Completion)
_many = msgspec.json.Decoder(list[Completion])


def strict_json(data: bytes) -> Any:
    """Decode JSON text, losslessly and strictly. Raises Malformed."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Malformed("a key comes twice in one object")
        return found

    def refuse(name: str) -> Any:
        raise Malformed(f"{name} is no JSON number")

    def finite(text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise Malformed("a number is out of range")
        return number

    text = data.removeprefix(BOM).decode("utf-8", "surrogateescape")
    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse, parse_float=finite)
    except RecursionError:
        raise Malformed("nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"not JSON ({error})") from None


def _slowly(data: bytes) -> Completion:
    found = strict_json(data)
    try:
        return msgspec.convert(found, Completion)
    except msgspec.ValidationError as error:
        raise Malformed(f"not a completion ({error})") from None


def _suspicious(data: bytes, bodies: int, choices: int) -> bool:
    body, reason, content = MARKED
    return data.count(body) > bodies or data.count(reason) > choices or data.count(content) > choices


def decode_completion(data: bytes) -> Completion:
    """Decode a whole body. Raises Malformed."""
    try:
        found = _one.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _slowly(data)
    return _slowly(data) if _suspicious(data, 1, len(found.choices or ())) else found


def decode_chunks(payloads: Sequence[bytes]) -> list[Completion]:
    """Decode the data of several events at once. Raises Malformed."""
    joined = b"[" + b",".join(payloads) + b"]"
    try:
        found = _many.decode(joined)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [_slowly(payload) for payload in payloads]
    if len(found) != len(payloads) or _suspicious(joined, len(found), sum(len(c.choices or ()) for c in found)):
        return [_slowly(payload) for payload in payloads]
    return found


def mend(text: str) -> str:
    """Join what was split between two chunks: halves of a surrogate pair, bytes of one character.

    What stays broken is kept: as a lone surrogate, which JSON can write and read again.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        paired = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        try:
            return paired.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return paired
    return text
