"""HumanEval+: the 164 functions of HumanEval, each checked by about 80 times as many tests.

Source: evalplus/humanevalplus (hub; github.com/evalplus/humanevalplus_release@200defce, OriginFmt), Apache-2.0; Liu et
al. 2023, arXiv:2305.01210. Reference measurement: swallow-evaluation-instruct@3520211, task humanevalplus, N=10,
temperature 0.2, top_p 0.95, 120 s for each program.
Differs: as `humaneval`; the limit is 120 s of processor time. The tests compare numbers with numpy, which is imported
in the tests' process of the sandbox and nowhere else. The test of HumanEval/32 has its arguments the wrong way round,
so that nothing passes it: `humaneval_pass@k` counts it as failed, as the reference does, and `solved@k` reads it as it
was meant.
"""

from __future__ import annotations

from saiten.benchmarks.en.humaneval import PROMPT, ask, metrics
from saiten.scoring.code import CodeScorer, HumanEvalVerifier
from saiten.types import Benchmark, Dataset, Document, Duration, Extra, Row, Sampling, SummaryRow
from saiten.values import replace

BROKEN, MEANT = "_poly(*candidate(*inp), inp) <=", "abs(_poly(*inp, candidate(*inp))) <="
"""The comparison of HumanEval/32, and what it was meant to be."""


def document(row: Row) -> Document:
    """Build a document."""
    made = ask(PROMPT, row)
    if BROKEN not in row["test"]:
        return made
    return replace(made, extra={**made.extra, "test": row["test"].replace(BROKEN, MEANT), "unpassable": True})


BENCHMARK = Benchmark(
    name="humanevalplus",
    task="humanevalplus",
    language="en",
    version=1,
    dataset=Dataset(
        path="evalplus/humanevalplus",
        split="test",
        columns=("task_id", "prompt", "canonical_solution", "test", "entry_point"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=CodeScorer(),
    metrics=metrics,
    sampling=Sampling(temperature=0.2, top_p=0.95),
    samples=10,
    verifier=HumanEvalVerifier(cpu_seconds=120.0),
    expected_tokens=350.0,
    duration=Duration(node_q="03:00:00", node_f="06:00:00", rt_HG="03:00:00", rt_HF="06:00:00"),
    summary=(
        SummaryRow(name="humanevalplus_pass@1", metric="humaneval_pass@1:10"),
        SummaryRow(name="humanevalplus_pass@10", metric="humaneval_pass@10:10"),
    ),
    extras=(Extra(name="code", modules=("numpy",)),),
    source="evalplus/humanevalplus; swallow-evaluation-instruct@3520211 humanevalplus",
    license="Apache-2.0",
    differs="prompt in our own words, same code block; programs run sandboxed, under a CPU limit; `solved@k` is ours",
)
