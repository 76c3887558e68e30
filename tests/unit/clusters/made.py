"""Submissions, reports and heartbeats for tests, without a scheduler."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from saiten.clusters.heartbeat import Heartbeat
from saiten.clusters.record import JobReport, Submission
from saiten.clusters.scheduler import JobState, JobStatus

NOW = 1_800_000_000.0


def submission(**changes: Any) -> Submission:
    """Return a submission of one benchmark on TSUBAME."""
    values: dict[str, Any] = {
        "key": "k1",
        "service": "tsubame",
        "scheduler": "gridengine",
        "node_kind": "node_q",
        "job_id": "307",
        "name": "ja_gpqa",
        "model": "org/model",
        "provider": "vllm",
        "settings": "",
        "benchmarks": ("gpqa_ja",),
        "run": "/results/hosted_vllm/org/model",
        "progress": "/results/hosted_vllm/org/model/progress.json",
        "output": "/results/hosted_vllm/org/model/ja/gpqa_ja",
        "walltime": 3600,
        "priority": -5,
        "submitted": NOW - 4000,
    }
    return Submission(**values | changes)


def report(**changes: Any) -> JobReport:
    """Return what a job says that started half an hour ago."""
    values: dict[str, Any] = {"job_id": "307", "host": "r1n1", "pid": 7, "started": NOW - 1800, "ends": NOW + 1800}
    return JobReport(**values | {"due": 100, "before": 10, "after": 10} | changes)


def heartbeat(**changes: Any) -> Heartbeat:
    """Return the heartbeat of a job at work."""
    values: dict[str, Any] = {
        "state": "generating",
        "heartbeat": NOW - 3,
        "started": NOW - 1700,
        "host": "r1n1",
        "key": "k1",
        "due": 100,
        "answered": 40,
        "running": 20,
        "ceiling": 20,
        "choices_per_second": 0.1,
        "tokens_per_second": 1234.0,
        "eta_seconds": 600.0,
        "benchmarks": {"gpqa_ja": {"due": 100, "answered": 40, "before": 10, "output_tokens": 9000}},
    }
    return msgspec.convert(values | changes, Heartbeat)


def told(state: JobState, reason: str = "", **more: Any) -> JobStatus:
    """Return what a scheduler says."""
    return JobStatus(job_id="307", state=state, reason=reason, **more)


def write_heartbeat(directory: Path, **changes: Any) -> None:
    """Write progress.json."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "progress.json").write_text(json.dumps(msgspec.to_builtins(heartbeat(**changes))))
