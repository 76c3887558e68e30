"""run.json, where several processes of one run start in the same moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from saiten.errors import UserError
from saiten.results import manifest
from saiten.types import RunSpec


def claim(folder: Path, name: str) -> None:
    described: dict[str, Any] = {name: {"dataset_revisions": {}, "prompt_hash": name, "sampling": {}}}
    spec = RunSpec(model="org/model", benchmarks=("a", "b"))
    manifest.claim(folder, spec, described, {"provider": "vllm"}, accept=False)


def test_a_start_that_another_one_overwrote_is_read_and_written_again(tmp_path: Path) -> None:
    claim(tmp_path, "a")
    of_a = (tmp_path / "run.json").read_bytes()
    claim(tmp_path, "b")
    (tmp_path / "run.json").write_bytes(of_a)  # the process of `a` looked before `b` wrote, and replaced it after
    for _ in range(2):
        told = manifest.read(tmp_path)
        assert told is not None
        assert set(told["benchmarks"]) == {"a", "b"}
        assert len(told["starts"]) == 2
        manifest.note(tmp_path, {})
        (tmp_path / "run.json").replace(tmp_path / "kept")
        for part in (tmp_path / "starts").iterdir():
            part.unlink(missing_ok=True)
        (tmp_path / "kept").replace(tmp_path / "run.json")


def test_a_later_start_describes_its_benchmark_anew(tmp_path: Path) -> None:
    claim(tmp_path, "a")
    claim(tmp_path, "a")
    told = manifest.read(tmp_path)
    assert told is not None
    assert [*told["benchmarks"]] == ["a"]
    assert len(told["starts"]) == 2


def test_a_run_with_the_settings_name_starts_is_no_part_of_another(tmp_path: Path) -> None:
    claim(tmp_path, "a")
    claim(tmp_path / "starts", "b")
    told = manifest.read(tmp_path)
    assert told is not None
    assert [*told["benchmarks"]] == ["a"]


def test_a_damaged_start_is_named(tmp_path: Path) -> None:
    claim(tmp_path, "a")
    (part,) = (tmp_path / "starts").iterdir()
    part.write_text("{")
    with pytest.raises(UserError, match=r"start-.*\.json: not JSON"):
        manifest.read(tmp_path)
