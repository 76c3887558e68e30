"""Rows through the hub's real client, from a local server that speaks the hub's protocol."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import hf_hub_download

from saiten.datasets import DataContext, Rows, open_rows
from saiten.datasets.keep import lock, pull, verify_prepared
from saiten.datasets.lock import read_lock
from saiten.datasets.mirror import verify_mirror
from saiten.errors import UserError
from saiten.types import Dataset
from tests.helpers.hub import Hub, Repository, commit_of, hub_server
from tests.helpers.shared import shared_path

QUESTIONS = [{"question": f"問い{i}、\n二行目", "answer": "ABCD"[i % 4], "level": i} for i in range(40)]
CARD = """---
configs:
- config_name: easy
  data_files:
  - split: test
    path: easy/test-*
- config_name: hard
  data_files:
  - split: test
    path: hard/*.parquet
---
# Questions
"""


def parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), sink, row_group_size=16)
    return sink.getvalue()


def jsonl(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def questions() -> Repository:
    return Repository(
        {
            "README.md": CARD.encode(),
            "easy/test-00000-of-00002.parquet": parquet(QUESTIONS[:16]),
            "easy/test-00001-of-00002.parquet": parquet(QUESTIONS[16:]),
            "hard/anything.parquet": parquet(QUESTIONS[:4]),
            "easy/train.parquet": parquet(QUESTIONS[:1]),
        }
    )


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server({"someone/questions": questions()}) as server:
        yield server


def context(hub: Hub, folder: Path, **changes: Any) -> DataContext:
    return DataContext(cache=folder / "cache", endpoint=hub.url, lock=folder / "data.lock.json", **changes)


def questions_dataset(**changes: Any) -> Dataset:
    configs = {"easy": "easy", "hard": "hard"}
    return Dataset(path="someone/questions", split="test", configs=configs, columns=("question", "answer"), **changes)


def contents(rows: Rows) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key != "__row__"} for row in rows]


def test_parquet_shards_are_read_in_order_at_the_resolved_commit(hub: Hub, tmp_path: Path) -> None:
    rows = open_rows(questions_dataset(), "easy", context(hub, tmp_path))
    assert contents(rows) == QUESTIONS
    assert rows.revision == commit_of(hub.repositories["someone/questions"].files)
    assert [source.path for source in rows.sources] == [f"easy/test-0000{i}-of-00002.parquet" for i in (0, 1)]
    assert rows[5]["__row__"] == 5


def test_rows_that_were_read_once_ask_nothing_of_the_hub_again(hub: Hub, tmp_path: Path) -> None:
    open_rows(questions_dataset(), "easy", context(hub, tmp_path))
    asked = len(hub.ledger)
    assert len(open_rows(questions_dataset(), "easy", context(hub, tmp_path))) == 40
    assert len(open_rows(questions_dataset(), "hard", context(hub, tmp_path))) == 4, "the small repository came whole"
    assert len(hub.ledger) == asked


def test_a_pinned_commit_is_read_even_when_the_branch_moved_on(hub: Hub, tmp_path: Path) -> None:
    repository = hub.repositories["someone/questions"]
    before = dict(repository.files)
    repository.earlier.append(before)
    repository.files = before | {"hard/anything.parquet": parquet(QUESTIONS[:9])}
    new = open_rows(questions_dataset(), "hard", context(hub, tmp_path))
    old = open_rows(questions_dataset(revision=commit_of(before)), "hard", context(hub, tmp_path))
    assert (len(new), len(old)) == (9, 4)
    assert old.revision == commit_of(before) != new.revision


def test_the_commit_of_the_first_use_is_remembered_until_the_lock_is_updated(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    repository = hub.repositories["someone/questions"]
    first = open_rows(questions_dataset(), "hard", here).revision
    repository.earlier.append(dict(repository.files))
    repository.files["hard/anything.parquet"] = parquet(QUESTIONS[:7])
    assert open_rows(questions_dataset(), "hard", here).revision == first
    everything = [(questions_dataset(), ("easy", "hard"))]
    assert lock(everything, here)["someone/questions"].revision == first
    locked = lock(everything, here, update=True)["someone/questions"]
    assert locked.revision == commit_of(repository.files)
    assert len(open_rows(questions_dataset(), "hard", here)) == 7
    assert set(locked.files) == {path for path in repository.files if path.endswith(".parquet") and "train" not in path}


def test_a_locked_commit_is_obeyed_in_another_cache(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    lock([(questions_dataset(), ("hard",))], here)
    repository = hub.repositories["someone/questions"]
    repository.earlier.append(dict(repository.files))
    repository.files["hard/anything.parquet"] = parquet(QUESTIONS[:7])
    elsewhere = DataContext(cache=tmp_path / "other", endpoint=hub.url, lock=here.lock)
    assert len(open_rows(questions_dataset(), "hard", elsewhere)) == 4
    assert len(open_rows(questions_dataset(), "hard", DataContext(cache=tmp_path / "third", endpoint=hub.url))) == 7


def test_a_file_that_differs_from_the_lock_is_refused(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    assert here.lock is not None
    lock([(questions_dataset(), ("hard",))], here)
    text = here.lock.read_text()
    entry = read_lock(here.lock)["someone/questions"].files["hard/anything.parquet"]
    here.lock.write_text(text.replace(entry, "0" * 64))
    with pytest.raises(UserError, match=r"hard/anything\.parquet is not the file that .* locks"):
        open_rows(questions_dataset(), "hard", DataContext(cache=tmp_path / "o", endpoint=hub.url, lock=here.lock))


def test_a_listing_in_many_pages_is_read_to_its_end(tmp_path: Path) -> None:
    with hub_server({"someone/questions": questions()}, page=2) as server:
        assert len(open_rows(questions_dataset(), "easy", context(server, tmp_path))) == 40


def test_a_repository_with_only_a_script_is_read_from_the_hubs_conversion(tmp_path: Path) -> None:
    converted = {"easy/test/0000.parquet": parquet(QUESTIONS), "hard/test/0000.parquet": parquet(QUESTIONS[:3])}
    script = Repository({"questions.py": b"raise SystemExit('never run')\n", "data.zip": b"PK"}, converted)
    with hub_server({"someone/questions": script}) as server:
        rows = open_rows(questions_dataset(), "easy", context(server, tmp_path))
        assert contents(rows) == QUESTIONS
        assert rows.revision == commit_of(converted)
        locked = lock([(questions_dataset(), ("easy", "hard"))], context(server, tmp_path))
        again = DataContext(cache=tmp_path / "other", endpoint=server.url, lock=tmp_path / "data.lock.json")
        assert contents(open_rows(questions_dataset(), "hard", again)) == QUESTIONS[:3]
        assert locked["someone/questions"].revision == commit_of(converted)
        assert not any("questions.py" in line for line in server.ledger), "a script is not even fetched"


def test_a_conversion_that_is_only_partial_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    converted = {"easy/partial-test/0000.parquet": parquet(QUESTIONS)}
    only_a_script = Repository({"questions.py": b""}, converted)
    with (
        hub_server({"someone/questions": only_a_script}) as server,
        pytest.raises(UserError, match="someone/questions: no file is named after config 'easy'"),
    ):
        open_rows(questions_dataset(), "easy", context(server, tmp_path))


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("test.jsonl", jsonl(QUESTIONS)),
        ("data/test-00000-of-00001.jsonl.gz", gzip.compress(jsonl(QUESTIONS))),
        ("test.json", json.dumps(QUESTIONS).encode()),
        ("data/test.parquet", parquet(QUESTIONS)),
    ],
)
def test_every_format_gives_the_same_rows(path: str, content: bytes, tmp_path: Path) -> None:
    with hub_server({"someone/questions": Repository({path: content, "train.jsonl": b"{}"})}) as server:
        dataset = Dataset(path="someone/questions", split="test")
        assert contents(open_rows(dataset, "", context(server, tmp_path))) == QUESTIONS


def test_headerless_csv_of_real_subjects_is_read_by_its_folder_and_name(tmp_path: Path) -> None:
    folder = shared_path("data/jmmlu/JMMLU")
    names = ("anatomy", "college_physics", "moral_disputes")
    files = {f"test/{name}.csv": (folder / f"{name}.csv").read_bytes() for name in names}
    columns = ("question", "A", "B", "C", "D", "answer")
    dataset = Dataset(
        path="nlp-waseda/JMMLU", split="test", configs={n: n for n in names}, columns=columns, headerless=columns
    )
    with hub_server({"nlp-waseda/JMMLU": Repository(files)}) as server:
        for name in names:
            rows = contents(open_rows(dataset, name, context(server, tmp_path)))
            with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
                assert [tuple(row.values()) for row in rows] == [tuple(row) for row in csv.reader(file)]


def test_a_gated_repository_says_where_to_accept_and_that_a_token_is_missing(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["someone/questions"].gated = True
    hub.repositories["someone/questions"].token = "hf_right"
    page = f"{hub.url}/datasets/someone/questions"
    with pytest.raises(UserError, match=f"gated and HF_TOKEN is not set: accept its terms at {page}"):
        open_rows(questions_dataset(), "easy", context(hub, tmp_path))
    with pytest.raises(UserError, match="the account of your HF_TOKEN has not accepted them") as wrong:
        open_rows(questions_dataset(), "easy", context(hub, tmp_path, token="hf_wrong"))
    assert "hf_wrong" not in str(wrong.value)
    assert len(open_rows(questions_dataset(), "easy", context(hub, tmp_path, token="hf_right"))) == 40


def test_what_is_missing_is_named_in_one_line(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    cases = {
        "no dataset repository someone/nothing": Dataset(path="someone/nothing", split="test"),
        "has no revision 'v9'": Dataset(path="someone/questions", split="test", revision="v9"),
        "no config 'medium'; there are: easy, hard": Dataset(
            path="someone/questions", split="test", configs={"": "medium"}
        ),
        "config 'easy' has no split 'validation'; there are: test": Dataset(
            path="someone/questions", split="validation", configs={"": "easy"}
        ),
        "has no column 'choices'; its columns: question, answer, level": Dataset(
            path="someone/questions", split="test", configs={"": "easy"}, columns=("question", "choices")
        ),
    }
    for message, dataset in cases.items():
        with pytest.raises(UserError) as error:
            open_rows(dataset, "", here)
        assert message in str(error.value)
        assert "\n" not in str(error.value)


def test_a_damaged_file_is_named_and_leaves_nothing_half_made(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["someone/questions"].files["hard/anything.parquet"] = b"PAR1 but not really PAR1"
    with pytest.raises(UserError, match=r"someone/questions: hard/anything\.parquet: not a readable parquet file"):
        open_rows(questions_dataset(), "hard", context(hub, tmp_path))
    assert not list((tmp_path / "cache").rglob("hard*.index"))
    assert len(open_rows(questions_dataset(), "easy", context(hub, tmp_path))) == 40


def test_a_hub_that_fails_or_is_not_there_is_told_in_one_line(hub: Hub, tmp_path: Path) -> None:
    hub.status = 503
    with pytest.raises(UserError, match=r"refused someone/questions: .*503.*; try again later"):
        open_rows(questions_dataset(), "easy", context(hub, tmp_path))
    nowhere = DataContext(cache=tmp_path / "cache", endpoint="http://127.0.0.1:9")
    with pytest.raises(UserError, match=r"cannot reach http://127\.0\.0\.1:9 for someone/questions"):
        open_rows(questions_dataset(), "easy", nowhere)


def test_offline_reads_what_the_hub_client_has_and_says_what_it_has_not(hub: Hub, tmp_path: Path) -> None:
    downloads = tmp_path / "hub"
    for path in hub.repositories["someone/questions"].files:
        if path != "hard/anything.parquet":
            hf_hub_download("someone/questions", path, repo_type="dataset", cache_dir=downloads, endpoint=hub.url)
    asked = len(hub.ledger)
    offline = DataContext(cache=tmp_path / "new", downloads=downloads, endpoint=hub.url, offline=True)
    assert contents(open_rows(questions_dataset(), "easy", offline)) == QUESTIONS
    with pytest.raises(UserError, match=r"names hard/\*\.parquet for 'hard'/'test', and no file is so named"):
        open_rows(questions_dataset(), "hard", offline)
    with pytest.raises(UserError, match="someone/other at main is not in the cache, and HF_HUB_OFFLINE forbids"):
        open_rows(Dataset(path="someone/other", split="test"), "", offline)
    assert len(hub.ledger) == asked


def test_a_mirror_gives_the_same_rows_without_any_network(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    online = open_rows(questions_dataset(), "easy", here)
    (manifest,) = pull(questions_dataset(), ("easy", "hard"), here, tmp_path / "mirror")
    asked = len(hub.ledger)
    mirrored = DataContext(cache=tmp_path / "node", endpoint=hub.url, mirror=tmp_path / "mirror")
    rows = open_rows(questions_dataset(), "easy", mirrored)
    assert contents(rows) == contents(online)
    assert rows.revision == online.revision == manifest.revision
    assert "easy/train.parquet" not in manifest.files
    assert len(hub.ledger) == asked
    assert {problem for _, problem in verify_mirror(tmp_path / "mirror")} == {""}


def test_a_mirrored_file_that_was_changed_is_refused(hub: Hub, tmp_path: Path) -> None:
    pull(questions_dataset(), ("easy", "hard"), context(hub, tmp_path), tmp_path / "mirror")
    file = tmp_path / "mirror/someone/questions/hard/anything.parquet"
    mirrored = DataContext(cache=tmp_path / "node", mirror=tmp_path / "mirror")
    assert len(open_rows(questions_dataset(), "hard", mirrored)) == 4
    file.write_bytes(parquet(QUESTIONS[:5]))
    with pytest.raises(UserError, match="is not the file that was pulled"):
        open_rows(questions_dataset(), "hard", mirrored)
    assert [name for name, problem in verify_mirror(tmp_path / "mirror") if problem] == [
        "someone/questions/hard/anything.parquet"
    ]
    with pytest.raises(UserError, match="someone/other is not in the mirror"):
        open_rows(Dataset(path="someone/other", split="test"), "", mirrored)


def test_prepared_rows_that_were_changed_are_found(hub: Hub, tmp_path: Path) -> None:
    here = context(hub, tmp_path)
    assert verify_prepared(questions_dataset(), "easy", here) is None
    rows = open_rows(questions_dataset(), "easy", here)
    assert verify_prepared(questions_dataset(), "easy", here) == ""
    content = rows.source.read_bytes()
    rows.source.write_bytes(content.replace(b'"A"', b'"B"', 1))
    assert "were changed on disk" in (verify_prepared(questions_dataset(), "easy", here) or "")
