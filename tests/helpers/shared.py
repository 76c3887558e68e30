"""Where the shared building material is, for tests that use it. They skip with a reason when it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_path(relative: str) -> Path:
    """Return the path of a shared file or folder; skip the calling test if it is not there."""
    base = Path(os.environ.get("SAITEN_SHARED", ROOT.parent / "shared"))
    path = base / relative
    if not path.exists():
        pytest.skip(f"needs {relative} of the shared material (set SAITEN_SHARED or put it beside the checkout)")
    return path
