"""JEMHopQA: 120 questions in Japanese whose answer takes two facts, a name, a date or YES / NO.

Source: tokyotech-llm/JEMHopQA (hub; github.com/aiishii/JEMHopQA@fed5024f, corpus version 1.2, dev), CC BY-SA 4.0;
Ishii et al., LREC-COLING 2024. Reference measurement: swallow-evaluation-instruct@3520211, task jemhopqa,
temperature 0.
Differs: the prompt is in our own words, with the same last line. `accuracy` and `f1_score_careful` read the answer,
and the gold one, as a careful person would; the six others exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import row_id
from saiten.benchmarks.prompt import fill
from saiten.scoring.open_qa import OpenAnswer, open_answer_metrics
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling

PROMPT = """次の問題の答えを書いてください。\
はい・いいえで答える問題なら 'YES' か 'NO' を、そうでなければ答えとなる語句を答えとしてください。\
最後の行は必ず次の形式にしてください。

回答: $\\boxed{ANSWER}$

ANSWER のところには、答えだけを入れてください。

問題: {question}"""

DATASET = Dataset(
    path="tokyotech-llm/JEMHopQA",
    split="validation",
    configs={"": "v1.2"},
    columns=("question", "answer"),
)


def ask(prompt: str, row: Row) -> Document:
    """Build a document with this prompt."""
    fields = {"question": row["question"]}
    return Document(
        id=row_id(row, row["question"]),
        turns=(fill(prompt, fields),),
        fields=fields,
        target=row["answer"],
    )


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row)


BENCHMARK = Benchmark(
    name="jemhopqa",
    task="jemhopqa",
    language="ja",
    version=1,
    dataset=DATASET,
    document=document,
    prompt=PROMPT,
    scorer=OpenAnswer(),
    metrics=open_answer_metrics(),
    sampling=Sampling(temperature=0.0),
    expected_tokens=100.0,
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="tokyotech-llm/JEMHopQA v1.2; swallow-evaluation-instruct@3520211 jemhopqa",
    license="CC BY-SA 4.0",
    differs="prompt in our own words, same answer line; `accuracy`, `f1_score_careful` are our own careful reading",
)
