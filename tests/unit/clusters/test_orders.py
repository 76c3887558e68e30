"""The plan in words and in records: names, logs, money, limits, the job file, and what a scheduler is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from saiten.benchmarks import find
from saiten.cli.job import with_server
from saiten.cli.submit import check_site
from saiten.clusters.estimate import Learnt, Work
from saiten.clusters.job import access_of, ends, enter, read_job, with_end, write_script
from saiten.clusters.orders import Order, describe, plan_jobs, points_left
from saiten.clusters.record import folder_of, job_file, read_submissions
from saiten.clusters.scheduler import JobRequest, JobStatus, SchedulerError
from saiten.clusters.services import ABCI, LOCAL, SLURM, TSUBAME, Service
from saiten.clusters.submit import budget_of, look_once, notice, submit
from saiten.errors import UserError
from saiten.results.layout import Layout
from saiten.servers.serving import Serving
from saiten.types import Access, RunSpec
from saiten.values import replace

WORKS = [Work(benchmark=find(name), samples=1, due=100, answered=40) for name in ("jmmlu", "math_500")]


def order(folder: Path, service: Service = TSUBAME, kind: str = "node_q", **changes: object) -> Order:
    spec = RunSpec(model="Qwen/Qwen3-8B", provider="vllm", benchmarks=("jmmlu", "math_500"))
    fields: dict[str, object] = {
        "spec": spec,
        "access": Access(api_key="sk-canary", concurrency=7),
        "layout": Layout.of(folder, spec, provider_path="hosted_vllm", litellm_prefix="hosted_vllm"),
        "output": folder,
        "service": service,
        "kind": service.node_kind(kind),
        "group": "tga-lab",
    }
    return Order(**(fields | changes))  # type: ignore[arg-type]


class Recorder:
    """A scheduler that takes everything down, and refuses what it is told to refuse."""

    def __init__(self, refuse: int = 0) -> None:
        self.requests: list[JobRequest] = []
        self._refuse = refuse

    def argv(self, request: JobRequest) -> list[str]:
        return ["qsub", str(request.script), *request.arguments]

    def submit(self, request: JobRequest) -> str:
        self.requests.append(request)
        if len(self.requests) == self._refuse:
            raise SchedulerError("no such project")
        return f"{len(self.requests)}.pbs1"

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        assert ids
        return {}

    def final(self, job_id: str) -> JobStatus:
        raise NotImplementedError

    def cancel(self, ids: Sequence[str]) -> None:
        raise NotImplementedError


def test_the_plan_tells_jobs_times_sources_and_points(tmp_path: Path) -> None:
    jobs = plan_jobs(order(tmp_path, kind="node_f", priority=-4), WORKS, Learnt())
    text = list(describe(jobs))
    assert text[0].startswith("all_2_benchmarks: Qwen/Qwen3-8B on tsubame node_f, ")
    assert "ja jmmlu, 60 of 100 choices: 2:24:00, the benchmark's table (node_f)" in text[1]
    halves = list(describe(plan_jobs(order(tmp_path, kind="node_f", shards=2), WORKS, Learnt())))
    assert "ja jmmlu, 60 of 100 choices (shared by 2 jobs): 1:12:00, the benchmark's table (node_f)" in halves[1]
    hours = jobs[0].packed.walltime / 3600
    assert text[-1] == f"in all: 1 jobs, {hours:.1f} node hours asked for, at most {2 * hours:.1f} points"
    dark = plan_jobs(order(tmp_path), WORKS, Learnt())
    told = "points not known for node_q (points_per_hour in services.yaml)"
    assert list(describe(dark))[-1].endswith(f"asked for, {told}")
    assert list(describe([*jobs, *dark]))[-1].endswith(f"asked for, at most {2 * hours:.1f} points, {told}")
    assert "points" not in list(describe(plan_jobs(order(tmp_path, LOCAL, "cpu"), WORKS, Learnt())))[-1]


def test_points_are_told_in_money_where_their_price_is_known(tmp_path: Path) -> None:
    priced = replace(TSUBAME, money_per_point=275.0, money="JPY")
    jobs = plan_jobs(order(tmp_path, priced, "node_f", walltime=7200, links=1), WORKS, Learnt())
    assert list(describe(jobs))[-1].endswith(", at most 4.0 points (1,100 JPY)")
    unnamed = replace(priced, money="")
    jobs = plan_jobs(order(tmp_path, unnamed, "node_f", walltime=7200, links=1), WORKS, Learnt())
    assert list(describe(jobs))[-1].endswith(", at most 4.0 points (1,100)")


def test_who_pays_is_told_how_to_see_what_is_left(tmp_path: Path) -> None:
    jobs = [
        *plan_jobs(order(tmp_path, alone=True), WORKS, Learnt()),
        *plan_jobs(order(tmp_path, ABCI, "rt_HG", group="gaa"), WORKS, Learnt()),
        *plan_jobs(order(tmp_path, group=""), WORKS, Learnt()),
        *plan_jobs(order(tmp_path, LOCAL, "cpu"), WORKS, Learnt()),
    ]
    assert list(points_left(jobs)) == [
        "points left on tsubame: t4-user-info group point -g tga-lab",
        "points left on abci: show_point",
    ]


def test_jobs_have_the_old_names_and_their_logs_the_old_places(tmp_path: Path) -> None:
    alone = plan_jobs(order(tmp_path, alone=True), WORKS, Learnt())
    run = tmp_path / "results" / "hosted_vllm" / "Qwen" / "Qwen3-8B"
    assert [job.name for job in alone] == ["ja_mmlu", "en_math_500"]
    assert [job.logs for job in alone] == [run / "ja" / "jmmlu", run / "en" / "math_500"]
    assert [job.part for job in alone] == ["ja_mmlu", "en_math_500"]
    (some,) = plan_jobs(order(tmp_path), [replace(WORKS[0], some=True)], Learnt())
    assert some.name == "ja_jmmlu"  # the old name stands for all of its subsets
    (packed,) = plan_jobs(order(tmp_path), WORKS, Learnt())
    assert (packed.logs, packed.part) == (run / "jobs", "")
    shards = plan_jobs(order(tmp_path, shards=2), WORKS[:1], Learnt())
    assert [job.name for job in shards] == ["ja_mmlu.1of2", "ja_mmlu.2of2"]


@pytest.mark.parametrize(
    ("service", "kind", "group", "limit"),
    [(TSUBAME, "node_q", "tga", 24 * 3600), (TSUBAME, "node_q", "", 180), (ABCI, "rt_HG", "g", 168 * 3600)],
)
def test_a_walltime_above_the_sites_is_refused(
    tmp_path: Path, service: Service, kind: str, group: str, limit: int
) -> None:
    wanted = order(tmp_path, service, kind, group=group, walltime=limit + 1)
    with pytest.raises(UserError, match=f"{service.name} takes at most"):
        check_site(wanted)
    fitting = replace(wanted, walltime=limit)
    check_site(fitting)
    assert plan_jobs(fitting, WORKS, Learnt())[0].packed.walltime == limit


def test_where_no_limit_is_known_somebody_may_ask_for_a_longer_job_than_an_estimate_does(tmp_path: Path) -> None:
    week = order(tmp_path, SLURM, "gpu_1", walltime=7 * 24 * 3600)
    check_site(week)
    (job,) = plan_jobs(week, WORKS, Learnt())
    assert (job.packed.walltime, week.limit) == (7 * 24 * 3600, 24 * 3600)


def test_a_chain_is_submitted_link_by_link_and_recorded(tmp_path: Path) -> None:
    scheduler, said = Recorder(), list[str]()
    (job,) = plan_jobs(order(tmp_path, ABCI, "rt_HG", links=3), WORKS, Learnt())
    made = submit(job, scheduler, tell=said.append)
    assert [request.after for request in scheduler.requests] == [(), ("1.pbs1",), ("2.pbs1",)]
    assert list(read_submissions(folder_of(tmp_path))) == made
    first, second, third = made
    assert (first.successor, second.predecessor, third.successor) == (second.key, first.key, "")
    assert first.stdout.endswith("/jobs/1.pbs1.OU")
    assert first.server_log.endswith("/jobs/all_2_benchmarks.vllm1")
    assert said[1] == "submitted: all_2_benchmarks as job 2.pbs1 (link 2 of 3)"
    told = read_job(job_file(folder_of(tmp_path), third.key))
    assert told.before == (first.key, second.key)
    assert (access_of(told).concurrency, access_of(told).api_key) == (7, None)
    assert b"sk-canary" not in b"".join(path.read_bytes() for path in folder_of(tmp_path).iterdir())


def test_a_refusal_is_recorded_and_ends_the_chain(tmp_path: Path) -> None:
    said = list[str]()
    (job,) = plan_jobs(order(tmp_path, links=3), WORKS, Learnt())
    made = submit(job, Recorder(refuse=2), tell=said.append)
    assert [submission.refused for submission in made] == ["", "no such project"]
    assert said[-1] == "refused: all_2_benchmarks: no such project"
    assert look_once(made, Recorder()) == []


def test_jobs_that_share_a_run_share_its_budget(tmp_path: Path) -> None:
    jobs = plan_jobs(order(tmp_path, access=Access(max_cost=6.0), alone=True, shards=2), WORKS, Learnt())
    (made,) = submit(jobs[0], Recorder(), tell=lambda _: None)
    assert access_of(read_job(job_file(folder_of(tmp_path), made.key))).max_cost == 1.5


def test_a_job_may_spend_what_its_answers_are_expected_to_cost_of_what_is_left(tmp_path: Path) -> None:
    works = [replace(work, cost=cost) for work, cost in zip(WORKS, (3.0, 1.0), strict=True)]
    wanted = order(tmp_path, access=Access(max_cost=8.0), alone=True)
    assert [budget_of(job) for job in plan_jobs(wanted, works, Learnt())] == [6.0, 2.0]
    wanted.layout.run.mkdir(parents=True)
    (wanted.layout.run / "run.json").write_text('{"cost": {"spent": 4.0, "estimated": 0}}')
    assert [budget_of(job) for job in plan_jobs(wanted, works, Learnt())] == [3.0, 1.0]
    assert [budget_of(job) for job in plan_jobs(replace(wanted, alone=False), works, Learnt())] == [None]
    assert [budget_of(job) for job in plan_jobs(replace(wanted, access=Access()), works, Learnt())] == [None, None]


def test_warnings_are_asked_for_in_proportion(tmp_path: Path) -> None:
    (job,) = plan_jobs(order(tmp_path, SLURM, "cpu", walltime=600), WORKS[:1], Learnt())
    assert notice(job) == 60
    (job,) = plan_jobs(order(tmp_path, SLURM, "cpu", walltime=36000), WORKS[:1], Learnt())
    assert notice(job) == 120


def test_a_job_stops_asking_before_its_end_and_drains_within_the_kill_delay(tmp_path: Path) -> None:
    (job,) = plan_jobs(order(tmp_path, ABCI, "rt_HG", walltime=3600, links=1), WORKS[:1], Learnt())
    (made,) = submit(job, Recorder(), tell=lambda _: None)
    told = read_job(job_file(folder_of(tmp_path), made.key))
    end = ends(told, {"SAITEN_JOB_STARTED": "1000"})
    assert end == 4600
    assert ends(told, {"SAITEN_JOB_STARTED": "1000", "SLURM_JOB_END_TIME": "4000"}) == 4000
    access = with_end(told, end)
    assert access.part.stop_at == 4600 - 180
    assert access.part.drain_until == 4600 - 72
    assert access.drain_seconds == 5.0
    assert access.part.key == made.key
    server = with_server(told, access).server
    assert isinstance(server, Serving)
    assert server.hurried_seconds == 3.0  # of 10 s from the signal to the kill, 2 are left to write


def test_a_job_finds_its_scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (job,) = plan_jobs(order(tmp_path), WORKS, Learnt())
    (made,) = submit(job, Recorder(), tell=lambda _: None)
    told = read_job(job_file(folder_of(tmp_path), made.key))
    (tmp_path / "7").mkdir()
    monkeypatch.setenv("JOB_ID", "7")
    found = enter(replace(told, scratch=(f"{tmp_path}/$NOT_SET", f"{tmp_path}/lost", f"{tmp_path}/$JOB_ID")))
    assert found["TMPDIR"] == f"{tmp_path}/7"
    assert "TMPDIR" not in enter(replace(told, scratch=()))


def test_the_script_becomes_saiten_in_the_folder_of_the_submission(tmp_path: Path) -> None:
    place = tmp_path / "it's here"
    place.mkdir()
    script = write_script(tmp_path / "job.sh", TSUBAME, place)
    text = script.read_text()
    assert text.startswith("#!/bin/bash\n")
    assert text.splitlines()[-1].startswith("exec ")
    assert "modules.sh" in text
    assert f"""cd '{tmp_path}/it'"'"'s here' || exit 4""" in text
    assert script.stat().st_mode & 0o777 == 0o750


def test_a_damaged_job_file_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "x.job.json"
    with pytest.raises(UserError, match="cannot read the job file"):
        read_job(path)
    path.write_text(json.dumps({"spec": {}}))
    with pytest.raises(UserError, match="no job file of this version"):
        read_job(path)
