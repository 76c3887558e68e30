"""Finding the runs of a model below an output folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from saiten.errors import UserError
from saiten.results import manifest
from saiten.results.layout import Layout, model_parts, safe_part


class FoundRun(Struct, frozen=True, kw_only=True):
    """A run directory."""

    layout: Layout
    settings: str
    provider: str
    manifest: dict[str, Any]


def find_runs(root: Path, model: str, providers: Iterable[str], settings: str | None = None) -> list[FoundRun]:
    """Return the runs of a model, those with a settings name or (None) all of them, in the order of their folders.

    `providers`: folder names that a run may stand in. UserError where there is no run, with what there is.
    """
    places = [root / "results" / Path(*filter(None, (name, *_encoded(model)))) for name in ("", *providers)]
    runs = [run for place in dict.fromkeys(places) for run in _runs(place, model)]
    chosen = [run for run in runs if settings is None or run.settings == settings]
    if chosen:
        return chosen
    if runs:
        there = ", ".join(repr(run.settings) for run in runs)
        raise UserError(f"no run of {model} with --settings {settings!r}; there are: {there}")
    where = root / "results"
    raise UserError(f"no run of {model} below {where}; give --output-dir, or --from for results of the old system")


def _encoded(model: str) -> list[str]:
    return [safe_part(part) for part in model_parts(model)]


def _runs(place: Path, model: str) -> Iterator[FoundRun]:
    for folder in (place, *(sorted(place.iterdir()) if place.is_dir() else ())):
        told = manifest.read(folder) if folder.is_dir() else None
        if told is None or told.get("spec", {}).get("model") != model:
            continue
        try:
            layout = manifest.stored_layout(folder, told)
        except KeyError as error:
            raise UserError(f"{folder / 'run.json'} was not written by this version of saiten") from error
        spec = told["spec"]
        yield FoundRun(
            layout=layout, settings=spec.get("settings", ""), provider=spec.get("provider", ""), manifest=told
        )
