"""A scheduler's command: run without a shell, in plain English, with a limit, and read as text."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from saiten.clusters.scheduler import SchedulerError

SECONDS = 120.0
"""A scheduler that is being restarted answers late, not never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """What it said on stderr (on stdout where that is empty), in one line."""
        text = self.err.strip() or self.out.strip() or f"exit status {self.status}, no message"
        return " / ".join(line.strip() for line in text.splitlines() if line.strip())


def run(argv: Sequence[str], *, seconds: float = SECONDS) -> Answer:
    """Run a command to its end, for at most `seconds`.

    SchedulerError where it does not exist or does not end; no status is an error here.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  # the caller's own command, no shell
            list(argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=seconds,
            env=environment,
        )
    except FileNotFoundError as error:
        raise SchedulerError(
            f"there is no command {argv[0]} here; log in to a node that submits jobs, or choose another service"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise SchedulerError(f"{argv[0]} did not answer within {seconds:.0f} s; try again later") from error
    except OSError as error:
        raise SchedulerError(f"cannot run {argv[0]}: {error.strerror}") from error
    return Answer(
        status=done.returncode,
        out=done.stdout.decode("utf-8", "replace"),
        err=done.stderr.decode("utf-8", "replace"),
    )
