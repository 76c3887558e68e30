"""MMLU-ProX, English: 11,759 questions with up to ten choices, MMLU-Pro without its faulty questions.

Source: tokyotech-llm/MMLU-ProX-English (hub), the English test split of li-lab/MMLU-ProX cut into 91 subsets, MIT;
Xuan et al. 2025, arXiv:2503.10497. Reference measurement: swallow-evaluation-instruct@3520211, task
mmlu_prox_english, temperature 0.
Differs: the prompt is in our own words, with the same answer line and the same list of choices. `accuracy` reads the
answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document, numbered_options
from saiten.benchmarks.en.mmlu import PROMPT
from saiten.benchmarks.subjects import MMLU_PRO, all_of, rows_of
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling


def document(row: Row) -> Document:
    """Build a document. A question has as many choices as option columns with a value."""
    options, gold = numbered_options(row)
    return choice_document(row, PROMPT, row["question"], options, gold)


BENCHMARK = Benchmark(
    name="mmlu_prox_en",
    task="mmlu_prox_english",
    job="mmlu_prox",
    language="en",
    version=1,
    dataset=Dataset(
        path="tokyotech-llm/MMLU-ProX-English",
        split="test",
        configs={subset: subset for subset in all_of(MMLU_PRO)},
        columns=("question", *(f"option_{number}" for number in range(10)), "answer_index"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="en", choices=10),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=600.0,
    summary=rows_of("mmlu_prox_english", MMLU_PRO),
    duration=Duration(node_q="02:00:00", node_f="08:00:00", rt_HG="02:00:00", rt_HF="08:00:00"),
    source="tokyotech-llm/MMLU-ProX-English; swallow-evaluation-instruct@3520211 mmlu_prox_english",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
