"""From records to numbers: what is missing widens the bounds, what was cut is counted, nothing is scored by silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saiten.datasets import DataContext
from saiten.engine.plan import ANSWERED, FAILED, BenchmarkPlan, plan_benchmark
from saiten.engine.record import GenerationRecord, Place
from saiten.engine.score import BenchmarkScorer
from saiten.results.summary import BenchmarkResult
from saiten.scoring.metrics import mean
from saiten.types import Benchmark, Generation, Outcome, Repetition, RunSpec, Sampling, Usage
from tests.helpers.small import benchmark, rows

Answer = Callable[[int, int], Generation | None]
"""(position of the document, repetition) -> its generation; None: never asked."""


def scored(folder: Path, what: Benchmark, answer: Answer) -> BenchmarkResult:
    """Fill a journal and score it."""
    context = DataContext.from_environment({"HF_HOME": str(folder / "hub"), "HOME": str(folder)})
    spec = RunSpec(model="m", benchmarks=(what.name,))
    plan = plan_benchmark(spec, what, tuple(what.dataset.configs), folder / "run", context, "w")
    fill(plan, answer)
    scorer = BenchmarkScorer(plan)
    list(scorer.documents())
    return scorer.result()


def fill(plan: BenchmarkPlan, answer: Answer) -> None:
    """Store the answers."""
    (subset,) = plan.subsets
    for index in range(len(subset.order)):
        for repetition in range(subset.generated(index)):
            generation = answer(int(subset.document(index).id), repetition)
            slot = subset.slot(index, repetition, 0)
            if generation is None:
                continue
            place = Place(id="0", subset="", document="d", index=index, repetition=repetition, turn=0)
            location = plan.generations.append(GenerationRecord(place=place, generation=generation))
            assert location is not None
            failed = generation.outcome is Outcome.REQUEST_FAILED
            subset.states[slot] = FAILED if failed else ANSWERED
            subset.locations[slot] = -1 if failed else location


def ok(text: str | None, **fields: object) -> Generation:
    return Generation(**({"outcome": Outcome.OK, "text": text, "usage": Usage(output_tokens=5)} | fields))  # type: ignore[arg-type]


def right(number: int, _repetition: int) -> Generation:
    return ok(f"answer {number}")


def test_all_right_is_one_with_full_coverage(tmp_path: Path) -> None:
    result = scored(tmp_path, benchmark(tmp_path, rows(10)), right)
    assert result.metrics[0].estimate.value == 1.0
    assert result.metrics[0].bounds is None
    assert result.evidence.complete
    assert result.evidence.output_tokens == 50


def test_missing_choices_become_bounds_and_not_wrong_answers(tmp_path: Path) -> None:
    def answer(number: int, _repetition: int) -> Generation | None:
        if number == 0:
            return Generation(outcome=Outcome.REQUEST_FAILED, error="500")
        return None if number == 1 else right(number, 0) if number < 8 else ok("wrong")

    result = scored(tmp_path, benchmark(tmp_path, rows(10)), answer)
    assert result.metrics[0].bounds == (0.6, 0.8)
    assert result.metrics[0].estimate.value == pytest.approx(6 / 8)
    assert (result.evidence.due, result.evidence.scored, result.evidence.failed) == (10, 8, 1)
    assert not result.evidence.complete


def test_with_some_samples_missing_a_document_is_bounded_by_the_others(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(1), samples=4, sampling=Sampling(temperature=0.7))
    result = scored(tmp_path, what, lambda number, repetition: right(number, 0) if repetition < 2 else None)
    assert result.metrics[0].bounds == (0.5, 1.0)
    assert result.metrics[0].estimate.value is None


def test_greedy_copies_are_counted_as_copies(tmp_path: Path) -> None:
    result = scored(tmp_path, benchmark(tmp_path, rows(3), samples=5), right)
    assert (result.evidence.due, result.evidence.scored, result.evidence.copied) == (15, 15, 12)
    assert any("copies" in note for note in result.notes)


def test_every_kind_of_ending_is_counted(tmp_path: Path) -> None:
    endings = [
        ok(None, outcome=Outcome.TRUNCATED, finish_reason="length", reasoning="hm", reasoning_closed=False),
        ok("ab" * 500, outcome=Outcome.REPETITION, repetition=Repetition(period=2, count=500, start=0)),
        ok("", outcome=Outcome.EMPTY),
        ok(None, outcome=Outcome.CONTENT_FILTER, finish_reason="content_filter"),
    ]
    result = scored(tmp_path, benchmark(tmp_path, rows(4)), lambda number, _: endings[number])
    evidence = result.evidence
    assert (evidence.truncated, evidence.unclosed, evidence.repetition) == (1, 1, 1)
    assert (evidence.empty, evidence.filtered, evidence.scored) == (1, 1, 4)
    assert any("1 of 4 answers are empty" in note for note in result.notes)


def test_a_careful_metric_says_how_often_it_differs(tmp_path: Path) -> None:
    metrics = (mean("exact"), mean("careful", value="exact", compatible=False, twin="exact"))
    result = scored(tmp_path, benchmark(tmp_path, rows(4), metrics=metrics), right)
    assert result.metrics[1].disagreement == 0.0


def test_a_server_that_changes_its_model_is_noticed(tmp_path: Path) -> None:
    result = scored(
        tmp_path, benchmark(tmp_path, rows(2)), lambda number, _: ok(f"answer {number}", model=f"model-{number}")
    )
    assert any("model-0, model-1" in note for note in result.notes)
