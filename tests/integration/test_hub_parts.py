"""A benchmark whose subsets lie in two repositories and in several splits, through the hub's real client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from saiten.datasets import DataContext, open_rows
from saiten.datasets.keep import lock, pull, verify_prepared
from saiten.types import Dataset
from saiten.values import replace
from tests.helpers.hub import Hub, Repository, commit_of, hub_server

CARD = """---
configs:
- config_name: ja
  data_files:
  - split: low
    path: ja/low.jsonl
  - split: top
    path: ja/top.jsonl
---
"""
EXAM = Dataset(
    path="one/levels",
    split="train",
    configs={"low": "ja#low", "top": "ja#top", "25": "two/exam_2025@default"},
    columns=("problem",),
)


def jsonl(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


@pytest.fixture
def hub() -> Iterator[Hub]:
    levels = {f"ja/{level}.jsonl": jsonl([{"problem": level}]) for level in ("low", "top")}
    exam = {"data/train.jsonl": jsonl([{"problem": "1"}, {"problem": "2"}])}
    repositories = {"one/levels": Repository({"README.md": CARD.encode(), **levels}), "two/exam_2025": Repository(exam)}
    with hub_server(repositories) as server:
        yield server


@pytest.fixture
def here(hub: Hub, tmp_path: Path) -> DataContext:
    return DataContext(cache=tmp_path / "cache", endpoint=hub.url, lock=tmp_path / "data.lock.json")


def problems(context: DataContext) -> dict[str, list[str]]:
    return {subset: [row["problem"] for row in open_rows(EXAM, subset, context)] for subset in EXAM.configs}


def test_each_subset_is_read_from_its_repository_and_split(hub: Hub, here: DataContext) -> None:
    assert problems(here) == {"low": ["low"], "top": ["top"], "25": ["1", "2"]}
    commits = {path: commit_of(repository.files) for path, repository in hub.repositories.items()}
    assert open_rows(EXAM, "top", here).revision == commits["one/levels"]
    assert open_rows(EXAM, "25", here).revision == commits["two/exam_2025"]
    assert {verify_prepared(EXAM, subset, here) for subset in EXAM.configs} == {""}


def test_a_lock_has_an_entry_for_each_repository(hub: Hub, here: DataContext) -> None:
    for update in (False, True):
        locked = lock([(EXAM, tuple(EXAM.configs))], here, update=update)
        assert {path: (entry.revision, [*entry.files]) for path, entry in locked.items()} == {
            "one/levels": (commit_of(hub.repositories["one/levels"].files), ["ja/low.jsonl", "ja/top.jsonl"]),
            "two/exam_2025": (commit_of(hub.repositories["two/exam_2025"].files), ["data/train.jsonl"]),
        }


def test_a_mirror_has_both_repositories(here: DataContext, tmp_path: Path) -> None:
    manifests = pull(EXAM, tuple(EXAM.configs), here, tmp_path / "mirror")
    assert [manifest.repository for manifest in manifests] == ["one/levels", "two/exam_2025"]
    mirrored = replace(here, cache=tmp_path / "node", endpoint="http://127.0.0.1:1", mirror=tmp_path / "mirror")
    assert problems(mirrored) == {"low": ["low"], "top": ["top"], "25": ["1", "2"]}
