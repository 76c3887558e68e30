"""What scoring costs: CPU time of 5,000 multiple-choice, 500 mathematical and 200 instructed answers.

Run: python -m bench.scoring. Answers are recorded ones where the shared material is beside the checkout
(SAITEN_SHARED), else generated. CPU time counts worker processes with their start.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import random
import resource
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.instructions_ja import INSTRUCTIONS_EXTRA, INSTRUCTIONS_JA
from saiten.scoring.instructions_ja_checks import INSTRUCTIONS
from saiten.scoring.math import MathAnswer
from saiten.types import Choice, Document, Generation, Language, Outcome, Scorable, Scorer

SHARED = Path(os.environ.get("SAITEN_SHARED", Path(__file__).resolve().parents[2] / "shared"))
CHOICE_LIMIT_MS = 0.05
MATH_LIMIT_SECONDS = 4.0
CHOICES = 5_000
PAIRS = 500
INSTRUCTED = 200


def item(index: int, target: str, text: str, choices: int = 4) -> Scorable:
    """Return a document with one answer."""
    document = Document(id=str(index), turns=("?",), target=target, extra={"choices": choices})
    return document, (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=text),)),)


def records(name: str) -> Iterator[dict[str, Any]]:
    """Yield recorded answers, if they are there."""
    path = SHARED / "fixtures/parity" / name / "dev.jsonl.gz"
    if path.exists():
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield from map(json.loads, file)


def choice_items(language: Language) -> tuple[str, list[Scorable]]:
    """Return where the answers come from, and 5,000 of them."""
    found = [(r["input"]["gold"], r["input"]["response"], r["input"]["n"]) for r in records(f"choice_{language}")]
    source = "recorded" if found else "generated"
    if not found:
        draw = random.Random("choice")
        ending = {"en": "Answer: {}", "ja": "回答: {}"}[language]
        prose = {"en": "Option {} looks plausible at first. ", "ja": "選択肢{}は一見正しそうです。"}[language]
        for _ in range(CHOICES):
            reasons = "".join(prose.format(draw.choice("ABCD")) for _ in range(draw.randrange(1, 25)))
            found.append((draw.choice("ABCD"), reasons + "\n\n" + ending.format(draw.choice("ABCD")), 4))
    return source, [item(index, *found[index % len(found)]) for index in range(CHOICES)]


def math_pairs() -> tuple[str, list[tuple[str, str]]]:
    """Return where the pairs come from, and 500 of (gold text, answer): about 70 % right, as of a middling model."""
    draw = random.Random("math")
    pairs = [
        (record["input"]["gold"], record["input"]["response"])
        for record in records("math")
        if record["task"] == "math_500" and record["src"].startswith("real")
    ]
    path = SHARED / "data/math500/prm800k_math_splits_test.jsonl"
    if not path.exists():
        return "generated", [_generated(draw) for _ in range(PAIRS)]
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in draw.sample(rows, min(len(rows), PAIRS - len(pairs))):
        answer = row["answer"] if draw.random() < 0.7 else draw.choice(rows)["answer"]
        working = row["solution"].rpartition(r"\boxed")[0].rstrip("$ \n")
        pairs.append((row["solution"], f"{working}\n\nTherefore, the answer is $\\boxed{{{answer}}}$."))
    return f"recorded: {len(pairs)} pairs", pairs


def _generated(draw: random.Random) -> tuple[str, str]:
    number, other = draw.randrange(1, 500), draw.randrange(1, 500)
    answer = draw.choice(
        [f"{number}", rf"\frac{{{number}}}{{7}}", f"x+{number}", rf"{number}\sqrt{{2}}", f"{number}.5"]
    )
    wrong = answer.replace(str(number), str(other))
    shown = answer if draw.random() < 0.7 else wrong
    work = " ".join(rf"We get ${draw.randrange(9)}x+{draw.randrange(9)}={draw.randrange(99)}$." for _ in range(12))
    return rf"{work} So it is $\boxed{{{answer}}}$.", rf"{work} Therefore, $\boxed{{{shown}}}$."


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its ended children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, kinds))


def timed(scorer: Scorer, items: Iterable[Scorable]) -> tuple[float, float, dict[str, float]]:
    """Return CPU seconds, wall seconds and mean values."""
    start, wall = cpu_seconds(), time.perf_counter()
    scores = [score for scores in scorer.score(items) for score in scores]
    spent, passed = cpu_seconds() - start, time.perf_counter() - wall
    names = scores[0].values
    return spent, passed, {name: sum(score.values[name] for score in scores) / len(scores) for name in names}


def plain_math_verify(pairs: list[tuple[str, str]]) -> tuple[float, float]:
    """Return CPU seconds and share of equal pairs of math-verify alone, without limits or processes."""
    start = cpu_seconds()
    from math_verify import parse, verify

    logging.disable(logging.WARNING)
    equal = sum(verify(parse(gold), parse(answer)) for gold, answer in pairs)
    return cpu_seconds() - start, equal / len(pairs)


def instructions() -> None:
    """Print what 200 answers to instructions in Japanese cost; nothing where the extra is not installed."""
    if any(find_spec(module) is None for module in INSTRUCTIONS_EXTRA.modules):
        return
    found = [record["input"] for record in records("mifeval_ja") if "error" not in record["expected"]]
    source = "recorded" if found else "generated"
    if not found:
        lines = "東京は日本の首都です。\n人口は多いです。\n電車も多く走っています。" * 10
        free = [name for name, instruction in INSTRUCTIONS.items() if not instruction.needs]
        found = [{"response": lines, "instruction_id_list": [name], "kwargs": [{}]} for name in free]
    items = []
    for index in range(INSTRUCTED):
        given = found[index % len(found)]
        extra = {"instruction_id_list": given["instruction_id_list"], "kwargs": given["kwargs"]}
        generation = Generation(outcome=Outcome.OK, text=given["response"])
        document = Document(id=str(index), turns=("?",), extra=extra)
        items.append((document, (Choice(repetition=0, turns=(generation,)),)))
    spent, _, values = timed(INSTRUCTIONS_JA, items)
    print(
        f"instructions ja: {spent:.2f} s CPU for {len(items)} answers ({spent / len(items) * 1000:.1f} ms each), their "
        f"libraries included; {source}; prompt_level_strict_acc {values['prompt_level_strict_acc']:.3f}"
    )


def main() -> None:
    """Print the figures."""
    languages: tuple[Language, ...] = ("en", "ja")
    for language in languages:
        source, items = choice_items(language)
        spent, _, values = timed(ChoiceLetter(language=language, choices=10), items)
        each = spent / len(items) * 1000
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        print(
            f"choice {language}: {each:.4f} ms CPU per answer, {each / CHOICE_LIMIT_MS:.2f} of the limit "
            f"({CHOICE_LIMIT_MS} ms); {len(items)} answers, {source}; {shown}"
        )
    source, pairs = math_pairs()
    spent, passed, values = timed(MathAnswer(gold="latex"), [item(i, *pair) for i, pair in enumerate(pairs)])
    shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
    share = spent / MATH_LIMIT_SECONDS
    print(
        f"math: {spent:.2f} s CPU for {len(pairs)} answers ({spent / len(pairs) * 1000:.1f} ms each), {share:.2f} of "
        f"the limit ({MATH_LIMIT_SECONDS} s), {passed:.2f} s wall; {source}; {shown}"
    )
    instructions()
    alone, equal = plain_math_verify(pairs)
    print(f"plain math-verify: {alone:.2f} s CPU ({alone / len(pairs) * 1000:.1f} ms each); equal {equal:.3f}")


if __name__ == "__main__":
    main()
