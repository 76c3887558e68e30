"""results_*.json has the shape that lighteval 0.8 wrote, and an incomplete task never looks complete in it."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from saiten.results.export import export_results, results_document
from saiten.results.tally import TaskTally
from saiten.types import Benchmark, RunSpec, Sampling
from saiten.values import replace
from tests.unit.results.made import benchmark, benchmark_result, layout, run_result, scored_document

VALUES = {"24": [1.0, 0.0, 1.0], "25": [0.0, 0.0, 1.0, 0.0]}


def aime() -> Benchmark:
    return benchmark("aime", subsets=("24", "25"), language="en")


def tallies(values: dict[str, list[float]]) -> dict[str, TaskTally]:
    made: dict[str, TaskTally] = {}
    for subset, numbers in values.items():
        tally = made.setdefault(f"swallow|aime:{subset}|0", TaskTally())
        for index, value in enumerate(numbers):
            known = {"extractive_match": value, "accuracy": value}
            tally.add(scored_document("aime", subset=subset, index=index, values=known))
    return made


def test_the_top_level_is_the_old_one_and_one_key_of_ours() -> None:
    told = results_document(run_result(benchmark_result(aime(), VALUES)), "hosted_vllm/org/model", {})
    old = ["config_general", "results", "versions", "config_tasks", "summary_tasks", "summary_general"]
    assert list(told) == [*old, "saiten"]


def test_results_have_old_keys_averages_and_old_standard_errors() -> None:
    told = results_document(run_result(benchmark_result(aime(), VALUES)), "m", tallies(VALUES))["results"]
    assert list(told) == ["swallow|aime:24|0", "swallow|aime:25|0", "swallow|aime:_average|0", "all"]
    first = told["swallow|aime:24|0"]
    assert first["extractive_match"] == pytest.approx(2 / 3)
    assert first["extractive_match_stderr"] == pytest.approx(statistics.stdev(VALUES["24"]) / 3**0.5)
    average = told["swallow|aime:_average|0"]
    assert average["extractive_match"] == pytest.approx((2 / 3 + 1 / 4) / 2)
    both = [statistics.stdev(values) / len(values) ** 0.5 for values in VALUES.values()]
    assert average["extractive_match_stderr"] == pytest.approx(sum(both) / 2)
    assert told["all"] == average
    assert "accuracy" not in first


def test_a_task_without_subsets_has_no_average_row() -> None:
    made = benchmark("math_500")
    told = results_document(run_result(benchmark_result(made, {"": [1.0]})), "m", {})["results"]
    assert list(told) == ["swallow|math_500|0", "all"]
    assert list(told["all"]) == ["extractive_match"]


def test_an_incomplete_task_is_null_and_so_are_its_averages() -> None:
    made = benchmark_result(aime(), {"24": [1.0, None], "25": [1.0, 1.0]})
    document = results_document(run_result(made), "m", {})
    rows = document["results"]
    assert rows["swallow|aime:24|0"] == {"extractive_match": None, "extractive_match_stderr": None}
    assert rows["swallow|aime:25|0"]["extractive_match"] == 1.0
    assert rows["swallow|aime:_average|0"]["extractive_match"] is None
    assert rows["all"]["extractive_match"] is None
    ours = document["saiten"]["benchmarks"]["aime"]
    assert document["saiten"]["complete"] is False
    assert ours["metrics"]["extractive_match"]["value"] is None
    assert ours["metrics"]["extractive_match"]["bounds"] == [0.75, 1.0]
    assert ours["metrics"]["extractive_match"]["over_scored_documents_only"]["value"] == 1.0
    assert ours["evidence"]["coverage"] == 0.75
    assert ours["subsets"]["25"]["metrics"]["accuracy"]["value"] == 1.0


def test_evidence_of_missing_choices_alone_makes_a_value_null() -> None:
    made = benchmark_result(benchmark("b"), {"": [1.0, None]})
    hidden = replace(made.subsets[0], metrics=tuple(replace(m, bounds=None) for m in made.subsets[0].metrics))
    document = results_document(run_result(replace(made, subsets=(hidden,))), "m", {})
    assert document["results"]["swallow|b|0"]["extractive_match"] is None


def test_the_general_part_is_what_the_old_aggregation_reads() -> None:
    spec = RunSpec(
        model="org/model",
        benchmarks=("aime",),
        max_samples=4,
        sampling=Sampling(temperature=0.2, max_tokens=100, stop=("a",), extra_body={"token": "sk-canary-body"}),
    )
    told = results_document(run_result(benchmark_result(aime(), VALUES), spec=spec), "openai/org/model", {})
    general = told["config_general"]
    assert general["model_name"] == "openai/org/model"
    assert float(general["total_evaluation_time_secondes"]) == 12.5
    assert general["max_samples"] == 4
    assert general["generation_parameters"]["temperature"] == 0.2
    assert general["generation_parameters"]["max_new_tokens"] == 100
    assert general["generation_parameters"]["top_p"] is None
    assert told["saiten"]["debug"] is True
    assert "sk-canary-body" not in json.dumps(told)


def test_tasks_tell_their_dataset_and_their_documents() -> None:
    told = results_document(run_result(benchmark_result(aime(), VALUES)), "m", {})
    task = told["config_tasks"]["swallow|aime:24"]
    assert (task["name"], task["hf_repo"], task["hf_subset"]) == ("aime:24", "org/aime", "24")
    assert (task["original_num_docs"], task["effective_num_docs"], task["version"]) == (3, 3, 3)
    assert task["hf_revision"] == "abc123"
    assert [metric["metric_name"] for metric in task["metric"]] == ["extractive_match"]
    assert told["versions"] == {"swallow|aime:24|0": 3, "swallow|aime:25|0": 3}


def test_a_part_of_the_documents_does_not_pass_for_all() -> None:
    spec = RunSpec(model="m", benchmarks=("aime",), max_samples=3)
    both = benchmark_result(aime(), {"24": [1.0] * 3, "25": [1.0] * 2}, documents_in_dataset=60)
    told = results_document(run_result(both, spec=spec), "m", {})["config_tasks"]
    assert told["swallow|aime:24"]["original_num_docs"] == -1
    assert told["swallow|aime:25"]["original_num_docs"] == 2
    one = benchmark_result(benchmark("b"), {"": [1.0] * 3}, documents_in_dataset=60)
    told = results_document(run_result(one, spec=spec), "m", {})["config_tasks"]
    assert (told["swallow|b"]["original_num_docs"], told["swallow|b"]["effective_num_docs"]) == (60, 3)


def test_hashes_change_with_prompts_and_answers_and_not_with_their_order() -> None:
    documents = [scored_document("aime", subset="24", index=index) for index in range(3)]
    first, second, other, answered = (TaskTally() for _ in range(4))
    for document in documents:
        first.add(document)
        other.add(replace(document, document=replace(document.document, turns=("another question",))))
        answered.add(scored_document("aime", subset="24", index=document.index, texts=["B"]))
    for document in reversed(documents):
        second.add(document)
    assert first.hashes() == second.hashes()
    assert first.hashes()["hash_examples"] != other.hashes()["hash_examples"]
    assert first.hashes()["hash_examples"] == answered.hashes()["hash_examples"]
    assert first.hashes()["hash_cont_tokens"] != answered.hashes()["hash_cont_tokens"]
    assert all(len(text) == 16 for text in first.hashes().values())


def test_summaries_hold_hashes_and_counts() -> None:
    told = results_document(run_result(benchmark_result(aime(), VALUES)), "m", tallies(VALUES))
    task = told["summary_tasks"]["swallow|aime:24|0"]
    assert task["non_truncated"] == 3
    assert len(task["hashes"]["hash_full_prompts"]) == 16
    assert told["summary_general"]["non_truncated"] == 7
    assert len(told["summary_general"]["hashes"]["hash_examples"]) == 16


def test_the_file_is_strict_json_readable_by_pandas(tmp_path: Path) -> None:
    import pandas as pd  # type: ignore[import-untyped]  # has no stubs of its own

    path = export_results(run_result(benchmark_result(aime(), VALUES)), layout(tmp_path), "2025-08-18T10-20-30.000001")
    assert path.name == "results_2025-08-18T10-20-30.000001.json"
    told = json.loads(path.read_text(), parse_constant=pytest.fail)
    frame = pd.DataFrame(told["results"]).T
    assert frame.loc["swallow|aime:24|0", "extractive_match"] == pytest.approx(2 / 3)


def test_numbers_that_json_cannot_hold_become_null(tmp_path: Path) -> None:
    made = benchmark_result(benchmark("b"), {"": [1.0, 0.0]})
    metric = made.metrics[0]
    odd = replace(metric, estimate=replace(metric.estimate, value=float("inf"), stderr=float("nan")))
    part = replace(made.subsets[0], metrics=(odd,))
    path = export_results(run_result(replace(made, metrics=(odd,), subsets=(part,))), layout(tmp_path), "T")
    told = json.loads(path.read_text())
    assert told["results"]["swallow|b|0"] == {"extractive_match": None, "extractive_match_stderr": None}
    assert told["results"]["all"]["extractive_match"] is None
