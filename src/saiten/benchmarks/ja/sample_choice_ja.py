"""Our own small set of Japanese four-choice questions, for the demo and for trying things out offline.

32 questions from school subjects in four levels of difficulty, the right letters balanced, asked and scored like
`jmmlu`. Too small and too easy to compare models with.

Source: written for saiten; MIT.
Differs: no reference measurement.
"""

from __future__ import annotations

from saiten.benchmarks.ja.jmmlu import PROMPT
from saiten.benchmarks.prompt import fill, lettered
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Row, Sampling, SummaryRow


def document(row: Row) -> Document:
    """Build a document."""
    choices = lettered([row[letter] for letter in "ABCD"])
    return Document(
        id=row["id"],
        turns=(fill(PROMPT, {"question": row["question"], "choices": choices}),),
        target=row["answer"],
        extra={"subject": row["subject"], "level": row["level"]},
    )


BENCHMARK = Benchmark(
    name="sample_choice_ja",
    task="sample_choice_ja",
    language="ja",
    version=1,
    dataset=Dataset(
        path="../../resources/sample_choice_ja.jsonl",
        split="test",
        local=True,
        columns=("id", "subject", "level", "question", "A", "B", "C", "D", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=250.0,
    summary=(SummaryRow(name="sample_choice_ja", metric="extractive_match"),),
    source="written for saiten",
    license="MIT",
    differs="no reference measurement",
)
