r"""AIME 2026: the 30 problems of the American Invitational Mathematics Examinations I and II of February 2026.

Source: MathArena/aime_2026 (hub, config default, split train: problem_idx, answer, problem; 30 rows as its card of
commit 2548a41 says), CC BY-NC-SA 4.0; the problems are the Mathematical Association of America's. No reference
measurement has it: prompt, scorer and settings are those of `aime`.
Differs: not a part of `aime`, whose row is about 2024 and 2025.
"""

from __future__ import annotations

from saiten.benchmarks.en.aime import document
from saiten.benchmarks.en.math_500 import PROMPT
from saiten.scoring.math import MathAnswer
from saiten.scoring.metrics import answered
from saiten.types import Benchmark, Dataset, Duration, Sampling, SummaryRow

BENCHMARK = Benchmark(
    name="aime_26",
    task="aime:26",
    language="en",
    version=1,
    dataset=Dataset(
        path="MathArena/aime_2026",
        split="train",
        configs={"": "default"},
        columns=("problem", "answer"),
    ),
    document=document,
    prompt=PROMPT,
    scorer=MathAnswer(gold="expression"),
    metrics=answered,
    sampling=Sampling(temperature=0.0),
    expected_tokens=2500.0,
    summary=(SummaryRow(name="aime_2026", metric="extractive_match"),),
    duration=Duration(node_q="00:30:00", node_f="02:00:00", rt_HG="00:30:00", rt_HF="02:00:00"),
    source="MathArena/aime_2026; no reference measurement",
    license="CC BY-NC-SA 4.0; problems © MAA",
    differs="new: measured as `aime` is; `accuracy` is our own careful comparison",
)
