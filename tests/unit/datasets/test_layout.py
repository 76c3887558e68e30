"""Which files hold a config's split."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.datasets.layout import LayoutError, choose_files, read_card
from saiten.datasets.readers import format_of


def chosen(
    files: list[str], config: str = "default", split: str = "test", card: str = "", pattern: str | None = None
) -> list[str]:
    return list(choose_files(files, config=config, split=split, pattern=pattern, card=card))


@pytest.mark.parametrize(
    ("files", "config", "expected"),
    [
        (["test.jsonl", "train.jsonl"], "default", ["test.jsonl"]),
        (["d/test-00000-of-00001.csv", "d/train-00000-of-00001.csv"], "default", ["d/test-00000-of-00001.csv"]),
        (["test/a.csv", "test/b.csv", "dev/a.csv"], "a", ["test/a.csv"]),
        (["a/test.csv", "a/train.csv", "b/test.csv"], "a", ["a/test.csv"]),
        (["a_test.jsonl", "a_train.jsonl", "b_test.jsonl"], "a", ["a_test.jsonl"]),
        (["test-a.jsonl", "train-a.jsonl"], "a", ["test-a.jsonl"]),
        (["JMMLU/anatomy.csv", "JMMLU/virology.csv"], "anatomy", ["JMMLU/anatomy.csv"]),
        (["a/test/0.csv", "a/test/1.csv", "a/train/0.csv"], "a", ["a/test/0.csv", "a/test/1.csv"]),
        (["my_test/test.csv", "my_test/dev.csv"], "my_test", ["my_test/test.csv"]),
        (["test.csv", "test.parquet", "test.jsonl.gz"], "default", ["test.parquet"]),
        (["evaluation.json", "README.md", ".hidden/test.json", "dataset_infos.json"], "default", ["evaluation.json"]),
    ],
)  # fmt: skip
def test_names_and_folders_tell_config_and_split(files: list[str], config: str, expected: list[str]) -> None:
    assert chosen(files, config) == expected


def test_the_card_outranks_the_names() -> None:
    card = "---\nconfigs:\n- config_name: a\n  data_files:\n  - split: test\n    path: [x/one.csv, 'y/**']\n---\n"
    files = ["a/test.csv", "x/one.csv", "y/deep/two.csv"]
    assert chosen(files, "a", card=card) == ["x/one.csv", "y/deep/two.csv"]


def test_the_only_config_of_a_card_is_the_default() -> None:
    card = "---\nconfigs:\n- config_name: only\n  data_files:\n  - split: test\n    path: only/test-*\n---\n"
    assert chosen(["only/test-0.parquet"], "default", card=card) == ["only/test-0.parquet"]


def test_a_pattern_decides_alone() -> None:
    files = ["one/x.csv", "one/test.csv", "two/x.csv"]
    assert chosen(files, "one", pattern="{config}/x.csv") == ["one/x.csv"]
    with pytest.raises(LayoutError, match=r"no file matches 'z\*'; there are: one/test.csv"):
        chosen(files, pattern="z*")


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("data_files: a.csv", {"train": ["a.csv"]}),
        ("data_files: [a.csv, ./b.csv]", {"train": ["a.csv", "b.csv"]}),
        ("data_files: {test: t.csv}", {"test": ["t.csv"]}),
        ("data_dir: d/\n  data_files:\n  - {split: test, path: t.csv}", {"test": ["d/t.csv"]}),
        ("data_files: 7", {}),
    ],
)
def test_every_spelling_of_data_files_is_read(spelling: str, expected: dict[str, list[str]]) -> None:
    assert read_card(f"---\nconfigs:\n- config_name: c\n  {spelling}\n---\ntext") == {"c": expected}


@pytest.mark.parametrize(
    "card", ["", "no front matter", "---\n- a list\n---\n", "---\nconfigs: 3\n---\n", "---\nconfigs: [1, x]\n---\n"]
)
def test_a_card_that_says_nothing_is_no_error(card: str) -> None:
    assert read_card(card) == {}


def test_a_card_that_is_not_yaml_is_named() -> None:
    with pytest.raises(LayoutError, match=r"front matter of README\.md is not valid YAML"):
        read_card("---\nconfigs: [\n---\n")


@pytest.mark.parametrize(
    ("files", "config", "split", "message"),
    [
        (["a/test.csv"], "b", "test", "no file is named after config 'b'; there are: a/test.csv"),
        (["a/test.csv", "a/dev.csv"], "a", "train", "no split 'train'; there are: test, validation"),
        (["data.csv"], "default", "test", "no file is named after split 'test'; there are: data.csv"),
        (["script.py", "data.zip"], "a", "test", "none that can be read"),
        ([f"test-0000{i}-of-00003.parquet" for i in (0, 2)], "default", "test", "test-* has 2 of its 3 parts"),
    ],
)
def test_what_is_missing_is_said_with_what_there_is(files: list[str], config: str, split: str, message: str) -> None:
    with pytest.raises(LayoutError) as error:
        chosen(files, config, split)
    assert message in str(error.value)


@given(st.lists(st.text("ab/._-*?[]{}\\x", min_size=1)), st.text("ab-", min_size=1), st.text("*?/ab.", min_size=1))
def test_odd_names_and_patterns_choose_readable_files_or_say_why_not(
    files: list[str], config: str, pattern: str
) -> None:
    for given_pattern in (None, pattern):
        try:
            found = chosen([f"{file}.csv" for file in files], config, pattern=given_pattern)
        except LayoutError:
            continue
        assert found
        assert all(format_of(path) == "csv" for path in found)
