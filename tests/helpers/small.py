"""Small benchmarks for tests: rows in a local file, a scorer that compares the answer with the target."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from saiten.scoring.metrics import mean
from saiten.types import Benchmark, ChoiceScore, Dataset, Document, Row, Sampling, Scorable


@dataclass(frozen=True, slots=True)
class Exact:
    """Scores 1 where the answer's last line is the target."""

    name: str = "exact"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        for document, choices in items:
            yield tuple(
                ChoiceScore(values={"exact": float((choice.turns[-1].text or "").strip() == document.target)})
                for choice in choices
            )


def document(row: Row) -> Document:
    """Make a document of a row with `question` (one text, or one for each turn) and `answer`."""
    question = row["question"]
    turns = tuple(question) if isinstance(question, list) else (question,)
    return Document(id=str(row["id"]), turns=turns, target=row["answer"])


def benchmark(folder: Path, rows: list[dict[str, object]], *, name: str = "small", **changes: object) -> Benchmark:
    """Write rows to a file and return a benchmark over them; `changes` are fields of Benchmark."""
    path = folder / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    fields: dict[str, object] = {
        "name": name,
        "task": f"test_{name}",
        "language": "en",
        "version": 1,
        "dataset": Dataset(path=str(path), split="test", local=True),
        "document": document,
        "prompt": "{question}",
        "scorer": Exact(),
        "metrics": (mean("exact"),),
        "sampling": Sampling(temperature=0.0),
    }
    return Benchmark(**(fields | changes))  # type: ignore[arg-type]  # a test gives fields of the right types


def rows(count: int, *, turns: int = 1) -> list[dict[str, object]]:
    """Return rows whose questions are all different."""
    return [
        {
            "id": number,
            "question": f"question {number}" if turns == 1 else [f"question {number} turn {t}" for t in range(turns)],
            "answer": f"answer {number}",
        }
        for number in range(count)
    ]
