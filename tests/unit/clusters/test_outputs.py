"""Every output folder that was submitted from is looked at, wherever `saiten status` is typed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from saiten.cli import main
from saiten.clusters.look import look_at
from saiten.clusters.outputs import list_file, note, noted
from saiten.clusters.record import folder_of, write_report, write_submission
from saiten.clusters.scheduler import JobState
from tests.unit.clusters.made import NOW, report, submission, told, write_heartbeat
from tests.unit.clusters.test_look import Told, states


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.delenv("STORE_PATH", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


def output(home: Path, name: str, key: str) -> Path:
    folder = folder_of(home / name)
    folder.mkdir(parents=True)
    progress = str(home / name / "progress.json")
    write_submission(folder, submission(key=key, job_id=key, submitted=time.time(), progress=progress))
    return home / name


def test_a_folder_is_noted_once_and_forgotten_when_it_is_gone(home: Path) -> None:
    assert noted() == []
    first, second = output(home, "a", "1"), output(home, "b c", "2")
    (home / "link").symlink_to(first)
    for folder in (first, second, first, home / "link"):
        note(folder)
    assert list_file({"XDG_STATE_HOME": str(home / "state")}).read_text() == f"{first}\n{second}\n"
    assert noted() == [first, second]
    (first / "submissions").rename(first / "elsewhere")
    assert noted() == [second]
    place = home / "state" / "saiten" / "outputs"
    place.write_bytes(b"\xff broken\n\n/nowhere\n" + str(second).encode())  # the last line has lost its end
    assert noted() == [second]


def test_a_list_that_cannot_be_written_keeps_nobody_from_submitting(home: Path) -> None:
    (home / "state").write_text("a file")
    note(home)
    assert noted() == []


def test_status_shows_all_folders_and_with_output_dir_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = output(home, "a", "1"), output(home, "b", "2")
    for folder in (first, second):
        note(folder)
    assert main(["status"]) == 0
    shown = capsys.readouterr()
    assert [line for line in shown.out.splitlines() if line.endswith(":")] == [f"{first}:", f"{second}:"]
    assert shown.err.count("there is no command qstat here") == 1
    write_report(folder_of(second), "2", report(finished=time.time(), exit_status=0))
    assert main(["status", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["job_id"], row["folder"], row["left"]) for row in rows] == [
        ("1", str(first), False),
        ("2", str(second), True),
    ]
    assert main(["status", "--json", "--output-dir", str(second)]) == 0
    assert [row["job_id"] for row in json.loads(capsys.readouterr().out)] == ["2"]


def test_what_status_shows_can_be_named_from_anywhere(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = output(home, "a", "1")
    note(there)
    write_report(folder_of(there), "1", report(finished=time.time(), exit_status=0))
    run = there / "results" / "1"
    write_submission(folder_of(there), submission(key="1", job_id="1", run=str(run), submitted=time.time()))
    write_heartbeat(run)
    assert main(["cancel", "1"]) == 0
    assert capsys.readouterr().out == "nothing to cancel: these jobs ended already\n"
    for text in ("1", str(run)):
        assert main(["status", "--diagnose", text]) == 0
        assert capsys.readouterr().out.startswith(f"{run}\n")
    assert main(["cancel", "1", "--output-dir", str(home)]) == 4
    assert "no submission is called '1'" in capsys.readouterr().err


def test_several_folders_ask_their_scheduler_one_question(home: Path) -> None:
    folders = [folder_of(output(home, name, key)) for name, key in (("a", "1"), ("b", "2"), ("c", "3"))]
    scheduler = Told({"1": told(JobState.QUEUED), "2": told(JobState.RUNNING)}, {"3": told(JobState.FAILED, "died")})
    for _ in range(2):
        seen = look_at(folders, opener=lambda _service, _place: scheduler, now=NOW)
        assert [states(each) for each in seen] == [{"1": "queued"}, {"2": "running"}, {"3": "failed"}]
    assert (scheduler.polls, scheduler.finals) == (2, ["3"])


def test_submitting_notes_the_folder(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.unit.cli.test_submit import DEMO, WHERE

    monkeypatch.setenv("SAITEN_LOCAL", str(home / "queue"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("saiten.clusters.submit.submit", lambda *_args, **_more: [])
    folder_of(home / "out").mkdir(parents=True)
    words = ["submit", *DEMO, *WHERE, "--no-predownload", "--output-dir", str(home / "out")]
    assert main([*words, "--dry-run"]) == 0
    assert noted() == []
    assert main([*words, "--yes"]) == 0
    assert noted() == [home / "out"]
