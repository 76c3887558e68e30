r"""PolyMath in Japanese: 500 problems in four levels of difficulty, from primary school to research, 125 each.

Source: Qwen/PolyMath (hub, config ja, a split for each level), no licence stated; Wang et al. 2025, arXiv:2504.18428.
Reference measurement: the forks of 2026 (reference/benchmarks.md §7.1), task polymath_japanese:{low,medium,high,top}.
Differs: the prompt is in our own words, with the same last line and, as in the reference, no word on reasoning. The
score is the share of right answers; PolyMath's authors weight the levels. `accuracy` is our own careful comparison.
The old table has no duration: twice that of `math_500`, which has as many problems, and easier ones.
"""

from __future__ import annotations

from saiten.benchmarks.choices import row_id
from saiten.benchmarks.ja.math_100_ja import boxed
from saiten.benchmarks.prompt import fill
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

LEVELS = ("low", "medium", "high", "top")

PROMPT = r"""次の数学の問題に答えてください。最後の行は、次の形式にしてください。

回答: $\boxed{ANSWER}$

ANSWER のところには、答えとなる数式または数値だけを入れてください。

{problem}"""


def document(row: Row) -> Document:
    """Build a document."""
    fields = {"problem": row["question"]}
    return Document(
        id=row_id(row, row["question"]),
        turns=(fill(PROMPT, fields),),
        fields=fields,
        target=boxed(row["answer"]),
        extra={"answer": str(row["answer"])},
    )


BENCHMARK = Benchmark(
    name="polymath_ja",
    task="polymath_japanese",
    job="polymath",
    language="ja",
    version=1,
    dataset=Dataset(
        path="Qwen/PolyMath",
        split="low",
        configs={level: f"ja#{level}" for level in LEVELS},
        columns=("question", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="latex"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=1500.0,
    summary=(
        *(SummaryRow(name=f"polymath_ja_{level}", metric="extractive_match", subsets=(level,)) for level in LEVELS),
        SummaryRow(name="polymath_ja", metric="extractive_match"),
    ),
    duration=Duration(node_q="01:00:00", node_f="04:00:00", rt_HG="01:00:00", rt_HF="04:00:00"),
    source="Qwen/PolyMath; swallow-evaluation-instruct forks of 2026 polymath_japanese",
    license="none stated",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful comparison",
)
