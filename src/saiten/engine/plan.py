"""What a run owes: documents x repetitions x turns of every benchmark, less what the journal has.

Documents are built from their rows when they are needed and dropped again; what stays in memory is a few bytes for
each choice: where its answer is in the journal.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from saiten.datasets import DataContext, Rows, open_rows, part_of, seeded_order
from saiten.engine.identity import Identities
from saiten.engine.journal import Journal
from saiten.engine.record import JUDGE_FAILED, GenerationRecord, Place, VerdictRecord
from saiten.errors import UserError
from saiten.models.budget import about_tokens
from saiten.models.judges import JudgeModel, judge_model
from saiten.part import Part
from saiten.scoring.text import compatible_text
from saiten.settings.precedence import sampling_sent
from saiten.types import Benchmark, Document, Generation, Message, Outcome, RunSpec, Sampling, Usage, Verdict
from saiten.values import replace

NEVER_ASKED, FAILED, ANSWERED = 0, 1, 2
NOTHING = Sampling()


class SubsetPlan(Struct, kw_only=True, eq=False):
    """The documents of one subset of one benchmark, and where their answers are."""

    benchmark: Benchmark
    subset: str
    rows: Rows
    order: Sequence[int]
    """Row numbers in the seeded order, cut to --max-samples."""
    samples: int
    sampling: Sampling
    """The benchmark's sampling under the run's overrides."""
    override: Sampling
    """The run's overrides alone, which also go before a document's own sampling."""
    system_message: str | None
    identities: Identities
    part: Part = field(default_factory=Part)
    turns: int = 1
    own_sampling: bool = False
    """Whether documents say their own sampling, so that a document must be built to know whether it is greedy."""
    locations: array[int] = field(default_factory=lambda: array("q"))
    """Journal location of each choice by `slot`, -1 where there is none."""
    states: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        first = self.document(0)
        self.turns = len(first.turns)
        self.own_sampling = first.sampling is not None
        choices = len(self.order) * self.samples * self.turns
        self.locations = array("q", [-1]) * choices
        self.states = bytearray(choices)

    def document(self, index: int) -> Document:
        """Build the document at a position of the seeded order."""
        row = self.rows[self.order[index]]
        try:
            return self.benchmark.document(row)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            name = f"{self.benchmark.name}:{self.subset}".rstrip(":")
            raise UserError(
                f"{name}: row {self.order[index]} of {self.benchmark.dataset.path} does not make a document: "
                f"{type(error).__name__}: {error}; it has the columns {', '.join(self.rows.columns)}"
            ) from error

    def slot(self, index: int, repetition: int, turn: int) -> int:
        """Return the place of a choice in `locations` and `states`."""
        return (index * self.samples + repetition) * self.turns + turn

    def sampling_of(self, document: Document) -> Sampling:
        """Return what is sent for a document: run over document over benchmark."""
        if document.sampling is None:
            return self.sampling
        return sampling_sent(self.override, document.sampling, self.sampling, NOTHING)

    def settings(self) -> Iterator[tuple[Sampling, int]]:
        """Yield what is sent for the documents and how many repetitions of it; once where all are alike."""
        for index in range(len(self.order) if self.own_sampling else 1):
            document = self.document(index)
            yield self.sampling_of(document), self.repetitions(document)

    def repetitions(self, document: Document) -> int:
        """Return how many repetitions are generated: one where decoding is greedy, since all would be the same."""
        return 1 if self.sampling_of(document).temperature == 0 else self.samples

    def generated(self, index: int) -> int:
        """Return `repetitions` of the document at a position, without building it where that is not needed."""
        if self.own_sampling:
            return self.repetitions(self.document(index))
        return 1 if self.sampling.temperature == 0 else self.samples

    @property
    def indexes(self) -> range:
        """Positions of the documents that this process asks: all, or those of its shard."""
        return range(self.part.shard, len(self.order), self.part.shards)

    @property
    def due(self) -> int:
        """Choices that this process has to bring, copies included."""
        return len(self.indexes) * self.samples * self.turns

    def answered(self) -> int:
        """Return how many of these have an answer."""
        if not self.own_sampling and self.part.shards == 1 and self.generated(0) == self.samples:
            return self.states.count(ANSWERED)
        total = 0
        for index in self.indexes:
            start, generated = self.slot(index, 0, 0), self.generated(index)
            have = self.states.count(ANSWERED, start, start + generated * self.turns)
            total += have * (self.samples if generated == 1 else 1)
        return total

    def failed(self) -> int:
        """Return how many were asked in vain."""
        if self.part.shards == 1:
            return self.states.count(FAILED)
        width = self.samples * self.turns
        return sum(self.states.count(FAILED, index * width, (index + 1) * width) for index in self.indexes)

    def owes(self) -> bool:
        """Return whether any choice still has to be generated."""
        return self.answered() < self.due

    def messages(self, document: Document, answers: Sequence[str]) -> tuple[Message, ...]:
        """Return the conversation up to the user message that follows `answers`."""
        messages = [Message(role="system", content=self.system_message)] if self.system_message else []
        for turn, answer in zip(document.turns, answers, strict=False):
            messages += [Message(role="user", content=turn), Message(role="assistant", content=answer)]
        messages.append(Message(role="user", content=document.turns[len(answers)]))
        return tuple(messages)

    def choice_id(self, document: Document, answers: Sequence[str], repetition: int) -> str:
        """Return the identity of the choice that follows earlier answers."""
        conversation = self.identities.conversation(self.messages(document, answers), self.sampling_of(document))
        return conversation.choice(repetition, len(answers), own=self.own)

    @property
    def own(self) -> bool:
        """Whether later turns continue answers of their own repetition."""
        return self.benchmark.continuation == "own"

    def continued(self, generation: Generation) -> str:
        """Return an answer as a later turn continues it and a judge sees it."""
        return compatible_text(generation)[: self.benchmark.answer_characters]

    def source_repetition(self, repetition: int) -> int:
        """Return which repetition's earlier answers a later turn continues."""
        return repetition if self.own else 0


class TokensUsed(Struct):
    """Tokens of recorded answers or judgements: what they cost is a price away."""

    input: float = 0.0
    output: float = 0.0
    estimated: int = 0
    """Answers whose usage was not told; their output is an estimate."""

    def add(self, usage: Usage, said: str) -> None:
        """Take in one answer."""
        self.input += usage.input_tokens or 0
        if usage.output_tokens is not None:
            self.output += usage.output_tokens
        elif said:
            self.output += about_tokens(said)
            self.estimated += 1


class BenchmarkPlan(Struct, kw_only=True, eq=False):
    """One benchmark of a run: its subsets and its journals."""

    benchmark: Benchmark
    samples: int
    subsets: list[SubsetPlan]
    folder: Path
    generations: Journal[GenerationRecord]
    judgements: Journal[VerdictRecord]
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """Identity of an execution or judgement -> what it said."""
    decided_by: dict[str, str] = field(default_factory=dict)
    """Identity -> the sandbox level or the judge model that it comes from."""
    failed_judgements: set[str] = field(default_factory=set)
    """Identities of requests to the judge that failed for good and were not answered since."""
    judge: JudgeModel | None = None
    """Who judges, for a benchmark with a judge."""
    used: TokensUsed = field(default_factory=TokensUsed)
    """Tokens of the recorded answers, as they were when the record was opened."""
    judging_used: TokensUsed = field(default_factory=TokensUsed)

    @property
    def due(self) -> int:
        """Choices that this process has to bring, copies included."""
        return sum(subset.due for subset in self.subsets)

    @property
    def revisions(self) -> dict[str, str]:
        """Dataset path -> commit (or content hash) that its rows come from; by subset where these differ."""
        found: dict[str, dict[str, str]] = {}
        for subset in self.subsets:
            path = part_of(self.benchmark.dataset, subset.subset).path
            found.setdefault(path, {})[subset.subset] = subset.rows.revision
        revisions: dict[str, str] = {}
        for path, by_subset in found.items():
            one = len(set(by_subset.values())) == 1
            revisions |= {path if one else f"{path}:{subset}": revision for subset, revision in by_subset.items()}
        return revisions

    def answers(self, subset: SubsetPlan, index: int, repetition: int, turn: int) -> list[str] | None:
        """Return the earlier answers that a turn continues; None while one of them is missing."""
        texts: list[str] = []
        source = subset.source_repetition(repetition)
        for earlier in range(turn):
            location = subset.locations[subset.slot(index, source, earlier)]
            if location < 0:
                return None
            texts.append(subset.continued(self.generations.read(location).generation))
        return texts

    def restore(self) -> None:
        """Find in the journals what is answered already."""
        later: list[tuple[int, Place]] = []
        unplaced: dict[str, int] = {}
        by_name = {subset.subset: subset for subset in self.subsets}
        for location, record in self.generations.scan():
            generation = record.generation
            self.used.add(generation.usage, (generation.text or "") + (generation.reasoning or ""))
            failed = record.generation.outcome is Outcome.REQUEST_FAILED
            if record.place.turn == 0 or failed:
                self._place(by_name, record.place, location, unplaced, failed=failed)
            else:
                later.append((location, record.place))
        self._place_moved(unplaced, turn=0)
        for turn in sorted({place.turn for _, place in later}):
            unplaced.clear()
            for location, place in later:
                if place.turn == turn:
                    self._place(by_name, place, location, unplaced, failed=False)
            self._place_moved(unplaced, turn=turn)
        for _, verdict in self.judgements.scan():
            self.take_verdict(verdict.place.id, verdict.verdict, verdict.by)
            if verdict.verdict.usage is not None:
                self.judging_used.add(verdict.verdict.usage, verdict.verdict.detail)

    def verified(self) -> int:
        """Return how many verdicts stand about answers of this process's part."""
        part = self.subsets[0].part
        if part.shards == 1:
            return len(self.verdicts)
        places = (verdict.place for _, verdict in self.judgements.scan())
        return len({place.id for place in places if place.index % part.shards == part.shard} & self.verdicts.keys())

    def take_verdict(self, identity: str, verdict: Verdict, by: str) -> None:
        """Take in a verdict. One of a judge that failed is none: it is owed, and only counted."""
        if verdict.status == JUDGE_FAILED:
            self.failed_judgements.add(identity)
            return
        self.failed_judgements.discard(identity)
        if identity not in self.verdicts:  # the first one stays
            self.verdicts[identity] = verdict
            self.decided_by[identity] = by

    def _place(
        self, by_name: dict[str, SubsetPlan], place: Place, location: int, unplaced: dict[str, int], *, failed: bool
    ) -> None:
        """Put a record where its hint says, if its identity agrees; else keep it for `_place_moved`."""
        subset = by_name.get(place.subset)
        fits = subset is not None and place.index < len(subset.order) and place.turn < subset.turns
        if subset is None or not fits or place.repetition >= subset.samples:
            if not failed:
                unplaced.setdefault(place.id, location)
            return
        if self._expected(subset, place.index, place.repetition, place.turn) != place.id:
            if not failed:
                unplaced.setdefault(place.id, location)
            return
        slot = subset.slot(place.index, place.repetition, place.turn)
        if failed:
            subset.states[slot] = max(subset.states[slot], FAILED)
        elif subset.states[slot] != ANSWERED:  # the first answer stays the answer
            subset.states[slot] = ANSWERED
            subset.locations[slot] = location

    def _expected(self, subset: SubsetPlan, index: int, repetition: int, turn: int) -> str | None:
        answers = self.answers(subset, index, repetition, turn)
        if answers is None:
            return None
        return subset.choice_id(subset.document(index), answers, repetition)

    def _place_moved(self, unplaced: dict[str, int], *, turn: int) -> None:
        """Find owners of records whose hints are stale (the dataset's order changed, a benchmark was renamed)."""
        if not unplaced:
            return
        for subset, index, repetition in self.owed(turn):
            location = unplaced.get(self._expected(subset, index, repetition, turn) or "")
            if location is not None:
                slot = subset.slot(index, repetition, turn)
                subset.states[slot] = ANSWERED
                subset.locations[slot] = location

    def owed(self, turn: int) -> Iterator[tuple[SubsetPlan, int, int]]:
        """Yield (subset, document index, repetition) of choices of a turn without an answer."""
        for subset in self.subsets:
            if turn >= subset.turns:
                continue
            for index in subset.indexes:
                first = subset.slot(index, 0, turn)
                if all(subset.locations[first + k * subset.turns] >= 0 for k in range(subset.samples)):
                    continue
                for repetition in range(subset.generated(index)):
                    if subset.locations[subset.slot(index, repetition, turn)] < 0:
                        yield subset, index, repetition

    def take(self, part: Part) -> None:
        """Ask only this part from now on."""
        for subset in self.subsets:
            subset.part = part

    def close(self, *, pack_above: int | None = None) -> None:
        """Close the journals."""
        self.generations.close(pack_above=pack_above)
        self.judgements.close(pack_above=pack_above)


def plan_benchmark(
    spec: RunSpec, benchmark: Benchmark, subsets: Sequence[str], folder: Path, context: DataContext, writer: str
) -> BenchmarkPlan:
    """Open a benchmark's rows and journals, and find what is answered already."""
    samples = spec.samples or benchmark.samples
    judge = _judge(spec, benchmark)
    identities = Identities(spec)
    plans = []
    for subset in subsets:
        rows = open_rows(benchmark.dataset, subset, context)
        if not len(rows):
            raise UserError(f"{benchmark.name}: {benchmark.dataset.path} holds no rows")
        order = seeded_order(len(rows))
        plans.append(
            SubsetPlan(
                benchmark=benchmark,
                subset=subset,
                rows=rows,
                order=order[: spec.max_samples] if spec.max_samples else order,
                samples=samples,
                sampling=sampling_sent(spec.sampling, None, benchmark.sampling, spec.provider_sampling or NOTHING),
                override=spec.sampling,
                system_message=spec.system_message,
                identities=identities,
            )
        )
    plan = BenchmarkPlan(
        benchmark=benchmark,
        samples=samples,
        subsets=plans,
        folder=folder,
        generations=Journal(folder / "generations", GenerationRecord, writer),
        judgements=Journal(folder / "judgements", VerdictRecord, writer),
        judge=judge,
    )
    plan.restore()
    return plan


def _judge(spec: RunSpec, benchmark: Benchmark) -> JudgeModel | None:
    """Return who judges. Raises UserError where the benchmark is defined with another judge than the run's."""
    if benchmark.judge is None:
        return None
    judge = judge_model(spec)
    if benchmark.judge.model not in {None, judge.name}:
        raise UserError(
            f"{benchmark.name} is judged by {benchmark.judge.model}, and the judge of this run is {judge.name}: leave "
            "out --judge-model and JUDGE_MODEL_NAME, or choose the benchmark without a judge in its name"
        )
    return judge


def with_seed(sampling: Sampling, repetition: int) -> Sampling:
    """Give each repetition that is asked alone a seed of its own, or all would be the same text."""
    return sampling if sampling.seed is None else replace(sampling, seed=sampling.seed + repetition)
