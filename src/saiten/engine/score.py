"""From records to numbers. Reads only the plan and the journals, so it runs the same after a run or a year later.

Documents pass one by one: read, scored, written out, dropped. What stays is one number per document and metric.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from saiten.engine.crash import crash
from saiten.engine.execute import NO_CODE, execution_of
from saiten.engine.plan import FAILED, BenchmarkPlan, SubsetPlan
from saiten.engine.record import GenerationRecord
from saiten.results.summary import BenchmarkResult, Evidence, MetricResult, ScoredDocument, SubsetResult
from saiten.types import Choice, ChoiceScore, Document, Generation, Metric, Outcome, Verdict

EMPTY_WARNING = 0.01


class Column:
    """One metric's values over the documents of a subset: numbers packed, tuples as they are."""

    __slots__ = ("best", "known", "missing", "worst")

    def __init__(self, metric: Metric) -> None:
        def empty() -> MutableSequence[Any]:
            return array("d") if isinstance(metric.value, str) else []

        self.known = empty()
        """Values of documents with every choice scored."""
        self.worst = empty()
        """Values of all documents, missing choices at their worst; `best` likewise."""
        self.best = empty()
        self.missing = False
        """Whether any document lacks a choice."""


@dataclass(slots=True)
class Tally:
    """What is counted and collected over one subset."""

    metrics: tuple[Metric, ...]
    columns: dict[str, Column] = field(init=False)
    counts: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.columns = {metric.name: Column(metric) for metric in self.metrics}

    def add(self, document: Document, samples: int, scores: Sequence[ChoiceScore]) -> dict[str, float]:
        """Take in one document's scores; return its values by metric (complete documents only)."""
        missing = samples - len(scores)
        values: dict[str, float] = {}
        for metric in self.metrics:
            if metric.where is not None and not metric.where(document):
                continue
            have = [chosen(score, metric) for score in scores]
            column = self.columns[metric.name]
            if not missing:
                value = metric.reduce(have)
                for kept in (column.known, column.worst, column.best):
                    kept.append(value)
                alone = value if isinstance(metric.value, str) else metric.corpus([[value]]).value
                if alone is not None:
                    values[metric.name] = alone
                continue
            column.missing = True
            if metric.worst is not None and metric.best is not None:
                column.worst.append(metric.reduce([*have, *[metric.worst] * missing]))
                column.best.append(metric.reduce([*have, *[metric.best] * missing]))
        for metric in self.metrics:
            if metric.twin is not None and metric.name in values and metric.twin in values:
                self.compared[metric.name] += 1
                self.differing[metric.name] += values[metric.name] != values[metric.twin]
        return values


def chosen(score: ChoiceScore, metric: Metric) -> Any:
    """Return what a metric reads of a choice."""
    if isinstance(metric.value, str):
        return score.values[metric.value]
    return tuple(score.values[name] for name in metric.value)


def evidence(tallies: Iterable[Tally]) -> Evidence:
    """Add up the counts of subsets."""
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally.counts)
    return Evidence(
        due=total["due"],
        answered=total["answered"],
        scored=total["scored"],
        failed=total["failed"],
        truncated=total["truncated"],
        repetition=total["repetition"],
        unclosed=total["unclosed"],
        empty=total["empty"],
        filtered=total["filtered"],
        copied=total["copied"],
        output_tokens=total["output_tokens"] if total["tokens_known"] else None,
    )


def metric_results(metrics: Sequence[Metric], tallies: Sequence[Tally]) -> tuple[MetricResult, ...]:
    """Compute each metric over the given subsets, with bounds where choices are missing."""
    results = []
    for metric in metrics:
        columns = [tally.columns[metric.name] for tally in tallies]
        bounds = None
        if any(column.missing for column in columns) and metric.worst is not None and metric.best is not None:
            low = metric.corpus([column.worst for column in columns]).value
            high = metric.corpus([column.best for column in columns]).value
            bounds = (low, high) if low is not None and high is not None else None
        compared = sum(tally.compared[metric.name] for tally in tallies)
        differing = sum(tally.differing[metric.name] for tally in tallies)
        results.append(
            MetricResult(
                name=metric.name,
                compatible=metric.compatible,
                estimate=metric.corpus([column.known for column in columns]),
                bounds=bounds,
                disagreement=differing / compared if metric.twin is not None and compared else None,
            )
        )
    return tuple(results)


class BenchmarkScorer:
    """Scores one benchmark. Iterate `documents()` to the end, then ask for `result()`."""

    def __init__(self, plan: BenchmarkPlan) -> None:
        self.plan = plan
        self.metrics = plan.benchmark.metrics_for(plan.samples)
        self.tallies = {subset.subset: Tally(self.metrics) for subset in plan.subsets}
        self.served: set[str] = set()
        """Model names that the server's replies carried."""
        self.identities: tuple[str, ...] = ()
        """Identities of the choices of the document that `documents()` yielded last (of their last turn)."""
        self._waiting: deque[tuple[SubsetPlan, int, Document, tuple[Choice, ...], list[str]]] = deque()

    def documents(self) -> Iterator[ScoredDocument]:
        """Yield every document of the benchmark with its choices and scores, in the seeded order of each subset."""
        for scores in self.plan.benchmark.scorer.score(self._scorable()):
            subset, index, document, unique, identities = self._waiting.popleft()
            crash("during_score")
            copied = unique and subset.generated(index) == 1
            self.identities = tuple(identities * subset.samples if copied else identities)
            yield self._scored(subset, index, document, unique, scores)

    def _scorable(self) -> Iterator[tuple[Document, tuple[Choice, ...]]]:
        for subset in self.plan.subsets:
            for index in range(len(subset.order)):
                document = subset.document(index)
                identities: list[str] = []
                choices = tuple(self._choices(subset, index, document, identities))
                self._waiting.append((subset, index, document, choices, identities))
                yield document, choices

    def _choices(self, subset: SubsetPlan, index: int, document: Document, identities: list[str]) -> Iterator[Choice]:
        """Yield the choices that were generated and have every verdict they need, without greedy copies."""
        counts = self.tallies[subset.subset].counts
        generated = subset.generated(index)
        weight = subset.samples if generated == 1 else 1
        counts["due"] += subset.samples * subset.turns
        for repetition in range(generated):
            records = [self._record(subset, index, repetition, turn, weight) for turn in range(subset.turns)]
            answered = tuple(record.generation for record in records if record is not None)
            if records[-1] is None or len(answered) < subset.turns:
                continue
            verdicts = tuple(self._verdict(document, generation) for generation in answered)
            if self.plan.benchmark.verifier is not None and None in verdicts:
                continue
            counts["scored"] += weight * subset.turns
            identities.append(records[-1].place.id)
            yield Choice(repetition=repetition, turns=answered, verdicts=verdicts)

    def _record(
        self, subset: SubsetPlan, index: int, repetition: int, turn: int, weight: int
    ) -> GenerationRecord | None:
        counts = self.tallies[subset.subset].counts
        slot = subset.slot(index, repetition, turn)
        if subset.locations[slot] < 0:
            counts["failed"] += weight * (subset.states[slot] == FAILED)
            return None
        record = self.plan.generations.read(subset.locations[slot])
        generation = record.generation
        if generation.model is not None:
            self.served.add(generation.model)
        counts["answered"] += weight
        counts["copied"] += weight - 1
        counts["truncated"] += weight * (generation.finish_reason in {"length", "context_overflow"})
        counts["repetition"] += weight * (generation.repetition is not None)
        counts["unclosed"] += weight * (generation.reasoning_closed is False)
        counts["empty"] += weight * (generation.outcome is Outcome.EMPTY)
        counts["filtered"] += weight * (generation.outcome is Outcome.CONTENT_FILTER)
        if generation.usage.output_tokens is not None:
            counts["tokens_known"] += 1
            counts["output_tokens"] += generation.usage.output_tokens
        return record

    def _verdict(self, document: Document, generation: Generation) -> Verdict | None:
        if self.plan.benchmark.verifier is None:
            return None
        identity, program = execution_of(self.plan, document, generation)
        return NO_CODE if program is None else self.plan.verdicts.get(identity)

    def _scored(
        self,
        subset: SubsetPlan,
        index: int,
        document: Document,
        unique: tuple[Choice, ...],
        scores: tuple[ChoiceScore, ...],
    ) -> ScoredDocument:
        choices = unique
        if unique and subset.generated(index) == 1:
            copies = (replace(unique[0], repetition=k, copied=True) for k in range(1, subset.samples))
            choices, scores = (*unique, *copies), scores * subset.samples
        values = self.tallies[subset.subset].add(document, subset.samples, scores)
        answers: list[str] = []
        messages = []
        for turn in range(subset.turns):
            messages.append(subset.messages(document, answers))
            if choices:
                answers.append(choices[0].turns[turn].text or "")
            else:
                break
        return ScoredDocument(
            benchmark=self.plan.benchmark.name,
            subset=subset.subset,
            index=index,
            document=document,
            messages=tuple(messages),
            choices=choices,
            scores=scores,
            values=values,
        )

    def result(self, notes: tuple[str, ...] = ()) -> BenchmarkResult:
        """Return the numbers, after `documents()` has run to its end."""
        plan = self.plan
        everything = [self.tallies[subset.subset] for subset in plan.subsets]
        total = evidence(everything)
        if total.answered and total.empty / total.answered > EMPTY_WARNING:
            notes = (*notes, f"{total.empty} of {total.answered} answers are empty: look at the model's chat template")
        if len(self.served) > 1:
            notes = (*notes, f"the server answered under several model names: {', '.join(sorted(self.served))}")
        if total.copied:
            notes = (*notes, f"{total.copied} of {total.answered} choices are copies: greedy decoding repeats itself")
        return BenchmarkResult(
            benchmark=plan.benchmark,
            samples=plan.samples,
            documents=sum(len(subset.order) for subset in plan.subsets),
            documents_in_dataset=sum(len(subset.rows) for subset in plan.subsets),
            evidence=total,
            metrics=metric_results(self.metrics, everything),
            subsets=tuple(
                SubsetResult(
                    subset=subset.subset,
                    documents=len(subset.order),
                    evidence=evidence([tally]),
                    metrics=metric_results(self.metrics, [tally]),
                )
                for subset, tally in zip(plan.subsets, everything, strict=True)
            ),
            dataset_revisions=plan.revisions,
            notes=notes,
        )
