"""The reference's verdicts on instructions, prompt by prompt, and its corpus metrics."""

from __future__ import annotations

from typing import Any

import pytest

from saiten.errors import UserError
from saiten.scoring.instructions_ja import InstructionsJa, checked, instruction_metrics, variants
from saiten.scoring.instructions_ja_checks import INSTRUCTIONS
from saiten.types import Choice, ChoiceScore, Document, Generation, Outcome
from tests.helpers.extras import needs
from tests.parity.records import records

pytestmark = pytest.mark.usefixtures("libraries")


@pytest.fixture
def libraries() -> None:
    needs("instructions")


def document(record: dict[str, Any]) -> Document:
    given = record["input"]
    return Document(
        id=record["id"],
        turns=(given["prompt"],),
        extra={"instruction_id_list": given["instruction_id_list"], "kwargs": given["kwargs"]},
    )


def score(record: dict[str, Any]) -> ChoiceScore:
    choice = Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),))
    ((only,),) = InstructionsJa().score([(document(record), (choice,))])
    return only


def each(record: dict[str, Any], texts: list[str]) -> list[bool]:
    return [
        any(text.strip() and INSTRUCTIONS[name].follows(text, arguments) for text in texts)
        for name, arguments in checked(document(record))
    ]


def test_every_verdict_is_that_of_the_reference_and_what_it_cannot_score_is_refused() -> None:
    wrong = []
    for record in records("mifeval_ja"):
        expected, text = record["expected"], record["input"]["response"]
        if "error" in expected:
            with pytest.raises(UserError, match="language is"):
                score(record)
            continue
        values = score(record).values
        strict, loose = each(record, [text]), each(record, variants(text))
        got = {
            "prompt_level_strict_acc": values["prompt_level_strict_acc"],
            "inst_level_strict_acc": strict,
            "prompt_level_loose_acc": values["prompt_level_loose_acc"],
            "inst_level_loose_acc": loose,
        }
        if got != expected or (values["followed_strict"], values["followed_loose"]) != (sum(strict), sum(loose)):
            wrong.append((record["id"], got, expected))
    assert wrong == []


def test_every_models_corpus_metrics_follow_from_its_verdicts() -> None:
    """The responses are not among the records: the verdicts of each prompt are, and the four metrics over them."""
    for record in records("mifeval_ja_corpus"):
        expected = record["expected"]
        rows = [
            {
                "instructions": float(len(prompt["inst_level_strict_acc"])),
                "followed_strict": float(sum(prompt["inst_level_strict_acc"])),
                "followed_loose": float(sum(prompt["inst_level_loose_acc"])),
                "prompts": 1.0,
                **{name: float(prompt[name]) for name in ("prompt_level_strict_acc", "prompt_level_loose_acc")},
            }
            for prompt in expected["per_prompt"]
        ]
        metrics = {metric.name: metric for metric in instruction_metrics() if metric.compatible}
        for name, value in [*expected["metrics"].items(), ("average", sum(expected["metrics"].values()) / 4)]:
            metric = metrics[name]
            single = isinstance(metric.value, str)
            documents = [
                metric.reduce([row[str(metric.value)] if single else tuple(row[part] for part in metric.value)])
                for row in rows
            ]
            assert metric.corpus([documents]).value == pytest.approx(value, abs=1e-12), (record["id"], name)
