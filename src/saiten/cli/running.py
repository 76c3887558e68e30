"""What `run`, `demo` and `endpoint` share: one run with its display, its table and its exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from saiten.errors import EndpointError, Exit, Interrupted, UserError
from saiten.values import replace

if TYPE_CHECKING:
    from pathlib import Path

    from saiten.results.layout import Layout
    from saiten.results.summary import RunResult
    from saiten.types import Access, RunSpec

FILE_COLUMNS = 120


def execute(
    spec: RunSpec, access: Access, layout: Layout, *, save_details: bool = True, accept_changes: bool = False
) -> int:
    """Run an evaluation with a live display, print its table, and return the exit status."""
    from saiten.cli.display import open_display
    from saiten.evaluate import evaluate
    from saiten.models.judges import with_judge_environment

    spec, access = with_judge_environment(spec, access, os.environ)
    try:
        with open_display() as display:
            result = evaluate(
                spec,
                access,
                layout=layout,
                observer=display,
                save_details=save_details,
                accept_changes=accept_changes,
            )
    except (EndpointError, Interrupted) as error:
        again = isinstance(error, Interrupted) or error.resumable
        print(
            f"saiten: {error}{'; ' + how_to_go_on(layout.run / access.part.progress_file) if again else ''}",
            file=sys.stderr,
        )
        return error.exit
    return show(result)


def how_to_go_on(progress: Path) -> str:
    """Say what is stored and how to continue, from the progress file."""
    import msgspec

    try:
        state = msgspec.json.decode(progress.read_bytes(), type=dict[str, object])
    except (OSError, msgspec.DecodeError):
        return "start the same command again"
    return f"{state.get('answered')} of {state.get('due')} choices are stored: start the same command again to go on"


def show(result: RunResult) -> int:
    """Print the table of a result and return its exit status."""
    from saiten.report.table import render

    if result.left:
        print(f"this part is complete; the results of {result.directory} are written by the last of the others")
        return Exit.COMPLETE
    ansi = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    print(render(result, width=table_width(), ansi=ansi))
    for warning in result.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return Exit.COMPLETE if result.complete else Exit.INCOMPLETE


def table_width() -> int:
    """Return the columns of a table: the terminal's. In a file at least 120, whatever COLUMNS says.

    A job inherits COLUMNS from whoever started the scheduler's daemon, and names in its log would be cut.
    """
    import shutil

    columns = shutil.get_terminal_size((FILE_COLUMNS, 24)).columns
    return columns if sys.stdout.isatty() else max(FILE_COLUMNS, columns)


def with_environment(access: Access, environ: Mapping[str, str]) -> Access:
    """Fill in what the old system's environment variables say, where the command line says nothing."""
    concurrency = access.concurrency
    if concurrency is None and (text := environ.get("LITELLM_CONCURRENT_CALLS")):
        if not text.isdecimal() or int(text) < 1:
            raise UserError(f"LITELLM_CONCURRENT_CALLS={text!r} is not a whole number above 0; correct or unset it")
        concurrency = int(text)
    stall = access.stall_seconds
    if stall is None and (text := environ.get("REQUEST_TIMEOUT")):
        try:
            stall = float(text)
        except ValueError:
            stall = 0.0
        if not 0 < stall < float("inf"):
            raise UserError(f"REQUEST_TIMEOUT={text!r} is not a number of seconds above 0; correct or unset it")
    return replace(access, concurrency=concurrency, stall_seconds=stall)
