"""LiveCodeBench, code generation: problems of programming contests, each checked by inputs and outputs.

A release is a subset: `livecodebench` measures v5_v6 (342 problems), `livecodebench:v6` (175) and others are chosen.
Source: livecodebench/code_generation_lite (hub), CC; Jain et al. 2024, arXiv:2403.07974; releases are the files of the
repository as its README names them (v1 is test.jsonl, v2 test2.jsonl, …; release_v3 is the first three). No script of
the repository is run, and its packed tests are read without unpickling. Reference measurement:
swallow-evaluation-instruct@3520211, task lcb:codegeneration_v5_v6, N=10, temperature 0.6, top_p 0.95.
Differs: the prompt is in our own words, with the same places for code. Programs run in the sandbox, with 6 s of
processor time for each input in place of 6 s of the clock. `solved@k` runs what fails in the reference's harness again
as a program of its own, with a real standard input and its variables as the global ones they are.
"""

from __future__ import annotations

import json

from saiten.benchmarks.prompt import fill
from saiten.datasets.apart import Held
from saiten.scoring.code import CasesScorer, CasesVerifier
from saiten.scoring.metrics import pass_at
from saiten.types import Benchmark, Dataset, Document, Duration, Metric, Row, Sampling, SummaryRow

OPENING = """\
Below is the specification of a programming problem. \
Write a correct Python program that meets it and passes every test.

Question: {question}

"""
WITH_STARTER = """\
Complete the starter code below and put your whole program between the delimiters of a code block, like this:
```python
{starter}
```
"""
WITH_STDIN = """\
Read the input from standard input, solve the problem and write the answer to standard output. \
Do not test your program on the sample inputs yourself. \
Put your program between the delimiters of a code block, like this:
```python
# YOUR CODE HERE
```
"""


def document(row: Row) -> Document:
    """Build a document."""
    private = row["private_test_cases"]
    prompt = OPENING + (WITH_STARTER if row["starter_code"] else WITH_STDIN)
    fields = {"question": row["question_content"], "starter": row["starter_code"] or ""}
    values = fields if fields["starter"] else {"question": fields["question"]}
    return Document(
        id=row["question_id"],
        turns=(fill(prompt, values),),
        fields=fields,
        extra={
            "function": json.loads(row["metadata"] or "{}").get("func_name"),
            "public": row["public_test_cases"],
            "private": Held(private) if isinstance(private, str) else private,
        },
    )


def metrics(samples: int) -> tuple[Metric, ...]:
    """Return pass@1 and, where N allows, pass@10, each with its careful twin."""
    made: list[Metric] = []
    for k in (k for k in (1, 10) if k <= samples):
        name = f"codegen_pass@{k}:{samples}"
        made += [
            pass_at(k, samples, name=name, value="passed"),
            pass_at(k, samples, name=f"solved@{k}:{samples}", value="solved", compatible=False, twin=name),
        ]
    return tuple(made)


def releases() -> dict[str, tuple[int, ...]]:
    """Return each release's name and the numbers of its files: v1 … v6, v1_v2 … v5_v6, release_v1 … release_latest."""
    last = 6
    found: dict[str, tuple[int, ...]] = {f"v{n}": (n,) for n in range(1, last + 1)}
    found |= {f"v{a}_v{b}": tuple(range(a, b + 1)) for a in range(1, last) for b in range(a + 1, last + 1)}
    found |= {f"release_v{n}": tuple(range(1, n + 1)) for n in range(1, last + 1)}
    return found | {"release_latest": tuple(range(1, last + 1))}


RELEASES = releases()
COLUMNS = ("question_content", "question_id", "starter_code", "public_test_cases", "private_test_cases", "metadata")

BENCHMARK = Benchmark(
    name="livecodebench",
    task="lcb:codegeneration_*",
    job="livecodebench_v5_v6",
    language="en",
    version=1,
    dataset=Dataset(
        path="livecodebench/code_generation_lite",
        split="test",
        configs={name: name for name in RELEASES},
        files={
            name: " ".join(f"test{n}.jsonl" if n > 1 else "test.jsonl" for n in numbers)
            for name, numbers in RELEASES.items()
        },
        columns=COLUMNS,
        apart=("private_test_cases",),
    ),
    document=document,
    prompt=OPENING + WITH_STARTER + WITH_STDIN,
    scorer=CasesScorer(),
    metrics=metrics,
    sampling=Sampling(temperature=0.6, top_p=0.95),
    samples=10,
    verifier=CasesVerifier(),
    default=("v5_v6",),
    expected_tokens=1500.0,
    summary=tuple(
        SummaryRow(name=f"livecodebench_{name}_pass@{k}", metric=f"codegen_pass@{k}:10", subsets=(name,))
        for name in ("v5_v6", "v6")
        for k in (1, 10)
    ),
    duration=Duration(node_q="02:00:00", node_f="08:00:00", rt_HG="02:00:00", rt_HF="08:00:00"),
    source="livecodebench/code_generation_lite; swallow-evaluation-instruct@3520211 lcb:codegeneration_v5_v6",
    license="CC (hub card); statements belong to the contest sites",
    differs="prompt in our own words, same code blocks; sandboxed, under a CPU limit; `solved@k` is ours",
)
