"""The reference's verdicts on mathematical answers, pair by pair, through the scorer and its workers."""

from __future__ import annotations

from saiten.scoring.math import MathAnswer
from saiten.types import Choice, Document, Generation, Outcome
from tests.parity.records import records


def test_every_verdict_is_that_of_the_reference() -> None:
    everything = list(records("math"))
    wrong = []
    for expression in (True, False):
        chosen = [record for record in everything if (record["task"] == "aime") == expression]
        items = (
            (
                Document(id=record["id"], turns=("?",), target=record["input"]["gold"]),
                (
                    Choice(
                        repetition=0,
                        turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),),
                    ),
                ),
            )
            for record in chosen
        )
        scorer = MathAnswer(gold="expression" if expression else "latex")
        for record, (score,) in zip(chosen, scorer.score(items), strict=True):
            shown = (record["expected"]["extracted_predictions"] or [None])[-1]
            if (score.values["extractive_match"], score.extracted) != (record["expected"]["score"], shown):
                wrong.append((record["id"], score, record["expected"]))
    assert wrong == []
