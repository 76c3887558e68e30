"""The sites as data."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from saiten.clusters.scheduler import clock, job_name
from saiten.clusters.services import ABCI, LOCAL, SERVICES, SLURM, TSUBAME
from saiten.clusters.sites import find_service, open_scheduler, read_services
from saiten.errors import UserError


def test_the_node_kinds_that_old_scripts_knew_are_there() -> None:
    assert {"node_q", "node_f", "cpu_16"} <= set(TSUBAME.node_kinds)
    assert {"rt_HG", "rt_HF", "rt_HC"} == set(ABCI.node_kinds)
    assert LOCAL.node_kind("gpu_2").gpus == 2
    assert LOCAL.node_kind("cpu").gpus == 0
    assert SLURM.node_kind("gpu_4").resources == ("gres=gpu:4",)


def test_a_node_kind_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(UserError, match=r"service tsubame has no node kind 'node_g'; did you mean .*node_q"):
        TSUBAME.node_kind("node_g")
    for wrong in ("gpu_0", "gpu_", "gpu_x", "cpu_2"):
        with pytest.raises(UserError, match="no node kind"):
            LOCAL.node_kind(wrong)


def test_services_by_name() -> None:
    assert find_service("abci") is ABCI
    with pytest.raises(UserError, match=r"no service 'tsubmae'; did you mean 'tsubame'\?"):
        find_service("tsubmae")


@pytest.mark.parametrize("name", ["tsubame", "abci", "slurm"])
def test_every_service_has_a_scheduler(name: str) -> None:
    assert open_scheduler(SERVICES[name])


def test_job_names() -> None:
    assert job_name("ja_gpqa") == "ja_gpqa"
    assert job_name("1/2 x|y") == "_1_2_x_y"
    assert len(job_name("日本" * 50 + "9" * 90)) <= 60
    assert job_name("") == "_"


def test_durations_as_schedulers_write_them() -> None:
    assert [clock(seconds) for seconds in (5, 5400, 604800)] == ["0:00:05", "1:30:00", "168:00:00"]


@pytest.mark.parametrize(
    ("before", "out", "err"),
    [
        ('module() { echo "$@"; }', "load cuda/12.6/12.6.1\non\n", ""),
        ("module() { return 1; }", "on\n", "no module cuda/12.6/12.6.1\n"),
        ("", "on\n", ""),
    ],
)
def test_abci_jobs_load_cuda_where_there_is_such_a_module(before: str, out: str, err: str) -> None:
    script = "\n".join(["set -e", before, *ABCI.setup[1:], "echo on"])
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (out, err)


def test_a_new_site_is_a_new_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services.yaml").write_text(
        """\
uni:
  like: slurm
  max_walltime: 48:00:00
  priorities: {0: 1, -10: 0.5}
  setup: [module load cuda/12.6]
  node_kinds:
    a100: {gpus: 1, gpu_memory_gb: 80, cores: 16, queue: gpu, resources: ["gres=gpu:a100:1", "mem=120G"]}
abci:
  kill_seconds: 30
"""
    )
    monkeypatch.chdir(tmp_path)
    uni = find_service("uni")
    assert (uni.scheduler, uni.max_walltime, uni.priorities) == ("slurm", 172_800, {0: 1.0, -10: 0.5})
    assert uni.node_kind("a100").resources == ("gres=gpu:a100:1", "mem=120G")
    assert uni.setup == ("module load cuda/12.6",)
    assert find_service("abci").kill_seconds == 30
    assert find_service("abci").node_kinds == ABCI.node_kinds
    assert find_service("tsubame") is TSUBAME


def test_everything_that_is_wrong_with_a_table_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(
        """\
uni:
  like: slrum
  max_waltime: 48:00:00
  trial_walltime: soon
  node_kinds:
    a100: {gpu: A100, core: 16}
empty:
  scheduler: pbs
"""
    )
    with pytest.raises(UserError) as caught:
        read_services(path)
    text = str(caught.value)
    for words in (
        "services.yaml:2: uni: like: no service 'slrum'; did you mean 'slurm'?",
        "services.yaml:3: uni: no setting 'max_waltime'; did you mean 'max_walltime'",
        "services.yaml:4: uni: trial_walltime must be a duration",
        "services.yaml:6: a100: no setting 'core'; did you mean 'cores'?",
        "services.yaml:8: empty: a new service needs its node_kinds",
    ):
        assert words in text
