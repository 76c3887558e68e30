"""`saiten setup --service`: everything that is wrong at once, and in the end the words that old users look for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.command import Saiten
from tests.helpers.hub import Hub, Repository, hub_server

DONE = "✅ Environment was successfully created!\n"
TOKEN = "hf_canary0123456789"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server({"org/gated": Repository({}, gated=True, token=TOKEN)}) as server:
        yield server


def dotenv(folder: Path, **values: str) -> None:
    path = folder / ".env"
    path.write_text("".join(f'{name}="{value}"\n' for name, value in values.items()))
    path.chmod(0o600)


def setup(folder: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return Saiten(folder)("setup", *words, "--no-servers", extra=extra)


def folders(folder: Path) -> dict[str, str]:
    return {name: str(folder / name.lower()) for name in ("HUGGINGFACE_CACHE", "UV_CACHE", "VLLM_CACHE")}


def test_it_ends_with_the_words_that_old_users_look_for(tmp_path: Path) -> None:
    done = setup(tmp_path, "--service", "local")
    assert done.returncode == 0
    assert done.stdout.endswith(f": none\n{DONE}")
    assert "warning: .env is missing" in done.stderr
    assert setup(tmp_path).stdout == done.stdout  # this machine, where nobody names a service


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    dotenv(tmp_path, HUGGINGFACE_CACHE=str(tmp_path / "hf"), OPENAI_API_KEI="x", ABCI_GROUP="{abci_group}")
    done = setup(tmp_path, "--service", "abci")
    assert done.returncode == 4
    assert DONE not in done.stdout
    for words in (
        "correct this, then start again:",
        "no variable OPENAI_API_KEI; did you mean 'OPENAI_API_KEY'",
        "ABCI_GROUP still has the template's value",
        "belongs below /groups/",
        "UV_CACHE is not set",
    ):
        assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_scripts_are_opened_to_the_group_on_abci(tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text(f"abci: {{file_systems: [{tmp_path}/]}}\n")
    script = tmp_path / "scripts" / "qsub" / "qsub_all.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/bash\n")
    script.chmod(0o600)
    dotenv(tmp_path, ABCI_GROUP="gxx50000", REPO_PATH=str(tmp_path), **folders(tmp_path))
    done = setup(tmp_path, "--service", "abci")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\nopened to the group: {script}\n{DONE}")
    assert script.stat().st_mode & 0o777 == 0o750


def test_the_token_is_checked_and_never_shown(tmp_path: Path, hub: Hub) -> None:
    dotenv(tmp_path, HF_TOKEN=TOKEN)
    home = str(tmp_path / "hub")
    done = setup(tmp_path, "--service", "local", HF_ENDPOINT=hub.url, HF_HOME=home, HF_HUB_OFFLINE="0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"\nlogged in to the hub as tanaka\n{DONE}")
    assert TOKEN not in done.stdout + done.stderr
    dotenv(tmp_path, HF_TOKEN="hf_other0123456789")
    refused = setup(tmp_path, "--service", "local", HF_ENDPOINT=hub.url, HF_HOME=home, HF_HUB_OFFLINE="0")
    assert refused.returncode == 4
    assert "the hub refuses HF_TOKEN" in refused.stderr
    assert "hf_other" not in refused.stdout + refused.stderr


def test_a_hub_that_does_not_answer_is_a_warning(tmp_path: Path) -> None:
    dotenv(tmp_path, HF_TOKEN=TOKEN)
    done = setup(tmp_path, "--service", "local", HF_ENDPOINT="http://127.0.0.1:9", HF_HUB_OFFLINE="0")
    assert done.returncode == 0
    assert "the hub does not answer; HF_TOKEN was not checked" in done.stderr
