"""The letters that the reference measurement read, item by item."""

from __future__ import annotations

import pytest

from saiten.scoring.choice_compatible import compatible_letter
from saiten.types import Language
from tests.parity.records import records


@pytest.mark.parametrize(("name", "language"), [("choice_en", "en"), ("choice_ja", "ja")])
def test_every_letter_is_the_one_that_the_reference_read(name: str, language: Language) -> None:
    wrong = []
    for record in records(name):
        given, expected = record["input"], record["expected"]
        letter = compatible_letter(given["response"], language, given["n"])
        if [letter] * 2 != (expected["extracted_predictions"] or [None] * 2) or float(letter == given["gold"]) != (
            expected["score"]
        ):
            wrong.append((record["id"], letter, expected["extracted_predictions"]))
    assert wrong == []
