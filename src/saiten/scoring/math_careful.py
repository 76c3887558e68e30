r"""A careful reading of mathematical answers: the last box, or what math-verify finds, compared by math-verify.

The final answer is the content of the last `\boxed{}`, with those joined to it by "and", "or" or a comma; without a
box, math-verify looks for it in its default configuration. The gold answer is read the same way. Two answers whose
LaTeX is the same text are equal even where neither can be parsed.

Only worker processes import this module.

Source: math-verify (huggingface/Math-Verify), the installed version, default configuration.
Differs: which box is the last is decided here; math-verify joins boxes that stand near each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from saiten.scoring.math_latex import boxed_content

_LATEX = [LatexExtractionConfig()]
_BOTH = [LatexExtractionConfig(), ExprExtractionConfig()]


def careful_equal(gold: str, kind: Literal["latex", "expression"], answer: str) -> bool:
    """Return whether the answer states the gold answer."""
    if kind == "latex" and _final(gold) == _final(answer):
        return True
    answers = parse(_final(answer), _BOTH, parsing_timeout=None)
    return bool(answers) and bool(verify(_gold(gold, kind), answers, timeout_seconds=None))


@lru_cache(maxsize=64)
def _gold(text: str, kind: Literal["latex", "expression"]) -> list[Any]:
    if kind == "expression":
        read = parse(f"${text}$", _BOTH, parsing_timeout=None) or parse(text, _BOTH, parsing_timeout=None)
        return list(read) or [text]
    return list(parse(_final(text), _LATEX, parsing_timeout=None)) or [text]


def _final(text: str) -> str:
    if r"\boxed" not in text and r"\fbox" not in text:
        return text
    content = boxed_content(text, "last")
    if content.count("{") > content.count("}"):
        content = content.removeprefix("{")
    return rf"$\boxed{{{content}}}$"
