"""The reference's verdicts on mathematical answers, through the scorer and its workers."""

from __future__ import annotations

from collections.abc import Iterator

from saiten.scoring.math import MathAnswer
from saiten.types import Choice, Document, Generation, Outcome
from tests.parity.records import Compared, records


def compared_math() -> Iterator[Compared]:
    """The string read from an answer, and the score."""
    everything = list(records("math"))
    for expression in (True, False):
        chosen = [record for record in everything if (record["task"] == "aime") == expression]
        items = (
            (
                Document(id=record["id"], turns=("?",), target=record["input"]["gold"]),
                (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),)),),
            )
            for record in chosen
        )
        scorer = MathAnswer(gold="expression" if expression else "latex")
        for record, (score,) in zip(chosen, scorer.score(items), strict=True):
            expected = record["expected"]
            shown = (expected["extracted_predictions"] or [None])[-1]
            yield record["id"], (expected["score"], shown), (score.values["extractive_match"], score.extracted)
