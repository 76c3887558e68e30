"""Chains: a run that is longer than a job may be goes on in the next one. The record decides, never a scheduler.

A link begins by looking at those before it. It ends at once where the run is done, where the link before it found
something that time will not heal, and where two links in a row brought no new choice, execution or judgement: a third
would bring none either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saiten.clusters.record import JobReport
from saiten.errors import Exit

IDLE_LINKS = 2
HOPELESS = {Exit.USAGE, Exit.CONFIGURATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a link has anything to do, and what it says if not."""

    exit: Exit
    reason: str


def gains(reports: Sequence[JobReport | None], standing: int) -> list[int]:
    """Return how many choices, executions and judgements each earlier link brought.

    Counted from what stood when each started, so that links that were killed count as well; a link that never ran
    brought none.
    """
    found = []
    counts = [*(None if report is None else report.stood for report in reports), standing]
    for number, begun in enumerate(counts[:-1]):
        following = next((count for count in counts[number + 1 :] if count is not None), standing)
        found.append(0 if begun is None else max(0, following - begun))
    return found


def look_back(reports: Sequence[JobReport | None], standing: int) -> Verdict | None:
    """Return why the next link should end at once; None: it goes on.

    `standing`: choices, executions and judgements that it starts with.
    """
    last = reports[-1] if reports else None
    if last is not None and last.exit_status == Exit.COMPLETE:
        return Verdict(exit=Exit.COMPLETE, reason="nothing is left: an earlier link completed the run")
    if last is not None and last.exit_status in HOPELESS:
        reason = f"the link before ended with status {last.exit_status} and time will not heal it: {last.reason}"
        return Verdict(exit=Exit(last.exit_status), reason=reason)
    recent = gains(reports, standing)[-IDLE_LINKS:]
    if len(recent) == IDLE_LINKS and not any(recent):
        nothing = f"the last {IDLE_LINKS} links brought no new choice, execution or judgement"
        return Verdict(exit=Exit.INCOMPLETE, reason=f"{nothing}; see their logs, then saiten resubmit")
    return None
