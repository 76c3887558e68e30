r"""Our own small set of mathematical problems, for the demo and for trying things out offline.

26 problems from school mathematics in four levels of difficulty, asked and scored like `math_500`. Too small and too
easy to compare models with.

Source: written for saiten; MIT.
Differs: no reference measurement.
"""

from __future__ import annotations

from saiten.benchmarks.en.math_500 import PROMPT
from saiten.benchmarks.prompt import fill
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Row, Sampling, SummaryRow


def document(row: Row) -> Document:
    """Build a document."""
    fields = {"problem": row["problem"]}
    return Document(
        id=row["id"],
        turns=(fill(PROMPT, fields),),
        fields=fields,
        target=rf"$\boxed{{{row['answer']}}}$",
        extra={"answer": row["answer"], "subject": row["subject"], "level": row["level"]},
    )


BENCHMARK = Benchmark(
    name="sample_math",
    task="sample_math",
    language="en",
    version=1,
    dataset=Dataset(
        path="../../resources/sample_math.jsonl",
        split="test",
        local=True,
        columns=("id", "subject", "level", "problem", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="latex"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=400.0,
    summary=(SummaryRow(name="sample_math", metric="extractive_match"),),
    source="written for saiten",
    license="MIT",
    differs="no reference measurement",
)
