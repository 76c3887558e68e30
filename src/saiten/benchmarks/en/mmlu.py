"""MMLU: 14,042 four-choice questions of 57 subjects, from school to professional examinations.

Source: lighteval/mmlu (hub), MIT; Hendrycks et al. 2021, arXiv:2009.03300. Reference measurement:
swallow-evaluation-instruct@3520211, task mmlu_english, temperature 0.
Differs: the prompt is in our own words, with the same answer line and the same list of choices. `accuracy` reads the
answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.subjects import MMLU, all_of, rows_of
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling

PROMPT = """\
Here is a multiple-choice question. Find the right choice: reason step by step first, and write your reasoning down. \
Then end your reply with a line of the form 'Answer: $choice' (do not write the quotation marks), \
where $choice is one of {letters}.

{question}

{choices}"""
"""MMLU-Pro and MMLU-ProX ask in the same way."""


def document(row: Row) -> Document:
    """Build a document. The dataset has no ids."""
    return choice_document(row, PROMPT, row["question"], row["choices"], int(row["answer"]))


BENCHMARK = Benchmark(
    name="mmlu",
    task="mmlu_english",
    language="en",
    version=1,
    dataset=Dataset(
        path="lighteval/mmlu",
        split="test",
        configs={subject: subject for subject in all_of(MMLU)},
        columns=("question", "choices", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="en", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=300.0,
    summary=rows_of("mmlu_english", MMLU),
    duration=Duration(node_q="02:00:00", node_f="08:00:00", rt_HG="02:00:00", rt_HF="08:00:00"),
    source="lighteval/mmlu; swallow-evaluation-instruct@3520211 mmlu_english",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
