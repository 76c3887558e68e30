"""What is submitted again comes from the old job and from `.env` as it is now, each for its own part."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import pytest

from saiten.cli import Parser
from saiten.cli.resubmit import configure, order_again
from saiten.clusters.estimate import Learnt
from saiten.clusters.job import JobFile, access_of, read_job
from saiten.clusters.jobs import known
from saiten.clusters.orders import Order, plan_jobs
from saiten.clusters.record import folder_of, job_file
from saiten.clusters.services import LOCAL
from saiten.clusters.submit import submit
from saiten.types import Access
from tests.unit.clusters.test_orders import WORKS, Recorder, order


def arguments(*words: str) -> argparse.Namespace:
    parser = Parser(prog="saiten resubmit", allow_abbrev=False)
    configure(parser)
    return parser.parse_args(list(words))


def submitted(wanted: Order) -> list[JobFile]:
    """Submit an order, and return what its jobs are told."""
    folder = folder_of(wanted.output)
    made = [link for job in plan_jobs(wanted, WORKS, Learnt()) for link in submit(job, Recorder(), tell=lambda _: None)]
    return [read_job(job_file(folder, link.key)) for link in made]


def again(output: Path) -> Order:
    """Return the order that resubmits what there is."""
    folder = folder_of(output)
    return order_again(folder, known(folder), arguments())


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"REQUEST_TIMEOUT": "900"}, {"REQUEST_TIMEOUT": "900", "HF_HUB_OFFLINE": "1"}),
        ({}, {"HF_HUB_OFFLINE": "1"}),
    ],
)
def test_the_environment_is_that_of_now_but_for_what_was_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    from saiten.clusters.job import FORWARDED

    for name in FORWARDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUEST_TIMEOUT", "60")
    monkeypatch.setenv("JUDGE_BASE_URL", "http://127.0.0.1:9/v1")
    first = submitted(order(tmp_path, LOCAL, "cpu", environment={"HF_HUB_OFFLINE": "1"}))
    assert all(one.environment["REQUEST_TIMEOUT"] == "60" for one in first)
    monkeypatch.delenv("REQUEST_TIMEOUT")
    monkeypatch.delenv("JUDGE_BASE_URL")
    for name, value in now.items():
        monkeypatch.setenv(name, value)
    assert [one.environment for one in submitted(again(tmp_path))] == [expected]


def test_a_budget_is_shared_once_however_often_the_rest_is_submitted(tmp_path: Path) -> None:
    wanted = order(tmp_path, LOCAL, "cpu", access=Access(max_cost=6.0), alone=True, shards=2)
    first = submitted(wanted)
    assert [access_of(one).max_cost for one in first] == [1.5] * 4
    for _ in range(2):
        order_now = again(tmp_path)
        assert order_now.access.max_cost == 6.0
        assert [access_of(one).max_cost for one in submitted(order_now)] == [1.5] * 4


def test_a_job_file_from_before_budgets_were_kept_whole_has_its_share(tmp_path: Path) -> None:
    import json

    (one, *_) = submitted(order(tmp_path, LOCAL, "cpu", access=Access(max_cost=6.0), shards=2))
    path = job_file(folder_of(tmp_path), one.key)
    told = json.loads(path.read_bytes())
    del told["budget"]
    path.write_text(json.dumps(told | {"access": {"max_cost": 3.0}}))
    assert access_of(read_job(path)).max_cost == 3.0
