r"""AIME 2024 and 2025: 30 problems of each year's American Invitational Mathematics Examinations, answers 0 to 999.

Source: HuggingFaceH4/aime_2024 and yentinglin/aime_2025 (hub); the problems are the Mathematical Association of
America's. Reference measurement: swallow-evaluation-instruct@3520211, tasks aime:24 and aime:25, temperature 0.
Differs: the prompt is in our own words, that of `math_500`, with the same last line. `accuracy` is our own careful
comparison beside the reference's.
"""

from __future__ import annotations

from saiten.benchmarks.choices import row_id
from saiten.benchmarks.en.math_500 import PROMPT
from saiten.benchmarks.prompt import fill
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow


def document(row: Row) -> Document:
    """Build a document. The target is a whole number, which may have zeros in front."""
    fields = {"problem": row["problem"]}
    return Document(
        id=row_id(row, row["problem"]),
        turns=(fill(PROMPT, fields),),
        fields=fields,
        target=str(row["answer"]),
    )


BENCHMARK = Benchmark(
    name="aime",
    task="aime",
    job="aime_2024_2025",
    language="en",
    version=1,
    dataset=Dataset(
        path="HuggingFaceH4/aime_2024",
        split="train",
        configs={"24": "default", "25": "yentinglin/aime_2025@default"},
        columns=("problem", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="expression"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=2500.0,
    summary=(SummaryRow(name="aime_2024_2025", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="HuggingFaceH4/aime_2024, yentinglin/aime_2025; swallow-evaluation-instruct@3520211 aime:24, aime:25",
    license="none stated; problems © MAA",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful comparison",
)
