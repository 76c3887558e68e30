r"""MATH-500: 500 competition problems in mathematics, the test set of PRM800K taken from MATH.

Source: HuggingFaceH4/MATH-500 (hub; github.com/openai/prm800k@7ecc7947 prm800k/math_splits/test.jsonl), MIT. Reference
measurement: swallow-evaluation-instruct@3520211, task math_500, temperature 0.
Differs: the prompt is in our own words, with the same last line. The gold answer is read from the boxed part of the
whole solution, as in the reference; `accuracy` is our own careful comparison beside it.
"""

from __future__ import annotations

from saiten.benchmarks.prompt import fill
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = r"""Work out the mathematical problem below. Be clear and do not take longer than the problem needs.
Reason step by step, and end with a last line of exactly this form:

'Therefore, the final answer is: $\boxed{ANSWER}$. I hope it is correct'

without the quotation marks, where ANSWER is only the number or expression that solves the problem.

{problem}"""


def document(row: Row) -> Document:
    """Build a document. The target is the whole solution; its boxed part is the gold answer."""
    fields = {"problem": row["problem"]}
    return Document(
        id=row["unique_id"],
        turns=(fill(PROMPT, fields),),
        fields=fields,
        target=row["solution"],
        extra={"answer": row["answer"], "subject": row["subject"], "level": row["level"]},
    )


BENCHMARK = Benchmark(
    name="math_500",
    task="math_500",
    language="en",
    version=1,
    dataset=Dataset(
        path="HuggingFaceH4/MATH-500",
        split="test",
        columns=("problem", "solution", "answer", "subject", "level", "unique_id"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="latex"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=800.0,
    summary=(SummaryRow(name="math_500", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="HuggingFaceH4/MATH-500; swallow-evaluation-instruct@3520211 math_500",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful comparison",
)
