"""Command line, model settings, document, benchmark, provider: the nearest that says something wins, and is named."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from saiten.settings.model_settings import Block
from saiten.settings.precedence import (
    Layer,
    overridden_temperatures,
    resolved,
    sampling_layer,
    sampling_sent,
    with_block,
)
from saiten.types import Access, RunSpec, Sampling, ServerSpec

samplings = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0.1, 1),
    max_tokens=st.none() | st.integers(1, 99),
    seed=st.none() | st.integers(0, 99),
)


@given(samplings, samplings, samplings, samplings, st.booleans())
def test_what_is_told_is_what_is_sent(
    run: Sampling, document: Sampling, benchmark: Sampling, provider: Sampling, own: bool
) -> None:
    sent = sampling_sent(run, document if own else None, benchmark, provider)
    layers = [run, *([document] if own else []), benchmark, provider]
    told = resolved([sampling_layer(str(number), layer) for number, layer in enumerate(layers)])
    assert {name: value.value for name, value in told.items()} == {
        name: value for name in Sampling.__slots__ if (value := getattr(sent, name)) is not None
    }
    for name, value in told.items():
        assert getattr(layers[int(value.origin)], name) == value.value


def test_false_and_zero_and_empty_are_values() -> None:
    layers = [
        Layer(name="a", values={"x": 0, "y": "", "z": False, "w": None}),
        Layer(name="b", values={"x": 1, "w": 2}),
    ]
    found = resolved(layers)
    assert {key: (value.value, value.origin) for key, value in found.items()} == {
        "x": (0, "a"),
        "y": ("", "a"),
        "z": (False, "a"),
        "w": (2, "b"),
    }


def block(**values: object) -> Block:
    lines = {name: f"f.yaml:{number}" for number, name in enumerate(values, start=2)}
    return Block(name="n", path=Path("f.yaml"), values=values, lines=lines)


def test_the_command_line_goes_before_a_block_and_both_are_named() -> None:
    spec = RunSpec(
        model="m",
        benchmarks=("b",),
        settings="n",
        sampling=Sampling(temperature=0.0),
        server=ServerSpec(vllm="0.9"),
    )
    given = block(
        temperature=0.6,
        max_new_tokens=9,
        system_message="s",
        reasoning_parser="qwen3",
        max_n=2,
        vllm="0.10",
        max_model_length=99,
        server_args="-x",
        version="4",
    )
    made, access = with_block(spec, Access(base_url="http://h"), given)
    assert made.sampling == Sampling(temperature=0.0, max_tokens=9)
    assert (made.system_message, made.reasoning_parser) == ("s", "qwen3")
    assert made.server == ServerSpec(vllm="0.9", max_model_length=99, server_args="-x")
    assert (access.max_n, access.base_url) == (2, "http://h")
    used = made.settings_used
    assert used is not None
    assert (used.path, used.name, used.version) == ("f.yaml", "n", "4")
    assert used.origins == {
        "temperature": "command line",
        "max_tokens": "f.yaml:3",
        "system_message": "f.yaml:4",
        "reasoning_parser": "f.yaml:5",
        "max_n": "f.yaml:6",
        "vllm": "command line",
        "max_model_length": "f.yaml:8",
        "server_args": "f.yaml:9",
    }


def test_only_a_temperature_that_changes_a_benchmark_made_for_another_is_worth_a_word() -> None:
    own = {"humaneval": 0.2, "jmmlu": 0.0, "lcb": 0.6, "mt_bench": None}
    assert overridden_temperatures(Sampling(temperature=0.6), own) == ["humaneval", "mt_bench"]
    assert overridden_temperatures(Sampling(temperature=0.0), own) == ["humaneval", "lcb", "mt_bench"]
    assert overridden_temperatures(Sampling(), own) == []
