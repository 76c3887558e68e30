"""Where the files of a run are, and how names that people or models choose become parts of paths.

Every part goes through `safe_part`, which is injective up to its length cap: different names are different folders.
Empty parts are left out, so two specifications can still meet in one folder (`a/b` with settings `c`, and a model
`a/b/c`); `run.json` holds the full names and decides whose folder it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

from msgspec import Struct

from saiten.errors import UserError
from saiten.types import Benchmark, RunSpec

PART_LENGTH = 120
HASH_LENGTH = 16
SUITE = "swallow"
LANGUAGES = frozenset({"ja", "en"})
"""Folders of a run directory; settings of that name are spelled differently, so that runs do not nest by accident."""
BELONGS_SERVED = ("vllm", "server_args", "max_model_length", "dtype", "chat_template", "no_chat_template")
"""Fields of a server's specification that a run directory belongs to; where it runs, on how many GPUs, may change."""
LOCAL = ("/", "./", "../", "~")
"""How a model begins that is a path on this machine."""


def safe_part(name: str) -> str:
    """Return `name` as one part of a path: letters, digits, `.`, `_` and `-` stay, the rest is percent-encoded.

    Never `.` or `..`, never a leading `-` or `.`, never a trailing `.`, at most 120 characters: a longer name keeps
    its beginning and ends in a hash of the whole. The empty name stays empty.
    """
    encoded = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else _percent(c) for c in name)
    if encoded[:1] in {"-", "."}:
        encoded = _percent(encoded[0]) + encoded[1:]
    if encoded.endswith("."):
        encoded = encoded[:-1] + "%2E"
    if len(encoded) <= PART_LENGTH:
        return encoded
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_LENGTH]
    beginning = re.sub(r"%.?$", "", encoded[: PART_LENGTH - HASH_LENGTH - 1])
    return f"{beginning}-{digest}"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def model_parts(model: str) -> tuple[str, ...]:
    """Return publisher and name of a model; the name alone where there is no publisher. Not encoded yet.

    `org/name` gives both; further slashes belong to the name. A local path (`/…`, `./…`, `../…`, `~/…`) is named by
    its last two parts: the folders above say where the weights are, not what they are.
    """
    if model.startswith(LOCAL):
        parts = [part for part in model.split("/") if part not in {"", ".", "..", "~"}][-2:]
    else:
        publisher, _, name = model.strip("/").partition("/")
        parts = [part for part in (publisher, name) if part]
    if not parts:
        raise UserError(f"{model!r} does not name a model; write its name, e.g. Qwen/Qwen3-8B")
    return tuple(parts)


def contained(base: Path, parts: Sequence[str]) -> Path:
    """Return `base` / `parts`, where `base` may be a link of the user's but nothing below it may be one.

    Raises UserError where a folder below `base` is a symbolic link: another user may have put it there.
    """
    root = base.resolve()
    path = root.joinpath(*parts)
    if path.resolve() != path or not path.is_relative_to(root):
        raise UserError(f"{path} leads through a symbolic link; remove the link or choose another --output-dir")
    return base.joinpath(*parts)


def timestamp(moment: datetime | None = None) -> str:
    """Return the local time as file names carry it, `2025-08-18T10-20-30.123456`."""
    when = moment if moment is not None else datetime.now().astimezone()
    return when.replace(tzinfo=None).isoformat(timespec="microseconds").replace(":", "-")


def task_name(benchmark: Benchmark, subset: str) -> str:
    """Return `task` or `task:subset`, as old files name it."""
    if "*" in benchmark.task:
        return benchmark.task.replace("*", subset)
    return f"{benchmark.task}:{subset}" if subset else benchmark.task


def task_key(benchmark: Benchmark, subset: str) -> str:
    """Return the key of a row of an old results file, `swallow|task:subset|0`."""
    return f"{SUITE}|{task_name(benchmark, subset)}|0"


class Layout(Struct, frozen=True, kw_only=True):
    """The folders of one run. Nothing is created here."""

    run: Path
    """The run directory."""
    results: Path
    """Folder of `results_{timestamp}.json`."""
    details: Path
    """Folder above `{timestamp}/details_{task}_{timestamp}.parquet`."""
    model_name: str
    """The model as old tools name it: `hosted_vllm/org/name`, `openai/gpt-4o`."""

    @classmethod
    def of(cls, root: Path, spec: RunSpec, *, provider_path: str, litellm_prefix: str) -> Self:
        """Return the layout below `root`: `results/…` for the run, `outputs/…` for what old tools read.

        `provider_path` is the provider's folder (`hosted_vllm`, `deepinfra`; empty for openai), `litellm_prefix` the
        provider in the old model name (`hosted_vllm`, `openai`; empty: none).
        """
        own = [*_encoded(provider_path, *model_parts(spec.model)), *_settings_part(spec.settings)]
        name = _old_name(spec.model, litellm_prefix)
        old = _encoded(*name.split("/"), spec.settings)
        return cls(
            run=contained(root / "results", own),
            results=contained(root / "outputs" / "results", old),
            details=contained(root / "outputs" / "details", old),
            model_name=name,
        )

    @classmethod
    def legacy(cls, root: Path, spec: RunSpec, *, provider_path: str, litellm_prefix: str, subdir: str = "") -> Self:
        """Return the layout of the old command line: its own two trees in `root`, our run directory below `runs`.

        One output folder used to take runs with different temperatures, one for each task, so the run directory ends
        in a fingerprint of what `run.json` compares.
        """
        last = f"{spec.settings}-{fingerprint(spec)}" if spec.settings else fingerprint(spec)
        name = _old_name(spec.model, litellm_prefix)
        old = _encoded(*name.split("/"), *subdir.split("/"))
        return cls(
            run=contained(root / "runs", _encoded(provider_path, *model_parts(spec.model), last)),
            results=contained(root / "results", old),
            details=contained(root / "details", old),
            model_name=name,
        )

    @property
    def manifest(self) -> Path:
        """`run.json`."""
        return self.run / "run.json"

    @property
    def aggregated(self) -> Path:
        """`aggregated_results.json`."""
        return self.run / "aggregated_results.json"

    @property
    def progress(self) -> Path:
        """`progress.json`."""
        return self.run / "progress.json"

    def benchmark(self, benchmark: Benchmark) -> Path:
        """Return the folder of a benchmark, `{lang}/{benchmark}`."""
        return self.run / benchmark.language / safe_part(benchmark.name)

    def generations(self, benchmark: Benchmark) -> Path:
        """Return the folder of a benchmark's generations."""
        return self.benchmark(benchmark) / "generations"

    def judgements(self, benchmark: Benchmark) -> Path:
        """Return the folder of a benchmark's judgements."""
        return self.benchmark(benchmark) / "judgements"

    def scores(self, benchmark: Benchmark) -> Path:
        """Return a benchmark's score file, one row for each choice."""
        return self.benchmark(benchmark) / "scores.parquet"

    def results_file(self, stamp: str) -> Path:
        """Return the results file of a moment."""
        return self.results / f"results_{stamp}.json"

    def details_file(self, benchmark: Benchmark, subset: str, stamp: str) -> Path:
        """Return the details file of a task; its name keeps `|` and `:`, as the old ones have them."""
        task = ":".join(_encoded(*task_name(benchmark, subset).split(":")))
        return self.details / stamp / f"details_{SUITE}|{task}|0_{stamp}.parquet"


def fingerprint(spec: RunSpec) -> str:
    """Return eight digits that differ where sampling, system message, parser, prompts, revision or server differ."""
    told = (spec.sampling, spec.system_message, spec.reasoning_parser, spec.prompts, spec.model_revision)
    served = tuple(getattr(spec.server, name) for name in BELONGS_SERVED)
    told += served if any(served) else ()
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _encoded(*parts: str) -> list[str]:
    return [safe_part(part) for part in parts if part]


def _settings_part(settings: str) -> list[str]:
    if settings in LANGUAGES:
        return [_percent(settings[0]) + settings[1:]]
    return _encoded(settings)


def _old_name(model: str, prefix: str) -> str:
    """Return a model's old name. A leading slash made the old program lose its output folder: see `model_parts`."""
    parts = model_parts(model) if model.startswith(LOCAL) else (model,)
    return "/".join([prefix, *parts] if prefix else parts)
