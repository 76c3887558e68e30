"""The reference's verdicts on instructions, and its corpus metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from saiten.errors import UserError
from saiten.scoring.instructions import checked, instruction_metrics, variants
from saiten.scoring.instructions_ja import INSTRUCTIONS_JA
from saiten.scoring.instructions_ja_checks import INSTRUCTIONS
from saiten.types import Choice, ChoiceScore, Document, Generation, Outcome
from tests.helpers.extras import needs
from tests.parity.records import Compared, records


def document(record: dict[str, Any]) -> Document:
    given = record["input"]
    return Document(
        id=record["id"],
        turns=(given["prompt"],),
        extra={"instruction_id_list": given["instruction_id_list"], "kwargs": given["kwargs"]},
    )


def score(record: dict[str, Any]) -> ChoiceScore:
    choice = Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),))
    ((only,),) = INSTRUCTIONS_JA.score([(document(record), (choice,))])
    return only


def each(record: dict[str, Any], texts: list[str]) -> list[bool]:
    return [any(map(given.followed, texts)) for given in checked(document(record), INSTRUCTIONS)]


def compared_mifeval_ja() -> Iterator[Compared]:
    """Each instruction strict and loose, and the prompt as a whole; what cannot be scored is refused."""
    needs("instructions")
    for record in records("mifeval_ja"):
        expected, text = record["expected"], record["input"]["response"]
        try:
            values = score(record).values
        except UserError:
            yield record["id"], expected.get("error"), "KeyError"
            continue
        strict, loose = each(record, [text]), each(record, variants(text))
        assert (values["followed_strict"], values["followed_loose"]) == (sum(strict), sum(loose)), record["id"]
        got = {
            "prompt_level_strict_acc": values["prompt_level_strict_acc"],
            "inst_level_strict_acc": strict,
            "prompt_level_loose_acc": values["prompt_level_loose_acc"],
            "inst_level_loose_acc": loose,
        }
        yield record["id"], expected, got


def compared_mifeval_ja_corpus() -> Iterator[Compared]:
    """The corpus metrics that follow from each prompt's verdicts; the responses are not among the records."""
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
        wanted = expected["metrics"] | {"average": sum(expected["metrics"].values()) / 4}
        got: dict[str, float | None] = {}
        for metric in instruction_metrics():
            if metric.name in wanted:
                single = isinstance(metric.value, str)
                documents = [
                    metric.reduce([row[str(metric.value)] if single else tuple(row[part] for part in metric.value)])
                    for row in rows
                ]
                got[metric.name] = metric.corpus([documents]).value
        yield record["id"], pytest.approx(wanted, abs=1e-12), got
