"""aggregated_results.json: the order is an interface, and -1 never stands without words."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.results.aggregate import aggregated, write_aggregated
from saiten.results.micro import micro_average
from saiten.results.rows import OLD_ROWS, ROWS
from saiten.results.summary import RunResult
from saiten.types import Benchmark, RunSpec, Sampling, SummaryRow
from tests.helpers.shared import shared_path
from tests.unit.results.made import benchmark, benchmark_result, run_result, stored

CATEGORIES = (
    SummaryRow(name="jmmlu_stem", metric="extractive_match", subsets=("physics", "algebra")),
    SummaryRow(name="jmmlu", metric="extractive_match"),
)


def old_cases() -> list[dict[str, Any]]:
    text = gzip.decompress(shared_path("fixtures/parity/aggregation/dev.jsonl.gz").read_bytes())
    return [json.loads(line) for line in text.splitlines()]


def jmmlu() -> Benchmark:
    return benchmark("jmmlu", subsets=("physics", "algebra", "law"), summary=CATEGORIES)


Aggregate = Callable[..., dict[str, Any]]


@pytest.fixture
def aggregate(tmp_path: Path) -> Aggregate:
    """Write what several starts of a run came to, oldest first, and aggregate it."""

    def aggregate(*results: RunResult, allow_debug: bool = False) -> dict[str, Any]:
        place = stored(tmp_path, *results)
        return aggregated(place.results, place.model_name, allow_debug=allow_debug)

    return aggregate


VALUES = {"physics": [1.0, 0.0, 1.0, 1.0], "algebra": [0.0, 0.0], "law": [1.0, 1.0, 1.0]}


def test_the_order_is_that_of_the_old_system() -> None:
    orders = [case["expected"]["internal"]["tasks"] for case in old_cases()]
    assert orders
    assert all(tuple(order) == OLD_ROWS for order in orders)


def test_every_row_stands_once() -> None:
    assert len(ROWS) == len(set(ROWS))
    assert (len(OLD_ROWS), len(ROWS)) == (107, 149)
    assert ROWS[107:110] == ("jgpqa_diamond", "jamcqa", "jamcqa_cot")
    assert ROWS[110] == "jgpqa_diamond_pass@1:16"
    assert ROWS[146:] == ("ifbench_inst_level_strict_acc", "ifbench_average", "aime_2026")


def test_rows_of_a_run_have_values_and_the_rest_is_minus_one(aggregate: Aggregate) -> None:
    told = aggregate(run_result(benchmark_result(jmmlu(), VALUES)))
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


def test_overall_is_the_values_in_order(aggregate: Aggregate) -> None:
    told = aggregate(run_result(benchmark_result(jmmlu(), VALUES)))
    parts = told["overall"].split(",")
    assert len(parts) == len(ROWS)
    assert [float(part) for part in parts] == [float(told["results"][name]) for name in told["tasks"]]
    assert parts[0] == "-1"
    assert parts[4] == str(told["results"]["jmmlu"])


def test_rows_of_a_benchmark_of_ones_own_follow_at_the_end(aggregate: Aggregate) -> None:
    mine = benchmark("mine", summary=[SummaryRow(name="mine_score", metric="extractive_match")])
    told = aggregate(run_result(benchmark_result(mine, {"": [1.0, 0.0]})))
    assert told["tasks"] == [*ROWS, "mine_score"]
    assert told["overall"].endswith(",0.5")


def test_an_incomplete_row_has_no_number_but_bounds_and_words(aggregate: Aggregate) -> None:
    values = VALUES | {"physics": [1.0, 0.0, None, 1.0]}
    told = aggregate(run_result(benchmark_result(jmmlu(), values)))
    assert told["results"]["jmmlu"] == told["results"]["jmmlu_stem"] == -1
    assert told["bounds"]["jmmlu"] == [pytest.approx(5 / 9), pytest.approx(6 / 9)]
    assert told["bounds"]["jmmlu_stem"] == [pytest.approx(2 / 6), pytest.approx(3 / 6)]
    assert told["status"]["jmmlu"] == "incomplete: 8 of 9 choices scored; between 0.5556 and 0.6667"
    assert told["coverage"]["jmmlu"] == pytest.approx(8 / 9)
    assert "jmmlu" not in told["intervals"]
    assert told["complete"] is False


def test_a_row_whose_own_subsets_are_complete_keeps_its_number(aggregate: Aggregate) -> None:
    told = aggregate(run_result(benchmark_result(jmmlu(), VALUES | {"law": [1.0, None, 1.0]})))
    assert told["results"]["jmmlu"] == -1
    assert told["results"]["jmmlu_stem"] == pytest.approx(3 / 6)


def test_a_row_over_a_part_of_its_subsets_has_no_number(aggregate: Aggregate) -> None:
    told = aggregate(run_result(benchmark_result(jmmlu(), {"physics": [1.0, 1.0]})))
    assert told["results"]["jmmlu"] == told["results"]["jmmlu_stem"] == -1
    assert told["status"]["jmmlu"] == "not run: 2 of 3 subsets (algebra, law)"
    assert told["status"]["jmmlu_stem"] == "not run: 1 of 2 subsets (algebra)"


def test_a_row_none_of_whose_subsets_was_asked_for_looks_like_one_of_a_benchmark_that_was_not(
    aggregate: Aggregate,
) -> None:
    told = aggregate(run_result(benchmark_result(jmmlu(), {"law": [1.0, 1.0]})))
    for name in ("jmmlu_stem", "math_500"):
        assert told["results"][name] == -1
        assert told["status"][name] == "not run"
        assert all(name not in told[beside] for beside in ("coverage", "intervals", "bounds", "n"))


def test_a_metric_that_this_run_does_not_have_is_said(aggregate: Aggregate) -> None:
    made = benchmark("humaneval", summary=[SummaryRow(name="humaneval_pass@10", metric="humaneval_pass@10:10")])
    told = aggregate(run_result(benchmark_result(made, {"": [1.0]})))
    assert told["results"]["humaneval_pass@10"] == -1
    assert "no metric humaneval_pass@10:10" in told["status"]["humaneval_pass@10"]


def test_a_row_that_two_benchmarks_give_has_no_number(aggregate: Aggregate) -> None:
    rows = [SummaryRow(name="math_500", metric="extractive_match")]
    made = [benchmark(name, summary=rows) for name in ("math_500", "my_math")]
    told = aggregate(run_result(*(benchmark_result(one, {"": [1.0, 1.0]}) for one in made)))
    assert told["results"]["math_500"] == -1
    assert told["status"]["math_500"] == "two benchmarks give this row: math_500 and my_math"


def trial(values: dict[str, list[float]], size: int) -> RunResult:
    """Return a run with --max-samples."""
    spec = RunSpec(model="org/model", benchmarks=("jmmlu",), max_samples=size)
    return run_result(benchmark_result(jmmlu(), values, documents_in_dataset=100), spec=spec)


def full(values: dict[str, list[float]], made: Benchmark | None = None) -> RunResult:
    return run_result(benchmark_result(made or jmmlu(), values))


def test_a_trial_is_marked_row_by_row(aggregate: Aggregate) -> None:
    told = aggregate(trial(VALUES, 4))
    assert told["debug"] is True
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert told["status"]["jmmlu"] == "debug: the first 4 documents of each subset"


def test_a_run_with_a_limit_is_a_trial_throughout_however_few_documents_a_benchmark_has(aggregate: Aggregate) -> None:
    spec = RunSpec(model="org/model", benchmarks=("jmmlu", "math_500"), max_samples=4)
    cut = benchmark_result(jmmlu(), VALUES, documents_in_dataset=100)
    whole = benchmark_result(
        benchmark("math_500", summary=[SummaryRow(name="math_500", metric="extractive_match")]), {"": [1.0]}
    )
    told = aggregate(run_result(cut, whole, spec=spec))
    assert told["debug"] is True
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert told["results"]["math_500"] == 1.0
    assert {told["status"][name] for name in ("jmmlu", "math_500")} == {"debug: the first 4 documents of each subset"}


def test_a_later_trial_never_replaces_a_full_result(aggregate: Aggregate) -> None:
    told = aggregate(full(VALUES), trial({name: [1.0] for name in VALUES}, 1))
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert (told["debug"], told["status"]["jmmlu"]) == (False, "complete")


def test_a_trial_beside_full_results_has_no_number_unless_it_is_asked_for(aggregate: Aggregate) -> None:
    other = full({"": [1.0]}, benchmark("math_500"))
    told = aggregate(trial(VALUES, 4), other)
    assert told["results"]["jmmlu"] == -1
    assert told["status"]["jmmlu"].startswith("debug: the first 4 documents of each subset; not mixed with full")
    assert told["results"]["math_500"] == 1.0
    mixed = aggregate(trial(VALUES, 4), other, allow_debug=True)
    assert mixed["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert mixed["debug"] is True
    assert mixed["status"]["jmmlu"] == "debug: the first 4 documents of each subset"


def test_starts_over_other_benchmarks_add_up(aggregate: Aggregate) -> None:
    told = aggregate(full(VALUES), full({"": [1.0, 0.0]}, benchmark("math_500")))
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert told["results"]["math_500"] == 0.5


def test_subsets_from_several_starts_are_one_benchmark_and_the_newest_counts(aggregate: Aggregate) -> None:
    parts = [{"physics": [0.0] * 4}, {"physics": VALUES["physics"]}, {"algebra": VALUES["algebra"]}]
    told = aggregate(*map(full, parts))
    assert told["results"]["jmmlu"] == -1
    assert told["results"]["jmmlu_stem"] == pytest.approx(3 / 6)
    assert told["n"]["jmmlu_stem"] == 6
    low, high = told["intervals"]["jmmlu_stem"]
    assert low < 0.5 < high
    whole = aggregate(*map(full, [*parts, {"law": VALUES["law"]}]))
    assert whole["results"]["jmmlu"] == pytest.approx(6 / 9)


def test_the_order_of_starts_does_not_move_rows(aggregate: Aggregate) -> None:
    mine = full({"": [1.0]}, benchmark("mine"))
    assert aggregate(mine, full(VALUES))["tasks"] == aggregate(full(VALUES), mine)["tasks"]


def test_starts_with_other_sampling_are_told(aggregate: Aggregate) -> None:
    hot = RunSpec(model="org/model", benchmarks=("jmmlu",), sampling=Sampling(temperature=1.0))
    told = aggregate(full(VALUES), run_result(benchmark_result(jmmlu(), VALUES), spec=hot))
    assert told["warnings"] == [], "the older one does not count any more"
    half = RunSpec(model="org/model", benchmarks=("math_500",), sampling=Sampling(temperature=1.0))
    other = run_result(benchmark_result(benchmark("math_500"), {"": [1.0]}), spec=half)
    told = aggregate(full(VALUES), other)
    assert any("different sampling" in warning for warning in told["warnings"])
    assert aggregate(full(VALUES), full(VALUES))["warnings"] == []


def test_a_torn_file_of_an_earlier_start_is_told_and_ends_nothing(tmp_path: Path) -> None:
    place = stored(tmp_path, full(VALUES), full({"": [1.0]}, benchmark("math_500")))
    oldest = min(place.results.glob("*.json"))
    oldest.write_text(oldest.read_text()[:300])
    told = aggregated(place.results, place.model_name)
    assert (told["results"]["jmmlu"], told["results"]["math_500"]) == (-1, 1.0)
    assert any(oldest.name in warning and "not whole JSON" in warning for warning in told["warnings"])


def test_a_run_without_results_yet_is_incomplete_and_says_so(tmp_path: Path) -> None:
    told = aggregated(tmp_path / "none", "m")
    assert told["complete"] is False
    assert "no results yet" in told["warnings"][0]
    assert set(told["results"].values()) == {-1}


def test_files_of_another_version_are_told_and_left_out(tmp_path: Path) -> None:
    place = stored(tmp_path, full(VALUES))
    (path,) = place.results.glob("*.json")
    data = json.loads(path.read_bytes())
    data["saiten"]["format"] = 1
    path.write_text(json.dumps(data))
    told = aggregated(place.results, place.model_name)
    assert told["results"]["jmmlu"] == -1
    assert "1 files of another version" in told["warnings"][0]


def test_the_file_is_strict_json_and_names_the_settings(tmp_path: Path) -> None:
    place = stored(tmp_path, full(VALUES))
    assert write_aggregated(place)["custom_settings"]["name"] == ""
    place.manifest.write_text(json.dumps({"spec": {"settings": "greedy"}}))
    write_aggregated(place)
    told = json.loads(place.aggregated.read_text(), parse_constant=pytest.fail)
    assert told["results"]["jmmlu"] == pytest.approx(6 / 9)
    assert told["custom_settings"] == {"path": "", "name": "greedy", "version": ""}
    used = {"path": "p.yaml", "name": "greedy", "version": "2"}
    place.manifest.write_text(json.dumps({"spec": {"settings": "greedy", "settings_used": used | {"origins": {}}}}))
    assert write_aggregated(place)["custom_settings"] == used


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
