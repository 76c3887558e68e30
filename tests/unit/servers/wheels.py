"""A real wheel of our own for pip, so that no test of installing needs a network."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest

from saiten.servers.environment import file_sha256

DATA = b"a model, so to speak" * 100_000


def make_wheel(directory: Path) -> Path:
    """Write a real wheel, `tiny_model` 1.0, that needs a package that does not exist and carries a data file."""
    info = "tiny_model-1.0.dist-info"
    files = {
        "tiny_model/__init__.py": b"raise ImportError('this package is never imported')\n",
        "tiny_model/weights.bin": DATA,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: does-not-exist\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in files.items()
    )
    path = directory / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, data in files.items():
            wheel.writestr(name, data)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return path


def pinned_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a requirements file that pins the wheel, in a folder that from now on is all pip may look into."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    wheel = make_wheel(shelf)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    path = tmp_path / "requirements.txt"
    path.write_text(f"# a comment\ntiny-model==1.0 \\\n    --hash=sha256:{file_sha256(wheel)}\n")
    return path
