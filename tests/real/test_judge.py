"""MT-Bench for real: real questions, and a real model that answers them and judges its own answers, on one server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from saiten.servers.environment import cache_directory
from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, start_embedded
from tests.helpers.command import Saiten
from tests.helpers.extras import needs
from tests.helpers.mirror import mirror_environment
from tests.real.test_embedded import silent
from tests.unit.servers.processes import eventually, guards_of, lives, session_members

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

CONTEXT = 512
"""Tokens of a slot. It bounds the verdicts of a small judge, who would go on for 4,096 tokens; longer prompts than that
are truthfully no verdict."""


def test_two_conversations_are_answered_and_judged_by_one_server(tmp_path: Path) -> None:
    needs("judge")
    python = install(cache=cache_directory(os.environ), tell=silent)
    model = default_model(python=python, cache=cache_directory(os.environ), tell=silent)
    embedded = Embedded(model=model, name=SMOLLM2_NAME, slots=2, context=CONTEXT)
    saiten = Saiten(tmp_path)
    environment = mirror_environment(tmp_path, "mt_bench_en", "mt_bench_ja")
    arguments = [
        *("run", SMOLLM2_NAME, "--provider", "llamacpp", "--benchmarks", "mt_bench_en,mt_bench_ja"),
        *("--max-samples", "2", "--samples", "2", "--max-tokens", "32", "--seed", "1"),
    ]

    async def scenario() -> tuple[subprocess.CompletedProcess[str], subprocess.CompletedProcess[str]]:
        async with await start_embedded(embedded, python=python, directory=tmp_path / "logs") as server:
            judged = ["--judge-base-url", server.base_url, "--judge-model", SMOLLM2_NAME]
            keys = environment | {"LLAMA_API_KEY": server.api_key or "", "JUDGE_API_KEY": server.api_key or ""}
            first = await asyncio.to_thread(
                saiten, *arguments, "--base-url", server.base_url, *judged, extra=keys, timeout=500
            )
            run = tmp_path / "results" / "llamacpp" / SMOLLM2_NAME
            again = await asyncio.to_thread(saiten, "score", str(run), extra=environment)  # no judge is needed
            return first, again

    first, again = asyncio.run(scenario())
    assert first.returncode == 0, first.stderr
    assert again.returncode == 0, again.stderr
    assert "No document's score changed." in again.stdout
    numbers = saiten.numbers()
    for name in ("mt_bench_en", "mt_bench_ja"):
        evidence = numbers[name]["evidence"]
        assert (evidence["due"], evidence["scored"], evidence["judge_failed"]) == (8, 8, 0)
        assert f"{name}: judged by {SMOLLM2_NAME}" in first.stdout
    assert numbers["mt_bench_ja"]["metrics"]["japanese_ratio_overall"]["value"] is not None
    (aggregated,) = tmp_path.glob("results/**/aggregated_results.json")
    status = json.loads(aggregated.read_text())["status"]
    assert "japanese_mtbench_average" in status


def test_a_server_killed_while_it_judges_itself_is_started_again(tmp_path: Path) -> None:
    """All is answered, some of it is judged, and llama.cpp is killed."""
    needs("judge")
    saiten = Saiten(tmp_path)
    cache = {"SAITEN_CACHE": str(cache_directory(os.environ))}
    process = saiten.start(
        *("run", SMOLLM2_NAME, "--provider", "llamacpp", "--benchmarks", "mt_bench_en", "--judge-base-url", "model"),
        *("--max-samples", "2", "--samples", "1", "--max-tokens", "24", "--max-model-length", "1024", "--slots", "2"),
        *("--judge-concurrency", "1"),
        extra=mirror_environment(tmp_path, "mt_bench_en") | cache,
    )
    run = tmp_path / "results" / "llamacpp" / SMOLLM2_NAME

    def stored(kind: str) -> list[str]:
        lines = [line for path in run.glob(f"en/*/{kind}/*.jsonl") for line in path.read_text().splitlines()]
        return [json.loads(line)["place"]["id"] for line in lines if line.endswith("}")]

    seen = eventually(lambda: len(stored("generations")) == 4 and len(stored("judgements")) > 0, 300)
    server = [member for guard in guards_of(process.pid) for member in sorted(session_members(guard))]
    if not seen or len(server) != 2:
        process.kill()
        pytest.fail(process.communicate()[1])
    os.kill(server[1], signal.SIGKILL)
    before = stored("judgements")
    _, words = process.communicate(timeout=400)
    assert process.returncode == 0, words
    assert "the model server died; it is started again, and what was in flight is asked again" in words
    progress = json.loads((run / "progress.json").read_text())
    assert (progress["restarts"], progress["state"], progress["answered"]) == (1, "complete", 4)
    after = stored("judgements")
    assert set(before) < set(after)
    assert len(after) == len(set(after))
    assert not any(map(lives, server))
    assert saiten.numbers()["mt_bench_en"]["evidence"]["judge_failed"] == 0
