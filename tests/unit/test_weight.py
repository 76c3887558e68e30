"""The package is light: checked by what is loaded, not by how long it took."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saiten.benchmarks.index import builtin
from tests.helpers.faultd import FaultServer

HEAVY = {
    "aiohttp",
    "httptools",
    "uvloop",
    "pyarrow",
    "huggingface_hub",
    "sympy",
    "math_verify",
    "latex2sympy2_extended",
    "rich",
} | {
    "torch",
    "transformers",
    "vllm",
    "zstandard",
    "markdown_it",
    "yaml",
}

SCORING = {
    *("sympy", "math_verify", "latex2sympy2_extended", "markdown_it", "pyarrow", "huggingface_hub"),
    *("janome", "nagisa", "sacrebleu", "langdetect", "ja_sentence_segmenter", "nltk", "emoji", "bs4", "markdown"),
}
"""What some benchmarks score with, or read their data with."""


def loaded(code: str) -> set[str]:
    """Return the top-level modules that are loaded after running `code` in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stderr.splitlines()}


def third_party(names: set[str]) -> set[str]:
    return names - set(sys.stdlib_module_names) - {"saiten", "_distutils_hack", "_virtualenv", "sitecustomize"}


@pytest.mark.parametrize(
    "code",
    [
        "import saiten",
        "import saiten.errors, saiten.cli",
        "from saiten.cli import main; main(['--help'])",
        "from saiten.cli import main; main(['--version'])",
    ],
)
def test_the_front_door_loads_nothing_but_the_standard_library(code: str) -> None:
    baseline = third_party(loaded(""))
    assert third_party(loaded(code)) - baseline == set()


def test_the_nouns_load_msgspec_alone() -> None:
    assert third_party(loaded("import saiten.types")) - third_party(loaded("")) <= {"msgspec", "typing_extensions"}


def test_the_help_of_run_loads_no_heavy_library() -> None:
    code = "from saiten.cli import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass"
    assert loaded(code) & HEAVY == set()


@pytest.mark.parametrize("name", [*builtin()])
def test_a_run_of_one_benchmark_loads_no_benchmarks_library_before_its_answers_come(name: str) -> None:
    """What a benchmark needs is loaded when it scores, in worker processes where it is heavy."""
    code = f"import saiten.evaluate, saiten.cli.run\nfrom saiten.benchmarks import select; select(({name!r},))"
    assert loaded(code) & SCORING == set()


def test_a_whole_run_of_one_benchmark_loads_no_other_benchmarks_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAITEN_CACHE", str(tmp_path / "cache"))
    with FaultServer() as server:
        words = [
            "run",
            "test-model",
            "--provider",
            "vllm",
            "--base-url",
            server.base_url,
            "--output-dir",
            str(tmp_path),
        ]
        words += ["--benchmarks", "sample_choice_ja", "--max-samples", "3"]
        names = loaded(f"from saiten.cli import main; assert main({words!r}) == 0")
    assert names & SCORING == set()


def test_the_map_loads_no_heavy_library_but_the_parser_of_http() -> None:
    names = loaded("import saiten.evaluate")
    assert names & (HEAVY - {"httptools", "msgspec", "uvloop"}) == set()


def test_the_package_offers_its_function_and_not_the_module_of_that_name() -> None:
    code = "from saiten import evaluate\nimport saiten\nassert callable(evaluate) and callable(saiten.evaluate)"
    loaded(code)
