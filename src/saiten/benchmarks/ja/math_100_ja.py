r"""MATH-100 in Japanese, from MCLM: 99 competition problems, translated from MATH-500.

Source: amphora/MCLM (hub, config MT-MATH100), MIT; Son et al. 2025, aclanthology.org/2025.acl-long.699. Reference
measurement: swallow-evaluation-instruct@3520211, task math_100_japanese, temperature 0.
Differs: the prompt is in our own words, with the same last line. The reference looks for English answer lines, so of
the line asked for only the box counts; this is kept. `accuracy` is our own careful comparison beside it.
"""

from __future__ import annotations

from saiten.benchmarks.choices import row_id
from saiten.benchmarks.prompt import fill
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = r"""次の数学の問題を、筋道を立てて明快に解いてください。一歩ずつ考え、その過程を書いてください。
最後の行は、次の形式にしてください。

回答: $\boxed{ANSWER}$

ANSWER のところには、答えとなる数式または数値だけを入れてください。

{problem}"""


def boxed(answer: object) -> str:
    r"""Return an answer as the scorer wants it, in a box: `$\boxed{…}$`."""
    text = str(answer)
    return text if text.startswith(r"$\boxed") else rf"$\boxed{{{text}}}$"


def document(row: Row) -> Document:
    """Build a document. The dataset has no ids."""
    fields = {"problem": row["ja"]}
    return Document(
        id=row_id(row, row["ja"]),
        turns=(fill(PROMPT, fields),),
        fields=fields,
        target=boxed(row["answer"]),
        extra={"answer": str(row["answer"])},
    )


BENCHMARK = Benchmark(
    name="math_100_ja",
    task="math_100_japanese",
    job="math_100",
    language="ja",
    version=1,
    dataset=Dataset(
        path="amphora/MCLM",
        split="test",
        configs={"": "MT-MATH100"},
        columns=("ja", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="latex"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=800.0,
    summary=(SummaryRow(name="mclm_math_100_japanese", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="amphora/MCLM; swallow-evaluation-instruct@3520211 math_100_japanese",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful comparison",
)
