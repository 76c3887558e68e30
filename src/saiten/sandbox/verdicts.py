"""From what a worker saw to the verdict that is stored. Its text is the program's: short, and made harmless."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from saiten.types import Verdict

DETAIL_BYTES = 4096
SANDBOX_FAILED = "sandbox_failed"
"""Status of an execution that could not be made. It is no score: the choice counts as missing."""
_STATUSES = {"passed", "solved", "failed", "timeout", "error", SANDBOX_FAILED}
_HARMLESS = frozenset("\n\t")
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that move the cursor, reorder text, or show nothing."""


def verdict(seen: Mapping[str, Any]) -> Verdict:
    """Return the verdict for a worker's answer."""
    status = seen["status"]
    assert status in _STATUSES
    return Verdict(
        kind="execution",
        status=status,
        value=None if status == SANDBOX_FAILED else float(status == "passed"),
        detail=harmless(seen["detail"]),
        seconds=round(float(seen["cpu_seconds"]), 6),
    )


def failed_sandbox(reason: str) -> Verdict:
    """Return the verdict where nothing was executed."""
    return Verdict(kind="execution", status=SANDBOX_FAILED, detail=harmless(reason))


def harmless(text: str) -> str:
    """Escape control, format and unassigned characters, and cut the text at 4 KB of UTF-8."""
    shown = "".join(
        character
        if character in _HARMLESS or unicodedata.category(character) not in _UNSHOWN
        else character.encode("unicode_escape").decode("ascii")
        for character in text[:DETAIL_BYTES]
    )
    data = shown.encode()
    if len(data) <= DETAIL_BYTES and len(text) <= DETAIL_BYTES:
        return shown
    return data[: DETAIL_BYTES - 3].decode("utf-8", "ignore") + "…"
