"""Rows from disk: order, access, formats, damage, and how little they weigh."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.datasets import ROW_NUMBER, DataContext, open_if_here, open_rows, seeded_order
from saiten.datasets.rows import index_path, jsonl_path, open_prepared
from saiten.datasets.writer import write_rows
from saiten.errors import UserError
from saiten.types import Dataset

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def local(path: Path, **changes: object) -> Dataset:
    return Dataset(path=str(path), split="test", local=True, **changes)  # type: ignore[arg-type]  # test shorthand


def write(path: Path, *lines: str) -> Path:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def context(tmp_path: Path) -> DataContext:
    return DataContext(cache=tmp_path / "cache")


@pytest.mark.parametrize("count", [0, 1, 2, 164, 1000])
def test_the_order_is_the_seeded_shuffle_of_the_reference(count: int) -> None:
    expected = list(range(count))
    random.Random(42).shuffle(expected)
    assert list(seeded_order(count)) == expected


@given(rows=st.lists(st.dictionaries(st.text(min_size=1).filter(lambda key: key != ROW_NUMBER), JSON, max_size=4)))
@settings(max_examples=50, deadline=None)
def test_what_was_written_is_read_at_every_index(
    rows: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = tmp_path_factory.mktemp("rows") / "some.test.key"
    write_rows(base, ((msgspec.json.encode(row), list(row)) for row in rows), "c" * 40, ())
    opened = open_prepared(base)
    assert opened is not None
    assert len(opened) == len(rows)
    for position, row in enumerate(rows):
        assert opened[position] == row | {ROW_NUMBER: position}
        assert opened[position - len(rows)][ROW_NUMBER] == position
    assert list(opened) == opened[:]
    assert set(opened.columns) == {key for row in rows for key in row}


def test_an_index_outside_is_an_index_error(context: DataContext, tmp_path: Path) -> None:
    rows = open_rows(local(write(tmp_path / "d.jsonl", '{"q":1}')), "", context)
    with pytest.raises(IndexError):
        rows[1]
    with pytest.raises(IndexError):
        rows[-2]


def test_a_local_file_that_changed_is_read_afresh(context: DataContext, tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", '{"q":"one"}')
    first = open_rows(local(path), "", context)
    write(path, '{"q":"one"}', '{"q":"two"}')
    second = open_rows(local(path), "", context)
    assert [row["q"] for row in second] == ["one", "two"]
    assert first.revision.startswith("sha256:")
    assert first.revision != second.revision


def test_an_unknown_subset_is_refused_with_a_suggestion(context: DataContext, tmp_path: Path) -> None:
    dataset = local(write(tmp_path / "d.jsonl", '{"q":1}'), configs={"anatomy": "a", "virology": "v"})
    with pytest.raises(UserError, match=r"no subset 'anatomi'; did you mean 'anatomy'\?; there are: anatomy, virology"):
        open_rows(dataset, "anatomi", context)


def test_a_missing_column_says_which_there_are(context: DataContext, tmp_path: Path) -> None:
    dataset = local(write(tmp_path / "d.jsonl", '{"q":1,"a":2}'), columns=("question", "a"))
    with pytest.raises(UserError, match="has no column 'question'; its columns: q, a"):
        open_rows(dataset, "", context)


def test_a_missing_file_is_named(context: DataContext, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such dataset file: .*none\.jsonl"):
        open_rows(local(tmp_path / "none.jsonl"), "", context)


def test_an_empty_file_is_refused(context: DataContext, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no rows"):
        open_rows(local(write(tmp_path / "d.jsonl")), "", context)


def test_a_folder_of_subsets_is_read_by_its_names(context: DataContext, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    write(folder / "easy.csv", "q,a", "1,2")
    write(folder / "hard.csv", "q,a", "3,4", "5,6")
    dataset = local(folder, configs={"easy": "easy", "hard": "hard"})
    assert [len(open_rows(dataset, subset, context)) for subset in ("easy", "hard")] == [1, 2]


def test_damaged_prepared_rows_are_made_again(context: DataContext, tmp_path: Path) -> None:
    path = write(tmp_path / "d.jsonl", *(f'{{"q":{i}}}' for i in range(9)))
    rows = open_rows(local(path), "", context)
    base = rows.source.with_suffix("")
    content = index_path(base).read_bytes()
    for damaged in (b"", content[:-3], content[:-1] + b"\xff", b"{}" + content):
        index_path(base).write_bytes(damaged)
        assert len(open_rows(local(path), "", context)) == 9
    jsonl_path(base).write_bytes(b"short")
    assert [row["q"] for row in open_rows(local(path), "", context)] == list(range(9))


def test_a_row_damaged_under_an_open_reader_is_told_with_its_place(context: DataContext, tmp_path: Path) -> None:
    rows = open_rows(local(write(tmp_path / "d.jsonl", '{"q":1}', '{"q":2}')), "", context)
    content = rows.source.read_bytes()
    with rows.source.open("r+b") as file:
        file.seek(len(content) // 2)
        file.write(b"xxxx")
    assert rows[0]["q"] == 1
    with pytest.raises(UserError, match="row 2 is not readable JSON"):
        rows[1]


def test_hundreds_of_subsets_do_not_use_up_the_file_descriptors(tmp_path: Path) -> None:
    opened = []
    for number in range(200):
        base = tmp_path / f"s{number}"
        write_rows(base, [(b'{"n":%d}' % number, ["n"])], "c", ())
        rows = open_prepared(base)
        assert rows is not None
        opened.append(rows)
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    assert [rows[0]["n"] for rows in opened] == list(range(200))
    after = len(list(Path("/proc/self/fd").iterdir())) if before else 0
    assert after - before <= 64


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = write(tmp_path / "file", "in the way")
    dataset = local(write(tmp_path / "d.jsonl", '{"q":1}'))
    with pytest.raises(UserError, match=r"cannot write .*set HF_HOME to a folder"):
        open_rows(dataset, "", DataContext(cache=blocked))


def test_rows_that_are_not_here_are_not_fetched_for_a_look(context: DataContext, tmp_path: Path) -> None:
    hub = Dataset(path="someone/questions", split="test")
    assert open_if_here(hub, "", context) is None
    here = open_if_here(local(write(tmp_path / "d.jsonl", '{"q":1}')), "", context)
    assert here is not None
    assert len(here) == 1


PROBE = """
import resource, sys
from pathlib import Path
from saiten.datasets import DataContext, open_rows, seeded_order
from saiten.types import Dataset
rows = open_rows(Dataset(path=sys.argv[1], split="test", local=True), "", DataContext(cache=Path(sys.argv[2])))
order = seeded_order(len(rows))
assert all(rows[i]["n"] == i for i in order[:500])
heavy = {"pyarrow", "huggingface_hub", "yaml", "httpx", "numpy"} & set(sys.modules)
children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
own = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
print(len(rows), own // 1024, children // 1024, sorted(heavy))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak memory from /proc")
def test_two_hundred_thousand_rows_are_made_ready_and_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "big.jsonl"
    with path.open("w") as file:
        file.writelines(f'{{"n":{i},"text":"{"x" * 400}"}}\n' for i in range(200_000))
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(path), str(tmp_path / "cache")], capture_output=True, text=True, check=True
    )
    count, own, children, heavy = done.stdout.split(maxsplit=3)
    assert int(count) == 200_000
    assert heavy.strip() == "[]", "the reading process loads nothing heavy"
    assert int(own) < 60, "MB, for 80 MB of rows"
    assert int(children) < 80, "MB, for 80 MB of rows"
