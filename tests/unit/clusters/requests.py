"""Job requests for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from saiten.clusters.scheduler import JobRequest
from saiten.clusters.services import Service
from saiten.values import replace

AWKWARD = ("a b", "ja|gpqa", "$HOME", "quote'\"", ";*")


def request(folder: Path, service: Service, kind: str, **changes: Any) -> JobRequest:
    """Return a request whose script and log directory exist."""
    script = folder / "job.sh"
    script.write_text("#!/bin/bash\n")
    output = folder / "out"
    output.mkdir(exist_ok=True)
    plain = JobRequest(
        name="ja_gpqa",
        script=script,
        arguments=("/some/job.json",),
        output=output,
        node=service.node_kind(kind),
        walltime=5400,
        group="tga-x",
    )
    return replace(plain, **changes)
