"""The output folders that somebody submitted from, so that `saiten status` shows all jobs wherever it is typed.

One folder a line, appended in the user's state folder. Nothing is lost with it: `--output-dir` names a folder as well.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from saiten.clusters.record import folder_of

FILE = "outputs"


def list_file(environ: Mapping[str, str]) -> Path:
    """Return the file that holds the list."""
    state = environ.get("XDG_STATE_HOME")
    base = Path(state) if state and Path(state).is_absolute() else Path.home() / ".local" / "state"
    return base / "saiten" / FILE


def noted(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Return the noted folders that still hold submissions, each once, oldest first."""
    try:
        lines = os.fsdecode(list_file(environ).read_bytes()).split("\n")
    except OSError:
        return []
    found: dict[Path, Path] = {}
    for path in map(Path, lines):
        if path.is_absolute() and has_submissions(path):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def folders_of(output: Path | None, usual: Path) -> list[Path]:
    """Return the folders of submissions to look at: of `output`, or of the usual output folder and all noted ones."""
    if output is not None:
        return [folder_of(output)]
    here = folder_of(usual)
    return [here, *(folder for one in noted() if (folder := folder_of(one)).resolve() != here.resolve())]


def has_submissions(output: Path) -> bool:
    """Return whether a folder holds submissions that this user may read."""
    folder = folder_of(output)
    return os.access(folder, os.R_OK | os.X_OK) and folder.is_dir()


def note(output: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Note a folder. Where the list cannot be written (a full quota, a home that is not there) it is left out."""
    path = output.absolute()
    if path.resolve() in {known.resolve() for known in noted(environ)}:
        return
    place = list_file(environ)
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("ab") as file:  # one write, so that two shells do not mix their lines
            file.write(os.fsencode(f"{path}\n"))
