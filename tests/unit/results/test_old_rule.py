"""Results of the old system: the same numbers as ever, and words for what it never said."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.index import builtin
from saiten.errors import UserError
from saiten.results.aggregate import aggregated_old
from saiten.results.old_rule import old_rows
from saiten.results.row import RowValue
from saiten.results.rows import ROWS, RULES, SUBSETS
from saiten.results.stored import read_files

MODEL = "hosted_vllm/org/model"


def write(
    folder: Path,
    results: dict[str, Any],
    *,
    day: int = 1,
    sizes: Any = 10,
    max_samples: int | None = None,
    model: str = MODEL,
) -> Path:
    """Write a results file as the old system did. `sizes`: documents of every task, or what config_tasks says."""
    keys = [key.rpartition("|")[0] for key in results if "|" in key]
    config = {key: {"effective_num_docs": sizes} if isinstance(sizes, int | None) else sizes for key in keys}
    data = {
        "config_general": {"model_name": model, "max_samples": max_samples},
        "results": results,
        "config_tasks": config,
    }
    path = folder / f"results_2025-08-{day:02}T10-20-30.123456.json"
    path.write_text(json.dumps(data))
    return path


def rows(folder: Path, *, allow_debug: bool = False) -> dict[str, RowValue]:
    return old_rows(read_files(folder, MODEL), allow_debug=allow_debug)


def match(value: Any) -> dict[str, Any]:
    return {"extractive_match": value}


def test_every_rows_rule_is_that_of_the_benchmark_that_gives_it() -> None:
    """The table for old files and the benchmarks' own rows cannot drift apart."""
    rules = {rule.name: rule for rule in RULES}
    stated: dict[str, str] = {}
    for name in builtin():
        benchmark = find(name)
        for row in benchmark.summary:
            if row.name not in rules:
                continue
            rule = rules[row.name]
            stated[row.name] = name
            bases = {task.partition(":")[0] for task in rule.tasks}
            assert benchmark.task.partition(":")[0] in bases, row.name
            if len(rule.metrics) == 1:
                assert row.metric == rule.metrics[0], row.name
            if rule.how == "micro" and rule.subsets is not None:
                assert row.subsets is not None
                assert set(row.subsets) == set(rule.subsets) & set(benchmark.dataset.configs), row.name
    assert {"jmmlu_stem", "jamcqa_cot", "jgpqa_diamond", "mifeval_ja_average"} <= set(stated)
    for task, subsets in SUBSETS.items():
        known = [find(name) for name in builtin() if find(name).task == task]
        assert all(subsets <= set(benchmark.dataset.configs) for benchmark in known), task


def test_the_latest_file_counts_subset_by_subset(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|aime:24|0": match(0.1), "swallow|aime:25|0": match(0.2)}, day=1, sizes=30)
    write(tmp_path, {"swallow|aime:24|0": match(0.5), "all": match(0.9)}, day=2, sizes=30)
    row = rows(tmp_path)["aime_2024_2025"]
    assert row.value == pytest.approx((0.5 + 0.2) / 2)
    assert (row.status, row.n) == ("complete", 60)


def test_suite_and_shots_do_not_tell_entries_apart(tmp_path: Path) -> None:
    """A quirk that is kept: five-shot results replace zero-shot ones, and then no row is about them."""
    write(tmp_path, {"swallow|math_500|0": match(0.5)}, day=1)
    write(tmp_path, {"swallow|math_500|5": match(0.7)}, day=2)
    assert rows(tmp_path)["math_500"].value is None


def test_missing_subsets_are_left_out_and_named(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|aime:24|0": match(0.25), "swallow|aime:_average|0": match(0.9)})
    row = rows(tmp_path)["aime_2024_2025"]
    assert row.value == 0.25
    assert row.status == "partial: 1 of 2 subsets missing (25)"
    write(tmp_path, {"swallow|swallow_jmmlu:anatomy|0": match(0.5)}, day=3)
    assert rows(tmp_path)["jmmlu_stem"].value == 0.5
    assert rows(tmp_path)["jmmlu_stem"].status.startswith("partial: 18 of 19 subsets missing (abstract_algebra, ")
    assert rows(tmp_path)["jmmlu"].status.startswith("partial: 52 of 53 subsets missing")


def test_a_null_metric_is_left_out_of_a_mean_and_its_size_too(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|aime:24|0": match(None), "swallow|aime:25|0": match(0.5)})
    row = rows(tmp_path)["aime_2024_2025"]
    assert (row.value, row.status) == (0.5, "partial: 1 of 2 subsets missing (24)")


@pytest.mark.parametrize("config", ["LightevalTaskConfig(...)", {}, None])
def test_a_task_whose_size_is_not_recorded_can_be_picked_but_not_averaged(tmp_path: Path, config: Any) -> None:
    results = {"swallow|aime:24|0": match(0.5), "swallow|math_500|0": match(0.5)}
    write(tmp_path, results, sizes=config)
    assert rows(tmp_path)["math_500"].value == 0.5
    row = rows(tmp_path)["aime_2024_2025"]
    assert row.value is None
    assert "do not say how many documents" in row.status


def test_of_two_task_keys_the_one_that_is_there_counts_and_both_are_an_error(tmp_path: Path) -> None:
    short, long = "swallow|japanese_mt_bench_truncate_6144|0", "swallow|japanese_mt_bench|0"
    write(tmp_path, {short: {"judge_score_overall_avg": 0.6}}, day=1)
    assert rows(tmp_path)["japanese_mtbench_average"].value == 0.6
    assert "lack judge_score_math_avg" in rows(tmp_path)["japanese_mtbench_math"].status
    write(tmp_path, {long: {"judge_score_overall_avg": 0.7}}, day=2)
    row = rows(tmp_path)["japanese_mtbench_average"]
    assert row.value is None
    assert row.status == f"two results for one row: {long} and {short}"


def test_several_metrics_of_one_task_are_averaged_or_there_is_no_number(tmp_path: Path) -> None:
    four = {f"{level}_level_{kind}_acc": value for level, kind, value in LEVELS}
    write(tmp_path, {"swallow|mifeval_ja|0": four}, day=1)
    assert rows(tmp_path)["mifeval_ja_average"].value == pytest.approx(0.25)
    write(tmp_path, {"swallow|mifeval_ja|0": four | {"inst_level_loose_acc": None}}, day=2)
    assert rows(tmp_path)["mifeval_ja_average"].value is None
    assert rows(tmp_path)["mifeval_ja_inst_level_strict_acc"].value == 0.2


LEVELS = (("prompt", "strict", 0.1), ("inst", "strict", 0.2), ("prompt", "loose", 0.3), ("inst", "loose", 0.4))


def test_what_is_no_number_is_passed_on_as_ever_but_not_as_json_that_is_none(tmp_path: Path) -> None:
    results = {
        "swallow|math_500|0": match(math.nan),
        "swallow|hellaswag|0": match("n/a"),
        "swallow|aime:24|0": match("n/a"),
    }
    write(tmp_path, results)
    told = aggregated_old(tmp_path, MODEL)
    assert told["results"]["math_500"] is None
    assert told["results"]["swallow_hellaswag"] == "n/a"
    assert told["results"]["aime_2024_2025"] == -1
    places = dict(zip(told["tasks"], told["overall"].split(","), strict=True))
    assert (places["math_500"], places["swallow_hellaswag"], places["aime_2024_2025"]) == ("nan", "n/a", "-1")
    json.dumps(told, allow_nan=False)


def test_a_trial_replaces_a_full_result_only_if_asked(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|math_500|0": match(0.5)}, day=1, sizes=500)
    write(tmp_path, {"swallow|math_500|0": match(1.0), "swallow|hellaswag|0": match(1.0)}, day=2, max_samples=10)
    careful = rows(tmp_path)
    assert (careful["math_500"].value, careful["math_500"].status) == (0.5, "complete")
    assert careful["swallow_hellaswag"].value is None
    assert careful["swallow_hellaswag"].status.startswith("debug: the first 10 documents of each subset; not mixed")
    mixed = rows(tmp_path, allow_debug=True)
    assert mixed["math_500"].value == mixed["swallow_hellaswag"].value == 1.0
    assert mixed["math_500"].status == "debug: the first 10 documents of each subset"


def test_trials_alone_are_shown_and_marked(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|math_500|0": match(1.0)}, max_samples=10)
    told = aggregated_old(tmp_path, None)
    assert (told["results"]["math_500"], told["debug"]) == (1.0, True)


def test_intervals_follow_from_the_recorded_errors_scaled_right(tmp_path: Path) -> None:
    results = {
        "swallow|math_500|0": {"extractive_match": 0.5, "extractive_match_stderr": 0.02},
        "swallow|wmt20:ja-en|0": {"bleu": 20.0, "bleu_stderr": 0.01},
        "swallow|aime:24|0": {"extractive_match": 0.5, "extractive_match_stderr": 0.1},
        "swallow|aime:25|0": {"extractive_match": 0.5, "extractive_match_stderr": 0.1},
    }
    write(tmp_path, results)
    found = rows(tmp_path)
    assert found["math_500"].interval == pytest.approx((0.5 - 1.96 * 0.02, 0.5 + 1.96 * 0.02), abs=1e-5)
    reach = 1.96 * 0.01 * math.sqrt(1000)  # the recorded error of a bootstrap is too small by this root
    assert found["wmt20_ja_en_bleu"].interval == pytest.approx((20 - reach, 20 + reach), abs=1e-4)
    reach = 1.96 * 0.1 / math.sqrt(2)
    assert found["aime_2024_2025"].interval == pytest.approx((0.5 - reach, 0.5 + reach), abs=1e-5)


def test_new_rows_stand_after_the_old_ones(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|gpqa_N16:diamond|0": {"extractive_match_maj@4:16": 0.5}})
    told = aggregated_old(tmp_path, None)
    assert told["tasks"] == list(ROWS)
    assert told["tasks"].index("gpqa_diamond_maj@4:16") > 106
    assert told["results"]["gpqa_diamond_maj@4:16"] == 0.5


# ------------------------------------------------------------------------------------------------- bad input


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="give the folder that holds"):
        aggregated_old(tmp_path / "lost", None)


def test_a_folder_without_results(tmp_path: Path) -> None:
    (tmp_path / "results_latest.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match="no results_"):
        aggregated_old(tmp_path, None)


def test_results_of_several_models_need_a_name(tmp_path: Path) -> None:
    write(tmp_path, {"swallow|math_500|0": match(0.5)}, day=1)
    write(tmp_path, {"swallow|math_500|0": match(0.7)}, day=2, model="openai/other")
    with pytest.raises(UserError, match="several models \\(hosted_vllm/org/model, openai/other\\)"):
        aggregated_old(tmp_path, None)
    assert aggregated_old(tmp_path, MODEL)["results"]["math_500"] == 0.5
    with pytest.raises(UserError, match="did you mean 'openai/other'"):
        aggregated_old(tmp_path, "openai/othr")


@pytest.mark.parametrize("text", ['{"results": {', "", "[1, 2]", "\x00\xff"])
def test_a_torn_file_is_named(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, {"swallow|math_500|0": match(0.5)})
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=path.name):
        aggregated_old(tmp_path, None)


@pytest.mark.parametrize("part", ["results", "config_tasks", "config_general"])
@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_a_file_whose_parts_are_something_else_gives_no_numbers_and_no_traceback(
    tmp_path: Path, part: str, value: Any
) -> None:
    path = write(tmp_path, {"swallow|math_500|0": match(0.5), "swallow|x|0": None, "odd": 3})
    data = json.loads(path.read_bytes())
    path.write_text(json.dumps(data | {part: value}))
    told = old_rows(read_files(tmp_path))
    assert set(told) == set(ROWS)
