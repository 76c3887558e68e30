"""maj@k: the exact expectation of a vote, against counting every draw; and the metrics of N samples."""

from __future__ import annotations

import math
import pickle
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations, combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import UNKNOWN, Vote, answered, majority_at, pass_at
from saiten.scoring.statistics import maj_at_k, pass_at_k
from saiten.types import Choice, Document, Generation, Metric, Outcome, Scorer

RIGHT, OTHER, WRONG = (0.0, 1.0), (1.0, 1.0), (2.0, 0.0)


def majority(k: int, samples: int) -> Metric:
    return majority_at(k, samples, name="maj", value=("extracted_class", "extractive_match"))


def counted(votes: Sequence[Vote], k: int) -> float:
    """Return the expected score of a vote by looking at every draw of k votes."""
    right = dict(votes)
    total, draws = Fraction(0), 0
    for draw in combinations(votes, k):
        counts = Counter(kind for kind, _ in draw)
        most = max(counts.values())
        tied = [kind for kind, count in counts.items() if count == most]
        total += Fraction(sum(right[kind] >= 1 for kind in tied), len(tied))
        draws += 1
    return float(total / draws)


@st.composite
def voting(draw: st.DrawFn, least: int = 1) -> list[Vote]:
    right = draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=4))
    kinds = draw(st.lists(st.integers(0, len(right) - 1), min_size=least, max_size=7))
    return [(float(kind), right[kind]) for kind in kinds]


@given(voting())
@settings(max_examples=100, deadline=None)
def test_maj_at_k_is_the_mean_over_all_draws(votes: list[Vote]) -> None:
    for k in range(1, len(votes) + 1):
        assert majority(k, len(votes)).reduce(votes) == pytest.approx(counted(votes, k), abs=1e-12)


@given(voting(least=0), st.integers(1, 2))
@settings(max_examples=50, deadline=None)
def test_no_answer_that_is_missing_could_leave_the_bounds(have: list[Vote], missing: int) -> None:
    new = [(100.0 + number, right) for number in range(missing) for right in (0.0,)]
    new += [(200.0 + number, 1.0) for number in range(missing)]
    for k in range(1, len(have) + missing + 1):
        metric = majority(k, len(have) + missing)
        low, high = (metric.reduce([*have, *[vote] * missing]) for vote in (metric.worst, metric.best))
        for more in combinations_with_replacement([*set(have), *new], missing):
            assert low - 1e-12 <= counted([*have, *more], k) <= high + 1e-12


def test_known_votes_have_their_known_values() -> None:
    assert maj_at_k((3,), (2,), 1) == 0.6
    assert maj_at_k((3,), (2,), 5) == 1.0
    assert maj_at_k((2,), (2,), 4) == 0.5
    assert maj_at_k((1, 1), (1,), 3) == pytest.approx(2 / 3)
    assert maj_at_k((2,), (1,), 2) == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert maj_at_k((), (4,), 2) == 0.0
    assert maj_at_k((4,), (), 3) == 1.0


@given(st.integers(0, 40), st.integers(0, 40))
def test_one_answer_of_one_is_the_share_of_right_ones(right: int, wrong: int) -> None:
    if right + wrong:
        assert maj_at_k((right,), (wrong,), 1) == right / (right + wrong)
        assert maj_at_k((right,), (wrong,), 1) == pass_at_k(right + wrong, right, 1)


def test_many_samples_are_exact_too() -> None:
    """A vote between two: hypergeometric tail, ties half."""
    ways = {drawn: math.comb(70, drawn) * math.comb(58, 64 - drawn) for drawn in range(6, 65)}
    won = sum(count for drawn, count in ways.items() if drawn > 32) + Fraction(ways[32], 2)
    assert maj_at_k((70,), (58,), 64) == float(won / math.comb(128, 64))


@pytest.mark.parametrize("k", [0, 4])
def test_a_vote_of_more_choices_than_there_are_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"maj@{k} needs at least"):
        maj_at_k((1,), (2,), k)
    if k:
        with pytest.raises(ValueError, match="maj@4 needs at least 4 choices of each document, not 3"):
            majority(k, 3)


def test_two_ways_of_writing_the_right_answer_share_its_votes_in_a_tie() -> None:
    assert majority(3, 3).reduce([RIGHT, OTHER, WRONG]) == pytest.approx(2 / 3)
    assert majority(3, 3).reduce([RIGHT, WRONG, WRONG]) == 0.0


def test_the_last_choice_decides_whether_an_answer_is_right() -> None:
    assert majority(2, 2).reduce([(0.0, 0.0), (0.0, 1.0)]) == 1.0
    assert majority(2, 2).reduce([(0.0, 1.0), (0.0, 0.0)]) == 0.0


def test_missing_choices_go_to_the_most_frequent_answer_of_their_kind() -> None:
    metric = majority(4, 4)
    assert metric.worst == (UNKNOWN, 0.0)
    assert metric.reduce([RIGHT, WRONG, metric.worst, metric.worst]) == 0.0
    assert metric.reduce([RIGHT, WRONG, metric.best, metric.best]) == 1.0
    assert metric.reduce([metric.best] * 4) == 1.0


def test_the_estimate_is_the_mean_over_documents() -> None:
    estimate = majority(1, 2).corpus([[1.0, 0.5], [0.0]])
    assert (estimate.value, estimate.n) == (0.5, 3)


def test_one_sample_has_the_two_means_only() -> None:
    assert [metric.name for metric in answered(1)] == ["extractive_match", "accuracy"]


@pytest.mark.parametrize(
    ("samples", "ks"), [(2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 4]), (10, [1, 2, 4, 8, 10]), (16, [1, 2, 4, 8, 16])]
)
def test_several_samples_add_pass_and_maj_at_each_power_of_two(samples: int, ks: list[int]) -> None:
    metrics = {metric.name: metric for metric in answered(samples)}
    for kind in ("pass", "maj"):
        for value, twin in (("extractive_match", None), ("accuracy", "extractive_match")):
            names = [name for name in metrics if name.startswith(f"{value}_{kind}@")]
            assert names == [f"{value}_{kind}@{k}:{samples}" for k in ks]
            assert [metrics[name].twin for name in names] == [
                f"{twin}_{kind}@{k}:{samples}" if twin else None for k in ks
            ]
    assert len(metrics) == 2 + 4 * len(ks)
    assert all(metric.compatible is (metric.twin is None) for metric in metrics.values())


def test_the_metrics_can_go_to_another_process() -> None:
    for metric in pickle.loads(pickle.dumps(answered(2))):
        votes = [RIGHT, WRONG] if isinstance(metric.value, tuple) else [1.0, 0.0]
        assert metric.reduce(votes) in (0.5, 1.0)


def voted(scorer: Scorer, target: str, *answers: str) -> dict[str, float]:
    """Return every metric of a document's answers."""
    choices = tuple(
        Choice(repetition=number, turns=(Generation(outcome=Outcome.OK, text=text),))
        for number, text in enumerate(answers)
    )
    (scores,) = scorer.score([(Document(id="1", turns=("?",), target=target), choices)])
    values = {}
    for metric in answered(len(answers)):
        names = (metric.value,) if isinstance(metric.value, str) else metric.value
        read = [tuple(score.values[name] for name in names) for score in scores]
        values[metric.name] = metric.reduce([value[0] for value in read] if len(names) == 1 else read)
    return values


def test_letters_are_voted_on() -> None:
    values = voted(ChoiceLetter(language="en"), "B", "Answer: B", "Answer: C", "Answer: B", "none")
    assert values["extractive_match"] == 0.5
    assert values["extractive_match_maj@4:4"] == values["accuracy_maj@4:4"] == 1.0
    assert values["extractive_match_pass@2:4"] == pytest.approx(5 / 6)
    assert values["extractive_match_maj@2:4"] == pytest.approx((1 + 4 * 0.5) / 6)


def test_not_to_answer_is_a_vote() -> None:
    values = voted(ChoiceLetter(language="en"), "B", "Answer: B", "", "")
    assert values["extractive_match_maj@3:3"] == values["accuracy_maj@3:3"] == 0.0


def test_right_answers_in_two_notations_are_one_to_the_careful_reading_and_two_to_the_old_one() -> None:
    answers = [rf"It is $\boxed{{{value}}}$" for value in (r"\frac{1}{2}", r"\frac{2}{4}", "7", "7")]
    values = voted(MathAnswer(gold="latex", workers=1), r"$\boxed{\frac{1}{2}}$", *answers)
    assert values["extractive_match"] == values["accuracy"] == 0.5
    assert values["extractive_match_maj@4:4"] == 0.0
    assert values["accuracy_maj@4:4"] == 0.5


def test_pass_at_k_of_the_whole_is_any_right_answer() -> None:
    assert pass_at(2, 2, name="x", value="accuracy").reduce([0.0, 1.0]) == 1.0
