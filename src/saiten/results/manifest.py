"""run.json: what a run directory belongs to, and how it came to be. Built from an allow-list; holds no secret.

Several processes may start in the same moment, and the last to replace run.json would forget the others. So each start
also writes small files of its own into `starts/`, what it is and what it cost, and whoever reads the manifest takes the
union and the sum.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from saiten import __version__
from saiten.benchmarks import select
from saiten.errors import UserError
from saiten.results.files import write_json
from saiten.results.layout import BELONGS_SERVED, Layout
from saiten.types import Benchmark, RunSpec

PACKAGES = ("latex2sympy2-extended", "math-verify", "msgspec", "sympy")
BELONGS = (
    *("model", "model_revision", "provider", "system_message", "sampling", "provider_sampling"),
    *("reasoning_parser", "prompts", "continuation"),
)
"""Fields of the specification that a run directory belongs to. Benchmarks, N and --max-samples may grow."""
LEARNT = ("server",)
"""What an earlier start learnt and a later one may not learn again, since it has nothing to ask."""
STARTS = "starts"
PER_BENCHMARK = ("dataset_revisions", "prompt_hash", "sampling")


def prompt_hash(benchmark: Benchmark) -> str:
    """Return a short hash of a benchmark's prompt template."""
    return hashlib.blake2b(benchmark.prompt.encode(), digest_size=8).hexdigest()


def describe(benchmark: Benchmark, samples: int, revisions: dict[str, str]) -> dict[str, Any]:
    """Return what the manifest says of one benchmark."""
    return {
        "task": benchmark.task,
        "version": benchmark.version,
        "samples": samples,
        "sampling": specified(benchmark.sampling),
        "scorer": f"{benchmark.scorer.name}-{benchmark.scorer.version}",
        "prompt_hash": prompt_hash(benchmark),
        "dataset": benchmark.dataset.path,
        "dataset_revisions": revisions,
    } | judge_described(benchmark)


def judge_described(benchmark: Benchmark) -> dict[str, Any]:
    """Return which words a benchmark's judge is asked with; nothing without a judge. They may change: see BELONGS."""
    if benchmark.judge is None:
        return {}
    words = msgspec.json.encode(benchmark.judge.templates, order="deterministic")
    return {"judge_prompt_hash": hashlib.blake2b(words, digest_size=8).hexdigest()}


def specified(value: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that are not None."""
    return {key: item for key, item in asdict(value).items() if item is not None}


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that can move a number."""
    found = {"python": platform.python_version(), "saiten": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def read(directory: Path) -> dict[str, Any] | None:
    """Return a run directory's manifest with all of its starts, None where there is none. UserError: it is damaged."""
    manifest = _decoded(directory / "run.json")
    if manifest is None:
        return None
    parts = [part for path in (directory / STARTS).glob("start-*.json") if (part := _decoded(path)) is not None]
    parts.sort(key=lambda part: float(part["start"]["time"]))
    for part in parts:
        manifest["benchmarks"] = manifest.get("benchmarks", {}) | part["benchmarks"]
    if (added := costs(directory)) is not None:
        told = manifest.get("cost") or {}  # at least: it may count what a killed start left in the record
        named = zip(("spent", "estimated"), added, strict=True)
        manifest["cost"] = {key: max(told.get(key, 0), value) for key, value in named}
    starts = manifest.get("starts", [])
    manifest["starts"] = starts + [part["start"] for part in parts if part["start"] not in starts]
    return manifest


def _decoded(path: Path) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        manifest: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise UserError(f"{path}: not JSON ({error}); remove it: the answers beside it are unharmed") from error
    return manifest


def wanted(manifest: Mapping[str, Any]) -> list[str]:
    """Return the names of the benchmarks that a run is to have; none where nothing tells, or not any more."""
    try:
        return [found.benchmark.name for found in select(manifest.get("spec", {}).get("benchmarks", ()))]
    except UserError:
        return []


def layout_record(layout: Layout) -> dict[str, str]:
    """Return where a run's exports go, relative to its directory, so that the whole tree can be moved."""
    return {
        "results": os.path.relpath(layout.results, layout.run),
        "details": os.path.relpath(layout.details, layout.run),
        "model_name": layout.model_name,
    }


def stored_layout(directory: Path, manifest: dict[str, Any]) -> Layout:
    """Return the layout that a manifest tells. Raises KeyError where it tells none."""
    record = manifest["layout"]
    return Layout(
        run=directory,
        results=Path(os.path.normpath(directory / record["results"])),
        details=Path(os.path.normpath(directory / record["details"])),
        model_name=record["model_name"],
    )


def custom_settings(manifest: dict[str, Any] | None) -> dict[str, str]:
    """Return path, name and version of a run's settings, as old files tell them; the name alone where no file is."""
    spec = (manifest or {}).get("spec", {})
    used = spec.get("settings_used") or {"path": "", "name": spec.get("settings", ""), "version": ""}
    return {key: used[key] for key in ("path", "name", "version")}


def changes(name: str, old: Any, new: Any) -> list[str]:
    """Return in words what differs between two values; of two mappings only the entries that do."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [w for key in {**old, **new} for w in changes(f"{name} {key}", old.get(key), new.get(key))]
    return [] if old == new else [f"{name}: {old!r} -> {new!r}"]


def differences(old: dict[str, Any], spec: RunSpec, benchmarks: dict[str, dict[str, Any]]) -> list[str]:
    """Return, in words, where a run directory belongs to another specification."""
    before, now = old.get("spec", {}), msgspec.to_builtins(spec)
    changed = [words for key in BELONGS for words in changes(key, before.get(key), now[key])]
    served, serving = before.get("server") or {}, now["server"]
    changed += [words for key in BELONGS_SERVED for words in changes(f"server {key}", served.get(key), serving[key])]
    for name, description in benchmarks.items():
        earlier = old.get("benchmarks", {}).get(name)
        for key in PER_BENCHMARK if earlier else ():
            changed += changes(f"{name} {key}", earlier.get(key), description[key])
    return changed


def note(directory: Path, facts: dict[str, Any]) -> None:
    """Add facts to run.json that were learnt later, and the starts that it lacks."""
    found = read(directory)
    if found is not None:
        write_json(directory / "run.json", found | facts)


def note_cost(directory: Path, key: str, started: float, spent: float, estimated: int) -> None:
    """Keep what this process (`key`: its part's) has spent, and of how many answers that is an estimate."""
    name = f"cost-{socket.gethostname().split('.')[0]}-{os.getpid()}-{int(started * 1000):x}.json"
    write_json(directory / STARTS / name, {"key": key, "spent": spent, "estimated": estimated})


def costs(directory: Path, keys: Collection[str] | None = None) -> tuple[float, int] | None:
    """Return what starts have spent, and of how many answers that is an estimate; None: no start told any.

    `keys`: only those of these parts.
    """
    told = [cost for path in (directory / STARTS).glob("cost-*.json") if (cost := _decoded(path)) is not None]
    meant = [cost for cost in told if keys is None or cost.get("key", "") in keys]
    return (sum(cost["spent"] for cost in meant), sum(cost["estimated"] for cost in meant)) if meant else None


def claim(
    directory: Path, spec: RunSpec, benchmarks: dict[str, dict[str, Any]], facts: dict[str, Any], *, accept: bool
) -> None:
    """Write run.json, or refuse a directory that belongs to another specification.

    `accept` continues all the same: answers of the other specification stay on disk and are not used. A directory
    without any answer belongs to nobody: a first start that failed must not forbid the corrected one.
    """
    old = read(directory)
    if old is not None and any(path.stat().st_size for path in directory.glob("*/*/generations/*")):
        changed = differences(old, spec, benchmarks)
        if changed and not accept:
            raise UserError(
                f"{directory} holds a run with another specification ({'; '.join(changed)}); choose another --settings "
                "or --output-dir, or say --accept-changes to go on here (the old answers stay, unused)"
            )
    start = {"time": time.time(), "host": socket.gethostname()}
    name = f"start-{socket.gethostname().split('.')[0]}-{os.getpid()}-{time.time_ns():x}.json"
    write_json(directory / STARTS / name, {"start": start, "benchmarks": benchmarks})
    old = read(directory) or {}  # once more: with those that started meanwhile
    write_json(
        directory / "run.json",
        {
            "spec": msgspec.to_builtins(spec),
            "versions": package_versions(),
            "benchmarks": old.get("benchmarks", {}) | benchmarks,
            **{key: old[key] for key in LEARNT if key in old},
            **facts,
            "starts": [*(one for one in old.get("starts", []) if one != start), start],
        },
    )
