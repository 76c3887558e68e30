from __future__ import annotations

import math
import random
from itertools import combinations
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.scoring.statistics import bootstrap, mean, mean_estimate, pass_at_k, student_t
from saiten.types import Estimate

VALUES = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=40)
STRATA = st.lists(st.lists(st.floats(0, 1) | st.sampled_from([0.0, 1.0]), max_size=12), min_size=1, max_size=6)


def bounds(estimate: Estimate) -> tuple[float, float, float]:
    assert estimate.value is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.value, estimate.high


def test_no_document_gives_no_number() -> None:
    assert mean_estimate([[], []]) == Estimate(value=None)


def test_one_document_has_no_standard_error_but_a_proportion_still_has_bounds() -> None:
    estimate = mean_estimate([[1.0]])
    low, value, high = bounds(estimate)
    assert (value, high, estimate.stderr, estimate.n) == (1.0, 1.0, None, 1)
    assert low < 0.3
    assert mean_estimate([[42.0]]) == Estimate(value=42.0, n=1)


def test_the_interval_of_0_1_values_without_strata_is_wilsons() -> None:
    low, value, high = bounds(mean_estimate([[1.0] * 15 + [0.0] * 5]))
    assert value == 0.75
    assert (low, high) == pytest.approx((0.53130, 0.88814), abs=1e-5)


def test_the_standard_error_is_the_textbook_one_without_strata() -> None:
    values = [0.0, 0.25, 1.0, 1.0, 0.5, 0.75]
    assert mean_estimate([values]).stderr == pytest.approx(stdev(values) / math.sqrt(6))


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_values_do_not_give_an_interval_without_width(value: float) -> None:
    low, _, high = bounds(mean_estimate([[value] * 30]))
    assert high - low > 0.1


def test_strata_remove_the_spread_between_subsets() -> None:
    easy, hard = [1.0] * 45 + [0.0] * 5, [0.0] * 45 + [1.0] * 5
    apart, together = mean_estimate([easy, hard]), mean_estimate([easy + hard])
    assert apart.value == together.value
    assert apart.stderr is not None
    assert together.stderr is not None
    assert apart.stderr < 0.7 * together.stderr
    assert apart.stderr == pytest.approx(math.sqrt(2 * 50 * (0.09 * 50 / 49)) / 100)


def test_subsets_of_one_document_are_pooled_and_not_taken_for_certain() -> None:
    estimate = mean_estimate([[1.0], [0.0], [1.0], [0.0]])
    assert estimate.stderr == pytest.approx(stdev([1, 0, 1, 0]) / 2)
    assert mean_estimate([[1.0], [0.0, 0.0, 1.0]]).stderr == pytest.approx(stdev([1, 0, 0, 1]) / 2)


def test_repetitions_of_a_document_are_no_independent_documents() -> None:
    once = mean_estimate([[1.0, 0.0] * 20])
    four_times_averaged = mean_estimate([[fmean([value] * 4) for value in (1.0, 0.0) * 20]])
    assert once == four_times_averaged


def test_values_outside_0_to_1_get_students_interval() -> None:
    low, value, high = bounds(mean_estimate([[1.0, 2.0, 3.0, 4.0, 5.0]]))
    assert value == 3.0
    assert high - value == pytest.approx(2.776445 * stdev([1, 2, 3, 4, 5]) / math.sqrt(5), rel=2e-3)
    assert value - low == pytest.approx(high - value)


@given(STRATA)
def test_the_interval_holds_the_mean_and_stays_between_0_and_1(strata: list[list[float]]) -> None:
    estimate = mean_estimate(strata)
    values = [value for stratum in strata for value in stratum]
    assert estimate.n == len(values)
    if values:
        low, value, high = bounds(estimate)
        assert 0.0 <= low <= value <= high <= 1.0
        assert value == pytest.approx(fmean(values))
        assert high > low


@given(VALUES.filter(lambda values: len(values) > 1))
def test_more_documents_of_the_same_kind_narrow_the_interval(values: list[float]) -> None:
    low, _, high = bounds(mean_estimate([values]))
    closer_low, _, closer_high = bounds(mean_estimate([values * 4]))
    assert closer_high - closer_low < high - low


@given(STRATA, st.randoms(use_true_random=False))
def test_raising_a_value_never_lowers_the_mean(strata: list[list[float]], draw: random.Random) -> None:
    before = mean_estimate(strata).value
    filled = [stratum for stratum in strata if stratum]
    if before is None:
        return
    stratum = draw.choice(filled)
    stratum[draw.randrange(len(stratum))] = 1.0
    after = mean_estimate(strata).value
    assert after is not None
    assert after >= before - 1e-12


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    draw = random.Random(7)
    covered = 0
    for _ in range(600):
        strata = [[float(draw.random() < p) for _ in range(25)] for p in (0.6, 0.8, 0.95)]
        low, _, high = bounds(mean_estimate(strata))
        covered += low <= (0.6 + 0.8 + 0.95) / 3 <= high
    assert 0.925 <= covered / 600 <= 0.985


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.7062), (2, 4.30265), (3, 3.18245), (5, 2.57058), (10, 2.22814), (1000, 1.96234)]
)
def test_students_quantiles_are_the_tabled_ones(freedom: int, quantile: float) -> None:
    assert student_t(freedom) == pytest.approx(quantile, rel=2e-3)


def test_students_distribution_needs_a_degree_of_freedom() -> None:
    with pytest.raises(ValueError, match="at least one"):
        student_t(0)


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_draws_with_a_right_choice(case: tuple[int, int, int]) -> None:
    n, c, k = case
    draws = list(combinations(range(n), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(min(draw) < c for draw in draws) / len(draws))


@given(st.integers(2, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1), st.integers(1, n - 1))))
def test_pass_at_k_grows_with_right_choices_and_with_k(case: tuple[int, int, int]) -> None:
    n, c, k = case
    assert 0.0 <= pass_at_k(n, c, k) <= pass_at_k(n, c + 1, k) <= 1.0
    assert pass_at_k(n, c, k) <= pass_at_k(n, c, k + 1)


@pytest.mark.parametrize(("n", "c", "k"), [(3, 1, 4), (0, 0, 1), (3, 4, 1), (3, -1, 1), (3, 1, 0)])
def test_pass_at_k_refuses_what_it_cannot_estimate(n: int, c: int, k: int) -> None:
    with pytest.raises(ValueError, match=r"choices"):
        pass_at_k(n, c, k)


def test_the_bootstrap_of_a_mean_has_the_standard_error_of_the_mean() -> None:
    draw = random.Random(3)
    documents = [draw.gauss(10, 2) for _ in range(200)]
    estimate = bootstrap(fmean, [documents])
    assert estimate.value == fmean(documents)
    assert estimate.stderr == pytest.approx(stdev(documents) / math.sqrt(200), rel=0.1)
    low, value, high = bounds(estimate)
    assert low < value < high


def test_the_bootstrap_is_seeded_and_draws_within_subsets() -> None:
    strata = [[0.0] * 20, [1.0] * 20]
    assert bootstrap(fmean, strata).stderr == 0.0
    mixed = [[0.0, 1.0] * 20]
    assert bootstrap(fmean, mixed, seed=1) == bootstrap(fmean, mixed, seed=1)
    assert bootstrap(fmean, mixed, seed=1) != bootstrap(fmean, mixed, seed=2)


def test_the_bootstrap_knows_nothing_about_no_or_one_document() -> None:
    assert bootstrap(fmean, [[]]) == Estimate(value=None)
    assert bootstrap(fmean, [[3.0]]) == Estimate(value=3.0, n=1)


def test_no_values_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no values"):
        mean([])
