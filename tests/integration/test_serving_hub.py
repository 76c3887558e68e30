"""`saiten run org/name`: what is known of a model of the hub before its server starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import served
from tests.helpers.hub import Repository, hub_server
from tests.integration.test_serving import CONFIG

FILES = {"config.json": json.dumps(CONFIG).encode(), "tokenizer_config.json": b"{}"}
THINKING = FILES | {"added_tokens.json": b'{"<think>": 1}', "config.json": json.dumps(CONFIG).encode()}
REPOSITORIES = {
    "org/plain": Repository(files=FILES),
    "org/thinks": Repository(files=THINKING),
    "org/gated": Repository(files=FILES, gated=True, token="hf_accepted"),
}


def run(folder: Path, url: str, model: str, *options: str, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "saiten", "run", model, "--benchmarks", "sample_choice_ja", "--max-samples", "2"]
    done = subprocess.run(
        [*command, "--server-command", f"{sys.executable} {served.__file__}", *options],
        env=os.environ | {"HF_ENDPOINT": url, "HF_HOME": str(folder / "hf"), "CUDA_VISIBLE_DEVICES": ""} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_name_of_the_hub_is_served_under_its_name_and_gated_ones_with_the_token(tmp_path: Path) -> None:
    with hub_server(REPOSITORIES) as hub:
        status, words = run(tmp_path, hub.url, "org/plain")
        assert status == 0, words
        facts = json.loads((tmp_path / "results/hosted_vllm/org/plain/run.json").read_text())["server"]
        assert " org/plain --host " in facts["command"]
        assert "--max-model-len 4096" in facts["command"]
        status, words = run(tmp_path, hub.url, "org/gated", HF_TOKEN="hf_accepted")
        assert status == 0, words
    status, words = run(tmp_path, "http://127.0.0.1:9", "org/plain", "--output-dir", "offline", HF_HUB_OFFLINE="1")
    assert status == 0, words


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("org/lost", "the hub has no model org/lost (or it is private: set HF_TOKEN)"),
        ("org/gated", "org/gated is gated: accept its terms on the hub and set HF_TOKEN"),
        ("org/thinks", "org/thinks has <think> in its vocabulary"),
    ],
)
def test_what_the_hub_says_is_one_clear_line(tmp_path: Path, model: str, message: str) -> None:
    with hub_server(REPOSITORIES) as hub:
        status, words = run(tmp_path, hub.url, model)
    assert status == 4
    assert message in words
    assert "Traceback" not in words


def test_without_hub_and_cache_the_cache_is_named(tmp_path: Path) -> None:
    status, words = run(tmp_path, "http://127.0.0.1:9", "org/plain", HF_HUB_OFFLINE="1")
    assert status == 4
    assert "cannot read config.json of org/plain: the hub is not reachable and it is not in the cache" in words
