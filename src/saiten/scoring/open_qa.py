"""The scorer of short Japanese answers to open questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from saiten.scoring.metrics import careful, mean
from saiten.scoring.open_qa_careful import plain, stated_answer
from saiten.scoring.open_qa_compatible import character_f1, exact_answer, fuzzy_f1, quasi_answer
from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.types import Choice, ChoiceScore, Metric, Scorable


class OpenAnswer(Struct, frozen=True):
    """How near an answer is to the gold one, `document.target`. Values of each choice, in [0, 1]:

    exact_match, f1_score, llmjpeval_f1_score and, of the normalised answer, quasi_exact_match, f1_score_quasi,
    llmjpeval_f1_score_quasi: as the old system measured them (`open_qa_compatible`), of `compatible_text`.
    accuracy, f1_score_careful: whether the answers are the same, and their characters' F1, as a careful person reads
    them (`open_qa_careful`), of the text after closed reasoning; no such text is not an answer.
    """

    @property
    def name(self) -> str:
        return "open_answer_ja"

    @property
    def version(self) -> int:
        return 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each item's choices, in order."""
        for document, choices in items:
            yield tuple(self._score(choice, document.target) for choice in choices)

    def _score(self, choice: Choice, gold: str) -> ChoiceScore:
        generation = answer(choice)
        text = compatible_text(generation)
        exact, quasi = exact_answer(text), quasi_answer(text)
        careful_text = answer_text(generation)
        stated = None if careful_text is None else stated_answer(careful_text)
        read, wanted = plain(stated or ""), plain(gold)
        values = {
            "exact_match": float(exact == gold),
            "f1_score": character_f1(gold, exact),
            "llmjpeval_f1_score": fuzzy_f1(gold, exact),
            "quasi_exact_match": float(quasi == gold),
            "f1_score_quasi": character_f1(gold, quasi),
            "llmjpeval_f1_score_quasi": fuzzy_f1(gold, quasi),
            "accuracy": float(bool(read) and read == wanted),
            "f1_score_careful": character_f1(wanted, read) if read else 0.0,
        }
        note = "" if stated == quasi else f"careful reading: {'no answer' if stated is None else stated}"
        return ChoiceScore(values=values, extracted=quasi, note=note)


def open_answer_metrics() -> tuple[Metric, ...]:
    """The six metrics of the reference, and the careful reading's two."""
    compatible = (f"{name}{suffix}" for suffix in ("", "_quasi") for name in ("f1_score", "llmjpeval_f1_score"))
    return (
        mean("exact_match"),
        mean("quasi_exact_match"),
        *(mean(name) for name in compatible),
        careful("accuracy", twin="quasi_exact_match"),
        careful("f1_score_careful", twin="f1_score_quasi"),
    )
