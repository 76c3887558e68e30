"""Mathematics that never ends, through the real scorer: it costs its own pair and nothing else."""

from __future__ import annotations

import time

from saiten.scoring.math import MathAnswer
from saiten.types import Choice, Document, Generation, Outcome, Scorable


def item(gold: str, answer: str) -> Scorable:
    generation = Generation(outcome=Outcome.OK, text=rf"$\boxed{{{answer}}}$")
    return Document(id=gold, turns=("?",), target=rf"$\boxed{{{gold}}}$"), (Choice(repetition=0, turns=(generation,)),)


def test_a_pair_that_takes_for_ever_is_not_equal_and_costs_no_other() -> None:
    pairs = [item("x+1", "1+x"), item("1", "9^{9^{9^{9}}}"), item("x+2", "2+x")]
    start = time.process_time()
    scored = [scores[0] for scores in MathAnswer(gold="latex", workers=1).score(pairs)]
    assert [score.values["extractive_match"] for score in scored] == [1.0, 0.0, 1.0]
    assert "timeout" in scored[1].note
    assert scored[0].note == scored[2].note == ""
    assert time.process_time() - start < 2, "the scoring process itself does not do the mathematics"
