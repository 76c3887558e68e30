"""The old entry points: what each of the old variables comes to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from saiten.benchmarks import select
from tests.helpers.shared import ROOT

HEAD = {"SERVICE": "local", "NODE_KIND": "cpu", "MODEL_NAME": "org/model"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose `saiten` prints its words."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    program = tmp_path / ".venv" / "bin" / "saiten"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "GPUS=${CUDA_VISIBLE_DEVICES-none}" "CWD=$(pwd)"\n')
    program.chmod(0o755)
    return tmp_path


def submit(checkout: Path, variables: Mapping[str, str], *more: str, status: int = 0) -> list[str]:
    done = subprocess.run(
        ["/bin/bash", str(checkout / "scripts/qsub/qsub_all.sh"), *more],
        env={"PATH": os.environ["PATH"], **variables},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return (done.stdout + done.stderr).splitlines()


def test_every_variable_becomes_an_option(checkout: Path) -> None:
    said = submit(
        checkout,
        {
            "SERVICE": "tsubame",
            "NODE_KIND": "node_q",
            "MODEL_NAME": "org/model",
            "CUSTOM_SETTINGS": "reasoning",
            "MAX_SAMPLES": "5",
            "PRIORITY": "-4",
        },
        "--dry-run",
    )
    words = dict(pairwise(said))
    assert said[:2] == ["submit", "org/model"]
    assert (words["--service"], words["--node-kind"], words["--provider"]) == ("tsubame", "node_q", "vllm")
    assert (words["--settings"], words["--max-samples"]) == ("reasoning", "5")
    assert {"--priority=-4", "--predownload", "--yes", "--dry-run", "GPUS=none", f"CWD={checkout}"} <= set(said)


def test_what_is_empty_is_left_out(checkout: Path) -> None:
    said = submit(checkout, HEAD | {"PREDOWNLOAD_MODEL": "false", "CUDA_VISIBLE_DEVICES": "0,1"})
    assert not {"--max-samples", "--predownload"} & set(said)
    assert said[said.index("--settings") + 1] == "none", "as ever: no settings where none are named"
    assert not [word for word in said if word.startswith("--priority")]
    assert {"--no-predownload", "GPUS=0,1"} <= set(said)
    assert not {"--predownload", "--no-predownload"} & set(submit(checkout, HEAD | {"PROVIDER": "openai"}))


def test_all_old_names_are_benchmarks_of_the_language_they_stand_under(checkout: Path) -> None:
    script = checkout / "scripts/qsub/qsub_all.sh"
    script.write_text(script.read_text().replace("# qsub_task", "qsub_task"))
    names = submit(checkout, HEAD)
    wanted = re.findall(r"^qsub_task (ja|en) \S+$", script.read_text(), re.MULTILINE)
    chosen = select((names[names.index("--benchmarks") + 1],))
    assert [one.benchmark.language for one in chosen] == wanted
    assert len(chosen) == 23


def test_a_commented_line_is_not_submitted(checkout: Path) -> None:
    script = checkout / "scripts/qsub/qsub_all.sh"
    script.write_text(re.sub(r"^(qsub_task (?!ja mmlu$))", r"# \1", script.read_text(), flags=re.MULTILINE))
    said = submit(checkout, HEAD)
    assert said[said.index("--benchmarks") + 1] == "ja_mmlu"
    script.write_text(script.read_text().replace("qsub_task ja mmlu\n", "# qsub_task ja mmlu\n"))
    assert "no qsub_task line is left" in submit(checkout, HEAD, status=2)[0]


def test_an_empty_head_is_told(checkout: Path) -> None:
    (said,) = submit(checkout, {"SERVICE": "local", "NODE_KIND": "cpu"}, status=2)
    assert "MODEL_NAME is empty: fill it in at the head of" in said


def test_the_watching_script_shows_the_status(checkout: Path) -> None:
    script = checkout / "scripts/qsub/utils/save_and_check_qstat.sh"
    done = subprocess.run(["/bin/bash", str(script), "--all"], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[:2] == ["status", "--all"]


def test_the_scripts_may_be_executed_by_their_group() -> None:
    for script in (ROOT / "scripts").rglob("*.sh"):
        assert script.stat().st_mode & 0o110, script
