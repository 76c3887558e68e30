"""saiten probe against a real server: llama.cpp with SmolLM2."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest

from saiten.servers.environment import cache_directory
from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, default_model, install, start_embedded
from tests.helpers.command import Saiten

pytestmark = pytest.mark.real


def test_a_real_server_is_probed_and_its_entry_used(tmp_path: Path) -> None:
    cache = cache_directory(os.environ)
    python = install(cache=cache, tell=lambda _message: None)
    model = default_model(python=python, cache=cache, tell=lambda _message: None)
    what = Embedded(model=model, name=SMOLLM2_NAME, slots=2, context=1024)
    server = asyncio.run(start_embedded(what, python=python, directory=tmp_path / "logs"))
    saiten = Saiten(tmp_path)
    key = {"SAITEN_API_KEY": server.api_key or ""}
    try:
        done = saiten(
            *("probe", SMOLLM2_NAME, "--provider", "custom", "--base-url", server.base_url), extra=key, timeout=280
        )
        assert done.returncode == 0, done.stderr
        print(done.stdout)
        assert re.search(r"^max_tokens +honoured, finish_reason length$", done.stdout, re.MULTILINE)
        assert re.search(r"^stop +honoured", done.stdout, re.MULTILINE)
        assert re.search(r"^seed +the same answer twice", done.stdout, re.MULTILINE)
        entry = done.stdout.partition("For providers.yaml:")[2].replace("127-0-0-1:", "probed:")
        (tmp_path / "providers.yaml").write_text(entry)
        ran = saiten(
            *("run", SMOLLM2_NAME, "--provider", "probed", "--benchmarks", "sample_math", "--max-samples", "1"),
            *("--max-tokens", "16", "--temperature", "0"),
            extra=key,
        )
        assert ran.returncode == 0, ran.stderr
    finally:
        asyncio.run(server.stop())
