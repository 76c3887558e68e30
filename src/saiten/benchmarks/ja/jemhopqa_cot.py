"""JEMHopQA with the reasoning asked for before the answer; the questions are those of `jemhopqa`.

Source: tokyotech-llm/JEMHopQA (hub; github.com/aiishii/JEMHopQA@fed5024f, corpus version 1.2, dev), CC BY-SA 4.0;
Ishii et al., LREC-COLING 2024. Reference measurement: swallow-evaluation-instruct@3520211, task jemhopqa_cot,
temperature 0.
Differs: the prompt is in our own words, with the same last line. `accuracy` and `f1_score_careful` read the answer,
and the gold one, as a careful person would; the six others exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.ja.jemhopqa import DATASET, ask
from saiten.scoring.open_qa import OpenAnswer, open_answer_metrics
from saiten.types import Benchmark, Document, Duration, Row, Sampling, SummaryRow

PROMPT = """次の問題の答えを書いてください。\
まず順を追って一歩ずつ考え、その過程を書いてから答えてください。\
はい・いいえで答える問題なら 'YES' か 'NO' を、そうでなければ答えとなる語句を答えとしてください。\
最後の行は必ず次の形式にしてください。

回答: $\\boxed{ANSWER}$

ANSWER のところには、答えだけを入れてください。

問題: {question}"""


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row)


BENCHMARK = Benchmark(
    name="jemhopqa_cot",
    task="jemhopqa_cot",
    language="ja",
    version=1,
    dataset=DATASET,
    document=document,
    prompt=PROMPT,
    scorer=OpenAnswer(),
    metrics=open_answer_metrics(),
    sampling=Sampling(temperature=0.0),
    expected_tokens=300.0,
    summary=(
        SummaryRow(name="jemhopqa_cot_f1_score_quasi", metric="f1_score_quasi"),
        SummaryRow(name="jemhopqa_cot_f1_score", metric="f1_score"),
    ),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="tokyotech-llm/JEMHopQA v1.2; swallow-evaluation-instruct@3520211 jemhopqa_cot",
    license="CC BY-SA 4.0",
    differs="prompt in our own words, same answer line; `accuracy`, `f1_score_careful` are our own careful reading",
)
