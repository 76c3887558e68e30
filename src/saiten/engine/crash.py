"""Crash points: places where a test kills the process to prove that nothing is lost.

`SAITEN_CRASH_AT=name:k` makes the k-th passage of that point end the process with SIGKILL, as a node failure would.
Without the variable a point is one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

POINTS = (
    "before_send",
    "after_response",
    "mid_line",
    "after_line",
    "before_fsync",
    "after_fsync",
    "during_resume_scan",
    "during_repair",
    "during_score",
    "before_rename",
    "after_rename",
    "in_execution",
    "before_judge",
    "after_judge",
)

_wanted, _, _count = os.environ.get("SAITEN_CRASH_AT", "").partition(":")
_left = int(_count or 1)


def crash(point: str, before: Callable[[], object] | None = None) -> None:
    """Die here if a test asked for it, after calling `before`."""
    global _left  # noqa: PLW0603  # a countdown of the process, set once from the environment
    if point != _wanted:
        return
    _left -= 1
    if _left == 0:
        if before is not None:
            before()
        os.kill(os.getpid(), signal.SIGKILL)
