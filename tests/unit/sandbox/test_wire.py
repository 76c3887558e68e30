"""What crosses between processes is plain data, whole or not at all."""

from __future__ import annotations

import json
import os
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from saiten.sandbox.inside import wire

hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1)),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
values = st.recursive(
    hashable,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.sets(hashable, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.lists(inner, max_size=3).map(deque)
        | st.dictionaries(hashable, inner, max_size=3).map(OrderedDict)
        | st.binary().map(bytearray)
    ),
    max_leaves=12,
)
jsons = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(list("itdsfqbacrmFonODKVMI?")) | st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=15,
)


def travelled(value: object) -> Any:
    """Send a value through a frame's text."""
    return wire.decode(wire.parse(json.dumps(wire.encode(value)).encode()))


@settings(deadline=None)
@given(values)
def test_plain_values_arrive_as_they_were(value: object) -> None:
    arrived = travelled(value)
    assert arrived == value
    assert type(arrived) is type(value)


@settings(deadline=None)
@given(jsons)
@example({"c": []})
@example({"c": {}})
def test_nothing_but_a_wire_error_comes_out_of_hostile_data(data: Any) -> None:
    try:
        wire.decode(data)
    except wire.WireError:
        return


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_nothing_but_a_wire_error_comes_out_of_hostile_bytes(data: bytes) -> None:
    try:
        wire.parse(data)
    except wire.WireError:
        return


class Liar(int):
    """Claims to be equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __pos__(self) -> int:
        return 42

    __int__ = __index__ = __pos__


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "another"


def test_a_subclass_crosses_as_its_base_value_whatever_it_overrides() -> None:
    assert type(travelled(Liar(7))) is int
    assert travelled(Liar(7)) == 7
    assert travelled([Text("it")]) == ["it"]
    assert travelled(Counter("aab")) == {"a": 2, "b": 1}
    assert type(travelled(defaultdict(list, {1: [2]}))) is defaultdict


def test_a_value_of_another_class_equals_nothing() -> None:
    arrived = travelled(object())
    assert isinstance(arrived, wire.Opaque)
    assert arrived != travelled(object())


def test_iterators_and_views_keep_their_kind() -> None:
    assert list(travelled(number for number in range(3))) == [0, 1, 2]
    assert travelled({"a": 1}.keys()) == {"a"}
    assert travelled({"a": 1}.items()) == {("a", 1)}
    assert list(travelled({"a": 1}.values())) == [1]


def test_numbers_keep_every_digit() -> None:
    for number in (2**63, -(2**63) - 1, 7**9000):
        assert travelled(number) == number
    assert str(travelled(-0.0)) == "-0.0"
    assert travelled(float("nan")) != 0
    assert travelled(Decimal("1.10")).as_tuple() == Decimal("1.10").as_tuple()
    assert travelled(Fraction(7**900, 3)) == Fraction(7**900, 3)


def endless() -> Any:
    """Yield for ever."""
    while True:
        yield 1


def circle() -> list[Any]:
    """Return a list that holds itself."""
    made: list[Any] = []
    made.append(made)
    return made


@pytest.mark.parametrize(
    "value", [[0] * 4_100_000, ["x"] * 4_100_000, "x" * 100_000_000, circle(), endless()], ids=type
)
def test_what_is_too_large_or_too_deep_is_not_sent(value: object) -> None:
    with pytest.raises(wire.WireError):
        wire.encode(value)


@pytest.mark.parametrize("data", [b"[" * 5_000_000, b'{"t":' * 100_000, b"9" * 100_000, b"{", b"\xff", b""])
def test_deep_and_broken_json_is_refused_without_danger(data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.parse(data)


def test_deep_values_are_refused() -> None:
    data: Any = 1
    for _ in range(wire.DEPTH + 2):
        data = [data]
    with pytest.raises(wire.WireError):
        wire.decode(data)


def test_frames_arrive_whole_and_their_end_is_seen() -> None:
    reading, writing = os.pipe()
    wire.send(writing, {"a": [1]})
    assert wire.receive(reading) == {"a": [1]}
    os.write(writing, (wire.MESSAGE_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(wire.WireError, match="too long"):
        wire.receive(reading)
    os.write(writing, b"\0\0\0\5abc")
    os.close(writing)
    with pytest.raises(wire.Ended):
        wire.receive(reading)
    os.close(reading)


@pytest.mark.parametrize("numbers", [[1, 2**63 - 1, -(2**63)], [2**63], [True, 1], [1.5, float("inf")], [1, 1.5], []])
def test_lists_of_numbers_arrive_as_they_were(numbers: list[object]) -> None:
    arrived = travelled(numbers)
    assert arrived == numbers
    assert [type(number) for number in arrived] == [type(number) for number in numbers]
