"""MMLU-ProX, Japanese: 11,759 questions with up to ten choices, translated from MMLU-Pro.

Source: tokyotech-llm/MMLU-ProX-Japanese (hub), the Japanese test split of li-lab/MMLU-ProX cut into 91 subsets, MIT;
Xuan et al. 2025, arXiv:2503.10497. Reference measurement: swallow-evaluation-instruct@3520211, task
mmlu_prox_japanese, temperature 0.
Differs: the prompt is in our own words, with the same last line, list of letters and list of choices. `accuracy`
reads the answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document, numbered_options
from saiten.benchmarks.subjects import MMLU_PRO, all_of, rows_of
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling

PROMPT = """\
これから選択肢のある問題を出します。正しい選択肢を一つ選んでください。\
まず順を追って一歩ずつ考え、その過程を書いてください。\
そのあと、最後の行に「回答: $選択肢」の形式で答えを書いてください。\
鉤括弧は付けず、$選択肢 のところには {letters} のどれか一つを入れてください。

{question}

{choices}"""


def document(row: Row) -> Document:
    """Build a document. A question has as many choices as option columns with a value."""
    options, gold = numbered_options(row)
    return choice_document(row, PROMPT, row["question"], options, gold)


BENCHMARK = Benchmark(
    name="mmlu_prox_ja",
    task="mmlu_prox_japanese",
    job="mmlu_prox",
    language="ja",
    version=1,
    dataset=Dataset(
        path="tokyotech-llm/MMLU-ProX-Japanese",
        split="test",
        configs={subset: subset for subset in all_of(MMLU_PRO)},
        columns=("question", *(f"option_{number}" for number in range(10)), "answer_index"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=10),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=700.0,
    summary=rows_of("mmlu_prox_japanese", MMLU_PRO),
    duration=Duration(node_q="04:00:00", node_f="16:00:00", rt_HG="04:00:00", rt_HF="16:00:00"),
    source="tokyotech-llm/MMLU-ProX-Japanese; swallow-evaluation-instruct@3520211 mmlu_prox_japanese",
    license="MIT",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
