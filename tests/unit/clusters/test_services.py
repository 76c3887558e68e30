"""The sites as data."""

from __future__ import annotations

from typing import get_args

import pytest

from saiten.clusters.scheduler import clock, job_name
from saiten.clusters.services import ABCI, LOCAL, SERVICES, SLURM, TSUBAME, SchedulerName
from saiten.clusters.sites import find_service, open_scheduler
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
    assert SERVICES[name].scheduler in get_args(SchedulerName)
    assert open_scheduler(SERVICES[name])


def test_job_names() -> None:
    assert job_name("ja_gpqa") == "ja_gpqa"
    assert job_name("1/2 x|y") == "_1_2_x_y"
    assert len(job_name("日本" * 50 + "9" * 90)) <= 60
    assert job_name("") == "_"


def test_durations_as_schedulers_write_them() -> None:
    assert [clock(seconds) for seconds in (5, 5400, 604800)] == ["0:00:05", "1:30:00", "168:00:00"]
