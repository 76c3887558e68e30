"""The doubt of every metric of every benchmark: standard errors of the right size, intervals that cover the truth.

The delete-one jackknife and simulations know nothing of how a metric computes its doubt.
Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), §11.5 (the jackknife's standard error).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.index import builtin
from saiten.results.micro import micro_average
from saiten.results.summary import Evidence, MetricResult, SubsetResult
from saiten.scoring.chrf import CHRF_COUNTS
from saiten.scoring.metrics import majority_at, pass_at
from saiten.scoring.statistics import bootstrap, mean_estimate
from saiten.scoring.translation import BLEU_COUNTS
from saiten.types import Benchmark, Estimate, Metric
from tests.helpers.extras import needs

DOCUMENTS = 150


def measured() -> dict[str, Benchmark]:
    """Return one benchmark for each set of metrics that there is, with forms of four samples beside their own N."""
    found: dict[tuple[str, ...], str] = {}
    for name in (form for known in builtin() for form in (known, f"{known}_N4")):
        benchmark = find(name)
        found.setdefault(tuple(metric.name for metric in benchmark.metrics_for(benchmark.samples)), name)
    return {name: find(name) for name in found.values()}


BENCHMARKS = measured()


def scores(draw: random.Random, skill: float) -> dict[str, float]:
    """Return values of one choice under every name that a scorer may give them."""
    right = float(draw.random() < skill)
    values: dict[str, float] = dict.fromkeys(("extractive_match", "accuracy", "passed", "solved"), right)
    values |= dict.fromkeys(("extracted_class", "stated_class"), 0.0 if right else float(draw.randint(1, 3)))
    for prefix in ("bleu", "bleu_lmevalja", "bleu_careful"):
        words = draw.randint(8, 30)
        totals = [max(0, words - n) for n in range(4)]
        counts = [sum(draw.random() < skill ** (n + 1) for _ in range(total)) for n, total in enumerate(totals)]
        numbers = [*counts, *totals, words, draw.randint(8, 30)]
        values |= {f"{prefix}_{name}": float(number) for name, number in zip(BLEU_COUNTS, numbers, strict=True)}
    length = draw.randint(20, 80)
    for name in CHRF_COUNTS:
        kind, _, order = name.partition("_")
        grams = length - int(order)
        values[f"chrf_{name}"] = float(int(grams * skill) if kind == "match" else grams)
    for name in ("instructions", "careful_instructions"):
        values[name] = float(draw.randint(1, 3))
    for reading in ("strict", "loose", "careful"):
        values[f"followed_{reading}"] = float(sum(draw.random() < skill for _ in range(int(values["instructions"]))))
        for level in ("prompt_level", "inst_level"):
            values[f"{level}_{reading}_acc"] = right
    values |= {"prompts": 1.0, "japanese_characters": float(int(length * skill)), "characters": float(length)}
    for name in ("turn_1", "turn_2", "careful_turn_1", "careful_turn_2"):
        values[name] = float(draw.randint(1, 10))
    return values


def read(metric: Metric, values: dict[str, float], draw: random.Random) -> Any:
    names = (metric.value,) if isinstance(metric.value, str) else metric.value
    chosen = tuple(values.get(name, draw.random()) for name in names)
    return chosen[0] if isinstance(metric.value, str) else chosen


def jackknife(metric: Metric, documents: Sequence[Any]) -> float:
    """Return the delete-one standard error. Documents' values are numbers to average, or counts that add up."""
    n = len(documents)
    if isinstance(documents[0], tuple):
        whole = [sum(column) for column in zip(*documents, strict=True)]
        without = [tuple(a - b for a, b in zip(whole, one, strict=True)) for one in documents]
        left = [metric.corpus([[counts]]).value for counts in without]
    else:
        scale = (metric.corpus([documents]).value or 0.0) / fmean(documents)
        left = [scale * (sum(documents) - one) / (n - 1) for one in documents]
    values = [value for value in left if value is not None]
    assert len(values) == n
    centre = fmean(values)
    return math.sqrt((n - 1) / n * math.fsum((value - centre) ** 2 for value in values))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_metrics_standard_error_is_the_jackknifes_and_its_interval_fits_it(name: str) -> None:
    benchmark = BENCHMARKS[name]
    for extra in benchmark.extras:
        if extra.name in {"translation", "instructions"}:
            needs(extra.name)
    draw = random.Random(11)
    skills = [draw.betavariate(2, 1.5) for _ in range(DOCUMENTS)]
    answers = [[scores(draw, skill) for _ in range(benchmark.samples)] for skill in skills]
    for metric in benchmark.metrics_for(benchmark.samples):
        documents = [metric.reduce([read(metric, values, draw) for values in choices]) for choices in answers]
        estimate = metric.corpus([documents])
        assert estimate.n == DOCUMENTS, metric.name
        assert estimate.value is not None
        assert estimate.stderr is not None
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.stderr == pytest.approx(jackknife(metric, documents), rel=0.12), metric.name
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * estimate.stderr, rel=0.15), metric.name


# ------------------------------------------------------------------------------------------------- simulations


def simulated(make: Callable[[random.Random], Estimate], truth: float, runs: int, seed: int) -> tuple[float, float]:
    """Return how often the interval covers the truth, and the mean standard error over the true one."""
    draw = random.Random(seed)
    estimates = [make(draw) for _ in range(runs)]
    covered = 0
    for estimate in estimates:
        assert estimate.low is not None
        assert estimate.high is not None
        covered += estimate.low <= truth <= estimate.high
    spread = stdev([estimate.value for estimate in estimates if estimate.value is not None])
    return covered / runs, fmean([estimate.stderr or 0.0 for estimate in estimates]) / spread


K, N = 4, 8


def sampled(metric: Metric, draw: random.Random) -> Estimate:
    """Ask 60 documents of unequal difficulty eight times."""
    documents = []
    for _ in range(60):
        skill = draw.betavariate(0.8, 0.8)
        choices = [float(draw.random() < skill) for _ in range(N)]
        votes = [(0.0, 1.0) if right else (float(draw.choice((1, 2))), 0.0) for right in choices]
        documents.append(metric.reduce(choices if isinstance(metric.value, str) else votes))
    return metric.corpus([documents])


@pytest.mark.parametrize("kind", ["pass", "maj"])
def test_pass_at_k_and_maj_at_k_are_unbiased_and_cover_the_truth(kind: str) -> None:
    metric = (
        pass_at(K, N, name="p", value="passed")
        if kind == "pass"
        else majority_at(K, N, name="m", value=("extracted_class", "extractive_match"))
    )
    draw = random.Random(5)
    if kind == "pass":  # 1 - E[(1-p)^4], p ~ Beta(a, a)
        a = 0.8
        truth = 1 - math.prod((a + i) / (2 * a + i) for i in range(K))
    else:
        truth = fmean([metric.reduce(_votes(draw)) for _ in range(40_000)])
    covered, ratio = simulated(lambda d: sampled(metric, d), truth, 400, 3)
    assert 0.92 <= covered <= 0.985
    assert ratio == pytest.approx(1.0, abs=0.08)


def _votes(draw: random.Random) -> list[tuple[float, float]]:
    skill = draw.betavariate(0.8, 0.8)
    return [(0.0, 1.0) if draw.random() < skill else (float(draw.choice((1, 2))), 0.0) for _ in range(N)]


def test_repeated_samples_are_clustered_by_document() -> None:
    """Eight samples of 60 documents tell far less than 480 documents would: the naive error is near a half."""
    metric = pass_at(1, N, name="p", value="passed")
    covered, ratio = simulated(lambda d: sampled(metric, d), 0.5, 400, 9)
    assert 0.92 <= covered <= 0.985
    assert ratio == pytest.approx(1.0, abs=0.08)
    naive = math.sqrt(0.25 / (60 * N))
    assert (sampled(metric, random.Random(1)).stderr or 0.0) > 1.7 * naive


def test_the_micro_average_over_subsets_covers_the_truth() -> None:
    subsets = {"easy": (0.95, 30), "middling": (0.6, 60), "hard": (0.1, 20)}
    total = sum(size for _, size in subsets.values())
    truth = sum(p * size for p, size in subsets.values()) / total

    def once(draw: random.Random) -> Estimate:
        parts = []
        for name, (p, size) in subsets.items():
            estimate = mean_estimate([[float(draw.random() < p) for _ in range(size)]])
            metric = MetricResult(name="m", compatible=True, estimate=estimate)
            full = Evidence(due=size, answered=size, scored=size)
            parts.append(SubsetResult(subset=name, documents=size, evidence=full, metrics=(metric,)))
        average = micro_average(parts, "m")
        assert average is not None
        return average.estimate

    covered, ratio = simulated(once, truth, 800, 2)
    assert 0.925 <= covered <= 0.985
    assert ratio == pytest.approx(1.0, abs=0.06)


def test_the_bootstrap_of_a_corpus_metric_covers_the_truth_and_is_not_divided_by_the_resamples() -> None:
    """A ratio of sums, as BLEU's precisions and the share of instructions are."""

    def ratio_of_sums(documents: Sequence[tuple[float, float]]) -> float:
        return sum(one for one, _ in documents) / sum(of for _, of in documents)

    def once(draw: random.Random) -> Estimate:
        documents = []
        for _ in range(80):
            size, skill = draw.randint(1, 3), draw.betavariate(3, 2)
            documents.append((float(sum(draw.random() < skill for _ in range(size))), float(size)))
        return bootstrap(ratio_of_sums, [documents], resamples=200)

    covered, ratio = simulated(once, 0.6, 250, 4)
    assert 0.9 <= covered <= 0.985
    assert ratio == pytest.approx(1.0, abs=0.1)
