"""The three kinds of failure.

UserError       somebody typed or configured something that cannot be: one line on stderr, exit 2 or 4.
EndpointError   the world failed for the whole run, not for one choice: key refused, model unknown, quota used up,
                server gone. What was answered stays answered; exit 4 or 5.
everything else a bug of ours: the run stops with a traceback and keeps its finished choices.

What fails for one choice only is no exception: it is recorded as the outcome of that choice (`types.Outcome`).
"""

from __future__ import annotations

from difflib import get_close_matches
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Exit(IntEnum):
    """Exit statuses of every command. Never 99 or 100: Grid Engine gives them a meaning of its own."""

    COMPLETE = 0
    BUG = 1
    USAGE = 2
    INCOMPLETE = 3
    CONFIGURATION = 4
    SERVER = 5
    INTERRUPTED = 130
    TERMINATED = 143


class SaitenError(Exception):
    """An error that is told in one line, without a traceback."""

    exit: Exit = Exit.CONFIGURATION


class UserError(SaitenError):
    """What a person typed, wrote or set up cannot be used. The message says what, where, and what instead."""

    def __init__(self, message: str, *, exit_status: Exit = Exit.CONFIGURATION) -> None:
        super().__init__(message)
        self.exit = exit_status


class UsageError(UserError):
    """The command line itself is wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_status=Exit.USAGE)


class EndpointError(SaitenError):
    """The endpoint cannot serve this run at all (as opposed to: one request failed)."""

    def __init__(self, message: str, *, exit_status: Exit = Exit.SERVER, resumable: bool = True) -> None:
        super().__init__(message)
        self.exit = exit_status
        self.resumable = resumable
        """Whether starting the same command again later can help without changing anything."""


class Interrupted(SaitenError):  # noqa: N818  # not an error: somebody asked
    """Somebody (or the scheduler) asked this process to stop. What was answered is stored."""

    def __init__(self, message: str, *, exit_status: Exit = Exit.INTERRUPTED) -> None:
        super().__init__(message)
        self.exit = exit_status


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the nearest known words, or an empty string."""
    near = get_close_matches(word, list(dict.fromkeys(known)), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
