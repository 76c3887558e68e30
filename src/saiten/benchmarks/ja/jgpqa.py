"""JGPQA: GPQA translated into Japanese by LLM-jp. Diamond 198, main 448, extended 564 questions.

The larger subsets contain the smaller ones, so select one: `jgpqa:diamond` is what the leaderboard reports.

Source: llm-jp/jgpqa (hub, gated), CC BY 4.0, with the authors' request not to publish questions in plain text.
Reference measurement: the forks of 2026 (reference/benchmarks.md §7.1), task jgpqa:{diamond,main,extended}.
Differs: the prompt is in our own words, with the same last line and list of choices. The right choice stands where
the question's content puts it (`benchmarks.placement`), in every subset the same; in the reference its place changes
from run to run. `accuracy` reads the answer as a careful person would; `extractive_match` exactly as the reference.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.en.gpqa_diamond import COLUMNS
from saiten.benchmarks.ja.jmmlu import PROMPT
from saiten.benchmarks.placement import placed
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

SUBSETS = ("diamond", "main", "extended")


def document(row: Row) -> Document:
    """Build a document."""
    question, right, *wrong = (row[column] for column in COLUMNS)
    return choice_document(row, PROMPT, question, *placed(question, right, wrong))


BENCHMARK = Benchmark(
    name="jgpqa",
    task="jgpqa",
    language="ja",
    version=1,
    dataset=Dataset(
        path="llm-jp/jgpqa",
        split="train",
        configs={subset: f"gpqa_{subset}" for subset in SUBSETS},
        columns=COLUMNS,
        gated=True,
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=900.0,
    summary=tuple(
        SummaryRow(name=f"jgpqa_{subset}", metric="extractive_match", subsets=(subset,)) for subset in SUBSETS
    ),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="llm-jp/jgpqa; swallow-evaluation-instruct forks of 2026 jgpqa",
    license="CC BY 4.0",
    differs="prompt in our own words, same answer line; right choice placed by content, not at random; "
    "`accuracy` is our own careful reading",
)
