"""`saiten demo` for real: a model answers, its code is run, every choice is scored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.servers.processes import eventually, guards_of, lives

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

QUESTIONS = 2
MORE_QUESTIONS = 5
"""So many that some still wait when the demo is stopped."""
BENCHMARKS = ("sample_choice_ja", "sample_math", "humaneval")


def start_demo(directory: Path, questions: int = QUESTIONS) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "saiten", "demo", "--max-samples", str(questions), "--output-dir", str(directory)]
    environment = os.environ | {"COLUMNS": "140"}  # no name in the table is shortened
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for the end of the demo; return its status and what it printed."""
    out, errors = process.communicate(timeout=800)
    return process.returncode, out, errors


def run_directory(directory: Path) -> Path:
    (manifest,) = directory.glob("results/**/run.json")
    return manifest.parent


def stored_answers(directory: Path) -> dict[str, bytes]:
    """Return the generation files by name, with their content."""
    return {str(path): path.read_bytes() for path in sorted(directory.glob("results/**/generations/*"))}


def progress(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run_directory(directory) / "progress.json").read_text())
    return found


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str, str]:
    """A demo that ran to its end: its directory, status, output and messages."""
    directory = tmp_path_factory.mktemp("demo")
    return directory, *finish(start_demo(directory))


def test_the_demo_ends_complete_with_a_table_of_scores(finished: tuple[Path, int, str, str]) -> None:
    directory, status, out, errors = finished
    assert status == 0, errors
    for name in BENCHMARKS:
        (line,) = [line for line in out.splitlines() if line.startswith(f"{name} ")]
        assert "100 %" in line
        assert "INCOMPLETE" not in line
    assert str(run_directory(directory)) in out
    assert progress(directory)["state"] == "complete"


def test_the_demo_writes_what_other_tools_read(finished: tuple[Path, int, str, str]) -> None:
    directory = finished[0]
    (results,) = directory.glob("outputs/results/**/results_*.json")
    assert json.loads(results.read_text())["results"]
    assert list(directory.glob("outputs/details/**/details_*.parquet"))
    assert (run_directory(directory) / "aggregated_results.json").is_file()


def test_the_second_demo_asks_nothing_again(finished: tuple[Path, int, str, str]) -> None:
    directory = finished[0]
    before = stored_answers(directory)
    status, out, errors = finish(start_demo(directory))
    assert status == 0, errors
    assert all(name in out for name in BENCHMARKS)
    assert stored_answers(directory) == before


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_demo_that_is_stopped_leaves_no_server_and_goes_on(
    tmp_path: Path, number: signal.Signals, expected: int
) -> None:
    stopped = start_demo(tmp_path, MORE_QUESTIONS)
    assert eventually(lambda: any(stored_answers(tmp_path).values()), 120)
    guards = list(guards_of(stopped.pid))
    assert len(guards) == 1
    stopped.send_signal(number)
    status, _, errors = finish(stopped)
    assert status == expected, errors
    assert eventually(lambda: not any(map(lives, guards)))
    assert progress(tmp_path)["answered"] < progress(tmp_path)["due"]
    status, out, errors = finish(start_demo(tmp_path, MORE_QUESTIONS))
    assert status == 0, errors
    assert "INCOMPLETE" not in out
    assert progress(tmp_path)["state"] == "complete"
