"""From records to numbers. Reads only the plan and the journals, so it runs the same after a run or a year later.

Documents pass one by one: read, scored, written out, dropped. What stays is one number per document and metric.
"""

from __future__ import annotations

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from typing import Any

from msgspec import Struct, field

from saiten.engine.crash import crash
from saiten.engine.execute import NO_CODE, execution_of
from saiten.engine.identity import canonical_sampling
from saiten.engine.judgement import failed, judgement_of, verdict_of
from saiten.engine.plan import FAILED, BenchmarkPlan, SubsetPlan
from saiten.engine.record import JUDGE_UNPARSABLE, GenerationRecord
from saiten.results.summary import BenchmarkResult, Evidence, MetricResult, ScoredDocument, SubsetResult
from saiten.types import Choice, ChoiceScore, Document, Generation, Metric, Outcome, Verdict
from saiten.values import replace

EMPTY_WARNING = 0.01


class Column:
    """One metric's values over the documents of a subset: numbers packed, tuples as they are."""

    __slots__ = ("best", "known", "missing", "worst")

    def __init__(self, metric: Metric) -> None:
        self.known: MutableSequence[Any] = array("d") if isinstance(metric.value, str) else []
        """Values of documents with every choice scored."""
        self.worst: MutableSequence[Any] = self.known
        """Values of all documents, missing choices at their worst; the same list until a choice is missing."""
        self.best: MutableSequence[Any] = self.known
        self.missing = False
        """Whether any document lacks a choice."""

    def add(self, value: Any) -> None:
        """Take in a document with every choice."""
        self.known.append(value)
        if self.missing:
            self.worst.append(value)
            self.best.append(value)

    def add_bounds(self, metric: Metric, have: list[Any], missing: int) -> None:
        """Take in a document that lacks choices, as bad and as good as it can be."""
        if not self.missing:
            self.missing = True
            self.worst, self.best = self.known[:], self.known[:]
        if metric.worst is not None and metric.best is not None:
            self.worst.append(metric.reduce([*have, *[metric.worst] * missing]))
            self.best.append(metric.reduce([*have, *[metric.best] * missing]))


class Tally(Struct):
    """What is counted and collected over one subset."""

    metrics: tuple[Metric, ...]
    columns: dict[str, Column] = field(default_factory=dict)
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
            if missing:
                column.add_bounds(metric, have, missing)
                continue
            value = metric.reduce(have)
            column.add(value)
            alone = value if isinstance(value, float) else metric.corpus([[value]]).value
            if alone is not None:
                values[metric.name] = alone
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
        judge_failed=total["judge_failed"],
        judge_unparsable=total["judge_unparsable"],
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
                selective=metric.where is not None,
            )
        )
    return tuple(results)


class Waiting(Struct, kw_only=True):
    """A document that the scorer was given and whose scores are not there yet."""

    subset: SubsetPlan
    index: int
    document: Document
    choices: tuple[Choice, ...] = ()
    """Without greedy copies."""
    identities: list[str] = field(default_factory=list)
    judge_prompts: list[list[str]] = field(default_factory=list)
    """For each choice, what the judge was sent about each turn."""

    @property
    def weight(self) -> int:
        """How many choices a generated one stands for: all of them where decoding is greedy."""
        return self.subset.samples if self.subset.generated(self.index) == 1 else 1


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
        self.judges: set[str] = set()
        """Judge models, as their replies name them."""
        self._waiting: deque[Waiting] = deque()

    def documents(self) -> Iterator[ScoredDocument]:
        """Yield every document of the benchmark with its choices and scores, in the seeded order of each subset."""
        for scores in self.plan.benchmark.scorer.score(self._scorable()):
            waiting = self._waiting.popleft()
            subset = waiting.subset
            crash("during_score")
            copied = waiting.choices and subset.generated(waiting.index) == 1
            self.identities = tuple(waiting.identities * subset.samples if copied else waiting.identities)
            yield self._scored(waiting, scores)

    def _scorable(self) -> Iterator[tuple[Document, tuple[Choice, ...]]]:
        for subset in self.plan.subsets:
            for index in range(len(subset.order)):
                document = subset.document(index)
                waiting = Waiting(subset=subset, index=index, document=document)
                waiting.choices = tuple(self._choices(waiting))
                self._waiting.append(waiting)
                yield document, waiting.choices

    def _choices(self, waiting: Waiting) -> Iterator[Choice]:
        """Yield the choices that were generated and have every verdict they need, without greedy copies."""
        subset, index = waiting.subset, waiting.index
        verified = self.plan.benchmark.verifier is not None or self.plan.benchmark.judge is not None
        counts = self.tallies[subset.subset].counts
        weight = waiting.weight
        counts["due"] += subset.samples * subset.turns
        for repetition in range(subset.generated(index)):
            records = [self._record(subset, index, repetition, turn, weight) for turn in range(subset.turns)]
            answered = tuple([record.generation for record in records if record is not None])
            if records[-1] is None or len(answered) < subset.turns:
                continue
            prompts: list[str] = []
            verdicts: tuple[Verdict | None, ...] = (None,) * subset.turns
            if verified:
                verdicts = tuple(self._verdict(waiting, answered[: turn + 1], prompts) for turn in range(subset.turns))
                if None in verdicts:
                    continue
                unparsable = [v for v in verdicts if v is not None and v.status == JUDGE_UNPARSABLE]
                counts["judge_unparsable"] += weight * len(unparsable)
            counts["scored"] += weight * subset.turns
            waiting.identities.append(records[-1].place.id)
            waiting.judge_prompts.append(prompts)
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

    def _verdict(self, waiting: Waiting, turns: Sequence[Generation], prompts: list[str]) -> Verdict | None:
        """Return what decides about the last of `turns`; adds what a judge is sent about it to `prompts`."""
        if self.plan.benchmark.judge is not None:
            judgement = judgement_of(self.plan, waiting.subset, waiting.document, turns)
            verdict = verdict_of(self.plan, judgement)
            prompts.append(judgement.messages[-1].content)
            self.judges |= {by for name in judgement.identities if (by := self.plan.decided_by.get(name)) is not None}
            if verdict is None and failed(self.plan, judgement):
                self.tallies[waiting.subset.subset].counts["judge_failed"] += waiting.weight
            return verdict
        identity, program = execution_of(self.plan, waiting.document, turns[-1])
        return NO_CODE if program is None else self.plan.verdicts.get(identity)

    def _scored(self, waiting: Waiting, scores: tuple[ChoiceScore, ...]) -> ScoredDocument:
        subset, unique = waiting.subset, waiting.choices
        choices, prompts = unique, waiting.judge_prompts
        if unique and subset.generated(waiting.index) == 1:
            copies = (replace(unique[0], repetition=k, copied=True) for k in range(1, subset.samples))
            choices, scores, prompts = (*unique, *copies), scores * subset.samples, prompts * subset.samples
        values = self.tallies[subset.subset].add(waiting.document, subset.samples, scores)
        answers: list[str] = []
        messages = []
        for turn in range(subset.turns):
            messages.append(subset.messages(waiting.document, answers))
            if not choices:
                break
            answers.append(subset.continued(choices[0].turns[turn]))
        return ScoredDocument(
            benchmark=self.plan.benchmark.name,
            subset=subset.subset,
            index=waiting.index,
            document=waiting.document,
            messages=tuple(messages),
            choices=choices,
            scores=scores,
            values=values,
            judge_prompts=tuple(zip(*prompts, strict=True)),
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
        notes = (*notes, *self._judge_notes(total))
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
            judge=plan.judge.name if plan.judge is not None else None,
        )

    def _judge_notes(self, total: Evidence) -> Iterator[str]:
        plan = self.plan
        if any(subset.turns > 1 for subset in plan.subsets):
            source = "its own first answer" if plan.subsets[0].own else "sample 0's first answer"
            yield f"continuation {plan.benchmark.continuation}: the second turn of each sample continues {source}"
        if plan.judge is None:
            return
        sampling = canonical_sampling(plan.judge.sampling)
        sent = ", ".join(f"{name} {value}" for name, value in sampling.items())
        yield f"judged by {plan.judge.name} ({sent})"
        if others := self.judges - {plan.judge.name}:
            yield f"the judge answered under the name {', '.join(sorted(others))}"
        if total.judge_failed:
            yield f"judge_failed: {total.judge_failed} judgements could not be had; they are asked for again next time"
        if total.judge_unparsable:
            yield (
                f"judge_unparsable: {total.judge_unparsable} of {total.answered} verdicts state no rating; they count "
                "as -1 in judge_score_*, as they always did, and not at all in judge_careful_*"
            )
