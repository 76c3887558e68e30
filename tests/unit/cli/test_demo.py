from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from saiten.benchmarks import select
from saiten.cli import dispatch
from saiten.cli.demo import BENCHMARKS, use_questions
from saiten.datasets import DataContext, open_rows
from saiten.errors import UsageError


def test_a_demo_without_questions_is_refused_before_anything_is_installed() -> None:
    with pytest.raises(UsageError, match="--max-samples 0: at least 1 question is needed"):
        dispatch(["demo", "--max-samples", "0"])


def test_the_benchmarks_of_the_demo_exist_and_two_of_three_need_no_data() -> None:
    local = [item.benchmark.name for item in select(BENCHMARKS) if item.benchmark.dataset.local]
    assert local == ["sample_choice_ja", "sample_math"]


def test_questions_out_of_the_wheel_are_read_as_the_hubs_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SAITEN_DATA", "SAITEN_DATA_LOCK"):
        monkeypatch.setenv(name, "put back after the test")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    (selected,) = select(["humaneval"])
    dataset = selected.benchmark.dataset
    row = dict.fromkeys(dataset.columns, "x")
    file = tmp_path / "questions.jsonl.gz"
    file.write_bytes(
        gzip.compress("".join(json.dumps(row | {"task_id": f"HumanEval/{i}"}) + "\n" for i in range(3)).encode())
    )
    for _ in range(2):
        use_questions(file, tmp_path / "mirror")
    context = DataContext.from_environment(os.environ)
    assert context.mirror == tmp_path / "mirror"
    rows = open_rows(dataset, "", context)
    assert len(rows) == 3
    documents = [selected.benchmark.document(rows[index]) for index in range(3)]
    assert [document.id for document in documents] == ["HumanEval/0", "HumanEval/1", "HumanEval/2"]
