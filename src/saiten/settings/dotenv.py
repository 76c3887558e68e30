"""`.env` files, read as data: `NAME=value` lines, never run by a shell.

    NAME=value            up to the end of the line or ` #`
    NAME="a value"        with the escapes \\n \\t \\r \\" \\\\ \\$
    NAME='a value'        exactly what stands there
    NAME="/gs/${OTHER}"   the value that a line above gives to OTHER, in double quotes or none
    export NAME=value     the same as without

What else a shell would replace ($UNKNOWN, $(command), `command`) is refused, not passed on as text. So is a file that
other users can read or that git tracks: it holds keys. Messages name the setting, never its value.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from saiten.errors import UserError

LARGEST = 100_000
NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
SHELL = re.compile(r"(?<!\\)(?:\$[A-Za-z_({]|`)")
NAMED = re.compile(r"(?<!\\)\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.ASCII)
PART = re.compile(r"\\(.)|\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))", re.DOTALL | re.ASCII)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "`": "`"}
DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Setting(Struct, frozen=True):
    """One line of a file."""

    name: str
    value: str
    line: int


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the settings of a file, in its order. UserError tells every line that is wrong, and unsafe files."""
    return _or_raise(*read_settings(path))


def read_settings(path: Path) -> tuple[list[Setting], list[str]]:
    """Return the settings of a file and every line that is wrong. UserError for a file that cannot or may not be."""
    try:
        mode = path.stat().st_mode
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from error
    if mode & 0o077:
        raise UserError(f"{path}: other users can read this file, and it holds keys: chmod 600 {path}")
    if _tracked(path):
        raise UserError(f"{path}: git tracks this file, and it holds keys: git rm --cached it and change the keys")
    if len(data) > LARGEST:
        raise UserError(f"{path}: larger than {LARGEST} bytes; this is not an .env file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from error
    return parse_settings(text, str(path))


def parse_dotenv(text: str, source: str) -> dict[str, str]:
    """Return the settings in a text; UserError tells every line that is wrong, with `source`."""
    return _or_raise(*parse_settings(text, source))


def _or_raise(settings: list[Setting], errors: list[str]) -> dict[str, str]:
    if errors:
        raise UserError("\n".join(errors))
    return {setting.name: setting.value for setting in settings}


def parse_settings(text: str, source: str) -> tuple[list[Setting], list[str]]:
    """Return the settings in a text, and every line that is wrong, with `source`."""
    found: list[Setting] = []
    lines: dict[str, int] = {}
    errors = []
    values: dict[str, str] = {}
    for count, line in enumerate(re.split(r"\r\n|\n|\r", text), start=1):
        stripped = line.strip(" \t")
        if not stripped or stripped.startswith("#"):
            continue
        try:
            name, value = _setting(stripped, values)
        except ValueError as error:
            errors.append(f"{source}:{count}: {error}")
            continue
        if name in lines:
            errors.append(f"{source}:{count}: {name} stands already in line {lines[name]}")
        found.append(Setting(name, value, count))
        lines[name], values[name] = count, value
    return found, errors


def _setting(line: str, above: Mapping[str, str]) -> tuple[str, str]:
    match = NAME.match(line)
    if match is None:
        raise ValueError("expected NAME=value")
    return match[1], _value(match[1], line[match.end() :], above)


def _value(name: str, text: str, above: Mapping[str, str]) -> str:
    if text.startswith("'"):
        value, quote, rest = text[1:].partition("'")
        if not quote:
            raise ValueError(f"the quote of {name} does not end in its line")
        _only_comment(name, rest)
    elif text.startswith('"'):
        double = DOUBLE.match(text)
        if double is None:
            raise ValueError(f"the quote of {name} does not end in its line")
        _only_comment(name, text[double.end() :])
        _no_shell(name, double[1], above)
        value = PART.sub(lambda part: _escaped(name, part[1]) if part[1] else above[part[2] or part[3]], double[1])
    else:
        value = re.split(r"(?:^|[ \t])#", text, maxsplit=1)[0].strip(" \t")
        _no_shell(name, value, above)
        value = NAMED.sub(lambda part: above[part[1] or part[2]], value)
    if any(ord(character) < 32 and character not in "\n\t\r" for character in value):
        raise ValueError(f"{name} holds a control character")
    return value


def _escaped(name: str, character: str) -> str:
    if character not in ESCAPES:
        raise ValueError(f"{name}: no escape \\{character} in double quotes; use single quotes")
    return ESCAPES[character]


def _no_shell(name: str, text: str, above: Mapping[str, str]) -> None:
    if SHELL.search(NAMED.sub(lambda part: "" if (part[1] or part[2]) in above else part[0], text)):
        raise ValueError(
            f"{name}: only ${{NAME}} of a line above is replaced, $(…) and `…` never; use single quotes if you mean "
            "the characters"
        )


def _only_comment(name: str, rest: str) -> None:
    if rest.strip(" \t") and not re.match(r"[ \t]+#", rest):
        raise ValueError(f"{name}: text after the closing quote")


def _tracked(path: Path) -> bool:
    """Whether git has the file in its index. Runs nothing of the repository: `ls-files` has no hooks."""
    git = shutil.which("git")
    if git is None:
        return False
    command = [git, "-c", "core.fsmonitor=false", "-C", str(path.resolve().parent), "ls-files", "--error-unmatch"]
    try:
        done = subprocess.run(  # noqa: S603  # a fixed command; the file's name follows `--`
            [*command, "--", path.resolve().name], capture_output=True, check=False, timeout=10
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
