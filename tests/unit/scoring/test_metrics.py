from __future__ import annotations

import pickle

import pytest

from saiten.scoring.metrics import careful, mean, pass_at


def test_the_mean_reads_the_value_of_its_name_unless_told_otherwise() -> None:
    assert mean("extractive_match").value == "extractive_match"
    assert mean("em", value="extractive_match").value == "extractive_match"
    assert mean("extractive_match").compatible


def test_a_careful_metric_names_its_compatible_twin() -> None:
    metric = careful()
    assert (metric.name, metric.value, metric.compatible, metric.twin) == (
        "accuracy",
        "accuracy",
        False,
        "extractive_match",
    )


def test_the_mean_averages_choices_then_documents() -> None:
    metric = mean("accuracy")
    assert metric.reduce([1.0, 0.0, 0.0, 1.0]) == 0.5
    assert metric.corpus([[0.5, 1.0], [0.0]]).value == 0.5


def test_pass_at_k_estimates_from_all_samples() -> None:
    metric = pass_at(5, 10, name="humaneval_pass@5:10")
    assert metric.value == "passed"
    assert metric.reduce([1.0, 1.0] + [0.0] * 8) == pytest.approx(7 / 9)
    assert metric.reduce([0.0] * 10) == metric.worst
    assert metric.reduce([1.0] * 10) == metric.best


def test_pass_at_k_of_fewer_samples_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValueError, match=r"pass@10 needs at least 10 choices"):
        pass_at(10, 4, name="humaneval_pass@10:4")


def test_metrics_can_go_to_another_process() -> None:
    metric = pickle.loads(pickle.dumps(pass_at(1, 2, name="pass@1")))
    assert metric.reduce([1.0, 0.0]) == 0.5
