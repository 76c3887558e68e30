"""What is stored of an execution."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.sandbox.verdicts import failed_sandbox, harmless, verdict

UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@settings(deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=6000))
def test_stored_text_is_short_and_shows_every_character(text: str) -> None:
    shown = harmless(text)
    assert len(shown.encode()) <= 4096
    assert not {unicodedata.category(character) for character in shown if character not in "\n\t"} & UNSHOWN


def test_control_characters_are_escaped_and_text_is_left_alone() -> None:
    assert harmless("日本語 ok\n") == "日本語 ok\n"
    assert harmless("\x1b[31m\x00\u202e\u200b\ud800") == "\\x1b[31m\\x00\\u202e\\u200b\\ud800"


def test_long_text_is_cut_with_a_mark() -> None:
    assert harmless("あ" * 5000).endswith("…")
    assert harmless("x" * 4096) == "x" * 4096


@pytest.mark.parametrize(
    ("status", "value"),
    [("passed", 1.0), ("failed", 0.0), ("timeout", 0.0), ("error", 0.0), ("sandbox_failed", None)],
)
def test_only_an_execution_has_a_value(status: str, value: float | None) -> None:
    made = verdict({"status": status, "detail": "", "cpu_seconds": 0.5})
    assert (made.kind, made.status, made.value, made.seconds) == ("execution", status, value, 0.5)


def test_an_execution_that_was_not_made_is_no_score() -> None:
    assert failed_sandbox("why").value is None
    assert failed_sandbox("why").status == "sandbox_failed"
