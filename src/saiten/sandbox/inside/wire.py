"""What crosses between processes: frames of JSON, and Python values as tagged plain data.

No pickle: reading a frame can make exact built-in values and nothing else. Values of a class of the program's own
never cross; a subclass of a built-in type crosses as its base value, which is what an honest one equals.

A value is JSON's own null, true, number, string and list, or an object with one key, the tag: `{"t": [1, 2]}` is the
tuple (1, 2). Tables of tags: `_MAKERS` and `_tagged`.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

MESSAGE_BYTES = 64 << 20
"""Longest frame. Tests of HumanEval+ want lists of a million numbers."""
VALUES = 4_000_000
"""Most values in one frame."""
DEPTH = 200
_ITERATOR_ITEMS = 100_000
"""Most items that are taken from a returned iterator."""
GONE = "the program's process is gone"
_SMALL = 1 << 63

Json = Any


to_text = json.JSONEncoder(separators=(",", ":")).encode
_from_text = json.JSONDecoder().decode


class WireError(Exception):
    """The other side sent something that is no valid message, or a value cannot be sent."""


class Ended(WireError):  # noqa: N818  it is no error where a process is expected to end
    """The other side closed the channel."""


class Opaque:
    """Stands for a value that cannot cross. It equals nothing but itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<a {self.kind} of the program>"


# ---------------------------------------------------------------------------------------------- frames


def send(descriptor: int, message: Json) -> None:
    """Write one frame. Raises WireError if it is too long, Ended if nobody reads."""
    data = to_text(message).encode()
    if len(data) > MESSAGE_BYTES:
        raise WireError(f"a message of {len(data)} bytes is too long")
    view = memoryview(len(data).to_bytes(4, "big") + data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except OSError as error:
            raise Ended(GONE) from error


def receive(descriptor: int, longest: int = MESSAGE_BYTES) -> Json:
    """Read one frame. Raises WireError."""
    size = int.from_bytes(_exactly(descriptor, 4), "big")
    if size > longest:
        raise WireError(f"a message of {size} bytes is too long")
    return parse(_exactly(descriptor, size))


def parse(data: bytes) -> Json:
    """Read JSON that a hostile process wrote: nesting is bounded before the stack is at risk."""
    limit = sys.getrecursionlimit()
    frame, depth = sys._getframe(), 0  # noqa: SLF001  the only way to know how deep the stack is already
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]  # f_back ends in None
    sys.setrecursionlimit(depth + 4 * DEPTH)
    try:
        return _from_text(data.decode())
    except (ValueError, RecursionError) as error:
        raise WireError("a message is not valid JSON") from error
    finally:
        sys.setrecursionlimit(limit)


def _exactly(descriptor: int, size: int) -> bytes:
    parts = []
    while size:
        try:
            part = os.read(descriptor, min(size, 1 << 20))
        except OSError as error:
            raise Ended(GONE) from error
        if not part:
            raise Ended(GONE)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


# ---------------------------------------------------------------------------------------------- values


def encode(value: object) -> Json:
    """Return a value as plain data. Raises WireError for one that is too large or too deep."""
    return _Encoder().encode(value, 0)


class _Encoder:
    def __init__(self) -> None:
        self.left = VALUES

    def encode(self, value: object, depth: int) -> Json:
        kind = type(value)
        self.left -= 1 + (len(value) // 16 if kind is str else 0)  # type: ignore[arg-type]
        if self.left < 0 or depth > DEPTH:
            raise WireError("a value is too large or too deeply nested to leave the program")
        if value is None or kind in (bool, float, str):
            return value
        if kind is int:
            return value if -_SMALL <= value < _SMALL else {"i": hex(value)}  # type: ignore[operator,arg-type]
        if kind is list:
            return self.numbers(value) or [self.encode(item, depth + 1) for item in value]  # type: ignore[arg-type,attr-defined]
        return self.tagged(value, depth)

    def numbers(self, values: list[Any]) -> list[Any] | None:
        """Return a list of plain numbers as it is, which is fast; None for any other, and for one that is too long."""
        kinds = set(map(type, values))
        small = kinds == {float} or (kinds == {int} and min(values) >= -_SMALL and max(values) < _SMALL)
        if not small or len(values) > self.left:
            return None
        self.left -= len(values)
        return values

    def items(self, values: Iterable[object], depth: int) -> list[Json]:
        return [self.encode(value, depth + 1) for value in values]

    def pairs(self, values: Iterable[tuple[object, object]], depth: int) -> list[Json]:
        return [[self.encode(key, depth + 1), self.encode(value, depth + 1)] for key, value in values]

    def tagged(self, value: Any, depth: int) -> Json:
        kind = type(value)
        if kind in _SEQUENCES:
            return {_SEQUENCES[kind]: self.items(value, depth)}
        if kind in _MAPPINGS:
            return {_MAPPINGS[kind]: self.pairs(value.items(), depth)}
        if kind in _TEXTUAL:
            tag, to_text = _TEXTUAL[kind]
            return {tag: to_text(value)}
        return self.other(value, depth)

    def other(self, value: Any, depth: int) -> Json:
        for base, to_base in _BASES:
            if isinstance(value, base):
                return self.encode(to_base(value), depth + 1)
        if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0:
            return self.encode(value.item(), depth + 1)
        if isinstance(value, Iterator):
            return {"I": self.items(_bounded(value), depth)}
        return {"o": type(value).__name__[:100]}


def _bounded(values: Iterator[object]) -> Iterator[object]:
    for count, value in enumerate(values):
        if count >= _ITERATOR_ITEMS:
            raise WireError(f"an iterator gave more than {_ITERATOR_ITEMS} items")
        yield value


_SEQUENCES: dict[type, str] = {
    tuple: "t",
    set: "s",
    frozenset: "f",
    deque: "q",
    type({}.keys()): "K",
    type({}.values()): "V",
    type({}.items()): "M",
}
_MAPPINGS: dict[type, str] = {dict: "d", Counter: "n", OrderedDict: "O", defaultdict: "D"}
_TEXTUAL: dict[type, tuple[str, Callable[[Any], Json]]] = {
    bytes: ("b", lambda value: value.decode("latin-1")),
    bytearray: ("a", lambda value: value.decode("latin-1")),
    complex: ("c", lambda value: [value.real, value.imag]),
    range: ("r", lambda value: [hex(value.start), hex(value.stop), hex(value.step)]),
    Decimal: ("m", str),
    Fraction: ("F", lambda value: [hex(value.numerator), hex(value.denominator)]),
}
_BASES: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (int, int.__pos__),
    (float, float.__pos__),
    (str, str.__str__),
    (list, lambda value: list(list.__iter__(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (bytes, lambda value: b"".join((value, b""))),
)
"""Base values of subclasses (named tuples, enumerations, …), got without calling what the subclass overrides."""


def decode(data: Json) -> object:
    """Return the value of plain data. Raises WireError for what `encode` cannot have written."""
    try:
        return _decode(data, 0)
    except (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        raise WireError("a message holds no valid value") from error


def _decode(data: Json, depth: int) -> object:
    if depth > DEPTH:
        raise WireError("a value is too deeply nested")
    if type(data) is list:
        plain = _NESTED.isdisjoint(map(type, data))
        return data.copy() if plain else [_decode(item, depth + 1) for item in data]
    if type(data) is not dict:
        return data
    ((tag, payload),) = data.items()
    if tag in _SCALARS:
        return _SCALARS[tag](payload)
    if tag in _PAIRS:
        return _PAIRS[tag]([(_decode(key, depth + 1), _decode(value, depth + 1)) for key, value in payload])
    if tag in _ITEM_LISTS:
        return _ITEM_LISTS[tag]([_decode(item, depth + 1) for item in payload])
    raise WireError("a message holds an unknown kind of value")


def _hexadecimal(text: str) -> int:
    return int(str.__str__(text), 16)


_NESTED = frozenset({list, dict})
_SCALARS: dict[str, Callable[[Any], object]] = {
    "i": _hexadecimal,
    "b": lambda text: text.encode("latin-1"),
    "a": lambda text: bytearray(text.encode("latin-1")),
    "c": lambda parts: complex(float(parts[0]), float(parts[1])),
    "r": lambda parts: range(*map(_hexadecimal, parts)),
    "m": lambda text: Decimal(str.__str__(text)),
    "F": lambda parts: Fraction(*map(_hexadecimal, parts)),
    "o": lambda text: Opaque(str.__str__(text)[:100]),
}
_PAIRS: dict[str, Callable[[list[tuple[Any, Any]]], object]] = {
    "d": dict,
    "n": lambda pairs: Counter(dict(pairs)),
    "O": OrderedDict,
    "D": lambda pairs: defaultdict(None, pairs),
}
_ITEM_LISTS: dict[str, Callable[[list[Any]], object]] = {
    "t": tuple,
    "s": set,
    "f": frozenset,
    "q": deque,
    "K": lambda items: dict.fromkeys(items).keys(),
    "V": lambda items: dict(enumerate(items)).values(),
    "M": lambda items: dict(items).items(),
    "I": iter,
}
