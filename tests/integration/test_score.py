"""Scoring again without a server: after scores were deleted, for an unfinished run, with a newer scorer."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.faultd import FaultServer


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def test_deleted_scores_come_back_without_a_request(saiten: Saiten) -> None:
    with FaultServer() as server:
        assert saiten.run(server.base_url, [questions(saiten.folder, 8)]).returncode == 0
    expected = saiten.numbers()
    for path in [*saiten.directory.rglob("scores.parquet"), saiten.directory / "aggregated_results.json"]:
        path.unlink()
    done = saiten("score", str(saiten.directory))
    assert done.returncode == 0, done.stderr
    assert "No earlier scores to compare with." in done.stdout
    assert saiten.numbers() == expected
    assert (saiten.directory / "ja" / "quiz" / "scores.parquet").exists()


def test_an_unfinished_run_is_scored_with_bounds(saiten: Saiten) -> None:
    with FaultServer() as server:
        quiz = questions(saiten.folder, 8)
        killed = saiten.run(server.base_url, [quiz], "--concurrency", "1", extra={"SAITEN_CRASH_AT": "after_line:5"})
        assert killed.returncode == -signal.SIGKILL
    done = saiten("score", str(saiten.directory))
    assert done.returncode == 3, done.stderr
    assert "INCOMPLETE" in done.stdout
    assert saiten.numbers()["quiz"]["evidence"]["scored"] == 5


def test_a_newer_scorer_says_which_documents_changed(saiten: Saiten) -> None:
    with FaultServer(answer=lambda prompt, _index: f"回答: {'ABCD'[int(prompt.split()[1]) % 4]}") as server:
        quiz = questions(saiten.folder, 4)
        assert saiten.run(server.base_url, [quiz]).returncode == 0
    assert saiten.numbers()["quiz"]["metrics"]["extractive_match"]["value"] == 1.0
    rows = [json.loads(line) for line in (saiten.folder / "quiz.jsonl").read_text().splitlines()]
    rows[2]["answer"] = "A"  # the gold answer of one document was corrected
    (saiten.folder / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = saiten("score", str(saiten.directory))
    assert done.returncode == 0, done.stderr
    assert "1 scores changed:" in done.stdout
    assert "quiz 2 (sample 0): " in done.stdout
    assert "extractive_match: 1.0 -> 0.0" in done.stdout


def test_nothing_changed_is_said(saiten: Saiten) -> None:
    with FaultServer() as server:
        assert saiten.run(server.base_url, [questions(saiten.folder, 3)]).returncode == 0
    assert "No document's score changed." in saiten("score", str(saiten.directory)).stdout
