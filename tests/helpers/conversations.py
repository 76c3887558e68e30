"""A small MT-Bench of our own: two turns, a judge, and a model and a judge whose every answer is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

BENCHMARK = """
from saiten.benchmarks.en.mt_bench_en import TEMPLATES
from saiten.benchmarks.mt_bench import document, references
from saiten.scoring.judge import Judge
from saiten.scoring.mt_bench import MtBenchScorer, mt_bench_metrics
from saiten.types import Benchmark, Dataset, Sampling

BENCHMARK = Benchmark(
    name="talk", task="test_talk", language="en", version=1,
    dataset=Dataset(path="talk.jsonl", split="test", local=True),
    document=document, prompt="{turn}",
    scorer=MtBenchScorer(characters=8192), metrics=mt_bench_metrics(japanese=False),
    sampling=Sampling(), samples=SAMPLES,
    judge=Judge(templates=TEMPLATES, references=references), answer_characters=8192,
)
"""
ANSWER = re.compile(r"<answer(?: \d)? [0-9a-f]{16}>\n(.*?)\n</answer", re.DOTALL)


def talks(folder: Path, count: int, *, samples: int = 3, category: str = "writing") -> Path:
    """Write a benchmark file with its rows."""
    rows = [
        {
            "question_id": number,
            "category": category,
            "turns": [f"talk {number} turn 1", f"talk {number} turn 2"],
            "reference": [{"turns": [f"reference {number}.1", f"reference {number}.2"]}],
        }
        for number in range(count)
    ]
    (folder / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = folder / "talk.py"
    file.write_text(BENCHMARK.replace("SAMPLES", str(samples)))
    return file


def model_answer(prompt: str, index: int) -> str:
    """Return what the model says to a turn."""
    return f"To {prompt}: answer {index}."


def judged_answers(prompt: str) -> list[str]:
    """Return the answers that a judge was sent."""
    return ANSWER.findall(prompt)


def rating_of(prompt: str) -> int:
    """Return the rating that the judge gives: by the number of the talk, one more for the second turn."""
    answers = judged_answers(prompt)
    number = int(re.findall(r"talk (\d+)", answers[-1])[0])
    return 1 + number % 8 + (len(answers) - 1)


def judge_answer(prompt: str, _index: int) -> str:
    """Return the judge's verdict; to a probe, which is no answer to judge, anything."""
    if not judged_answers(prompt):
        return "yes"
    return f"It is an answer.\n\nRating: [[{rating_of(prompt)}]]"
