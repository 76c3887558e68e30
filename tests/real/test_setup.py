"""`saiten setup` for real: uv makes environments out of wheels, one for each version. The wheels stand for vLLM's."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.real


def wheel(shelf: Path, version: str, parsers: list[str]) -> None:
    """Write a wheel named vllm that says what saiten asks of it."""
    info = f"vllm-{version}.dist-info"
    manager = f"class ReasoningParserManager:\n    reasoning_parsers = dict.fromkeys({parsers!r})\n"
    files = {
        "vllm/__init__.py": f"__version__ = {version!r}\n",
        "vllm/reasoning.py": manager,
        "vllm/sampling_params.py": "repetition_detection = None\n" if version == "9.10" else "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(shelf / f"vllm-{version}-py3-none-any.whl", "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)


def test_versions_live_side_by_side_and_are_made_once(tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel(shelf, "9.9", ["qwen3"])
    wheel(shelf, "9.10", ["qwen3", "plamo3"])
    offline = {"UV_FIND_LINKS": str(shelf), "UV_NO_INDEX": "1", "UV_CACHE": str(tmp_path / "cache")}

    def setup(*options: str) -> tuple[int, str, str]:
        command = [sys.executable, "-m", "saiten", "setup", *options]
        done = subprocess.run(
            command, env=os.environ | offline, capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path
        )
        return done.returncode, done.stdout, done.stderr

    status, out, words = setup("--vllm", "9.9", "--vllm", "9.10")
    assert status == 0, words
    assert "vllm 9.9: " in out
    assert "reasoning parsers: plamo3, qwen3" in out
    assert (tmp_path / "cache" / "uv").is_dir()
    status, out, words = setup("--no-servers")
    assert out.startswith(f"vLLM in {tmp_path / 'cache' / 'vllm'}: 9.9, 9.10\n")
    assert "✅" in out
    assert setup("--vllm", "9.9")[2] == ""
    status, _, words = setup("--vllm", "9.11")
    assert status == 4
    assert "cannot make the environment: uv says: " in words
    assert not list((tmp_path / "cache" / "vllm").glob("*9.11*"))
    status, _, words = setup("--vllm", "9.9")
    assert status == 0
