"""Context, lock file and mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.datasets import DataContext
from saiten.datasets.lock import Locked, read_lock, write_lock
from saiten.datasets.mirror import MANIFEST, MirrorSource, add_to_mirror, mirrored_repositories, read_manifest
from saiten.datasets.source import safe_join
from saiten.errors import UserError


def test_the_environment_names_cache_mirror_lock_and_endpoint(tmp_path: Path) -> None:
    context = DataContext.from_environment(
        {
            "HF_HOME": str(tmp_path / "hf"),
            "SAITEN_DATA": str(tmp_path / "mirror"),
            "HF_ENDPOINT": "http://hub.example/",
            "HF_TOKEN": "hf_secret",
            "HF_HUB_OFFLINE": "yes",
        }
    )
    assert (context.cache, context.mirror) == (tmp_path / "hf", tmp_path / "mirror")
    assert (context.endpoint, context.offline) == ("http://hub.example", True)
    assert context.hub_cache == tmp_path / "hf" / "hub"
    assert context.lock == Path.cwd() / "saiten-data.lock.json"
    assert "hf_secret" not in repr(context)


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        ({"HUGGINGFACE_CACHE": "/scratch/cache"}, "/scratch/cache"),
        ({"HF_HOME": "/a", "HUGGINGFACE_CACHE": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/huggingface"),
        ({"HOME": "/home/someone"}, "/home/someone/.cache/huggingface"),
    ],
)
def test_the_cache_is_where_the_hubs_tools_have_theirs(environ: dict[str, str], cache: str) -> None:
    assert DataContext.from_environment(environ).cache == Path(cache)


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "data.lock.json"
    assert read_lock(path) == {}
    locked = {"z/z": Locked("1" * 40), "a/a": Locked("2" * 40, {"b.csv": "ff", "a.csv": "00"})}
    write_lock(path, locked)
    assert read_lock(path) == locked
    text = path.read_text()
    assert text.index("a/a") < text.index("z/z")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "[]", '{"datasets": {"a/b": {}}}', '{"datasets": {}, "more": 1}'])
def test_a_file_that_is_no_lock_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "data.lock.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"data\.lock\.json: not a lock file of saiten .*saiten data lock"):
        read_lock(path)


def test_a_mirror_keeps_files_of_one_commit_and_drops_those_of_another(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("q\n1\n")
    two.write_text("q\n2\n")
    mirror = tmp_path / "mirror"
    add_to_mirror(mirror, "a/b", "1" * 40, {"x/one.csv": one})
    add_to_mirror(mirror, "a/b", "1" * 40, {"two.csv": two})
    assert set(read_manifest(mirror, "a/b").files) == {"x/one.csv", "two.csv"}
    add_to_mirror(mirror, "a/b", "2" * 40, {"two.csv": two})
    assert set(read_manifest(mirror, "a/b").files) == {"two.csv"}
    assert not (mirror / "a/b/x/one.csv").exists()
    assert mirrored_repositories(mirror) == ["a/b"]
    assert MirrorSource(mirror, "a/b").fetch("two.csv").read_text() == "q\n2\n"


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b" / MANIFEST).write_text("{")
    with pytest.raises(UserError, match="damaged manifest"):
        MirrorSource(tmp_path, "a/b")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", "a\\b", "a\0b"])
def test_a_path_that_leaves_its_folder_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a path inside"):
        safe_join(tmp_path, path)
