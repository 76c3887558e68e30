"""What the MT-Bench benchmarks share: their documents, and the settings that a question's category decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from saiten.types import Document, Row, Sampling

COLUMNS = ("question_id", "category", "turns", "reference")
SAMPLES = 5
CHARACTERS = 8192
"""Of a longer answer only so many characters are continued and judged, as the old system did in both turns."""
TEMPERATURES: Mapping[str, float] = {"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1}
"""By category; 0 for every other one."""
WITH_REFERENCE = frozenset({"math", "reasoning", "coding"})
"""Categories that are judged beside a reference answer."""


def document(row: Row) -> Document:
    """Build a document of two turns. ValueError where a category needs reference answers and the row has none."""
    category, turns = row["category"], tuple(row["turns"])
    references = _references(row["reference"])
    if category in WITH_REFERENCE and len(references) != len(turns):
        raise ValueError(f"{len(turns)} turns, but {len(references)} reference answers, which {category} needs")
    return Document(
        id=str(row["question_id"]),
        turns=turns,
        fields={"turn": turns[0]},
        target=references[0] if references else "",
        extra={"category": category, "references": references},
        sampling=Sampling(temperature=TEMPERATURES.get(category, 0.0)),
    )


def _references(value: Any) -> tuple[str, ...]:
    """Return the answers of the first reference: rows hold `[{"turns": […]}]`, the turns alone, or nothing."""
    if isinstance(value, Mapping):
        value = value.get("turns")
    if not value:
        return ()
    if not isinstance(value[0], str):
        return _references(value[0])
    return tuple(value)


def references(document: Document) -> Sequence[str]:
    """Return the reference answers that a judge is shown: those of the categories that need them."""
    found: Sequence[str] = document.extra["references"]
    return found if document.extra["category"] in WITH_REFERENCE else ()
