"""aggregated_results.json: the order is an interface, and -1 never stands without words."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.results.aggregate import aggregated, micro_average, row_values, write_aggregated
from saiten.results.rows import ROWS
from saiten.types import Benchmark, RunSpec, SummaryRow
from tests.helpers.shared import shared_path
from tests.unit.results.made import benchmark, benchmark_result, layout, run_result

CATEGORIES = (
    SummaryRow(name="jmmlu_stem", metric="extractive_match", subsets=("physics", "algebra")),
    SummaryRow(name="jmmlu", metric="extractive_match"),
)


def old_cases() -> list[dict[str, Any]]:
    text = gzip.decompress(shared_path("fixtures/parity/aggregation/dev.jsonl.gz").read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def jmmlu() -> Benchmark:
    return benchmark("jmmlu", subsets=("physics", "algebra", "law"), summary=CATEGORIES)


VALUES = {"physics": [1.0, 0.0, 1.0, 1.0], "algebra": [0.0, 0.0], "law": [1.0, 1.0, 1.0]}


def test_the_order_is_that_of_the_old_system() -> None:
    orders = [case["expected"]["internal"]["tasks"] for case in old_cases()]
    assert orders
    assert all(tuple(order) == ROWS for order in orders)


def test_every_row_stands_once() -> None:
    assert len(ROWS) == len(set(ROWS)) == 107


def test_rows_of_a_run_have_values_and_the_rest_is_minus_one() -> None:
    told = aggregated(run_result(benchmark_result(jmmlu(), VALUES)), "hosted_vllm/org/model")
    assert told["model"] == "hosted_vllm/org/model"
    assert told["tasks"] == list(ROWS) == list(told["results"])
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert told["results"]["jmmlu_stem"] == pytest.approx(3 / 6)
    assert told["results"]["math_500"] == -1
    assert told["status"]["math_500"] == "not run"
    assert told["status"]["jmmlu"] == "complete"
    assert told["n"] == {"jmmlu_stem": 6, "jmmlu": 9}
    assert told["coverage"]["jmmlu"] == 1.0
    low, high = told["intervals"]["jmmlu"]
    assert low < 6 / 9 < high


def test_overall_is_the_values_in_order() -> None:
    told = aggregated(run_result(benchmark_result(jmmlu(), VALUES)), "m")
    parts = told["overall"].split(",")
    assert len(parts) == 107
    assert [float(part) for part in parts] == [float(told["results"][name]) for name in told["tasks"]]
    assert parts[0] == "-1"
    assert parts[4] == str(told["results"]["jmmlu"])


def test_rows_of_a_benchmark_of_ones_own_follow_at_the_end() -> None:
    mine = benchmark("mine", summary=[SummaryRow(name="mine_score", metric="extractive_match")])
    told = aggregated(run_result(benchmark_result(mine, {"": [1.0, 0.0]})), "m")
    assert told["tasks"] == [*ROWS, "mine_score"]
    assert told["overall"].endswith(",0.5")


def test_an_incomplete_row_has_no_number_but_bounds_and_words() -> None:
    values = VALUES | {"physics": [1.0, 0.0, None, 1.0]}
    told = aggregated(run_result(benchmark_result(jmmlu(), values)), "m")
    assert told["results"]["jmmlu"] == told["results"]["jmmlu_stem"] == -1
    assert told["bounds"]["jmmlu"] == [pytest.approx(5 / 9), pytest.approx(6 / 9)]
    assert told["bounds"]["jmmlu_stem"] == [pytest.approx(2 / 6), pytest.approx(3 / 6)]
    assert told["status"]["jmmlu"] == "incomplete: 8 of 9 choices scored; between 0.5556 and 0.6667"
    assert told["coverage"]["jmmlu"] == pytest.approx(8 / 9)
    assert "jmmlu" not in told["intervals"]
    assert told["complete"] is False


def test_a_row_whose_own_subsets_are_complete_keeps_its_number() -> None:
    told = aggregated(run_result(benchmark_result(jmmlu(), VALUES | {"law": [1.0, None, 1.0]})), "m")
    assert told["results"]["jmmlu"] == -1
    assert told["results"]["jmmlu_stem"] == pytest.approx(3 / 6)


def test_a_row_over_a_part_of_its_subsets_has_no_number() -> None:
    told = aggregated(run_result(benchmark_result(jmmlu(), {"physics": [1.0, 1.0]})), "m")
    assert told["results"]["jmmlu"] == told["results"]["jmmlu_stem"] == -1
    assert told["status"]["jmmlu"] == "not run: 2 of 3 subsets"
    assert told["status"]["jmmlu_stem"] == "not run: 1 of 2 subsets"


def test_a_metric_that_this_run_does_not_have_is_said() -> None:
    made = benchmark("humaneval", summary=[SummaryRow(name="humaneval_pass@10", metric="humaneval_pass@10:10")])
    told = aggregated(run_result(benchmark_result(made, {"": [1.0]})), "m")
    assert told["results"]["humaneval_pass@10"] == -1
    assert "no metric humaneval_pass@10:10" in told["status"]["humaneval_pass@10"]


def test_a_row_that_two_benchmarks_give_has_no_number() -> None:
    rows = [SummaryRow(name="math_500", metric="extractive_match")]
    made = [benchmark(name, summary=rows) for name in ("math_500", "my_math")]
    told = aggregated(run_result(*(benchmark_result(one, {"": [1.0, 1.0]}) for one in made)), "m")
    assert told["results"]["math_500"] == -1
    assert told["status"]["math_500"] == "two benchmarks give this row: math_500 and my_math"


def test_a_debug_run_is_marked() -> None:
    spec = RunSpec(model="m", benchmarks=("jmmlu",), max_samples=5, settings="greedy")
    told = aggregated(run_result(benchmark_result(jmmlu(), VALUES), spec=spec), "m")
    assert (told["debug"], told["max_samples"]) == (True, 5)
    assert told["custom_settings"] == {"path": "", "name": "greedy", "version": ""}
    given = {"path": "s.yaml", "name": "n", "version": "2"}
    assert aggregated(run_result(benchmark_result(jmmlu(), VALUES)), "m", given)["custom_settings"] == given


def test_the_file_is_strict_json(tmp_path: Path) -> None:
    place = layout(tmp_path)
    written = write_aggregated(run_result(benchmark_result(jmmlu(), VALUES)), place)
    assert written == place.aggregated
    told = json.loads(written.read_text(), parse_constant=pytest.fail)
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)


def test_a_doubt_does_not_vanish_where_every_subset_is_perfect() -> None:
    whole = benchmark_result(jmmlu(), {name: [1.0] * 5 for name in VALUES})
    metric = micro_average(whole.subsets, "extractive_match")
    assert metric is not None
    assert metric.estimate.value == 1.0
    assert metric.estimate.low is not None
    assert metric.estimate.low < 0.95


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=8), min_size=1, max_size=5))
def test_the_micro_average_is_the_mean_over_all_documents(strata: list[list[float]]) -> None:
    made = benchmark("b", subsets=[f"s{number}" for number in range(len(strata))])
    whole = benchmark_result(made, {f"s{number}": values for number, values in enumerate(strata)})
    metric = micro_average(whole.subsets, "extractive_match")
    assert metric is not None
    assert metric.estimate.value is not None
    everything = [value for values in strata for value in values]
    assert math.isclose(metric.estimate.value, sum(everything) / len(everything), rel_tol=1e-12)
    assert metric.estimate.n == len(everything)


def test_micro_averages_agree_with_the_old_aggregation() -> None:
    """The old system's own subset values and sizes, averaged by ours, give its own aggregated values."""
    from saiten.benchmarks import find
    from saiten.results.summary import Evidence, MetricResult, SubsetResult
    from saiten.types import Estimate

    made = find("jmmlu")
    case = next(case for case in old_cases() if case["input"]["case"].startswith("full_one_file_per_task"))
    parts: dict[str, SubsetResult] = {}
    for file in case["input"]["files"].values():
        for key, row in file["json"]["results"].items():
            task = key.removeprefix("swallow|").removesuffix("|0")
            base, _, subset = task.partition(":")
            if base != "swallow_jmmlu" or subset == "_average":
                continue
            count = file["json"]["config_tasks"][f"swallow|{task}"]["effective_num_docs"]
            metric = MetricResult(
                name="extractive_match", compatible=True, estimate=Estimate(value=row["extractive_match"], n=count)
            )
            full = Evidence(due=count, answered=count, scored=count)
            parts[subset] = SubsetResult(subset=subset, documents=count, evidence=full, metrics=(metric,))
    whole = benchmark_result(made, {subset: [1.0] for subset in parts}, subsets=tuple(parts.values()))
    rows = row_values([whole])
    expected = case["expected"]["internal"]["results"]
    for name in ("jmmlu_stem", "jmmlu_humanities", "jmmlu_social_sciences", "jmmlu_other"):
        assert rows[name].value == pytest.approx(expected[name], rel=1e-12)
    everything = micro_average(tuple(parts.values()), "extractive_match")
    assert everything is not None
    assert everything.estimate.value == pytest.approx(expected["jmmlu"], rel=1e-12)
