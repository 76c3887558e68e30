"""Long texts of a row stay on disk, and what is read later is what was written."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from saiten.datasets import DataContext, Rows, open_rows
from saiten.datasets.apart import Held, Stored
from saiten.datasets.keep import verify_prepared
from saiten.errors import UserError
from saiten.types import Dataset

TEXTS = ["", '短い\n\\ "文" \u2028', "x" * 3_000_000, "最後"]


def dataset(folder: Path, texts: list[object]) -> Dataset:
    path = folder / "rows.jsonl"
    rows = ({"id": number, "tests": text, "after": number} for number, text in enumerate(texts))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return Dataset(path=str(path), split="test", local=True, apart=("tests",), columns=("id", "tests"))


def opened(folder: Path, texts: list[object]) -> Rows:
    return open_rows(dataset(folder, texts), "", DataContext(cache=folder / "cache"))


def test_every_text_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    rows = opened(tmp_path, [*TEXTS, None])
    assert [(row["id"], row["after"]) for row in rows] == [(n, n) for n in range(5)]
    texts = [row["tests"] for row in rows]
    assert texts[-1] is None
    assert all(isinstance(text, Stored) for text in texts[:-1])
    assert [text.read() for text in texts[:-1]] == TEXTS
    assert [text.digest for text in texts[:-1]] == [Held(text).digest for text in TEXTS]


def test_a_row_costs_no_more_than_its_short_columns(tmp_path: Path) -> None:
    rows = opened(tmp_path, [*TEXTS])
    tracemalloc.start()
    kept = [rows[2] for _ in range(10)]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 10
    assert peak < 100_000


def test_a_changed_text_is_noticed(tmp_path: Path) -> None:
    data, context = dataset(tmp_path, [*TEXTS]), DataContext(cache=tmp_path / "cache")
    text = open_rows(data, "", context)[2]["tests"]
    assert verify_prepared(data, "", context) == ""
    content = text.path.read_bytes()
    text.path.write_bytes(content.replace(b"xxx", b"xyx", 1))
    with pytest.raises(UserError, match="was changed on disk"):
        text.read()
    assert "was changed on disk" in (verify_prepared(data, "", context) or "")


def test_rows_whose_texts_are_gone_are_made_again(tmp_path: Path) -> None:
    stored = opened(tmp_path, [*TEXTS])[1]["tests"]
    stored.path.unlink()
    with pytest.raises(UserError, match="cannot be read"):
        stored.read()
    assert opened(tmp_path, [*TEXTS])[1]["tests"].read() == TEXTS[1]


def test_a_column_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="column 'tests' must hold texts, not list"):
        opened(tmp_path, [[1]])
