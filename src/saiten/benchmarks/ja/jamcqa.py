"""JamC-QA: 2,309 four-choice questions on Japanese culture, customs, geography, history, law and health care.

Source: sbintuitions/JamC-QA (hub, config v1.0, test split), CC BY-SA 4.0; Oka et al., NLP2025 Q2-18. Reference
measurement: the forks of 2026 (reference/benchmarks.md §7.1), task jamcqa: answered at once, without reasoning.
Differs: the prompt is in our own words, with the same last line and list of choices. The right choice stands where
the question's content puts it (`benchmarks.placement`); in the reference its place changes from run to run. `accuracy`
reads the answer as a careful person would; `extractive_match` exactly as the reference does.
"""

from __future__ import annotations

from saiten.benchmarks.choices import choice_document
from saiten.benchmarks.placement import placed
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling, SummaryRow

PROMPT = """\
これから四つの選択肢をもつ問題を出します。正しい選択肢を一つ選んでください。\
最後の行に「回答: $選択肢」の形式で答えを書いてください。\
鉤括弧は付けず、$選択肢 のところには A、B、C、D のどれか一つを入れてください。

{question}

{choices}"""


def question_of(row: Row, prompt: str) -> Document:
    """Build a document that asks a row's question with `prompt`."""
    options = [row[f"choice{number}"] for number in range(4)]
    right = options.pop(int(row["answer_index"]))
    return choice_document(row, prompt, row["question"], *placed(row["question"], right, options))


def document(row: Row) -> Document:
    """Build a document."""
    return question_of(row, PROMPT)


DATASET = Dataset(
    path="sbintuitions/JamC-QA",
    split="test",
    configs={"": "v1.0"},
    columns=("question", "choice0", "choice1", "choice2", "choice3", "answer_index"),
)

BENCHMARK = Benchmark(
    name="jamcqa",
    task="jamcqa",
    language="ja",
    version=1,
    dataset=DATASET,
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=60.0,
    summary=(SummaryRow(name="jamcqa", metric="extractive_match"),),
    duration=Duration(node_q="02:00:00", node_f="02:00:00", rt_HG="02:00:00", rt_HF="02:00:00"),
    source="sbintuitions/JamC-QA; swallow-evaluation-instruct forks of 2026 jamcqa",
    license="CC BY-SA 4.0",
    differs="prompt in our own words, same answer line; right choice placed by content, not at random; "
    "`accuracy` is our own careful reading",
)
