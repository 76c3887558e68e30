"""What a run came to: numbers with their evidence. Made by the scoring stage, read by exports, tables and reports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from saiten.types import Benchmark, Choice, ChoiceScore, Document, Estimate, Message, RunSpec


class Evidence(Struct, frozen=True, kw_only=True):
    """Counts of choices. `due` is what the run owes; shares are over `answered`."""

    due: int
    answered: int
    """Choices that the model finished in any way; the rest is missing (failed, or not asked yet)."""
    scored: int
    """Answered choices that also have their verdict, where one is needed."""
    failed: int = 0
    """Choices whose last try ended as request_failed."""
    truncated: int = 0
    repetition: int = 0
    unclosed: int = 0
    """Reasoning began and never ended."""
    empty: int = 0
    filtered: int = 0
    copied: int = 0
    """Greedy copies of repetition 0, counted in `answered` too."""
    judge_failed: int = 0
    """Answers whose judgement was asked for and could not be had: they are missing, and owed."""
    judge_unparsable: int = 0
    """Answers whose verdict states no rating, asked for twice. They count as scored."""
    output_tokens: int | None = None

    @property
    def coverage(self) -> float:
        """Choices scored / choices due."""
        return self.scored / self.due if self.due else 1.0

    @property
    def complete(self) -> bool:
        """Whether every choice due is scored."""
        return self.scored == self.due


class MetricResult(Struct, frozen=True, kw_only=True):
    """One metric over a benchmark or a subset."""

    name: str
    compatible: bool
    estimate: Estimate
    """Over the scored documents. With choices missing, read `bounds` instead."""
    bounds: tuple[float, float] | None = None
    """[every missing choice worst, every missing choice best]; None when nothing is missing."""
    disagreement: float | None = None
    """For a careful metric: share of documents where its compatible twin gives another value."""
    selective: bool = False
    """Whether it is about some of the documents only (a category)."""


class SubsetResult(Struct, frozen=True, kw_only=True):
    """One subset of a benchmark (the whole benchmark where it has none, under the name "")."""

    subset: str
    documents: int
    evidence: Evidence
    metrics: tuple[MetricResult, ...]


class BenchmarkResult(Struct, frozen=True, kw_only=True):
    """One benchmark: the micro average over all its documents, and each subset."""

    benchmark: Benchmark
    samples: int
    """N: choices per document in this run."""
    documents: int
    documents_in_dataset: int
    evidence: Evidence
    metrics: tuple[MetricResult, ...]
    subsets: tuple[SubsetResult, ...]
    dataset_revisions: Mapping[str, str] = field(default_factory=dict)
    """Dataset path -> resolved commit, or a content hash for local files."""
    notes: tuple[str, ...] = ()
    """E.g. the sandbox level, warnings about many empty answers."""
    judge: str | None = None
    """The model that judged."""


class RunResult(Struct, frozen=True, kw_only=True):
    """One run: all its benchmarks."""

    spec: RunSpec
    directory: Path
    """The run directory."""
    benchmarks: tuple[BenchmarkResult, ...]
    started: float
    """Unix time, seconds."""
    seconds: float
    warnings: tuple[str, ...] = ()
    cost: float | None = None
    """What the run has cost, all starts together, in the currency of the user's prices; None: no price is known."""
    left: int = 0
    """Choices that other processes still bring; the last of them scores and writes the results."""

    @property
    def complete(self) -> bool:
        """Whether every choice of every benchmark is scored."""
        return all(result.evidence.complete for result in self.benchmarks)


class ScoredDocument(Struct, frozen=True, kw_only=True):
    """One document with all that is known of it: what the details export and the score file are made of."""

    benchmark: str
    subset: str
    index: int
    """Position in the seeded order of its subset."""
    document: Document
    messages: tuple[tuple[Message, ...], ...]
    """What was sent, for each turn (first repetition)."""
    choices: tuple[Choice, ...]
    scores: tuple[ChoiceScore, ...]
    """One per choice, same order."""
    values: Mapping[str, float]
    """Metric name -> this document's value; absent where a choice it needs is missing."""
    judge_prompts: tuple[tuple[str, ...], ...] = ()
    """What the judge was sent, for each turn one text per choice; empty for a benchmark without a judge."""
