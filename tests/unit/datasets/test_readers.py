"""Reading files: every format, and every way in which a file can be wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.datasets import readers
from saiten.datasets.readers import limited, read_records
from saiten.errors import UserError

ROWS = [{"q": "一行\n二行", "n": "1"}, {"q": 'a "quoted", cell', "n": "0.10"}]


def rows_of(path: Path, headerless: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [msgspec.json.decode(record) for record, _ in read_records(path, path.name, headerless)]


def saved(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


JSONL = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS).encode()
CSV = '\ufeffq,n\r\n"一行\n二行",1\r\n"a ""quoted"", cell",0.10\r\n'.encode()

TSV = 'q\tn\n"一行\n二行"\t1\n"a ""quoted"", cell"\t0.10\n'.encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", JSONL),
        ("a.jsonl", b"\xef\xbb\xbf" + JSONL),
        ("a.jsonl", b"\n\n" + JSONL.replace(b"\n", b"\r\n") + b"\n"),
        ("a.ndjson", JSONL.rstrip()),
        ("a.json", JSONL),
        ("a.json", json.dumps(ROWS, indent=1).encode()),
        ("a.jsonl.gz", gzip.compress(JSONL, mtime=0)),
        ("a.jsonl.zst", zstandard.compress(JSONL)),
        ("a.csv", CSV),
        ("a.csv.gz", gzip.compress(CSV, mtime=0)),
        ("a.tsv", TSV),
    ],
)
def test_each_format_gives_the_same_rows(name: str, content: bytes, tmp_path: Path) -> None:
    assert rows_of(saved(tmp_path, name, content)) == ROWS


def test_parquet_gives_nested_values(tmp_path: Path) -> None:
    rows = [{"q": "x", "choices": ["a", "b"], "meta": {"n": 1}, "nothing": None}] * 600
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert rows_of(tmp_path / "a.parquet") == rows


def test_headerless_csv_has_the_names_given_and_a_header_in_its_place_is_no_row(tmp_path: Path) -> None:
    columns = ("question", "answer")
    assert rows_of(saved(tmp_path, "a.csv", b"2+2?,4\n3+3?,6\n"), columns) == [
        {"question": "2+2?", "answer": "4"},
        {"question": "3+3?", "answer": "6"},
    ]
    assert rows_of(saved(tmp_path, "b.csv", b"question,answer\n2+2?,4\n"), columns) == [
        {"question": "2+2?", "answer": "4"}
    ]


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"])), st.text('ab\n,"'))
    )
)
@settings(max_examples=60, deadline=None)
def test_csv_cells_survive_whatever_they_hold(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    import csv

    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("one", "two"), *cells])
    assert [tuple(row.values()) for row in rows_of(path)] == cells


def test_nan_is_read_as_null_and_large_numbers_stay_whole(tmp_path: Path) -> None:
    path = saved(tmp_path, "a.jsonl", b'{"x": NaN, "y": 123456789012345678901234567890}\n')
    assert rows_of(path) == [{"x": None, "y": 123456789012345678901234567890}]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"q": 1}\n{"q": \n', "a.jsonl: line 2 is not valid JSON"),
        ("a.jsonl", b'{"q": 1}\n"text"\n', "a.jsonl: line 2 is not a JSON object but str"),
        ("a.json", b"[1, 2]", "a.json: item 1 is not a JSON object but int"),
        ("a.json", b'[{"q": 1}', "a.json: not valid JSON"),
        ("a.jsonl", b'{"a":' * 5000 + b"1" + b"}" * 5000, "a.jsonl: line 1 is not valid JSON"),
        ("a.csv", b"q,a\n1,2,3\n", "a.csv: line 2 has 3 cells where there are 2 columns"),
        ("a.csv", b"q,q\n1,2\n", "a.csv: column 'q' is there twice"),
        ("a.csv", b"q,a\n\xff,1\n", "a.csv: not UTF-8 text"),
        ("a.csv", b'q,a\n"open,1\n', "a.csv: line 2: unexpected end of data"),
        ("a.jsonl.gz", gzip.compress(JSONL, mtime=0)[:-9], "a.jsonl.gz: damaged compressed file"),
        ("a.jsonl.gz", b"not gzip", "a.jsonl.gz: damaged compressed file"),
        ("a.jsonl.zst", b"not zstandard", "a.jsonl.zst: damaged compressed file"),
        ("a.parquet", b"not parquet", "a.parquet: not a readable parquet file"),
        ("a.py", b"import os", "a.py: not a format that can be read; there are: parquet, jsonl"),
        ("a.pickle", b"", "a.pickle: not a format that can be read"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        rows_of(saved(tmp_path, name, content))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("limit", "name", "content", "message"),
    [
        ("MAX_FILE", "a.jsonl", lambda: JSONL, "larger than 0 GiB"),
        ("MAX_ROW", "a.jsonl.gz", lambda: gzip.compress(b'{"q":"' + b"x" * 4_000_000 + b'"}'), "line 1 is longer than"),
        ("MAX_ROW", "a.csv", lambda: b"q\n" + b"x" * 4_000_000, "line 2: field larger than field limit"),
        ("MAX_ARRAY", "a.json", lambda: b"[" + JSONL * 50, "one array of more than"),
    ],
)
def test_a_file_that_unpacks_to_too_much_is_refused(
    limit: str, name: str, content: Callable[[], bytes], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, limit, 40)
    with pytest.raises(UserError, match=message):
        rows_of(saved(tmp_path, name, content()))


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_ROWS", 10)
    endless = ((b"{}", list[str]()) for _ in iter(int, 1))
    with pytest.raises(UserError, match="more than 10 rows"):
        list(limited(endless, "someone/questions"))
