"""Which run, and which logs, somebody means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saiten.clusters.record import Submission, read_submissions
from saiten.errors import UserError, suggestion

LOG_PATTERNS = ("*.o[0-9]*", "*.e[0-9]*", "*.OU", "*.ER", "*.vllm*", "*.log")
"""Logs of jobs in a benchmark's folder, as the old system named them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """A run directory and what was submitted for it, newest last."""

    directory: Path
    submissions: tuple[Submission, ...]


def find_run(text: str, folders: Sequence[Path]) -> FoundRun:
    """Return the run that a path, a job id, a submission's key, a job's name or a model names.

    `folders`: of submissions; the first where something fits. Of several runs of a model the one submitted last is
    taken. UserError where nothing fits.
    """
    path = Path(text)
    if (path / "run.json").is_file() or any(path.glob("progress*.json")):
        return of_directory(path.absolute(), [one for folder in folders for one in read_submissions(folder)])
    found = next((run for folder in folders if (run := run_in(folder, text)) is not None), None)
    if found is not None:
        return found
    output, submissions = folders[0].parent, list(read_submissions(folders[0]))
    known = {one.model for one in submissions} | {one.job_id for one in submissions if one.job_id}
    raise UserError(
        f"no run {text!r} in {output.absolute()}{suggestion(text, known)} (give a run directory, a job id or a model)"
    )


def run_in(folder: Path, text: str) -> FoundRun | None:
    """Return the run that a text names among the submissions of a folder, or in its output folder."""
    submissions, output = tuple(read_submissions(folder)), folder.parent
    for fits in (
        lambda one: text in {one.job_id, one.key},
        lambda one: text == one.job_id.partition(".")[0],
        lambda one: text in {one.model, f"{one.model}/{one.settings}", one.name},
        lambda one: one.run.rstrip("/").endswith(f"/{text.strip('/')}"),
    ):
        found = [one for one in submissions if fits(one)]
        if found:
            return of_directory(Path(found[-1].run), submissions)
    for where in (output / "results" / text, *(sorted((output / "results").glob(f"*/{text}")) if text else ())):
        if (where / "run.json").is_file():
            return of_directory(where.absolute(), submissions)
    return None


def of_directory(directory: Path, submissions: Sequence[Submission]) -> FoundRun:
    """Return a run directory with what was submitted for it."""
    same = directory.resolve()
    return FoundRun(
        directory=directory, submissions=tuple(one for one in submissions if Path(one.run).resolve() == same)
    )


def logs_of(run: FoundRun, benchmark: str) -> list[Path]:
    """Return the logs of a benchmark, oldest first: those our records name, and those in the benchmark's folder.

    `benchmark`: a name, an old `{lang}_{task}`, or empty for all. UserError where there are none.
    """
    named = [
        Path(text)
        for one in run.submissions
        if not benchmark or benchmark in one.benchmarks or benchmark == one.name
        for text in (one.stdout, one.stderr, one.server_log)
        if text
    ]
    folders = [folder for folder in sorted(run.directory.glob("*/*")) if folder.is_dir()]
    lying = [
        path
        for folder in folders
        if not benchmark or benchmark in {folder.name, f"{folder.parent.name}_{folder.name}"}
        for pattern in LOG_PATTERNS
        for path in folder.glob(pattern)
    ]
    found = {path: path.stat().st_mtime for path in (*named, *lying) if path.is_file()}
    if not found:
        there = sorted({name for one in run.submissions for name in one.benchmarks} | {path.name for path in folders})
        hint = suggestion(benchmark, there)
        raise UserError(f"no logs of {benchmark or 'any benchmark'} in {run.directory}{hint}")
    return sorted(found, key=lambda path: found[path])


def tail(path: Path, lines: int, most: int = 1 << 20) -> list[str]:
    """Return the last lines of a text file; of a huge one only its last `most` bytes are read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - most))
        text = file.read().decode("utf-8", "replace")
    return text.splitlines()[-lines:] if lines else []
