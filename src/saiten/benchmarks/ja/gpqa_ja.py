"""GPQA in Japanese, from BenchMAX: 448 four-choice questions of the sciences, translated from GPQA Main.

Source: LLaMAX/BenchMAX_Science (hub), CC BY 4.0; Huang et al. 2025, arXiv:2502.07346; GPQA's authors ask not to
publish questions in plain text. Reference measurement: swallow-evaluation-instruct@3520211, task swallow_gpqa_ja,
temperature 0.
Differs: the prompt is in our own words, with the same last line and list of choices. The right choice stands where
the question's content puts it (`benchmarks.placement`); in the reference its place changes from run to run. `accuracy`
reads the answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.en.gpqa_diamond import COLUMNS
from saiten.benchmarks.ja.jmmlu import PROMPT
from saiten.benchmarks.placement import placed
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow


def document(row: Row) -> Document:
    """Build a document."""
    question, right, *wrong = (row[column] for column in COLUMNS)
    return choice_document(row, PROMPT, question, *placed(question, right, wrong))


BENCHMARK = Benchmark(
    name="gpqa_ja",
    task="swallow_gpqa_ja",
    job="gpqa",
    language="ja",
    version=1,
    dataset=Dataset(
        path="LLaMAX/BenchMAX_Science",
        split="train",
        configs={"": "ja"},
        columns=COLUMNS,
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=900.0,
    summary=(SummaryRow(name="gpqa_main_ja", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="LLaMAX/BenchMAX_Science; swallow-evaluation-instruct@3520211 swallow_gpqa_ja",
    license="CC BY 4.0",
    differs="prompt in our own words, same answer line; right choice placed by content, not at random; "
    "`accuracy` is our own careful reading",
)
