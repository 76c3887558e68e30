"""Mirrors made of the shared rows, for tests that want the real questions. They skip where the rows are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.datasets import DataContext
from saiten.datasets.mirror import add_to_mirror
from tests.helpers.derived import DERIVED, derived_repositories
from tests.helpers.shared import shared_path

REVISION = "0" * 40
REPOSITORIES = {
    "jmmlu": "nlp-waseda/JMMLU",
    "math_500": "HuggingFaceH4/MATH-500",
    "humaneval": "openai/openai_humaneval",
    "humanevalplus": "evalplus/humanevalplus",
    "jhumaneval": "kogi-jwu/jhumaneval",
}


def repository_files(benchmark: str) -> dict[str, Path]:
    """Return the files of a benchmark's repository, as path in the repository -> shared file."""
    match benchmark:
        case "jmmlu":
            folder = shared_path("data/jmmlu/JMMLU")
            return {f"test/{path.name}": path for path in sorted(folder.glob("*.csv"))}
        case "math_500":
            return {"test.jsonl": shared_path("data/math500/prm800k_math_splits_test.jsonl")}
        case "humaneval":
            return {"openai_humaneval/test.jsonl.gz": shared_path("data/humaneval/HumanEval.jsonl.gz")}
        case "humanevalplus":
            return {"data/test.jsonl.gz": shared_path("data/humanevalplus/HumanEvalPlus-OriginFmt.jsonl.gz")}
        case "jhumaneval":
            return {"jhumaneval/test.jsonl.gz": shared_path("data/jhumaneval/data/jhuman-eval.jsonl.gz")}
        case _:
            pytest.skip(f"no shared rows are mapped for {benchmark}")


def shared_mirror(folder: Path, *benchmarks: str) -> Path:
    """Fill a mirror in `folder` with these benchmarks (default: all that are mapped) and return it."""
    for benchmark in benchmarks or tuple(REPOSITORIES):
        if benchmark in DERIVED:
            for repository, files in derived_repositories(benchmark, folder.with_name("derived")).items():
                add_to_mirror(folder, repository, REVISION, files)
        else:
            add_to_mirror(folder, REPOSITORIES[benchmark], REVISION, repository_files(benchmark))
    return folder


def mirror_context(folder: Path, *benchmarks: str) -> DataContext:
    """Return a context whose mirror has the shared rows and whose cache is below `folder` too."""
    return DataContext(cache=folder / "cache", mirror=shared_mirror(folder / "mirror", *benchmarks))


def mirror_environment(folder: Path, *benchmarks: str) -> dict[str, str]:
    """Return the variables that make a `saiten` process read the shared rows."""
    mirror = shared_mirror(folder / "mirror", *benchmarks)
    return {"SAITEN_DATA": str(mirror), "HF_HOME": str(folder / "cache"), "HF_HUB_OFFLINE": "1"}
