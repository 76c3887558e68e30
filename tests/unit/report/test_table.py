"""The table tells the truth at one look: no score without its doubt, no missing choice without a word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from saiten.report.table import render
from saiten.report.text import columns_of
from saiten.results.summary import RunResult
from saiten.types import RunSpec
from saiten.values import replace
from tests.unit.results.made import benchmark, benchmark_result, run_result

COMPLETE = {"": [1.0] * 30 + [0.0] * 10}


def complete(**changes: Any) -> RunResult:
    whole = benchmark_result(benchmark("math_500"), COMPLETE, truncated=4, repetition=2, unclosed=1)
    return run_result(whole, **changes)


def line_of(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_a_score_stands_with_interval_coverage_and_shares() -> None:
    line = line_of(render(complete()), "math_500")
    assert re.search(r"math_500 +extractive_match +0\.7500 ± 0\.1\d{3} +100 % +10\.0 % +5\.0 % +2\.5 % +0 +40$", line)


def test_the_careful_twin_stands_below_with_its_disagreement() -> None:
    line = line_of(render(complete()), "accuracy")
    assert re.search(r"^ +└ accuracy +0\.7500 ± \S+ +differs in 25\.0 % of the documents$", line)


def test_missing_choices_give_bounds_and_the_word() -> None:
    text = render(run_result(benchmark_result(benchmark("math_500"), {"": [1.0] * 8 + [None, None]})))
    assert re.search(r"math_500 +INCOMPLETE +80\.0 % .* 2 +10$", line_of(text, "math_500"))
    assert re.search(r"^ +extractive_match +\[0\.8000, 1\.0000\]$", line_of(text, "extractive_match"))
    assert re.search(r"^ +└ accuracy +\[0\.8000, 1\.0000\]$", line_of(text, "accuracy"))
    assert "lacks 2 of 10 choices (2 failed)" in text
    assert "The same command again asks only for what is missing." in " ".join(text.split())
    assert "1.0000 ±" not in text


def test_one_missing_choice_of_many_is_not_rounded_to_all() -> None:
    text = render(run_result(benchmark_result(benchmark("b"), {"": [1.0] * 99_999 + [None]})))
    assert " 99.9 %" in line_of(text, "INCOMPLETE")


def test_one_truncated_choice_of_many_is_not_rounded_to_none() -> None:
    text = render(run_result(benchmark_result(benchmark("b"), {"": [1.0] * 5000}, truncated=1)))
    assert " 0.1 %" in line_of(text, "extractive_match")


def test_a_run_without_any_answer_shows_no_share() -> None:
    text = render(run_result(benchmark_result(benchmark("b"), {"": [None, None]})))
    assert re.search(r"INCOMPLETE +0\.0 % +– +– +– +2 +2$", line_of(text, "INCOMPLETE"))
    assert "[0.0000, 1.0000]" in line_of(text, "extractive_match")


def test_subsets_are_shown_only_when_wanted() -> None:
    made = benchmark("jmmlu", subsets=("anatomy", "law"))
    result = run_result(benchmark_result(made, {"anatomy": [1.0, 0.0], "law": [1.0, 1.0]}))
    assert "jmmlu:anatomy" not in render(result)
    shown = render(result, subsets=True)
    assert "0.5000" in line_of(shown, "jmmlu:anatomy")
    assert "1.0000" in line_of(shown, "jmmlu:law")


def test_notes_files_and_debug_are_told(tmp_path: Path) -> None:
    whole = benchmark_result(benchmark("humaneval"), COMPLETE, notes=("executed in namespaces",))
    spec = RunSpec(model="org/model", benchmarks=("humaneval",), max_samples=40, settings="greedy")
    text = render(run_result(whole, spec=spec, directory=tmp_path), files=(tmp_path / "results.json",))
    assert "humaneval: executed in namespaces" in text
    assert f"files: {tmp_path}" in text
    assert f"files: {tmp_path / 'results.json'}" in text
    assert "DEBUG: first 40 documents" in text
    assert "settings greedy" in text


def test_names_cannot_steer_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;x\x07\x1b]52;c;aGk=\x07\u202e\u200b\r\n"
    whole = benchmark_result(benchmark(f"b{evil}enchmark"), COMPLETE, notes=(f"no{evil}te",))
    metrics = tuple(replace(metric, name=f"m{evil}{metric.name}") for metric in whole.metrics)
    spec = RunSpec(model=f"org/{evil}model", provider=f"p{evil}", benchmarks=(), settings=f"s{evil}")
    text = render(
        run_result(replace(whole, metrics=metrics), spec=spec, directory=Path(f"d{evil}")), width=200, ansi=False
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\u200b]", text)


def test_colours_come_only_when_asked_for() -> None:
    result = run_result(benchmark_result(benchmark("b"), {"": [1.0, None]}))
    coloured = render(result, ansi=True)
    assert "\x1b[31m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == render(result, ansi=False)


@pytest.mark.parametrize("width", [1, 40, 80, 90, 120, 300])
def test_columns_line_up_with_wide_characters(width: int) -> None:
    results = [benchmark_result(benchmark(name), COMPLETE) for name in ("採点ベンチマーク", "b", "ﾊﾝｶｸと全角")]
    lines = [line for line in render(run_result(*results), width=width).splitlines() if "100 %" in line]
    assert len(lines) == 3
    assert len({columns_of(line) for line in lines}) == 1


def test_the_table_fits_a_terminal_of_100_columns() -> None:
    usual = [benchmark(name, subsets=("anatomy", "law")) for name in ("sample_choice_ja", "humaneval")]
    made = [benchmark_result(one, {"anatomy": [1.0, None], "law": [1.0] * 1000}) for one in usual]
    text = render(run_result(*made), width=100)
    assert max(columns_of(line) for line in text.splitlines()) <= 100
    assert "sample_choice_ja" in text
    assert "extractive_match" in text


@pytest.mark.parametrize("width", [80, 90, 100])
def test_only_names_are_shortened_on_a_narrow_terminal(width: int) -> None:
    made = benchmark("a_benchmark_with_a_rather_long_name")
    text = render(run_result(benchmark_result(made, COMPLETE)), width=width)
    assert max(columns_of(line) for line in text.splitlines()) <= width + 5
    assert "…" in text
    assert re.search(r"0\.7500 ± 0\.1\d{3} +100 %", text)


def test_a_run_of_nothing_is_a_header() -> None:
    assert "benchmark" in render(run_result())
