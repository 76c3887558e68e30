"""JamC-QA with reasoning: the questions of `jamcqa`, asked to be thought through step by step.

Source: as `jamcqa`. Reference measurement: the forks of 2026 (reference/benchmarks.md §7.1), task jamcqa_cot.
Differs: as `jamcqa`.
"""

from __future__ import annotations

from saiten.benchmarks.ja.jamcqa import DATASET, question_of
from saiten.benchmarks.ja.jmmlu import PROMPT
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Document, Duration, Row, Sampling, SummaryRow


def document(row: Row) -> Document:
    """Build a document."""
    return question_of(row, PROMPT)


BENCHMARK = Benchmark(
    name="jamcqa_cot",
    task="jamcqa_cot",
    language="ja",
    version=1,
    dataset=DATASET,
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=350.0,
    summary=(SummaryRow(name="jamcqa_cot", metric="extractive_match"),),
    duration=Duration(node_q="02:00:00", node_f="02:00:00", rt_HG="02:00:00", rt_HF="02:00:00"),
    source="sbintuitions/JamC-QA; swallow-evaluation-instruct forks of 2026 jamcqa_cot",
    license="CC BY-SA 4.0",
    differs="prompt in our own words, same answer line; right choice placed by content, not at random; "
    "`accuracy` is our own careful reading",
)
