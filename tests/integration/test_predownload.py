"""`saiten submit --predownload`: model and datasets are fetched and verified here, and the job asks no hub."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.helpers import served
from tests.helpers.hub import Repository, hub_server
from tests.helpers.scenarios import Site
from tests.integration.test_hub_commands import FILES as QUESTIONS
from tests.integration.test_hub_commands import saiten
from tests.integration.test_serving import CONFIG

INDEX = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
MODEL = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer_config.json": b"{}",
    "model.safetensors.index.json": json.dumps(INDEX).encode(),
    "model-1.safetensors": b"1" * 1000,
    "model-2.safetensors": b"2" * 1000,
    "pytorch_model.pt": b"the same for another program",
}
REPOSITORIES = {
    "org/plain": Repository(files=MODEL),
    "org/half": Repository(files={name: data for name, data in MODEL.items() if "model-2" not in name}),
    "HuggingFaceH4/MATH-500": Repository(dict(QUESTIONS)),
}

WORDS = ("--benchmarks", "math_500", "--service", "local", "--node-kind", "cpu", "--predownload", "--yes")


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[[str, str], Site]]:
    (tmp_path / ".env").touch(0o600)
    (tmp_path / ".env").write_text(f"HUGGINGFACE_CACHE={tmp_path}/cache\n")
    made: list[Site] = []

    def make(model: str, hub: str) -> Site:
        def command(*words: str) -> CompletedProcess[str]:
            queue = {"SAITEN_LOCAL": str(tmp_path / "queue"), "CUDA_VISIBLE_DEVICES": "", "SAITEN_CACHE": str(tmp_path)}
            return saiten(tmp_path, *words, HF_ENDPOINT=hub, HF_HOME=str(tmp_path / "cache"), **queue)

        words = (model, "--server-command", f"{sys.executable} {served.__file__}", "--max-samples", "3")
        made.append(Site(service="local", node_kind="cpu", folder=tmp_path, saiten=command, model=words))
        return made[-1]

    yield make
    for site in made:
        site.saiten("cancel", "--all")


def test_what_was_fetched_is_enough_for_the_job(tmp_path: Path, make_site: Callable[[str, str], Site]) -> None:
    with hub_server(REPOSITORIES) as hub:
        site = make_site("org/plain", hub.url)
        done = site.saiten("submit", *site.model, *WORDS)
        assert done.returncode == 0, done.stderr
    assert "math_500: 30 questions are here" in done.stderr
    assert "org/plain is here: " in done.stderr
    fetched = {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")}
    assert fetched >= {*MODEL, *QUESTIONS} - {"pytorch_model.pt", "README.md"}
    assert "pytorch_model.pt" not in fetched
    (job,) = site.submissions
    (report,) = site.ended(job)  # the hub is gone, and the job would not know where it was
    assert (report.exit_status, report.new) == (0, 3), (report.reason, site.logs())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("org/half", "lacks model-2.safetensors: 1 of 2 files of weights"),
        ("org/lost", "cannot fetch the model org/lost: "),
    ],
)
def test_nothing_is_submitted_for_a_model_that_cannot_be_had(
    make_site: Callable[[str, str], Site], model: str, message: str
) -> None:
    with hub_server(REPOSITORIES) as hub:
        site = make_site(model, hub.url)
        done = site.saiten("submit", *site.model, *WORDS)
    assert (done.returncode, site.submissions) == (4, [])
    assert message in done.stderr
    assert "Traceback" not in done.stderr
