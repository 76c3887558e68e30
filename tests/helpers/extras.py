"""Libraries that only some benchmarks need. Tests that use them skip where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

EXTRAS = {
    "ifeval": ("emoji", "langdetect", "lemminflect", "nltk", "punkt", "syllapy"),
    "code": ("numpy",),
    "translation": ("sacrebleu", "janome", "nagisa"),
    "judge": ("bs4", "markdown"),
    "instructions": ("janome", "langdetect", "ja_sentence_segmenter"),
}


def needs(extra: str) -> None:
    """Skip the calling test unless the extra's libraries are there. Imports none: Nagisa changes the process."""
    missing = [module for module in EXTRAS[extra] if find_spec(module) is None]
    if missing:
        pytest.skip(f"needs the extra {extra}: {', '.join(missing)} is not installed")
