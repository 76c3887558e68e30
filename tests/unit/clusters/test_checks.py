"""What is checked before the first job, and the word about each thing that is wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from saiten.clusters.checks import check_service, file_system, free_gb, open_to_group
from saiten.clusters.services import ABCI, LOCAL, TSUBAME, Service
from saiten.values import replace

ANYWHERE = replace(TSUBAME, file_systems=())


def dotenv(folder: Path, **values: str) -> Path:
    path = folder / ".env"
    path.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))
    path.chmod(0o600)
    return path


def good(folder: Path) -> dict[str, str]:
    names = ("HUGGINGFACE_CACHE", "UV_CACHE", "VLLM_CACHE")
    return {name: str(folder / name.lower()) for name in names} | {"TSUBAME_GROUP": "tga-x", "ABCI_GROUP": "gxx50"}


def fatal(service: Service, path: Path, environ: dict[str, str] | None = None) -> list[str]:
    return [problem.text for problem in check_service(service, path, environ or {}) if problem.fatal]


def warned(service: Service, path: Path) -> list[str]:
    return [problem.text for problem in check_service(service, path, {}) if not problem.fatal]


def test_a_good_file_has_no_fatal_problem_and_its_folders_are_made(tmp_path: Path) -> None:
    assert fatal(ANYWHERE, dotenv(tmp_path, **good(tmp_path))) == []
    assert (tmp_path / "uv_cache").is_dir()


def test_a_missing_file_is_told_with_how_to_make_it(tmp_path: Path) -> None:
    (said, *_) = fatal(TSUBAME, tmp_path / ".env")
    assert "saiten settings env --template >" in said
    assert fatal(LOCAL, tmp_path / ".env") == []
    assert "is missing" in warned(LOCAL, tmp_path / ".env")[0]


def test_what_is_missing_is_told_with_what_to_write(tmp_path: Path) -> None:
    path = dotenv(tmp_path, HUGGINGFACE_CACHE=str(tmp_path / "hf"))
    assert [text.split(" is")[0] for text in fatal(replace(ABCI, file_systems=()), path)] == [
        "ABCI_GROUP",
        "UV_CACHE",
        "VLLM_CACHE",
    ]
    assert 'write ABCI_GROUP="…" into .env' in fatal(ABCI, path)[0]
    assert "free trials of 3 minutes" in warned(ANYWHERE, path)[0]


def test_the_templates_value_is_no_value_and_told_once(tmp_path: Path) -> None:
    values = good(tmp_path) | {"TSUBAME_GROUP": "{tsubame_group}", "UV_CACHE": "/gs/bs/{group}/cache"}
    said = fatal(ANYWHERE, dotenv(tmp_path, **values))
    assert len(said) == 2
    assert all("still has the template's value" in text for text in said)


def test_caches_belong_on_the_sites_file_systems(tmp_path: Path) -> None:
    said = fatal(TSUBAME, dotenv(tmp_path, **good(tmp_path)))
    assert len(said) == 3
    assert said[0].endswith("on tsubame it belongs below /gs/bs/ or /gs/fs/")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    values = good(tmp_path) | {"UV_CACHE": str(tmp_path / "file" / "below")}
    assert [
        text for text in fatal(ANYWHERE, dotenv(tmp_path, **values)) if "cannot be written (Not a directory)" in text
    ]


def test_a_repository_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    values = good(tmp_path) | {"REPO_PATH": str(tmp_path / "nowhere")}
    assert "there is no such folder" in fatal(ANYWHERE, dotenv(tmp_path, **values))[0]
    assert not (tmp_path / "nowhere").exists()


def test_memory_is_no_place_for_a_cache_of_a_cluster(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if file_system(memory) not in {"tmpfs", "ramfs"} or not os.access(memory, os.W_OK):
        pytest.skip("no memory file system here")
    values = good(tmp_path) | {"UV_CACHE": str(memory / f"saiten-{os.getpid()}")}
    try:
        assert any("this is memory (tmpfs)" in text for text in fatal(ANYWHERE, dotenv(tmp_path, **values)))
    finally:
        Path(values["UV_CACHE"]).rmdir()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    path = dotenv(tmp_path, **{name: value for name, value in good(tmp_path).items() if name != "UV_CACHE"})
    assert fatal(ANYWHERE, path, {"UV_CACHE": str(tmp_path / "other")}) == []


def test_free_space_is_known(tmp_path: Path) -> None:
    assert free_gb(tmp_path) > 0


def test_scripts_are_opened_to_the_group_once(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "a.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/bash\n")
    script.chmod(0o600)
    assert open_to_group(tmp_path, None) == [script]
    assert stat.S_IMODE(script.stat().st_mode) == 0o750
    assert open_to_group(tmp_path, None) == []
    assert open_to_group(tmp_path, "no-such-group") == []
