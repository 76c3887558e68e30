"""The reference's readings and six metrics of short Japanese answers."""

from __future__ import annotations

from collections.abc import Iterator

from saiten.scoring.open_qa import OpenAnswer
from saiten.scoring.open_qa_compatible import exact_answer, quasi_answer
from saiten.types import Choice, Document, Generation, Outcome
from tests.parity.records import Compared, records


def compared_jemhopqa() -> Iterator[Compared]:
    """What was read, twice, and six metrics."""
    everything = list(records("jemhopqa"))
    items = (
        (
            Document(id=record["id"], turns=("?",), target=record["input"]["gold"]),
            (Choice(repetition=0, turns=(Generation(outcome=Outcome.OK, text=record["input"]["response"]),)),),
        )
        for record in everything
    )
    for record, (score,) in zip(everything, OpenAnswer().score(items), strict=True):
        text, expected = record["input"]["response"], record["expected"]
        read = ([[exact_answer(text)]], [[quasi_answer(text)]])
        reference = (expected["exact_match_preds"], expected["quasi_exact_match_preds"])
        metrics = {name: score.values[name] for name in expected["metrics"]}
        assert len(metrics) == 6
        yield record["id"], (reference, expected["metrics"]), (read, metrics)
