"""`bash scripts/qsub/qsub_all.sh` with SERVICE=local: the embedded model is evaluated, and the tree is the old one."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from saiten.servers.llamacpp import SMOLLM2_NAME
from tests.helpers.shared import ROOT

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]


def test_the_old_steps_lead_to_results(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    script = tmp_path / "scripts/qsub/qsub_all.sh"
    text = re.sub(r"^qsub_task", "# qsub_task", script.read_text(), flags=re.MULTILINE)
    script.write_text(text.replace("## Optional\n", "qsub_task ja sample_choice_ja\nqsub_task en sample_math\n"))
    environment = {
        **os.environ,
        "SAITEN_LOCAL": str(tmp_path / "queue"),
        "SERVICE": "local",
        "NODE_KIND": "cpu",
        "MODEL_NAME": SMOLLM2_NAME,
        "PROVIDER": "llamacpp",
        "MAX_SAMPLES": "2",
    }

    def bash(path: str, *words: str) -> str:
        done = subprocess.run(
            ["/bin/bash", str(tmp_path / path), *words],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "all_2_benchmarks" in bash("scripts/qsub/qsub_all.sh", "--max-tokens", "16")
    assert "1 done" in bash("scripts/qsub/utils/save_and_check_qstat.sh", "--watch")

    run = tmp_path / "results" / "llamacpp" / "HuggingFaceTB" / "SmolLM2-135M-Instruct"
    rows = json.loads((run / "aggregated_results.json").read_text())
    assert rows["complete"]
    for place in ("ja/sample_choice_ja", "en/sample_math"):
        assert list((run / place / "generations").glob("*.jsonl*"))
        assert (run / place / "scores.parquet").is_file()
    assert {"run.json", "progress.json", "jobs"} <= {path.name for path in run.iterdir()}
    assert len(list((run / "jobs").glob("all_2_benchmarks.[oe]*"))) == 2
    assert list((tmp_path / "outputs").glob("results/**/results_*.json"))
    assert list((tmp_path / "outputs").glob("details/**/details_*.parquet"))
