"""Trying a scorer out: a gold answer must score best, an empty one worst.

How an answer is put into words is the prompt's business, so the gold answer is tried in each of the answer lines that
the benchmarks use. Code is judged by its execution: there the verdict is what is tried, with the starter code of
`document.extra["prompt"]` put before the target as a model would. Where a judge decides, its verdict is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from saiten.benchmarks.load import USER_CODE_ERRORS
from saiten.types import Choice, ChoiceScore, Generation, Outcome, Verdict

Level = Literal["error", "warning"]

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from saiten.types import Benchmark, Document, Metric

ANSWER_LINES = (
    "{}",
    "回答: {}",
    "Answer: {}",
    r"Therefore, the final answer is: $\boxed{{{}}}$. I hope it is correct",
    r"回答: $\boxed{{{}}}$",
    "日本語: {}",
    "English: {}",
    "```\n{}\n```",
)


def try_scorer(benchmark: Benchmark, document: Document) -> Iterator[tuple[Level, str]]:
    """Yield (level, message) for each way in which the scorer does not behave on this document."""
    code = benchmark.verifier is not None
    gold = f"{document.extra.get('prompt', '')}{document.target}" if code else document.target
    best, worst = verdict(benchmark, good=True), verdict(benchmark, good=False)
    golds = [choice(line.format(gold), document, best) for line in ANSWER_LINES]
    empty = choice("", document, worst)
    try:
        if benchmark.judge is not None:
            for turn in range(1, len(document.turns) + 1):
                benchmark.judge.request(document, ("answer",) * turn)
    except USER_CODE_ERRORS as error:
        yield "error", f"document {document.id!r}: the judge's request raised {type(error).__name__}: {error}"
        return
    try:
        *gold_scores, empty_score = score_each(benchmark, document, [*golds, empty])
    except USER_CODE_ERRORS as error:
        yield "error", f"document {document.id!r}: the scorer raised {type(error).__name__}: {error}"
        return
    for metric in benchmark.metrics_for(benchmark.samples):
        if metric.where is None or metric.where(document):
            yield from try_metric(metric, document, gold_scores, empty_score)


def try_metric(
    metric: Metric, document: Document, golds: Sequence[ChoiceScore], empty: ChoiceScore
) -> Iterator[tuple[Level, str]]:
    """Yield what is wrong with a metric's values for answers that hold the target, and for an empty one."""
    names = (metric.value,) if isinstance(metric.value, str) else metric.value
    if lacking := [name for name in names if any(name not in score.values for score in (*golds, empty))]:
        has = ", ".join(empty.values) or "none"
        yield "error", f"metric {metric.name!r} reads the value {lacking[0]!r}; the scorer gives: {has}"
        return
    if not isinstance(metric.value, str):
        return  # what a corpus metric's parts mean, only its `corpus` knows
    best, least = max(score.values[metric.value] for score in golds), empty.values[metric.value]
    if document.target and best < metric.best:
        yield (
            "warning",
            f"document {document.id!r}: no way of writing the target scores {metric.best:g} in {metric.name!r}",
        )
    if least > metric.worst:
        yield "warning", f"document {document.id!r}: an empty answer scores {least:g} in {metric.name!r}"


def execution(*, passed: bool) -> Verdict:
    """Return the verdict of a program that passed its tests, or of one that did not."""
    return Verdict(kind="execution", status="passed" if passed else "failed", value=float(passed))


def verdict(benchmark: Benchmark, *, good: bool) -> Verdict | None:
    """Return what execution or a judge would say of an answer; None for a benchmark that has neither."""
    if benchmark.judge is not None:
        value, said = (10.0, "Rating: [[10]]") if good else (1.0, "Rating: [[0]]")  # the least that each reading makes
        return Verdict(kind="judgement", status="rated", value=value, detail=said)
    return execution(passed=good) if benchmark.verifier is not None else None


def choice(text: str, document: Document, verdict: Verdict | None = None) -> Choice:
    """Return a choice that answers every turn of a document with `text`."""
    generation = Generation(outcome=Outcome.OK if text else Outcome.EMPTY, text=text, finish_reason="stop")
    turns = len(document.turns)
    return Choice(repetition=0, turns=(generation,) * turns, verdicts=(verdict,) * turns if verdict else ())


def score_each(benchmark: Benchmark, document: Document, choices: Sequence[Choice]) -> list[ChoiceScore]:
    """Return the score of each choice, each given to the scorer alone."""
    return [score for (score,) in benchmark.scorer.score((document, (one,)) for one in choices)]
