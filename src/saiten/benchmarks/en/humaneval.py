"""HumanEval: 164 Python functions to complete, each checked by its own tests.

Source: openai/openai_humaneval (hub; github.com/openai/human-eval@6d43fb98), MIT; Chen et al. 2021, arXiv:2107.03374,
equation 1 for pass@k. Reference measurement: swallow-evaluation-instruct@3520211, task humaneval, N=10, temperature
0.2, top_p 0.95.
Differs: the prompt is in our own words; it asks for the same single fenced block. Programs run in the sandbox, limited
by processor time and not by the clock. `solved@k` beside `humaneval_pass@k` gives no credit where the answer itself
holds no code that defines the function: the reference's prelude solves `add` and `median` for an empty answer.
"""

from __future__ import annotations

from saiten.benchmarks.prompt import fill
from saiten.scoring.code import CodeScorer, HumanEvalVerifier
from saiten.scoring.metrics import pass_at
from saiten.types import Benchmark, Dataset, Document, Duration, Metric, Row, Sampling, SummaryRow

PROMPT = """\
Finish the Python starter code below so that the function does what its docstring says. \
Do not change the names or signatures it gives. \
Answer with ONE code block in triple backticks that holds the FULL code, starter code included, and write nothing else.

```python
{starter}
```

"""
"""The two newlines at the end are part of the measurement."""


def ask(prompt: str, row: Row) -> Document:
    """Build a document that asks to finish a function."""
    fields = {"starter": row["prompt"]}
    return Document(
        id=row["task_id"],
        turns=(fill(prompt, fields),),
        fields=fields,
        target=row["canonical_solution"],
        extra={"prompt": row["prompt"], "entry_point": row["entry_point"], "test": row["test"]},
    )


def document(row: Row) -> Document:
    """Build a document."""
    return ask(PROMPT, row)


def metrics(samples: int) -> tuple[Metric, ...]:
    """Return pass@1 and, where N allows, pass@10, each with its careful twin."""
    made: list[Metric] = []
    for k in (k for k in (1, 10) if k <= samples):
        name = f"humaneval_pass@{k}:{samples}"
        made += [
            pass_at(k, samples, name=name, value="passed"),
            pass_at(k, samples, name=f"solved@{k}:{samples}", value="solved", compatible=False, twin=name),
        ]
    return tuple(made)


BENCHMARK = Benchmark(
    name="humaneval",
    task="humaneval",
    language="en",
    version=1,
    dataset=Dataset(
        path="openai/openai_humaneval",
        split="test",
        configs={"": "openai_humaneval"},
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
        SummaryRow(name="humaneval_pass@1", metric="humaneval_pass@1:10"),
        SummaryRow(name="humaneval_pass@10", metric="humaneval_pass@10:10"),
    ),
    duration=Duration(node_q="01:00:00", node_f="04:00:00", rt_HG="01:00:00", rt_HF="04:00:00"),
    source="openai/openai_humaneval; swallow-evaluation-instruct@3520211 humaneval",
    license="MIT",
    differs="prompt in our own words, same code block; programs run sandboxed, under a CPU limit; `solved@k` is ours",
)
