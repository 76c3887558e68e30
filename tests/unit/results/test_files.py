"""Whole files are replaced at once or not at all."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from saiten.errors import UserError
from saiten.results.files import finite, replacing, write_bytes, write_json


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"x": 1})
    write_json(path, {"x": [1.5, None, "é\n採点"]})
    assert json.loads(path.read_text("utf-8")) == {"x": [1.5, None, "é\n採点"]}
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_block_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def broken() -> None:
        with replacing(path) as temporary:
            temporary.write_bytes(b"half")
            raise LookupError

    with pytest.raises(LookupError):
        broken()
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_nan_is_a_bug_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"x": float("nan")})
    assert path.read_text() == "1\n"


def test_a_lone_surrogate_is_written_as_its_escape(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "a\ud800b"})
    assert json.loads((tmp_path / "a.json").read_bytes()) == {"name": "a\ud800b"}


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_bytes(tmp_path / "a", b"")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("keep")
    (tmp_path / "a").symlink_to(tmp_path / "precious")
    write_bytes(tmp_path / "a", b"new")
    assert (tmp_path / "precious").read_text() == "keep"
    assert (tmp_path / "a").read_bytes() == b"new"


def test_a_long_name_is_written(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 250), b"x")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_told_in_one_line_and_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from saiten.results.files import write_bytes\n"
        "from saiten.errors import UserError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), b'x' * 5000)\n"
        "except UserError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert str(path) in done.stdout
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        write_bytes(tmp_path / "file" / "a", b"")


def test_only_finite_numbers_pass() -> None:
    assert [finite(value) for value in (1.5, None, float("nan"), float("inf"))] == [1.5, None, None, None]
