r"""Reading short Japanese answers as a careful person would.

The last `\boxed{…}` counts, braces balanced and LaTeX wrappers dropped; else the last line that states an answer
(`回答: …`); else the text itself, where it is one short line. Both the answer and the gold are compared without
what does not matter: width, case, spaces, brackets and emphasis around, a copula or a full stop at the end, commas
between digits; all usual words of agreement and denial are YES and NO.
"""

from __future__ import annotations

import re
import unicodedata

SHORT = 80
"""Longest line, in characters, that is taken for an answer without saying so."""
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_WRAPPER = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|operatorname|textrm|mbox)\s*\{([^{}]*)\}")
_STATED = re.compile(
    r"^[ \t\u3000#>*_\-]*[【「\[(（]?(?:最終回答|最終的な回答|回答|正解|答え|解答|答)[】」\])）]?"
    r"[\s*_]*(?:は|[:：→=＝])[\s*_:：、]*(\S.*)$",
    re.MULTILINE,
)
_AROUND = str.maketrans("", "", "「」『』【】〈〉《》⦅⦆〔〕“”‘’〝〞\"'`*_$")
_COPULA = re.compile(r"(?:です|でした|である|でしょう|だろう|となります|だ)$")
_DIGITS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_YES = frozenset(("yes", "はい", "肯定", "肯", "◯", "○", "true", "ok", "イエス", "正しい", "y"))
_NO = frozenset(("no", "いいえ", "否", "×", "✕", "否定", "ちがう", "違う", "false", "ng", "ノー", "正しくない", "n"))


def stated_answer(text: str) -> str | None:
    """Return the answer as it is written, or None where none is stated."""
    boxed = _last_box(text)
    if boxed is not None:
        return boxed
    found = _STATED.findall(text)
    if found:
        return str(found[-1]).strip()
    line = text.strip()
    return line if line and len(line) <= SHORT and "\n" not in line else None


def _last_box(text: str) -> str | None:
    """Return the content of the last box that closes."""
    starts = [match.end() for match in _BOXED.finditer(text)]
    end = len(text)
    for start in reversed(starts):
        depth = 1
        for place in range(start, end):
            depth += (text[place] == "{") - (text[place] == "}")
            if not depth:
                return text[start:place].strip()
        end = start
    return None


def plain(answer: str) -> str:
    """Return an answer reduced to what matters when two are compared."""
    answer = _WRAPPER.sub(r"\1", answer)
    answer = unicodedata.normalize("NFKC", answer).casefold().translate(_AROUND)
    answer = "".join(answer.split()).strip("。．.、,!?！？")
    answer = _DIGITS.sub("", answer)
    if answer.startswith("(") and answer.endswith(")"):
        answer = answer[1:-1]
    answer = _COPULA.sub("", answer).rstrip("。．.") or answer
    return "yes" if answer in _YES else "no" if answer in _NO else answer
