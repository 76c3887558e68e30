r"""LaTeX as the old system normalised and parsed it, on the installed latex2sympy2-extended.

The old system used version 1.0.6. Later versions read some forms differently: several `\boxed{}`, "and"/"or",
"percent", unit words without `\text`, a `\pm` without left side. Here those forms are settled first; what the parser
makes of the rest is `math_reader`'s.

Only worker processes import this module.

Source: reference measurement, checked against recorded outputs; differences between the versions in docs/parity.md.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal

from latex2sympy2_extended.latex2sympy2 import NormalizationConfig, normalize_latex
from math_verify.grader import should_treat_as_complex

from saiten.scoring.math_reader import read

_BASIC = NormalizationConfig(basic_latex=True, boxed="none")
_REPAIRS = NormalizationConfig(basic_latex=False, malformed_operators=True, nits=True, boxed="none")

_BOX = re.compile(r"\\(?:boxed|fbox)")
_BOX_SEPARATOR = re.compile(r"\s*(?:and|or|,)\s*")

# Characters of the private use area stand in for what the library would treat otherwise, and keep its final strip off
# the ends.
_EDGE, _SEPARATOR, _PERCENT, _PCT, _AND, _OR = "\ue100", "\ue101", "\ue102", "\ue103", "\ue104", "\ue105"
_PROTECTED = (
    (re.compile(r"\\text{\s*(?:and|or)\s*}|(?<!\w)(?:and|or)(?!\w)"), _SEPARATOR),
    (re.compile(r"(?<![a-zA-Z])and(?![a-zA-Z])"), _AND),
    (re.compile(r"(?<![a-zA-Z])or(?![a-zA-Z])"), _OR),
    (re.compile(r"\\text{percent}|\s*percent"), _PERCENT),
    (re.compile(r"pct"), _PCT),
)
_RESTORED = str.maketrans({_EDGE: "", _SEPARATOR: ";", _PERCENT: r"\\%", _PCT: "pct", _AND: "and", _OR: "or"})
_EQUALS = re.compile(r"(?<![\\<!>])=")
_TRAILING_TEXT = re.compile(r"(\\(?:text|mbox){.*?})(\^\d|\{\^\d\})?$")
_EMPTY_TEXT = re.compile(r"\\text\s*\{\s*\}")
_ONE_SIDED = re.compile(r"(?:^|[({\[=,;<>+\-*/^_&|]|\\(?:in|leq?|geq?|neq?|cdot|times|[{(\[,;:!]))\s*\\(?:pm(?!b)|mp)")


class UnreadableError(ValueError):
    """The old system could not parse this LaTeX."""


def boxed_content(text: str, boxes: Literal["all", "last"]) -> str:
    r"""Return what stands in the `\boxed{}`s of `text`, joined by commas; the whole text where there is none.

    "last": only the last one, with those before it that are joined to it by "and", "or" or a comma.
    """
    found: list[str] = []
    end = len(text)
    for match in reversed(list(_BOX.finditer(text))):
        opening = match.end() + len(text[match.end() : end]) - len(text[match.end() : end].lstrip())
        if opening >= end:
            break
        closing = _closing_brace(text, opening, end) if text[opening] == "{" else None
        if closing is None:
            if not found:
                found.append(text[opening:])
            break
        if boxes == "last" and found and not _BOX_SEPARATOR.fullmatch(text, closing + 1, end):
            break
        found.append(text[opening + 1 : closing].strip())
        end = match.start()
    return ",".join(reversed(found)) if found else text


def _closing_brace(text: str, opening: int, end: int) -> int | None:
    depth = 0
    for at in range(opening, end):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return None


def normalized(latex: str, boxes: Literal["all", "last"]) -> str:
    """Return the LaTeX as the old system handed it to the parser, and compared it where nothing could be parsed."""
    text = boxed_content(latex, boxes)
    for pattern, stand_in in _PROTECTED:
        text = pattern.sub(stand_in, text)
    text = normalize_latex(f"{_EDGE}{text}{_EDGE}", _BASIC).translate(_RESTORED)
    if "," not in text and ";" not in text:
        parts = _EQUALS.split(text)
        text = parts[-1] if len(parts) > 2 else text
    text = _EMPTY_TEXT.sub(" ", _TRAILING_TEXT.sub("", text).strip() or text)
    return str(normalize_latex(text, _REPAIRS))


@lru_cache(maxsize=1024)
def parsed(latex: str) -> Any:
    """Return normalised LaTeX as a sympy object. Raises whatever the parser raises on what it cannot read."""
    if _ONE_SIDED.search(latex):
        raise UnreadableError(latex)
    return read(latex, is_real=not should_treat_as_complex(latex))
