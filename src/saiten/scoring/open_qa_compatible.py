r"""Reading short Japanese answers as the old system did.

Source: swallow-evaluation-instruct@3520211, the metric of jemhopqa; fuzzywuzzy 0.18.0 without python-Levenshtein.

Two pipelines read the same text. The first stage that yields something wins:

1. the first `\boxed{…}`, up to the first closing brace or two, `\text{` dropped;
2. the last statement (`回答は …`, `【答え】: …`), up to white space, a full stop or the end, without a copula;
3. quasi pipeline only: the first statement that begins a line;
4. the whole text.

The quasi pipeline then drops one pair of brackets, quotes or emphasis, applies NFKC and maps words of agreement and
denial to YES and NO. The gold answer is not normalised in either. Empty answers are counted as they are.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from difflib import SequenceMatcher

_BOXED = re.compile(r"\\boxed\{(?:\\text\{(.+?)\}|(.+?))\}", re.DOTALL)
_SEPARATOR = r"(?:[:：→=＝．.]|->)"
_END = r"(?:です|だ|である|でしょう|だろう)?(?:[。．\s]|$)"
_STATED = re.compile(
    rf"(?:(?:回答|正解|答え|解答)は(?:{_SEPARATOR}|[、，])?"
    rf"|[【「\[(]?(?:回答|正解|答え|解答|解|答)[】」\])]?\s*{_SEPARATOR})\s*(.+?){_END}",
    re.DOTALL,
)
_DIRECT = re.compile(rf"(?:^|\n+)(.+?){_END}", re.DOTALL)
_PAIRS = (
    *((mark, mark) for mark in ("```", "``", "**", "__", "`")),
    *(
        tuple(pair)
        for pair in ("「」", "『』", "（）", "()", "【】", "<>", "〈〉", "《》", "⦅⦆", "〔〕", "“”", "‘’", "〝〞")
    ),
    *((mark, mark) for mark in ('"', "'", "*")),
)
"""What may stand around an answer, the longest first. Square brackets and braces are not among them."""
_YES = frozenset(("はい", "肯定", "肯", "◯", "TRUE", "OK", "イエス"))
_NO = frozenset(("いいえ", "否", "×", "否定", "ちがう", "違う", "FALSE", "NG"))
_LATIN_1 = dict.fromkeys(range(128, 256))


def exact_answer(text: str) -> str:
    """Return what the exact pipeline reads."""
    return _boxed(text, _stated(text) or text)


def quasi_answer(text: str) -> str:
    """Return what the quasi pipeline reads, normalised."""
    found = _stated(text)
    if found is None:
        direct = _DIRECT.search(text)
        found = direct[1] if direct else text
    return _normalised(_boxed(text, found))


def _boxed(text: str, otherwise: str) -> str:
    start = text.find("\\boxed{")
    match = _BOXED.match(text, start) if start >= 0 else None
    return (match[1] or match[2]) if match else otherwise


def _stated(text: str) -> str | None:
    found = _STATED.findall(text)
    return found[-1] if found else None


def _normalised(answer: str) -> str:
    answer = answer.strip()
    if len(answer) > 2:
        for left, right in _PAIRS:
            if answer.startswith(left) and answer.endswith(right):
                answer = answer[len(left) : -len(right)]
                break
    answer = unicodedata.normalize("NFKC", answer)
    return "YES" if answer in _YES else "NO" if answer in _NO else answer


def character_f1(gold: str, answer: str) -> float:
    """Return the harmonic mean of precision and recall of characters, counted as a multiset. Both empty: 1."""
    if not gold or not answer:
        return float(gold == answer)
    overlap = (Counter(gold) & Counter(answer)).total()
    if not overlap:
        return 0.0
    precision, recall = overlap / len(answer), overlap / len(gold)
    return 2 * precision * recall / (precision + recall)


def fuzzy_f1(gold: str, answer: str) -> float:
    """Return the similarity of the sorted words, a whole percentage as a fraction.

    Source: fuzzywuzzy 0.18.0, `token_sort_ratio` with its defaults, which drops Latin-1 characters, on difflib.
    """
    one, two = _sorted_words(gold), _sorted_words(answer)
    if one == two:
        return 1.0
    if not one or not two:
        return 0.0
    return round(100 * SequenceMatcher(None, two, one).ratio()) / 100


def _sorted_words(text: str) -> str:
    return " ".join(sorted(re.sub(r"\W", " ", text.translate(_LATIN_1)).lower().split()))
