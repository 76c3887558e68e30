"""The scorer of multiple-choice answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from saiten.scoring.choice_compatible import LETTERS, compatible_letter
from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.types import Choice, ChoiceScore, Language, Scorable

Reader = Callable[[str, int], str | None]
"""Finds the letter that a text states, among so many."""


class ChoiceLetter(Struct, frozen=True):
    """Whether an answer names the right choice. `document.target` is the letter. Values of each choice:

    extractive_match: as the old system measured it (`choice_compatible`), of `compatible_text`.
    accuracy: the letter that a careful person would read (`choice_careful`), of the text after closed reasoning; no
    such text is not an answer.
    extracted_class, stated_class: which letter each reading found, as a number from 0; -1: none. For votes (maj@k).

    `choices`: how many there are, unless `document.extra["choices"]` says it.
    """

    language: Language
    choices: int = 4

    def __post_init__(self) -> None:
        if not 2 <= self.choices <= len(LETTERS):
            raise ValueError(f"choices must be 2 to {len(LETTERS)}, not {self.choices}")

    @property
    def name(self) -> str:
        return f"choice_letter_{self.language}_{self.choices}"

    @property
    def version(self) -> int:
        return 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each item's choices, in order."""
        from saiten.scoring.choice_careful import stated_letter  # many patterns: no question waits for them

        for document, choices in items:
            count = int(document.extra.get("choices", self.choices))
            if len(document.target) != 1 or document.target not in LETTERS[:count]:
                raise ValueError(f"document {document.id}: target {document.target!r} is none of {LETTERS[:count]}")
            yield tuple(self._score(choice, document.target, count, stated_letter) for choice in choices)

    def _score(self, choice: Choice, target: str, count: int, careful_reader: Reader) -> ChoiceScore:
        generation = answer(choice)
        compatible = compatible_letter(compatible_text(generation), self.language, count)
        text = answer_text(generation)
        careful = careful_reader(text, count) if text is not None else None
        values = {
            "extractive_match": float(compatible == target),
            "accuracy": float(careful == target),
            "extracted_class": _place(compatible),
            "stated_class": _place(careful),
        }
        note = "" if careful == compatible else f"careful reading: {careful or 'no answer'}"
        return ChoiceScore(values=values, extracted=compatible, note=note)


def _place(letter: str | None) -> float:
    return -1.0 if letter is None else float(LETTERS.index(letter))
