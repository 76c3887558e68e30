from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from saiten.scoring.choice import ChoiceLetter
from saiten.types import Choice, Document, Generation, Outcome, Scorable, Scorer


def document(target: str = "B", **extra: int) -> Document:
    return Document(id="1", turns=("?",), target=target, extra=extra)


def choice(text: str | None, reasoning: str | None = None, closed: bool | None = None) -> Choice:
    outcome = Outcome.OK if text is not None else Outcome.UNCLOSED_REASONING
    return Choice(
        repetition=0, turns=(Generation(outcome=outcome, text=text, reasoning=reasoning, reasoning_closed=closed),)
    )


def scores(scorer: Scorer, item: Scorable) -> list[dict[str, float]]:
    """Return whether the two readings of each choice are right."""
    return [
        {name: score.values[name] for name in ("extractive_match", "accuracy")}
        for score in next(iter(scorer.score([item])))
    ]


def test_both_readings_are_scored_for_every_choice() -> None:
    item = (document(), (choice("Answer: B"), choice("Answer: B\n\nNote that A is common."), choice("Answer: C")))
    assert scores(ChoiceLetter(language="en"), item) == [
        {"extractive_match": 1.0, "accuracy": 1.0},
        {"extractive_match": 0.0, "accuracy": 1.0},
        {"extractive_match": 0.0, "accuracy": 0.0},
    ]


def test_each_reading_numbers_the_letter_that_it_found() -> None:
    item = (document(), (choice("Answer: B\n\nNote that A is common."), choice("")))
    scored = next(iter(ChoiceLetter(language="en").score([item])))
    assert [(score.values["extracted_class"], score.values["stated_class"]) for score in scored] == [(0, 1), (-1, -1)]


def test_unfinished_reasoning_is_read_by_the_old_way_only() -> None:
    item = (document(), (choice(None, "So the answer is B", closed=False),))
    assert scores(ChoiceLetter(language="en"), item) == [{"extractive_match": 1.0, "accuracy": 0.0}]


def test_the_document_may_say_how_many_choices_it_has() -> None:
    item = (document("J", choices=10), (choice("Answer: J"),))
    assert scores(ChoiceLetter(language="en", choices=4), item) == [{"extractive_match": 1.0, "accuracy": 1.0}]


def test_a_target_that_is_no_choice_is_an_error_and_not_a_score() -> None:
    with pytest.raises(ValueError, match="target 'E' is none of ABCD"):
        scores(ChoiceLetter(language="ja"), (document("E"), (choice("回答: E"),)))


def test_a_disagreement_of_the_readings_is_noted() -> None:
    item = (document(), (choice("Answer: B\n\nA is wrong."),))
    (score,) = next(iter(ChoiceLetter(language="en").score([item])))
    assert (score.extracted, score.note) == ("A", "careful reading: B")


def test_items_are_read_one_at_a_time() -> None:
    read: list[int] = []

    def items() -> Iterator[Scorable]:
        for index in range(3):
            read.append(index)
            yield document(), (choice("Answer: B"),)

    scored = ChoiceLetter(language="en").score(items())
    next(scored)
    assert read == [0]


def test_scorers_are_values() -> None:
    assert ChoiceLetter(language="ja") == ChoiceLetter(language="ja", choices=4)
    assert hash(ChoiceLetter(language="ja")) == hash(ChoiceLetter(language="ja", choices=4))
    with pytest.raises(ValueError, match="choices must be"):
        ChoiceLetter(language="ja", choices=27)


def test_importing_the_scorers_loads_no_mathematics() -> None:
    program = (
        "import sys, saiten.scoring.choice, saiten.scoring.math, saiten.scoring.metrics;"
        "print([name for name in ('sympy', 'math_verify', 'latex2sympy2_extended', 'antlr4') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
