"""JHumanEval: the 164 functions of HumanEval with docstrings in Japanese, each checked by its own tests.

Source: kogi-jwu/jhumaneval (hub; github.com/KuramitsuLab/jhuman-eval@def32e75), MIT. Reference measurement:
swallow-evaluation-instruct@3520211, task swallow_jhumaneval, N=10, temperature 0.2, top_p 0.95.
Differs: the prompt is in our own words; it asks for the same block between three backticks. Programs run in the
sandbox, limited by processor time and not by the clock. `solved@k` is our own reading, as in `humaneval`.
"""

from __future__ import annotations

from saiten.benchmarks.en.humaneval import ask, metrics
from saiten.scoring.code import CodeScorer, HumanEvalVerifier
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = """\
次の Python コードの続きを書き、docstring の説明と実行例のとおりに動く関数を完成させてください。\
与えられた関数名と変数名は変えないでください。\
実装の全体を ``` と ``` の間に出力してください。

```
{starter}
```

"""
"""The two newlines at the end are part of the measurement."""


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row)


BENCHMARK = Benchmark(
    name="jhumaneval",
    task="swallow_jhumaneval",
    job="humaneval",
    language="ja",
    version=1,
    dataset=Dataset(
        path="kogi-jwu/jhumaneval",
        split="test",
        configs={"": "jhumaneval"},
        columns=("task_id", "prompt", "canonical_solution", "test", "entry_point"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=CodeScorer(),
    metrics=metrics,
    sampling=Sampling(temperature=0.2, top_p=0.95),
    samples=10,
    verifier=HumanEvalVerifier(),
    expected_tokens=350.0,
    summary=(
        SummaryRow(name="jhumaneval_pass@1", metric="humaneval_pass@1:10"),
        SummaryRow(name="jhumaneval_pass@10", metric="humaneval_pass@10:10"),
    ),
    duration=Duration(node_q="01:00:00", node_f="04:00:00", rt_HG="01:00:00", rt_HF="04:00:00"),
    source="kogi-jwu/jhumaneval; swallow-evaluation-instruct@3520211 swallow_jhumaneval",
    license="MIT",
    differs="prompt in our own words, same code block; programs run sandboxed, under a CPU limit; `solved@k` is ours",
)
