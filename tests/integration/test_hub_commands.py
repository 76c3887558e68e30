"""`saiten tasks` and `saiten data` as a user types them, against a local hub and offline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.hub import Hub, Repository, commit_of, hub_server
from tests.helpers.mirror import mirror_environment

PROBLEMS = [
    {
        "problem": f"What is ${i} + 1$?",
        "solution": rf"It is $\boxed{{{i + 1}}}$.",
        "answer": str(i + 1),
        "subject": "Prealgebra",
        "level": 1,
        "unique_id": f"test/prealgebra/{i}.json",
    }
    for i in range(30)
]
FILES = {"test.jsonl": "".join(json.dumps(row) + "\n" for row in PROBLEMS).encode(), "README.md": b"# MATH-500\n"}


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server({"HuggingFaceH4/MATH-500": Repository(dict(FILES))}) as server:
        yield server


def saiten(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "SAITEN_", "HUGGING"))}
    return subprocess.run(
        [sys.executable, "-m", "saiten", *words],
        cwd=folder,
        env=inherited | {"HF_HOME": str(folder / "hf")} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_list_names_every_benchmark_and_its_old_id_without_network(tmp_path: Path) -> None:
    done = saiten(tmp_path, "tasks", "list", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "swallow|swallow_jmmlu|0|0" in lines["jmmlu"]
    assert lines["jmmlu"].split()[2:5] == ["ja", "53", "?"]
    assert lines["sample_math"].split()[2:5] == ["en", "26", "1"]
    assert "humaneval_pass@1:10" in lines["humaneval"]
    only = saiten(tmp_path, "tasks", "list", "--group", "demo").stdout
    assert "sample_choice_ja" in only
    assert "jmmlu" not in only


def test_show_gives_the_template_first_and_the_prompt_as_sent_once_the_data_are_here(hub: Hub, tmp_path: Path) -> None:
    before = saiten(tmp_path, "tasks", "show", "math_500", HF_ENDPOINT=hub.url)
    assert before.returncode == 0, before.stderr
    assert "{problem}" in before.stdout
    assert hub.ledger == [], "showing asks nothing of the hub"
    saiten(tmp_path, "data", "lock", "math_500", HF_ENDPOINT=hub.url)
    after = saiten(tmp_path, "tasks", "show", "swallow|math_500|0|0", HF_ENDPOINT=hub.url)
    assert "{problem}" not in after.stdout
    assert "+ 1$?" in after.stdout
    assert f"revision     {commit_of(FILES)}" in after.stdout
    for fact in (
        "temperature 0.0",
        "extractive_match",
        "accuracy",
        "MIT",
        "documents    30",
        "beside extractive_match",
    ):
        assert fact in after.stdout


def test_show_of_the_real_rows_from_a_mirror(tmp_path: Path) -> None:
    done = saiten(tmp_path, "tasks", "show", "jmmlu:anatomy", **mirror_environment(tmp_path, "jmmlu"))
    assert done.returncode == 0, done.stderr
    assert "documents    7,097" in done.stdout
    assert "prompt as it is sent for the first document of anatomy" in done.stdout
    assert "「回答: $選択肢」" in done.stdout


def test_an_unknown_name_is_one_line_with_a_suggestion(tmp_path: Path) -> None:
    done = saiten(tmp_path, "tasks", "show", "math_50")
    assert done.returncode == 2
    assert done.stderr.strip().startswith("saiten: no benchmark 'math_50'; did you mean 'math_500'")
    assert len(done.stderr.strip().splitlines()) == 1


def test_lock_writes_the_commits_and_a_later_use_obeys(hub: Hub, tmp_path: Path) -> None:
    done = saiten(tmp_path, "data", "lock", "math_500", "sample_math", HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    locked = json.loads((tmp_path / "saiten-data.lock.json").read_text())["datasets"]
    assert set(locked) == {"HuggingFaceH4/MATH-500"}
    assert locked["HuggingFaceH4/MATH-500"]["revision"] == commit_of(FILES)
    repository = hub.repositories["HuggingFaceH4/MATH-500"]
    repository.earlier.append(dict(repository.files))
    repository.files["test.jsonl"] = FILES["test.jsonl"][:-50].rpartition(b"\n")[0] + b"\n"
    pulled = saiten(tmp_path, "data", "pull", "math_500", "--to", "mirror", HF_ENDPOINT=hub.url)
    assert f"HuggingFaceH4/MATH-500@{commit_of(FILES)}" in pulled.stdout
    updated = saiten(tmp_path, "data", "lock", "--update", "math_500", HF_ENDPOINT=hub.url)
    assert f"HuggingFaceH4/MATH-500@{commit_of(repository.files)}" in updated.stdout


def test_pull_fills_a_mirror_that_works_offline_and_verify_finds_a_changed_file(hub: Hub, tmp_path: Path) -> None:
    done = saiten(tmp_path, "data", "pull", "math_500", "--to", "mirror", HF_ENDPOINT=hub.url)
    assert done.returncode == 0, done.stderr
    mirror = tmp_path / "mirror"
    offline = {"SAITEN_DATA": str(mirror), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "node")}
    shown = saiten(tmp_path, "tasks", "show", "math_500", **offline)
    assert "documents    30" in shown.stdout
    whole = saiten(tmp_path, "data", "verify", "math_500", **offline)
    assert (whole.returncode, whole.stdout) == (0, "3 whole, 0 damaged\n")
    (mirror / "HuggingFaceH4/MATH-500/test.jsonl").write_bytes(b"{}\n")
    damaged = saiten(tmp_path, "data", "verify", "math_500", **offline)
    assert damaged.returncode == 4
    assert "HuggingFaceH4/MATH-500/test.jsonl: is not the file that was pulled" in damaged.stdout


def test_pull_without_a_place_and_from_a_gated_repository_say_what_to_do(hub: Hub, tmp_path: Path) -> None:
    nowhere = saiten(tmp_path, "data", "pull", "math_500", HF_ENDPOINT=hub.url)
    assert nowhere.returncode == 2
    assert "Give --to DIR, or set SAITEN_DATA" in nowhere.stderr
    hub.repositories["HuggingFaceH4/MATH-500"].gated = True
    gated = saiten(tmp_path, "data", "pull", "math_500", "--to", "m", HF_ENDPOINT=hub.url, HF_TOKEN="hf_unaccepted")
    assert gated.returncode == 4
    assert "is gated" in gated.stderr
    assert f"{hub.url}/datasets/HuggingFaceH4/MATH-500" in gated.stderr
    assert "hf_unaccepted" not in gated.stderr + gated.stdout


def test_check_prints_file_and_line_and_exits_4(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from saiten.scoring.choice import ChoiceLetter\n"
        "from saiten.scoring.metrics import mean\n"
        "from saiten.types import Benchmark, Dataset, Document, Sampling\n"
        "BENCHMARK = Benchmark(\n"
        '    name="mine", task="mine", language="en", version=1,\n'
        '    dataset=Dataset(path="mine.jsonl", split="test", local=True, columns=("q",)),\n'
        '    document=lambda row: Document(id=row["id"], turns=(row["q"],), target=row["a"]),\n'
        '    prompt="{q}", scorer=ChoiceLetter(language="en"), metrics=(mean("accuracy"),),\n'
        '    sampling=Sampling(), source="me", license="MIT",\n'
        ")\n"
    )
    (tmp_path / "mine.jsonl").write_text('{"id": "1", "q": "Which?", "a": "B"}\n')
    good = saiten(tmp_path, "tasks", "check", "mine.py")
    assert (good.returncode, good.stdout) == (0, "mine.py: well formed\n")
    (tmp_path / "mine.jsonl").write_text('{"q": "Which?", "a": "B"}\n')
    bad = saiten(tmp_path, "tasks", "check", "mine.py")
    assert bad.returncode == 4
    assert "mine.py:7: error: document(row 1) raised KeyError: 'id'; columns: q, a" in bad.stdout
    assert bad.stdout.endswith("mine.py: 1 errors, 0 warnings\n")
