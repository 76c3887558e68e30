"""Results files on disk, `results_{timestamp}.json`: those of this system and those of the old one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from saiten.errors import UserError, suggestion

PREFIX = len("results_")
STAMP = "%Y-%m-%dT%H-%M-%S.%f"


class ResultsFile(Struct, frozen=True, kw_only=True):
    """One results file."""

    path: Path
    time: datetime
    """When it was written, as its name says."""
    data: dict[str, Any]

    @property
    def model(self) -> str | None:
        """The model as old tools name it."""
        return section(self.data, "config_general").get("model_name")

    @property
    def max_samples(self) -> int | None:
        """K of `--max-samples K`: the file is a trial over a part of the documents."""
        return section(self.data, "config_general").get("max_samples")


def section(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of a results file; an empty one where it is missing or something else."""
    value = data.get(name)
    return value if isinstance(value, dict) else {}


def read_files(folder: Path, model: str | None = None, damages: list[str] | None = None) -> list[ResultsFile]:
    """Return the results files directly in a folder, oldest first: those of `model`, or all where it is None.

    With `damages` a file that is not whole is told there and left out, for one old file must not end a run.

    Other files are passed over: a name that is not eight characters (`results_`), a time and `.json` is none of ours.
    Raises UserError: no such folder, or a file that is not whole.
    Source: reference/benchmarks.md §5; the old aggregation did not look at the first eight characters either.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".json" and not path.name.startswith("."))
    except OSError as error:
        raise UserError(f"{folder}: {error.strerror or error}; give the folder that holds results_*.json") from error
    files = []
    for path in paths:
        time = _time(path.name)
        if time is None:
            continue
        try:
            files.append(read_file(path, time))
        except UserError as error:
            if damages is None:
                raise
            damages.append(str(error))
    chosen = [file for file in files if model is None or file.model == model]
    return sorted(chosen, key=lambda file: file.time)


def folders_below(root: Path) -> list[Path]:
    """Return the folders that hold results files: `root` itself if it does, else those below it."""
    if any(_time(path.name) is not None for path in root.glob("*.json")):
        return [root]
    return sorted({path.parent for path in root.rglob("results_*.json") if _time(path.name) is not None})


def the_model(files: Sequence[ResultsFile], folder: Path, wanted: str | None) -> str:
    """Return the one model that files are of. UserError where there is none, or more than one."""
    found = sorted({str(file.model) for file in files})
    if wanted is not None:
        if wanted in found:
            return wanted
        there = f"there are results of {', '.join(found)}{suggestion(wanted, found)}" if found else "it holds none"
        raise UserError(f"{folder}: no results of the model {wanted!r}; {there}")
    if not found:
        raise UserError(f"{folder}: no results_{{timestamp}}.json; give the folder that holds them")
    if len(found) > 1:
        raise UserError(f"{folder}: results of several models ({', '.join(found)}); name one before --from")
    return found[0]


def read_file(path: Path, time: datetime) -> ResultsFile:
    """Read one file. UserError where it is not a JSON object."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: not whole JSON ({error}); copy it again, or remove it") from error
    if not isinstance(data, dict):
        raise UserError(f"{path}: not a results file (no JSON object); remove it")
    return ResultsFile(path=path, time=time, data=data)


def _time(name: str) -> datetime | None:
    try:
        return datetime.strptime(name[PREFIX : -len(".json")], STAMP)  # noqa: DTZ007  # the name has no zone
    except ValueError:
        return None
