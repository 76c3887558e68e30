"""One row of the aggregated results."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

COMPLETE = "complete"
NOT_RUN = "not run"


class RowValue(Struct, frozen=True, kw_only=True):
    """What one row came to."""

    status: str
    """`complete`, or in words what is missing, partial or only a trial."""
    value: Any = None
    """The number. None: there is none. Results of the old system may hold NaN, or what is no number at all."""
    interval: tuple[float, float] | None = None
    """95 %."""
    bounds: tuple[float, float] | None = None
    """With choices missing: all of them wrong, all of them right."""
    coverage: float | None = None
    """Choices scored / choices due. None: not known (the old system did not record it)."""
    n: int = 0
    """Documents."""


NOTHING = RowValue(status=NOT_RUN)


def listed(names: list[str], most: int = 3) -> str:
    """Return some of the names, and how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
