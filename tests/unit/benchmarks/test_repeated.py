"""N-sample forms: old ids and names select a benchmark with its N, its sampling and rows of its own."""

from __future__ import annotations

import pytest

from saiten.benchmarks import find, select
from saiten.errors import UsageError
from saiten.results.layout import task_key
from saiten.results.rows import ROWS, RULES

OLD = {
    "swallow|swallow_gpqa_ja_N16|0|0": ("gpqa_ja_N16", ["swallow|swallow_gpqa_ja_N16|0"]),
    "swallow|jgpqa_N8:diamond|0|0": ("jgpqa_N8", ["swallow|jgpqa_N8:diamond|0"]),
    "swallow|math_100_japanese_N4|0|0": ("math_100_ja_N4", ["swallow|math_100_japanese_N4|0"]),
    "swallow|gpqa_N16:diamond|0|0": ("gpqa_diamond_N16", ["swallow|gpqa_N16:diamond|0"]),
    "swallow|math_500_N128|0|0": ("math_500_N128", ["swallow|math_500_N128|0"]),
    "swallow|aime_N256|0|0": ("aime_N256", ["swallow|aime_N256:24|0", "swallow|aime_N256:25|0"]),
    "swallow|aime_N64:25|0|0": ("aime_N64", ["swallow|aime_N64:25|0"]),
    "swallow|aime_N16:26|0|0": ("aime_26_N16", ["swallow|aime_N16:26|0"]),
    "swallow|polymath_japanese_N32:top|0|0": ("polymath_ja_N32", ["swallow|polymath_japanese_N32:top|0"]),
    "gpqa_N16:diamond": ("gpqa_diamond_N16", ["swallow|gpqa_N16:diamond|0"]),
    "gpqa_diamond_N16": ("gpqa_diamond_N16", ["swallow|gpqa_N16:diamond|0"]),
    "aime_N16:24": ("aime_N16", ["swallow|aime_N16:24|0"]),
}


@pytest.mark.parametrize("selector", OLD)
def test_old_ids_and_names_select_the_form_with_its_n_and_its_sampling(selector: str) -> None:
    name, keys = OLD[selector]
    (selected,) = select([selector])
    benchmark = selected.benchmark
    assert benchmark.name == name
    assert [task_key(benchmark, subset) for subset in selected.subsets] == keys
    assert benchmark.samples == int(name.rpartition("_N")[2])
    assert (benchmark.sampling.temperature, benchmark.sampling.top_p) == (0.6, 0.95)
    metrics = {metric.name for metric in benchmark.metrics_for(benchmark.samples)}
    n = benchmark.samples
    powers = [1 << i for i in range(n.bit_length())]
    assert {f"extractive_match_{kind}@{k}:{n}" for k in powers for kind in ("pass", "maj")} <= metrics


def test_a_form_stands_beside_its_benchmark_in_one_run() -> None:
    chosen = select(["math_500,swallow|math_500_N16|0|0"])
    assert [selected.benchmark.name for selected in chosen] == ["math_500", "math_500_N16"]
    assert {row.name for row in chosen[1].benchmark.summary} & {
        row.name for row in chosen[0].benchmark.summary
    } == set()


def test_the_rows_of_2026_are_those_of_the_forms() -> None:
    forms = ("jgpqa_N16", "gpqa_ja_N16", "math_100_ja_N16", "gpqa_diamond_N16", "math_500_N16", "aime_N16")
    rules = {rule.name: rule for rule in RULES if rule.name.endswith(":16")}
    stated = {row.name: (find(name), row) for name in forms for row in find(name).summary}
    assert len(rules) == 36
    for name, rule in rules.items():
        benchmark, row = stated[name]
        assert rule.metrics == (row.metric,)
        assert rule.tasks[0].partition(":")[0] == benchmark.task.partition(":")[0]
        assert row.metric in {metric.name for metric in benchmark.metrics_for(16)}
    assert set(rules) <= set(ROWS)


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("math_500_N0", "no benchmark 'math_500_N0'"),
        ("math_500_N99999", "more than 4096"),
        ("math_501_N16", "no benchmark 'math_501'"),
        ("swallow|math_501_N16|0|0", "no task 'math_501_N16'"),
        ("jgpqa_N16:daimond", "did you mean 'diamond'"),
    ],
)
def test_what_is_no_form_is_refused(selector: str, says: str) -> None:
    with pytest.raises(UsageError, match=says.replace("?", r"\?")):
        select([selector])
