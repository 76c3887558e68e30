"""The letters that the reference measurement read."""

from __future__ import annotations

from collections.abc import Iterator

from saiten.scoring.choice_compatible import compatible_letter
from saiten.types import Language
from tests.parity.records import Compared, records


def compared_choice_en() -> Iterator[Compared]:
    """Letters in English answers."""
    return _compared("choice_en", "en")


def compared_choice_ja() -> Iterator[Compared]:
    """Letters in Japanese answers."""
    return _compared("choice_ja", "ja")


def _compared(name: str, language: Language) -> Iterator[Compared]:
    for record in records(name):
        given, expected = record["input"], record["expected"]
        letter = compatible_letter(given["response"], language, given["n"])
        reference = (expected["extracted_predictions"] or [None] * 2, expected["score"])
        yield record["id"], reference, ([letter] * 2, float(letter == given["gold"]))
