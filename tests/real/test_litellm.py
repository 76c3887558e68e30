"""--provider litellm with the real library, in an environment of its own, against servers of other protocols."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

from saiten.servers.environment import cache_directory
from tests.helpers.command import Saiten, questions
from tests.helpers.foreign import ForeignServer

pytestmark = pytest.mark.real

SRC = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def python() -> Path:
    """Return an interpreter that has litellm, and this environment's packages behind it."""
    folder = cache_directory(os.environ) / "test-litellm"
    found = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([found, "-m", "pip", "install", "-q", "litellm>=1.80"], check=True, timeout=280)
        (folder / "ready").touch()
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run(
        [found, "-c", ask],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (Path(site) / "saiten-tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n{SRC}\n")
    return found


def run(saiten: Saiten, python: Path, model: str, url: str, *more: str) -> subprocess.CompletedProcess[str]:
    command = [str(python), "-m", "saiten", "run", model, "--provider", "litellm", "--base-url", url]
    environment = saiten.environment({"LITELLM_API_KEY": "sk-foreign-0123456789"}) | {"PYTHONPATH": ""}
    return subprocess.run(
        [*command, *more], cwd=saiten.folder, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


def records(saiten: Saiten) -> list[dict[str, Any]]:
    files = sorted(saiten.folder.glob("results/litellm/**/generations/*.jsonl"))
    return [json.loads(line)["generation"] for file in files for line in file.read_text().splitlines()]


@pytest.mark.parametrize(
    ("model", "path"), [("anthropic/claude-test", "/v1/messages"), ("ollama_chat/tiny", "/api/chat")]
)
def test_a_provider_of_another_protocol_is_evaluated(model: str, path: str, python: Path, tmp_path: Path) -> None:
    saiten = Saiten(tmp_path)
    quiz = questions(tmp_path, 4)
    with ForeignServer(lambda prompt: f"回答: {'ABCD'[int(prompt.split()[-1]) % 4]}", failures=(429,)) as server:
        done = run(saiten, python, model, server.address, "--benchmarks", str(quiz), "--max-tokens", "32")
        assert done.returncode == 0, done.stderr
        assert "1.0000" in done.stdout
        assert {entry[0] for entry in server.ledger} == {path}
        assert len(server.ledger) == 5  # litellm itself tried nothing again
    found = records(saiten)
    assert len(found) == 4
    assert [one["usage"]["output_tokens"] for one in found] == [7] * 4
    everything = "".join(file.read_text() for file in saiten.folder.rglob("*.json*") if file.is_file())
    assert "sk-foreign" not in everything + done.stdout + done.stderr


def test_several_samples_come_one_by_one(python: Path, tmp_path: Path) -> None:
    saiten = Saiten(tmp_path)
    quiz = questions(tmp_path, 2, samples=3, temperature=0.7)
    with ForeignServer(lambda _prompt: "回答: A") as server:
        more = ("--benchmarks", str(quiz), "--max-tokens", "32", "--max-n", "1")
        done = run(saiten, python, "anthropic/claude-test", server.address, *more)
        assert done.returncode == 0, done.stderr
        assert len(server.ledger) == 6
        assert {entry[1]["temperature"] for entry in server.ledger} == {0.7}
        assert {entry[2]["x-api-key"] for entry in server.ledger} == {"sk-foreign-0123456789"}


def test_a_parameter_that_cannot_be_translated_is_refused_and_never_dropped(python: Path, tmp_path: Path) -> None:
    saiten = Saiten(tmp_path)
    with ForeignServer(lambda _prompt: "回答: A") as server:
        more = ("--benchmarks", str(questions(tmp_path, 2)), "--max-tokens", "32", "--frequency-penalty", "0.5")
        done = run(saiten, python, "anthropic/claude-test", server.address, *more)
        assert done.returncode == 3, done.stdout
        assert server.ledger == []
    assert any("frequency_penalty" in str(one["error"]) for one in records(saiten))


def test_a_wrong_key_ends_the_run(python: Path, tmp_path: Path) -> None:
    saiten = Saiten(tmp_path)
    with ForeignServer(lambda _prompt: "", failures=(401,) * 20) as server:
        done = run(saiten, python, "anthropic/claude-test", server.address, "--benchmarks", str(questions(tmp_path, 2)))
    assert done.returncode == 4, done.stderr
    assert "refuses the API key" in done.stderr
    assert "sk-foreign" not in done.stderr


def test_without_the_library_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    saiten = Saiten(tmp_path)
    quiz = str(questions(tmp_path, 1))
    command = [sys.executable, "-m", "saiten", "run", "anthropic/x", "--provider", "litellm", "--benchmarks", quiz]
    done = subprocess.run(command, cwd=tmp_path, env=saiten.environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 4
    assert "pip install 'saiten[litellm]'" in done.stderr
