"""What scoring needs is known before anything is asked."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.extras import require_extras
from saiten.benchmarks.index import builtin
from saiten.errors import UserError
from tests.helpers.extras import needs

PYPROJECT = Path(__file__).resolve().parents[3] / "pyproject.toml"


def hide(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


def test_every_extra_can_be_installed() -> None:
    known = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    for name in builtin():
        assert {extra.name for extra in find(name).extras} <= set(known), name


def test_one_line_names_benchmarks_libraries_and_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "sacrebleu", "nagisa", "langdetect")
    with pytest.raises(UserError) as error:
        require_extras(find(name) for name in ("jmmlu", "wmt20_en_ja", "wmt20_ja_en", "mifeval_ja"))
    said = str(error.value)
    assert said.startswith(
        "mifeval_ja, wmt20_en_ja, wmt20_ja_en cannot be scored without langdetect, nagisa, sacrebleu"
    )
    assert said.endswith("pip install 'saiten[instructions,translation]'")


def test_only_what_the_benchmark_uses_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("translation")
    hide(monkeypatch, "nagisa", "janome")
    require_extras([find("jmmlu"), find("wmt20_ja_en")])
    with pytest.raises(UserError, match="wmt20_en_ja cannot be scored without janome, nagisa, not installed"):
        require_extras([find("wmt20_en_ja")])
