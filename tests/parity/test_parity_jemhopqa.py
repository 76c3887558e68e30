"""The reference's readings and six metrics of short Japanese answers, item by item."""

from __future__ import annotations

from saiten.scoring.open_qa import OpenAnswer
from saiten.scoring.open_qa_compatible import exact_answer, quasi_answer
from saiten.types import Choice, Document, Generation, Outcome
from tests.parity.records import records


def test_every_answer_and_every_metric_is_that_of_the_reference() -> None:
    everything = list(records("jemhopqa"))
    items = (
        (
            Document(id=record["id"], turns=("?",), target=record["input"]["gold"]),
            (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),)),),
        )
        for record in everything
    )
    wrong = []
    for record, (score,) in zip(everything, OpenAnswer().score(items), strict=True):
        text, expected = record["input"]["response"], record["expected"]
        read = [[exact_answer(text)]], [[quasi_answer(text)]]
        metrics = {name: score.values[name] for name in expected["metrics"]}
        if read != (expected["exact_match_preds"], expected["quasi_exact_match_preds"]) or (
            metrics != expected["metrics"] or len(metrics) != 6
        ):
            wrong.append((record["id"], read, metrics, expected))
    assert wrong == []
