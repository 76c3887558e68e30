"""Instructions about kinds of letters: kanji, hiragana, katakana, digits.

Source: swallow-evaluation-instruct@3520211, task mifeval_ja (ids `ja:letters:…`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Arguments = Mapping[str, Any]
_KANJI = "一-\u9faf"
_HIRAGANA = "ぁ-ゖ"
_KATAKANA = "ァ-ヺ\uff66-\uff9f"
_ONLY_HIRAGANA = re.compile(r"[ぁ-んー]")
_ONLY_KATAKANA = re.compile(r"[ァ-ンー・\uff66-\uff9f]")


def furigana(text: str, _: Arguments) -> bool:
    """Every run of kanji is followed by its reading in full-width parentheses."""
    return len(re.findall(rf"[{_KANJI}]+", text)) == len(re.findall(rf"[{_KANJI}]+（[ぁ-ん]+）", text))


def kansuuji(text: str, _: Arguments) -> bool:
    """There is no digit of any script."""
    return re.search(r"\d", text) is None


def no_katakana(text: str, _: Arguments) -> bool:
    """There is no katakana; ー and ・ are not."""
    return re.search(f"[{_KATAKANA}]", text) is None


def no_hiragana(text: str, _: Arguments) -> bool:
    """There is no hiragana."""
    return re.search(f"[{_HIRAGANA}]", text) is None


def katakana_only(text: str, _: Arguments) -> bool:
    """Every letter is katakana, ヴ and later ones excepted; what is no letter does not count."""
    return all(_ONLY_KATAKANA.match(character) for character in text if character.isalpha())


def hiragana_only(text: str, _: Arguments) -> bool:
    """Every letter is hiragana; what is no letter does not count."""
    return all(_ONLY_HIRAGANA.match(character) for character in text if character.isalpha())


def kanji_count(text: str) -> int:
    """Return how many kanji there are."""
    return len(re.findall(f"[{_KANJI}]", text))


def kana_count(text: str, letter: str) -> int:
    """Return how often a hiragana letter and its katakana twin come."""
    return text.count(letter) + text.count(chr(ord(letter) + 0x60))
