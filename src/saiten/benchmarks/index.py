"""Which benchmarks there are, known from file names and a text scan: no benchmark is imported to be found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from saiten.types import Language

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

ROOT = Path(__file__).parent
LANGUAGES: tuple[Language, ...] = get_args(Language)
TASK = re.compile(r'^    task="([^"]+)",', re.MULTILINE)
JOB = re.compile(r'^    job="([^"]+)",', re.MULTILINE)
VARIANT = re.compile(r"^BENCHMARK = replace\(", re.MULTILINE)
"""A file that alters another benchmark measures the same questions: it is chosen by name, and belongs to no group."""
ENTRY_POINTS = "saiten.benchmarks"
SAMPLE = "sample_"
"""Benchmarks of our own small question sets are named so; they belong to the demo, not to `ja`, `en` or `all`."""
DEMO_ALSO = ("humaneval",)


class Entry(Struct, frozen=True):
    """A benchmark file of this package."""

    name: str
    language: Language

    @property
    def path(self) -> Path:
        """The file."""
        return ROOT / self.language / f"{self.name}.py"

    def task(self) -> str:
        """Return the old task id that the file states, without importing it."""
        match = TASK.search(self.path.read_text("utf-8"))
        return match[1] if match else self.name

    def job_name(self) -> str:
        """Return what the benchmark's jobs are called (`Benchmark.job_name`), without importing the file."""
        match = JOB.search(self.path.read_text("utf-8"))
        return f"{self.language}_{match[1] if match else self.name}"

    def variant(self) -> bool:
        """Return whether the file alters another benchmark, without importing it."""
        return VARIANT.search(self.path.read_text("utf-8")) is not None


def builtin() -> Mapping[str, Entry]:
    """Return the benchmarks of this package by name: Japanese ones first, each language in alphabetical order."""
    entries: dict[str, Entry] = {}
    for language in LANGUAGES:
        for path in sorted((ROOT / language).glob("[!_]*.py")):
            entries[path.stem] = Entry(path.stem, language)
    return entries


def by_job_name(text: str) -> str | None:
    """Return the benchmark whose jobs are called so, or that `{language}_{name}` names; None: there is none."""
    language, _, rest = text.partition("_")
    for entry in builtin().values():
        if text in {entry.job_name(), f"{entry.language}_{entry.name}"}:
            return entry.name
    return rest if language in LANGUAGES and rest in entry_points() else None


def entry_points() -> Mapping[str, EntryPoint]:
    """Return the benchmarks that other installed packages offer, by name."""
    from importlib.metadata import entry_points as installed

    return {entry.name: entry for entry in sorted(installed(group=ENTRY_POINTS), key=lambda entry: entry.name)}


def group(name: str) -> list[str] | None:
    """Return the names in a group (`ja`, `en`, `all`, `demo`), or None if there is no such group."""
    entries = builtin()
    official = [entry for entry in entries.values() if not entry.name.startswith(SAMPLE) and not entry.variant()]
    match name:
        case "all":
            return [entry.name for entry in official]
        case "ja" | "en":
            return [entry.name for entry in official if entry.language == name]
        case "demo":
            samples = [entry.name for entry in entries.values() if entry.name.startswith(SAMPLE)]
            return [*samples, *(extra for extra in DEMO_ALSO if extra in entries)]
        case _:
            return None


def is_variant(name: str) -> bool:
    """Return whether a benchmark of this package alters another one: then only its name selects it."""
    entry = builtin().get(name)
    return entry is not None and entry.variant()


GROUPS = ("ja", "en", "all", "demo")
