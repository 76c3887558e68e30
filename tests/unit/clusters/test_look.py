"""A look at all submissions: one question for each scheduler, ends told once, thousands of jobs in a second."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from saiten.cli import main
from saiten.cli.status_table import render
from saiten.clusters.look import FILE, Look, look
from saiten.clusters.record import folder_of, write_report, write_submission
from saiten.clusters.scheduler import JobRequest, JobState, JobStatus, SchedulerError
from saiten.clusters.services import Service
from saiten.clusters.situation import GRACE_SECONDS, State
from saiten.values import replace
from tests.unit.clusters.made import NOW, heartbeat, report, submission, told


class Told:
    """A scheduler that says what a test wants, and counts how often it was asked."""

    def __init__(self, jobs: dict[str, JobStatus], ends: dict[str, JobStatus] | None = None) -> None:
        self.jobs, self.ends = jobs, ends or {}
        self.polls = 0
        self.finals: list[str] = []

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:
        self.polls += 1
        return {job: self.jobs[job] for job in ids if job in self.jobs}

    def final(self, job_id: str) -> JobStatus:
        self.finals.append(job_id)
        return self.ends.get(job_id, told(JobState.UNKNOWN))

    def argv(self, request: JobRequest) -> list[str]:
        raise NotImplementedError

    def submit(self, request: JobRequest) -> str:
        raise NotImplementedError

    def cancel(self, ids: Sequence[str]) -> None:
        raise NotImplementedError


class Away(Told):
    """A scheduler that does not answer."""

    def poll(self, ids: Sequence[str]) -> dict[str, JobStatus]:  # noqa: ARG002  # it does not even listen
        raise SchedulerError("qstat does not answer: commlib error")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = folder_of(tmp_path)
    made.mkdir()
    return made


def see(folder: Path, scheduler: Told, now: float = NOW) -> Look:
    return look(folder, opener=lambda _service, _place: scheduler, now=now)


def add(folder: Path, key: str, **changes: Any) -> None:
    directory = folder.parent / "results" / key
    values = {"key": key, "job_id": key, "run": str(directory), "progress": str(directory / "progress.json")}
    write_submission(folder, submission(**values | changes))


def states(seen: Look) -> dict[str, str]:
    return {one.submission.key: str(one.state) for one in seen.situations}


def test_one_question_for_all_jobs_and_none_where_all_ended(folder: Path) -> None:
    for key in ("1", "2", "3"):
        add(folder, key)
    scheduler = Told({"1": told(JobState.QUEUED), "2": told(JobState.RUNNING)}, {"3": told(JobState.FAILED, "died")})
    assert states(see(folder, scheduler)) == {"1": "queued", "2": "running", "3": "failed"}
    assert (scheduler.polls, scheduler.finals) == (1, ["3"])
    assert states(see(folder, scheduler)) == {"1": "queued", "2": "running", "3": "failed"}
    assert (scheduler.polls, scheduler.finals) == (2, ["3"])  # an end is asked for once
    for key in ("1", "2"):
        write_report(folder, key, report(finished=NOW, exit_status=0))
    assert set(states(see(folder, scheduler)).values()) == {"done", "failed"}
    assert scheduler.polls == 2


def test_slots_are_kept_when_the_scheduler_is_not_asked_any_more(folder: Path) -> None:
    add(folder, "1")
    scheduler = Told({"1": replace(told(JobState.RUNNING), slots=48)})
    assert [one.slots for one in see(folder, scheduler).situations] == [48]
    write_report(folder, "1", report(finished=NOW, exit_status=0))
    (done,) = see(folder, scheduler).situations
    assert (done.state, done.slots, scheduler.polls) == (State.DONE, 48, 1)
    assert " 48 " in "\n".join(render([done], [], 140))


def test_a_job_that_ended_is_announced_once(folder: Path) -> None:
    add(folder, "1")
    scheduler = Told({"1": told(JobState.RUNNING)})
    assert see(folder, scheduler).left == ()
    write_report(folder, "1", report(finished=NOW + 1, exit_status=0))
    add(folder, "2", submitted=NOW + 2)  # submitted and ended between two looks
    write_report(folder, "2", report(finished=NOW + 3, exit_status=3))
    assert [one.submission.key for one in see(folder, scheduler, NOW + 9).left] == ["1", "2"]
    assert see(folder, scheduler, NOW + 19).left == ()


def test_a_scheduler_that_does_not_answer_changes_nothing(folder: Path) -> None:
    add(folder, "1")
    add(folder, "2")
    write_report(folder, "2", report())
    directory = folder.parent / "results" / "2"
    directory.mkdir(parents=True)
    (directory / "progress.json").write_bytes(msgspec.json.encode(heartbeat(key="2")))
    seen = see(folder, Away({}))
    assert states(seen) == {"1": "unknown", "2": "running"}
    assert seen.problems == ("tsubame: qstat does not answer: commlib error",)
    assert states(see(folder, Told({"1": told(JobState.QUEUED)}))) == {"1": "queued", "2": "running"}


class Mute(Told):
    """A scheduler that lists its jobs and does not find its accounting."""

    def final(self, job_id: str) -> JobStatus:
        if job_id in self.ends:
            return super().final(job_id)
        self.finals.append(job_id)
        raise SchedulerError("qacct did not answer within 120 s; try again later")


def test_an_accounting_that_does_not_answer_hides_nothing_that_was_listed(folder: Path) -> None:
    for key in ("1", "2", "3", "4", "5"):
        add(folder, key)
    listed = {"4": told(JobState.RUNNING), "5": told(JobState.FAILED)}
    scheduler = Mute(listed, {"1": told(JobState.FAILED, "killed by signal 9")})
    seen = see(folder, scheduler)
    assert states(seen) == {"1": "failed", "2": "unknown", "3": "unknown", "4": "running", "5": "failed"}
    assert seen.situations[0].reason == "killed by signal 9"
    assert seen.problems == ("tsubame: qacct did not answer within 120 s; try again later",)
    assert scheduler.finals == ["1", "2"]  # each would wait its two minutes


def test_a_service_that_only_another_folders_file_has_is_asked_by_its_scheduler(folder: Path) -> None:
    add(folder, "1", service="mysite")
    scheduler, asked = Told({"1": told(JobState.QUEUED)}), list[tuple[str, str]]()

    def opener(service: Service, _place: str) -> Told:
        asked.append((service.name, service.scheduler))
        return scheduler

    assert states(look(folder, opener=opener, now=NOW)) == {"1": "queued"}
    assert asked == [("mysite", "gridengine")]


def test_a_job_without_a_record_is_given_up_after_a_while(folder: Path) -> None:
    add(folder, "1")
    scheduler = Told({})
    assert states(see(folder, scheduler)) == {"1": "unknown"}
    assert states(see(folder, scheduler, NOW + GRACE_SECONDS - 1)) == {"1": "unknown"}
    seen = see(folder, scheduler, NOW + GRACE_SECONDS)
    assert states(seen) == {"1": "failed"}
    assert [one.reason for one in seen.left] == ["it left the queue without a trace: deleted before it ran"]
    asked = len(scheduler.finals)
    see(folder, scheduler, NOW + 2 * GRACE_SECONDS)
    assert len(scheduler.finals) == asked


def test_an_error_state_is_asked_for_its_reason(folder: Path) -> None:
    add(folder, "1")
    scheduler = Told({"1": told(JobState.FAILED)}, {"1": told(JobState.FAILED, "error state: can't open output file")})
    assert see(folder, scheduler).situations[0].reason == "error state: can't open output file"


def test_an_error_state_is_no_end_somebody_may_free_the_job(folder: Path) -> None:
    add(folder, "1")
    scheduler = Told({"1": told(JobState.QUEUED)})
    see(folder, scheduler)
    scheduler.jobs["1"] = told(JobState.FAILED)
    scheduler.ends["1"] = told(JobState.FAILED, "error state: can't open output file")
    assert [one.reason for one in see(folder, scheduler).left] == ["error state: can't open output file"]
    seen = see(folder, scheduler, NOW + 60)
    assert (seen.situations[0].reason, seen.left) == ("error state: can't open output file", ())
    assert scheduler.finals == ["1"]  # why, is asked once
    scheduler.jobs["1"] = told(JobState.QUEUED)  # qmod -cj
    assert states(see(folder, scheduler, NOW + 120)) == {"1": "queued"}
    scheduler.jobs = {}
    scheduler.ends["1"] = told(JobState.CANCELLED, "deleted by operator")
    seen = see(folder, scheduler, NOW + 180)
    assert [(one.state, one.reason) for one in seen.left] == [(State.CANCELLED, "deleted by operator")]
    asked = len(scheduler.finals)
    see(folder, scheduler, NOW + 240)
    assert len(scheduler.finals) == asked


def beat(folder: Path, key: str, when: float) -> None:
    directory = folder.parent / "results" / key
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "progress.json").write_bytes(msgspec.json.encode(heartbeat(key=key, heartbeat=when)))


@pytest.mark.parametrize("older", [False, True])
def test_a_job_that_was_put_back_and_runs_again_outranks_its_failure(folder: Path, *, older: bool) -> None:
    add(folder, "1")
    write_report(folder, "1", report())
    beat(folder, "1", NOW - 200)
    scheduler = Told({}, {"1": told(JobState.FAILED, "its node failed")})
    assert states(see(folder, scheduler)) == {"1": "resumable"}
    if older:  # a file of a version that did not note when
        kept = json.loads((folder / FILE).read_bytes())
        (folder / FILE).write_text(json.dumps({name: kept[name] for name in ("settled", "missing", "open", "begun")}))
    assert states(see(folder, scheduler, NOW + 60)) == {"1": "resumable"}
    assert scheduler.finals == ["1"]
    scheduler.jobs["1"] = told(JobState.RUNNING)
    write_report(folder, "1", report(started=NOW + 100))
    assert states(see(folder, scheduler, NOW + 110)) == {"1": "running"}
    scheduler.jobs = {}
    assert states(see(folder, scheduler, NOW + 900)) == {"1": "resumable"}
    assert len(scheduler.finals) == 2


def test_a_scheduler_that_only_repeats_itself_does_not_outrank_a_later_heartbeat(folder: Path) -> None:
    add(folder, "1")
    write_report(folder, "1", report())
    beat(folder, "1", NOW - 200)
    scheduler = Told({}, {"1": told(JobState.FAILED, "its node failed")})
    assert states(see(folder, scheduler)) == {"1": "resumable"}
    for later in (60, 120):
        beat(folder, "1", NOW + later - 3)
        assert states(see(folder, scheduler, NOW + later)) == {"1": "running"}
    for later in (600, 660):
        assert states(see(folder, scheduler, NOW + later)) == {"1": "resumable"}
    assert len(scheduler.finals) == 4  # the end is asked for once more, and then it is settled


def test_who_waits_for_a_job_that_was_deleted_before_it_ran_is_told(folder: Path) -> None:
    add(folder, "1", cancelled=NOW - 5, successor="2")
    add(folder, "2", predecessor="1")
    held = {"2": told(JobState.HELD, "it waits: afterany:1.pbs1")}
    seen = see(folder, Told(held, {"1": told(JobState.CANCELLED, "deleted before it ran")}))
    assert seen.situations[1].warnings == ("it waits for job 1, which never ran: saiten cancel, then saiten resubmit",)


@pytest.mark.parametrize(
    ("benchmarks", "changes", "state"),
    [
        (("gpqa_ja",), {}, "done"),
        (("gpqa_ja", "jmmlu"), {}, "resumable"),  # it brought only one of them
        (("gpqa_ja",), {"state": "generating"}, "resumable"),
        (("gpqa_ja",), {"started": NOW - 3000}, "resumable"),  # it looked before this one brought its answers
        (("gpqa_ja",), {"shard": (0, 2)}, "resumable"),
        (("gpqa_ja",), {"key": "1"}, "resumable"),
    ],
)
def test_a_later_job_completes_an_earlier_one_also_where_it_was_cut_otherwise(
    folder: Path, benchmarks: tuple[str, ...], changes: dict[str, Any], state: str
) -> None:
    run = folder.parent / "results" / "1"
    run.mkdir(parents=True)
    add(folder, "1", benchmarks=benchmarks, progress=str(run / "progress-ja_gpqa.json"))
    write_report(folder, "1", report(finished=NOW - 900, exit_status=143))
    later = {"state": "complete", "key": "2", "started": NOW - 600} | changes
    (run / "progress.json").write_bytes(msgspec.json.encode(heartbeat(**later)))
    seen = see(folder, Told({}))
    assert states(seen) == {"1": state}
    assert (seen.situations[0].reason == "a later job completed the run") == (state == "done")


def test_only_so_many_ends_are_asked_for_at_once(folder: Path) -> None:
    for number in range(50):
        add(folder, f"{number:02d}")
    scheduler = Told({}, {f"{number:02d}": told(JobState.DONE) for number in range(50)})
    see(folder, scheduler)
    assert len(scheduler.finals) == 20


def test_what_was_kept_may_be_broken(folder: Path) -> None:
    add(folder, "1")
    (folder / FILE).write_text("{broken")
    assert states(see(folder, Told({"1": told(JobState.QUEUED)}))) == {"1": "queued"}


def test_a_job_that_waits_for_one_that_never_ran_is_told_also_where_the_run_has_answers(folder: Path) -> None:
    for key in ("1", "2"):
        more = {"predecessor": "1"} if key == "2" else {"successor": "2"}
        add(folder, key, link=int(key), links=2, run="r", progress=str(folder.parent / "progress.json"), **more)
    (folder.parent / "progress.json").write_bytes(msgspec.json.encode(heartbeat(key="an earlier job", state="stopped")))
    gone, held = told(JobState.CANCELLED, "deleted before it ran"), told(JobState.HELD, "it waits: afterany:1")
    seen = see(folder, Told({"1": gone, "2": held}))
    assert "it waits for job 1, which never ran" in seen.situations[1].warnings[0]


def test_two_thousand_jobs_are_one_question_and_no_file_is_read_twice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = {}
    for number in range(2000):
        key = f"{number:04d}"
        directory = folder.parent / "results" / f"m{number // 4}"
        add(folder, key, run=str(directory), progress=str(directory / "progress.json"))
        if number % 2:
            write_report(folder, key, report(finished=NOW if number % 4 == 1 else None, exit_status=3))
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "progress.json").write_bytes(msgspec.json.encode(heartbeat(key=key)))
        live[key] = told(JobState.RUNNING if number % 2 else JobState.QUEUED)
    scheduler = Told(live)
    see(folder, scheduler)
    read: Counter[Path] = Counter()
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        read[path] += 1
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    seen = see(folder, scheduler)
    assert len(seen.situations) == 2000
    assert (scheduler.polls, scheduler.finals) == (2, [])
    assert len(read) > 2000
    assert set(read.values()) == {1}


def test_the_command_prints_a_table_and_json(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    now = time.time()
    add(folder, "308", submitted=now - 9, links=3, link=2, settings="reasoning")
    write_report(folder, "308", report(started=now - 5, ends=now + 600))
    directory = folder.parent / "results" / "308"
    directory.mkdir(parents=True)
    (directory / "progress.json").write_bytes(msgspec.json.encode(heartbeat(key="308", heartbeat=now, failed=2)))
    assert main(["status", "--output-dir", str(folder.parent)]) == 0
    shown = capsys.readouterr()
    row = next(line for line in shown.out.splitlines() if line.startswith("308 2/3"))
    assert row.split()[2:] == [
        *("running", "tsubame", "node_q", "-5", "org/model", "reasoning", "40%", "9", "min", "9", "min"),
        *("1234", "gpqa_ja"),
    ]
    assert "    ! 2 choices failed" in shown.out
    assert "no command qstat here" in shown.err
    assert main(["status", "--json", "--output-dir", str(folder.parent)]) == 0
    (told_json,) = json.loads(capsys.readouterr().out)
    assert (told_json["state"], told_json["percent"], told_json["job_id"]) == (State.RUNNING, 40.0, "308")


def test_programs_are_told_once_which_jobs_ended_since_the_last_look(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    def left() -> list[bool]:
        assert main(["status", "--json", "--output-dir", str(folder.parent)]) == 0
        return [one["left"] for one in json.loads(capsys.readouterr().out)]

    add(folder, "1", submitted=time.time())
    add(folder, "2", submitted=time.time())
    assert left() == [False, False]
    write_report(folder, "2", report(finished=time.time(), exit_status=0))
    assert left() == [False, True]
    assert left() == [False, False]


def test_without_submissions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--output-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "no jobs (saiten submit makes some)\n"
    assert not (tmp_path / "submissions").exists()


def test_watch_ends_with_the_last_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(folder, "1", submitted=time.time())
    write_report(folder, "1", report(finished=time.time(), exit_status=0))
    assert main(["status", "--watch", "--output-dir", str(folder.parent)]) == 0
    assert "1 done" in capsys.readouterr().out
