"""MMLU-Pro: 12,032 questions with up to ten choices, harder than MMLU's, in 14 categories.

Source: tokyotech-llm/MMLU-Pro-English (hub), the test split of TIGER-Lab/MMLU-Pro cut into 91 subsets by its column
`src`, MIT; Wang et al. 2024, arXiv:2406.01574. Reference measurement: swallow-evaluation-instruct@3520211, task
mmlu_pro_english, temperature 0.
Differs: the prompt is in our own words, with the same answer line and the same list of choices. `accuracy` reads the
answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.en.mmlu import PROMPT
from saiten.benchmarks.subjects import MMLU_PRO, all_of, rows_of
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling


def document(row: Row) -> Document:
    """Build a document."""
    return choice_document(row, PROMPT, row["question"], row["options"], int(row["answer_index"]))


BENCHMARK = Benchmark(
    name="mmlu_pro",
    task="mmlu_pro_english",
    language="en",
    version=1,
    dataset=Dataset(
        path="tokyotech-llm/MMLU-Pro-English",
        split="test",
        configs={subset: subset for subset in all_of(MMLU_PRO)},
        columns=("question", "options", "answer_index"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="en", choices=10),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=600.0,
    summary=rows_of("mmlu_pro_english", MMLU_PRO),
    duration=Duration(node_q="02:00:00", node_f="08:00:00", rt_HG="02:00:00", rt_HF="08:00:00"),
    source="tokyotech-llm/MMLU-Pro-English; swallow-evaluation-instruct@3520211 mmlu_pro_english",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
