"""Subsets of one benchmark that are read from other repositories or splits."""

from __future__ import annotations

import pytest

from saiten.datasets.part import part_of, parts_by_repository
from saiten.types import Dataset

YEARS = Dataset(
    path="one/exam_2024",
    split="train",
    configs={"24": "default", "25": "two/exam_2025@default", "all": "everything#test", "25b": "two/exam_2025@other"},
    files={"25": "data/*.parquet"},
    revision="1" * 40,
    columns=("problem", "answer"),
)


def test_a_dataset_of_one_repository_is_its_own_part() -> None:
    plain = Dataset(path="one/exam", split="test", configs={"a": "a", "b": "b"})
    assert part_of(plain, "b") is plain


def test_the_own_repository_keeps_its_commit_and_leaves_out_what_lies_elsewhere() -> None:
    part = part_of(YEARS, "24")
    assert (part.path, part.split, part.revision) == ("one/exam_2024", "train", "1" * 40)
    assert part.configs == {"24": "default"}
    assert part.files == {}
    assert part.columns == YEARS.columns


def test_another_repository_has_all_of_its_subsets_and_no_commit_of_the_first() -> None:
    part = part_of(YEARS, "25")
    assert (part.path, part.split, part.revision) == ("two/exam_2025", "train", None)
    assert part.configs == {"25": "default", "25b": "other"}
    assert part.files == {"25": "data/*.parquet"}


def test_another_split_is_another_part_of_the_same_repository() -> None:
    part = part_of(YEARS, "all")
    assert (part.path, part.split, part.revision, part.configs) == (
        "one/exam_2024",
        "test",
        "1" * 40,
        {"all": "everything"},
    )


def test_a_part_is_its_own_part() -> None:
    for subset in YEARS.configs:
        part = part_of(YEARS, subset)
        assert part_of(part, subset) == part


def test_subsets_are_grouped_by_repository() -> None:
    grouped = parts_by_repository(YEARS, ["24", "25", "all"])
    assert {path: [subset for _, subset in parts] for path, parts in grouped.items()} == {
        "one/exam_2024": ["24", "all"],
        "two/exam_2025": ["25"],
    }


@pytest.mark.parametrize("config", ["mail@address", "a/b/c@d", "@x", "#x"])
def test_only_a_repository_id_before_the_sign_names_another_repository(config: str) -> None:
    dataset = Dataset(path="one/exam", split="test", configs={"": config})
    assert part_of(dataset, "").path == "one/exam"


def test_a_local_file_is_never_taken_apart() -> None:
    dataset = Dataset(path="exam.jsonl", split="test", configs={"": "a/b@c#d"}, local=True)
    assert part_of(dataset, "").configs == {"": "a/b@c#d"}
