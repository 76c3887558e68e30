"""What the benchmark runs ask: user benchmark files with their datasets, written for `saiten run --benchmarks FILE.py`.

Each row carries the mock's tag, so its answer and its length are known beforehand, and so is the score: the gold of
seven four-choice questions in ten is the letter that the mock gives. A run that prints another score is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.mock_replies import Kind, right_letter
from saiten.values import replace

_RIGHT_OF_TEN = 7
_FILLER = (
    "Consider the following situation carefully before you answer, since several of the statements are similar. "
    "A committee reviews proposals in the order in which they arrive, and each proposal is read by two members who do "
    "not know what the other one has written about it. "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One synthetic benchmark."""

    name: str
    documents: int
    kind: Kind = "choice"
    samples: int = 1
    turns: int = 1
    temperature: float = 0.0
    mu: float = 6.0
    sigma: float = 0.9
    cap: int = 4096
    prompt_bytes: int = 700
    """Rough length of a turn's prompt."""
    expected_tokens: float = 400.0
    """What the benchmark file says of its answers' length; a round guess, as a person would write it."""
    first_tag: int = 0
    judged: bool = False
    """Whether each turn of each answer is rated by a judge: as many requests again."""

    def expected_score(self) -> tuple[str, float]:
        """Return the metric and the score that the mock's answers earn."""
        if self.kind != "choice":
            return "answered", 1.0
        right = sum(tag % 10 < _RIGHT_OF_TEN for tag in range(self.first_tag, self.first_tag + self.documents))
        return "extractive_match", right / self.documents


FOUR_CHOICE = Workload(name="bench_four_choice", documents=5_000)
FOUR_CHOICE_LARGE = Workload(name="bench_four_choice_large", documents=200_000)
CODE_TEN = Workload(name="bench_code_ten", documents=164, kind="code", samples=10, temperature=0.2, prompt_bytes=500)
TWO_TURNS = Workload(
    name="bench_two_turns", documents=160, kind="free", samples=5, turns=2, temperature=0.7, prompt_bytes=300
)
"""The shape of MT-Bench: turn 2 continues the first answer to turn 1, five samples of each turn. Twice its 80 questions
stand in for its 800 judge calls, so that the engine has as many sequences to make: 1,600."""
JUDGED = replace(TWO_TURNS, name="bench_judged", documents=80, cap=2048, judged=True)
"""MT-Bench: 800 answers, and 800 judgements that need them. Answers of 2,048 tokens are the 8,192 characters that are
judged; with longer ones the longest conversation alone decides how long everything takes."""
STREAMED = Workload(name="bench_streamed", documents=512, kind="free", mu=6.45, sigma=0.02, prompt_bytes=200)


def suite() -> list[Workload]:
    """Return ten benchmarks whose answers differ in number, length and spread, as those of a real suite do."""
    shapes: tuple[tuple[str, Kind, int, int, float, float, float], ...] = (
        ("knowledge", "choice", 1200, 1, 0.0, 5.3, 0.6),
        ("reading", "free", 400, 1, 0.0, 3.4, 0.8),
        ("translation", "free", 300, 1, 0.0, 4.2, 0.4),
        ("science", "choice", 198, 1, 0.0, 6.9, 0.5),
        ("arithmetic", "math", 250, 1, 0.0, 5.6, 0.5),
        ("olympiad", "math", 60, 4, 0.7, 7.4, 0.5),
        ("code", "code", 164, 4, 0.2, 5.6, 0.7),
        ("contest", "code", 60, 2, 0.2, 7.2, 0.6),
        ("instructions", "free", 172, 1, 0.0, 5.9, 0.6),
        ("letter", "choice", 300, 1, 0.0, 1.5, 0.3),
    )
    made: list[Workload] = []
    for number, (name, kind, documents, samples, temperature, mu, sigma) in enumerate(shapes):
        made.append(
            Workload(
                name=f"bench_suite_{name}",
                documents=documents,
                kind=kind,
                samples=samples,
                temperature=temperature,
                mu=mu,
                sigma=sigma,
                expected_tokens=float(round(2.718 ** (mu + sigma * sigma / 2), -1)) or 5.0,
                first_tag=number * 10_000,
            )
        )
    return made


def write(workload: Workload, folder: Path) -> Path:
    """Write the dataset and the benchmark file into `folder`; return the benchmark file."""
    folder.mkdir(parents=True, exist_ok=True)
    data = folder / f"{workload.name}.jsonl"
    encoder = msgspec.json.Encoder()
    with data.open("wb") as file:
        for tag in range(workload.first_tag, workload.first_tag + workload.documents):
            file.write(encoder.encode(row(workload, tag)) + b"\n")
    path = folder / f"{workload.name}.py"
    path.write_text(_source(workload, data), encoding="utf-8")
    return path


def row(workload: Workload, tag: int) -> dict[str, object]:
    """Return one row: id, turns and target."""
    mark = f"[#{tag} kind={workload.kind} mu={workload.mu} sigma={workload.sigma} cap={workload.cap}]"
    text = (_FILLER * (workload.prompt_bytes // len(_FILLER) + 1))[: workload.prompt_bytes]
    if workload.kind == "choice":
        text += "\nA) first\nB) second\nC) third\nD) fourth\n最後の行は「回答: $選択肢」としてください。"
    letter = right_letter(tag)
    gold = letter if tag % 10 < _RIGHT_OF_TEN else "ABCD"["ABCD".index(letter) - 1]
    target = {"choice": gold, "math": str(tag * 7 + 3)}.get(workload.kind, "any answer")
    return {"id": str(tag), "turns": [f"{mark} Turn {k + 1}. {text}" for k in range(workload.turns)], "target": target}


def _source(workload: Workload, data: Path) -> str:
    """Return the benchmark file's text."""
    choice = workload.kind == "choice"
    scorer = 'ChoiceLetter(language="ja", choices=4)' if choice else "Answered()"
    return _TEMPLATE.format(
        imports=_CHOICE_IMPORT if choice else "",
        scorer_class="" if choice else _JUDGED if workload.judged else _ANSWERED,
        judge="judge=Judge(templates=TEMPLATES)," if workload.judged else "",
        name=workload.name,
        data=str(data),
        scorer=scorer,
        value=workload.expected_score()[0],
        temperature=workload.temperature,
        max_tokens=workload.cap,
        samples=workload.samples,
        expected_tokens=workload.expected_tokens,
    )


_CHOICE_IMPORT = "from saiten.scoring.choice import ChoiceLetter\n"
_ANSWERED = '''

@dataclass(frozen=True, slots=True)
class Answered:
    """1 for an answer that came to its end: costs nothing, so what is measured is everything else."""

    name: str = "answered"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each document's choices."""
        for _, choices in items:
            yield tuple(ChoiceScore(values={"answered": float(bool(one.turns[-1].text))}) for one in choices)

'''
_JUDGED = '''
from saiten.scoring.judge import Judge
from saiten.types import JudgeTemplate

WORDS = "[#judge mu=4.8 sigma=0.4 cap=600] Explain, then rate: [[rating]]. {question_1} <answer {nonce}>{answer_1}"
TEMPLATES = {
    "turn_1": JudgeTemplate(system="", user=WORDS),
    "turn_2": JudgeTemplate(system="", user=WORDS + "</answer {nonce}> {question_2} <answer {nonce}>{answer_2}"),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """1 for a choice whose every turn has a rating."""

    name: str = "answered"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each document's choices."""
        for _, choices in items:
            yield tuple(
                ChoiceScore(values={"answered": float(all(v is not None and v.value for v in one.verdicts))})
                for one in choices
            )

'''
_TEMPLATE = '''"""A synthetic benchmark, written by bench/workloads.py."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

{imports}from saiten.scoring.metrics import mean
from saiten.types import Benchmark, ChoiceScore, Dataset, Document, Row, Sampling, Scorable

{scorer_class}
def document(row: Row) -> Document:
    """Return the document of a row."""
    return Document(id=row["id"], turns=tuple(row["turns"]), target=row["target"])


BENCHMARK = Benchmark(
    name="{name}",
    task="{name}",
    language="ja",
    version=1,
    dataset=Dataset(path={data!r}, split="test", local=True, columns=("id", "turns", "target")),
    document=document,
    prompt="{{turn}}",
    scorer={scorer},
    metrics=(mean("{value}"),),
    sampling=Sampling(temperature={temperature}, max_tokens={max_tokens}),
    samples={samples},
    expected_tokens={expected_tokens},
    {judge}
    source="synthetic, bench/workloads.py",
    license="MIT",
)
'''
