"""What was submitted is read back as it was, and a damaged file takes nothing else with it."""

from __future__ import annotations

from pathlib import Path

from saiten.clusters.record import (
    JobReport,
    Submission,
    folder_of,
    mark_cancelled,
    new_key,
    read_report,
    read_submission,
    read_submissions,
    write_report,
    write_submission,
)


def submission(key: str, **changes: object) -> Submission:
    fields: dict[str, object] = {
        "key": key,
        "service": "tsubame",
        "scheduler": "gridengine",
        "node_kind": "node_q",
        "name": "ja_jmmlu",
        "model": "org/model",
        "provider": "vllm",
        "settings": "",
        "benchmarks": ("jmmlu",),
        "run": "/somewhere/results/hosted_vllm/org/model",
        "progress": "/somewhere/results/hosted_vllm/org/model/progress.json",
        "output": "/somewhere/results/hosted_vllm/org/model/ja/jmmlu",
        "walltime": 3600,
        "submitted": 1.5,
        "shard": (1, 4),
    }
    return Submission(**(fields | changes))  # type: ignore[arg-type]


def test_submissions_and_reports_come_back_as_they_were(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    first, second = submission("a"), submission("b", job_id="307", predecessor="a", link=2, links=2)
    write_submission(folder, second)
    write_submission(folder, first)
    report = JobReport(job_id="307", host="n1", pid=4, started=1.0, ends=9.0, before=2, after=5, choices={"jmmlu": 3})
    write_report(folder, "b", report)
    assert list(read_submissions(folder)) == [first, second]
    assert read_report(folder, "a") is None
    assert read_report(folder, "b") == report
    assert report.new == 3
    assert mark_cancelled(folder, first).cancelled
    assert read_submission(folder, "a") != first


def test_a_damaged_file_is_left_out(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert list(read_submissions(folder)) == []
    (tmp_path / "file").touch()
    assert list(read_submissions(folder_of(tmp_path / "file"))) == []
    write_submission(folder, submission("a"))
    (folder / "b.json").write_text('{"key": "b"')
    (folder / "c.json").mkdir()
    assert [found.key for found in read_submissions(folder)] == ["a"]
    assert read_submission(folder, "b") is None


def test_keys_are_new_and_sort_by_time() -> None:
    assert new_key() != new_key()
    assert new_key(1_000_000_000.0) < new_key(1_700_000_000.0)
