"""`.env` is data: no shell, no silence, no values in messages."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.settings.dotenv import parse_dotenv, read_dotenv


def env_file(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    path = folder / ".env"
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_the_documented_forms_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeff# a comment\r\n"
        "OPENAI_API_KEY=sk-1#2   # note\n"
        "\n"
        "  export HF_HOME = /data/hf home\n"
        'DOUBLE="a # b\\n\\"c\\" \\$x"  # note\n'
        "SINGLE='a $x `b` \\n'\n"
        "EMPTY=\n"
        "ONLY= # note\n"
        "EQUALS=a=b\n"
    )
    assert read_dotenv(env_file(tmp_path, text.encode())) == {
        "OPENAI_API_KEY": "sk-1#2",
        "HF_HOME": "/data/hf home",
        "DOUBLE": 'a # b\n"c" $x',
        "SINGLE": "a $x `b` \\n",
        "EMPTY": "",
        "ONLY": "",
        "EQUALS": "a=b",
    }


def test_every_wrong_line_is_told_and_no_value() -> None:
    lines = [
        "canary",
        "1A=canary",
        'B="canary',
        "C='canary",
        "D='a' canary",
        "E=$canary",
        "F=$(canary)",
        "G=`canary`",
        'H="${canary}"',
        "OK=canary",
        "OK=canary",
        'I="\\q canary"',
        "J=canary\x07",
        "K-L=canary",
    ]
    with pytest.raises(UserError, match=r"x\.env:1: ") as caught:
        parse_dotenv("\n".join(lines), "x.env")
    told = str(caught.value).splitlines()
    wrong = [number for number in range(1, len(lines) + 1) if number != 10]
    assert [int(line.split(":")[1]) for line in told] == wrong
    assert "canary" not in str(caught.value)
    assert "OK stands already in line 10" in told[wrong.index(11)]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UserError, match="chmod 600"):
        read_dotenv(env_file(tmp_path, b"A=1", mode))


def test_a_file_that_git_tracks_is_refused(tmp_path: Path) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git")
    path = env_file(tmp_path, b"A=1")
    subprocess.run([git, "init", "-q", str(tmp_path)], check=True)
    assert read_dotenv(path) == {"A": "1"}
    subprocess.run([git, "-C", str(tmp_path), "add", "-f", ".env"], check=True)
    with pytest.raises(UserError, match="git tracks"):
        read_dotenv(path)


def test_values_of_lines_above_are_filled_in_and_nothing_else() -> None:
    text = "A=x\nB=\"${A}/$A-\\$A\"\nC=$A/y\nD='$A'\n"
    assert parse_dotenv(text, "t") == {"A": "x", "B": "x/x-$A", "C": "x/y", "D": "$A"}
    with pytest.raises(UserError, match="t:1: B: only"):
        parse_dotenv("B=$A\nA=1", "t")


def test_files_that_are_not_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_dotenv(tmp_path / "absent")
    with pytest.raises(UserError, match="not UTF-8"):
        read_dotenv(env_file(tmp_path, b"A=\xff"))
    with pytest.raises(UserError, match="larger than"):
        read_dotenv(env_file(tmp_path, b"#" * 200_000))


@given(st.dictionaries(st.from_regex(r"\A[A-Z_][A-Z0-9_]{0,10}\Z"), st.text(st.characters(exclude_categories=["C"]))))
def test_any_value_without_a_single_quote_survives_single_quotes(settings: dict[str, str]) -> None:
    values = {name: value.replace("'", "") for name, value in settings.items()}
    text = "\n".join(f"{name}='{value}'" for name, value in values.items())
    assert parse_dotenv(text, "x") == values


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(UserError):
        assert all(isinstance(value, str) for value in parse_dotenv(text, "x").values())
