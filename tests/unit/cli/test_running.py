"""How wide the table of a run is."""

from __future__ import annotations

import sys

import pytest

from saiten.cli.running import table_width


@pytest.mark.parametrize(
    ("columns", "terminal", "width"), [("80", True, 80), ("80", False, 120), ("200", False, 200), ("", False, 120)]
)
def test_a_log_is_not_cut_to_a_terminal_that_somebody_else_has(
    columns: str, terminal: bool, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "__stdout__", None)
    assert table_width() == width
