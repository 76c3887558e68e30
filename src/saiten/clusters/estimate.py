"""How long a benchmark will take: from what earlier jobs needed, else from the benchmark's own table.

seconds = choices owed x tokens of a choice / tokens per second of such a model on such a node kind. Each of the three
is the best that is known; where there is no speed, the hours that the old system reserved are taken as they are.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from saiten.clusters.record import JobReport, Submission
from saiten.clusters.services import NodeKind
from saiten.types import Benchmark

LEARNT_MARGIN = 1.5
"""Answers of another model of the family may be longer, and the node's disk slower."""
TABLE_MARGIN = 1.0
"""The table's figures are what was reserved, with the start of the server."""
UNKNOWN_SECONDS = 3600.0
ASSUMED_SPEED = 200.0
"""Tokens per second where nothing is known: slow for any GPU."""
SERVER_SECONDS = 600.0
LEAST_SECONDS = 5.0
"""Jobs that asked for a shorter time tell nothing of the speed."""
SIZE = re.compile(r"(?<![a-z0-9.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z0-9])")
LARGE_GPUS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One benchmark of one run, as far as it is known."""

    benchmark: Benchmark
    samples: int
    due: int | None = None
    """Choices of the whole run; None: its data is not here."""
    answered: int = 0
    cost: float | None = None
    """What its answers are expected to cost at a provider, in the currency of its price; None: not known."""
    limited: bool = False
    """Whether only a part of the documents is asked (--max-samples)."""

    some: bool = False
    """Whether other subsets are asked than the benchmark's default ones."""

    @property
    def job_name(self) -> str:
        """Name of its job: the old one, which stands for the default subsets."""
        benchmark = self.benchmark
        return f"{benchmark.language}_{benchmark.name}" if self.some else benchmark.job_name

    @property
    def owed(self) -> int | None:
        """Choices still to be asked."""
        return None if self.due is None else self.due - self.answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How long a benchmark is expected to take."""

    seconds: float
    margin: float
    source: str

    @property
    def asked(self) -> float:
        """Seconds to ask for."""
        return self.seconds * self.margin


def family(model: str) -> str:
    """Return a model's name up to its size: fine-tunes and versions of one size run alike. `Qwen3-8B-Base`: `qwen3-8b`.

    The whole name where it tells no size.
    """
    name = model.rstrip("/").rpartition("/")[2].lower().replace("_", "-")
    found = SIZE.search(name)
    return name[: found.end()] if found else name


def size(model: str) -> str:
    """Return the size in a model's name, `8b`; empty where it tells none."""
    found = SIZE.search(model.rstrip("/").rpartition("/")[2].lower().replace("_", "-"))
    return found[0] if found else ""


@dataclass(slots=True)
class Mean:
    """A ratio of sums."""

    amount: float = 0.0
    of: float = 0.0
    jobs: int = 0

    def add(self, amount: float, of: float) -> None:
        """Take in one job."""
        self.amount, self.of, self.jobs = self.amount + amount, self.of + of, self.jobs + 1

    @property
    def value(self) -> float:
        """Amount per unit."""
        return self.amount / self.of


@dataclass(slots=True)
class Learnt:
    """What finished jobs tell of speeds and lengths. Made of the reports beside the submissions."""

    speeds: dict[tuple[str, str], Mean] = field(default_factory=lambda: defaultdict(Mean))
    """(family or size, node kind) -> tokens per second."""
    lengths: dict[tuple[str, str], Mean] = field(default_factory=lambda: defaultdict(Mean))
    """(benchmark, family or "") -> tokens of a choice."""
    starts: dict[tuple[str, str], Mean] = field(default_factory=lambda: defaultdict(Mean))
    """(family, node kind) -> seconds until the server answered."""

    @classmethod
    def of(cls, jobs: Iterable[tuple[Submission, JobReport]]) -> Learnt:
        """Learn from jobs that asked something."""
        learnt = cls()
        for submission, report in jobs:
            kind, name = submission.node_kind, family(submission.model)
            tokens = sum(report.output_tokens.values())
            if report.asking_seconds >= LEAST_SECONDS and tokens:
                for key in {name, size(submission.model)} - {""}:
                    learnt.speeds[key, kind].add(tokens, report.asking_seconds)
                learnt.starts[name, kind].add(report.server_seconds, 1)
            for benchmark, count in report.choices.items():
                if count > 0 and (length := report.output_tokens.get(benchmark)):
                    learnt.lengths[benchmark, name].add(length, count)
                    learnt.lengths[benchmark, ""].add(length, count)
        return learnt

    def speed(self, model: str, kind: str) -> tuple[Mean, str] | None:
        """Return tokens per second of such a model there, and of what they are; None: not known."""
        for name in (family(model), size(model)):
            if name and (name, kind) in self.speeds:
                return self.speeds[name, kind], name
        return None

    def length(self, benchmark: Benchmark, model: str) -> float:
        """Return the tokens of a choice."""
        for name in (family(model), ""):
            if (benchmark.name, name) in self.lengths:
                return self.lengths[benchmark.name, name].value
        return benchmark.expected_tokens

    def start(self, model: str, kind: str) -> float:
        """Return the seconds that the model server's start is expected to take."""
        known = self.starts.get((family(model), kind))
        return known.value if known is not None else SERVER_SECONDS

    def expect(self, work: Work, model: str, kind: NodeKind) -> Expected:
        """Return how long a benchmark will take."""
        speed, owed = self.speed(model, kind.name), work.owed
        if speed is not None and owed is not None:
            mean, name = speed
            seconds = owed * self.length(work.benchmark, model) / mean.value
            source = f"learnt: {mean.value:,.0f} tokens/s of {name} on {kind.name} ({mean.jobs} jobs)"
            return Expected(seconds=seconds, margin=LEARNT_MARGIN, source=source)
        hours, column = table_hours(work.benchmark, kind)
        if hours is None and owed is not None:
            seconds = owed * self.length(work.benchmark, model) / ASSUMED_SPEED
            source = f"assumed: {ASSUMED_SPEED:.0f} tokens/s, nothing is known of such a model on {kind.name}"
            return Expected(seconds=seconds, margin=LEARNT_MARGIN, source=source)
        share = owed / work.due if owed is not None and work.due else 1.0
        share *= work.samples / work.benchmark.samples
        if hours is None:
            source = "no figure: neither learnt nor in the benchmark's table"
            return Expected(seconds=UNKNOWN_SECONDS * share, margin=TABLE_MARGIN, source=source)
        note = ", an upper limit for --max-samples" if work.limited else ""
        source = f"the benchmark's table ({column}{note})"
        return Expected(seconds=hours * share, margin=TABLE_MARGIN, source=source)


def table_hours(benchmark: Benchmark, kind: NodeKind) -> tuple[float | None, str]:
    """Return the seconds that the benchmark's table says for a node kind, or for one with as many GPUs."""
    table: Mapping[str, str | None] = {
        name: getattr(benchmark.duration, name) for name in ("node_q", "node_f", "rt_HG", "rt_HF")
    }
    alike = ("node_f", "rt_HF") if kind.gpus >= LARGE_GPUS else ("node_q", "rt_HG")
    for column in (kind.name, *alike):
        if told := table.get(column):
            hours, minutes, seconds = (int(part) for part in told.split(":"))
            return 3600.0 * hours + 60 * minutes + seconds, column
    return None, ""
