"""Every benchmark in one run: asked of the embedded model and, where it has a judge, judged by the same server."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from saiten.benchmarks.index import group
from saiten.results.rows import OLD_ROWS
from saiten.servers.environment import cache_directory
from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, start_embedded
from tests.helpers.command import Saiten
from tests.helpers.everything import fill
from tests.real.test_embedded import silent

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]

DOCUMENTS = 5
SAMPLES = 2
"""In place of ten for code and five for conversations: each of them costs its whole prompt again."""
TOKENS = 8
"""Longest answer: what is shown is that every stage works on every benchmark, and the model is too small for more."""
CONTEXT = 256
"""Tokens of a slot. It bounds the verdicts of a small judge; longer prompts than that are truthfully `truncated`."""


def test_all_benchmarks_are_asked_judged_and_aggregated_in_one_run(tmp_path: Path) -> None:
    names = group("all") or []
    mirror = fill(tmp_path / "mirror", names)
    cache = cache_directory(os.environ)
    python = install(cache=cache, tell=silent)
    model = default_model(python=python, cache=cache, tell=silent)

    async def run() -> tuple[int, str]:
        what = Embedded(model=model, name=SMOLLM2_NAME, slots=4, context=CONTEXT)
        async with await start_embedded(what, python=python, directory=tmp_path) as server:
            judge = ("--judge-model", server.model, "--judge-base-url", server.base_url)
            few = ("--max-samples", str(DOCUMENTS), "--samples", str(SAMPLES), "--max-tokens", str(TOKENS))
            options = (*few, "--concurrency", "32", *judge)
            command = (
                "run",
                server.model,
                "--provider",
                "custom",
                "--base-url",
                server.base_url,
                "--benchmarks",
                "all",
            )
            keys = {"SAITEN_API_KEY": server.api_key, "JUDGE_API_KEY": server.api_key, "SAITEN_DATA": str(mirror)}
            process = Saiten(tmp_path).start(*command, *options, extra=keys)
            out, err = await asyncio.to_thread(process.communicate)
            return process.returncode, out + err

    status, told = asyncio.run(run())
    (file,) = tmp_path.rglob("aggregated_results.json")
    aggregated: dict[str, Any] = json.loads(file.read_bytes())
    assert status == 0, told[-2000:]
    assert set(json.loads((file.parent / "run.json").read_bytes())["benchmarks"]) == set(names)
    assert aggregated["tasks"][: len(OLD_ROWS)] == list(OLD_ROWS)
    assert set(aggregated["coverage"].values()) == {1.0}
    assert aggregated["debug"] is True
