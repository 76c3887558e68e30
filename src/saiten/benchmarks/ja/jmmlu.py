"""JMMLU: 7,097 four-choice questions of 53 subjects in Japanese, most of them translated from MMLU.

Source: nlp-waseda/JMMLU (hub; github.com/nlp-waseda/JMMLU@762cbf19), CC BY-SA 4.0. Reference measurement:
swallow-evaluation-instruct@3520211, task swallow_jmmlu, temperature 0.
Differs: the prompt is in our own words, with the same last line and the same list of choices. `accuracy` reads the
answer as a careful person would; `extractive_match` exactly as the reference does. Three subjects are left out, as in
the reference, for their licence (CC BY-NC-ND): japanese_civics, japanese_geography, japanese_idiom.
"""

from __future__ import annotations

from saiten.benchmarks.choices import option_fields, row_id
from saiten.benchmarks.prompt import fill, lettered
from saiten.benchmarks.subjects import MMLU, rows_of
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Document, Duration, Row, Sampling

PROMPT = """\
これから四つの選択肢をもつ問題を出します。正しい選択肢を一つ選んでください。\
まず順を追って一歩ずつ考え、その過程を書いてください。\
そのあと、最後の行に「回答: $選択肢」の形式で答えを書いてください。\
鉤括弧は付けず、$選択肢 のところには A、B、C、D のどれか一つを入れてください。

{question}

{choices}"""

SUBJECTS = """
    japanese_history miscellaneous security_studies virology nutrition human_sexuality college_mathematics econometrics
    computer_security clinical_knowledge machine_learning high_school_chemistry human_aging logical_fallacies sociology
    high_school_european_history high_school_statistics high_school_physics high_school_microeconomics college_physics
    anatomy high_school_psychology business_ethics professional_psychology college_medicine elementary_mathematics
    moral_disputes marketing high_school_macroeconomics world_religions conceptual_physics professional_medicine
    prehistory high_school_mathematics international_law philosophy management high_school_computer_science
    medical_genetics college_computer_science public_relations professional_accounting abstract_algebra global_facts
    college_biology high_school_geography world_history high_school_biology college_chemistry electrical_engineering
    astronomy jurisprudence formal_logic
    """

CATEGORIES = {name: MMLU[name] for name in ("social_sciences", "humanities", "stem", "other")}
"""MMLU's categories in the order of the aggregated results. japanese_history and world_history are in none."""


def document(row: Row) -> Document:
    """Build a document. JMMLU has no ids, and repeats 14 questions word for word."""
    choices = [row[letter] for letter in "ABCD"]
    return Document(
        id=row_id(row, row["question"], *choices),
        turns=(fill(PROMPT, {"question": row["question"], "choices": lettered(choices)}),),
        fields={"question": row["question"]} | option_fields(choices),
        target=row["answer"],
    )


BENCHMARK = Benchmark(
    name="jmmlu",
    task="swallow_jmmlu",
    job="mmlu",
    language="ja",
    version=1,
    dataset=Dataset(
        path="nlp-waseda/JMMLU",
        split="test",
        configs={subject: subject for subject in SUBJECTS.split()},
        columns=("question", "A", "B", "C", "D", "answer"),
        headerless=("question", "A", "B", "C", "D", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=ChoiceLetter(language="ja", choices=4),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=400.0,
    summary=rows_of("jmmlu", CATEGORIES, only=SUBJECTS.split()),
    duration=Duration(node_q="01:00:00", node_f="04:00:00", rt_HG="01:00:00", rt_HF="04:00:00"),
    source="nlp-waseda/JMMLU; swallow-evaluation-instruct@3520211 swallow_jmmlu",
    license="CC BY-SA 4.0",
    differs="prompt in our own words, same answer line; `accuracy` is our own careful reading",
)
