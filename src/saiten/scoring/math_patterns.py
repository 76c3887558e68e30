r"""Where mathematics may stand in an answer: the patterns of the compatible reading, by priority.

Two kinds of target: LaTeX in an environment (`$…$`, `\[…\]`, `\boxed{…}`, …), up to six of them joined by "and", "or"
or a comma, and plain arithmetic or a number in the text. Anchor words are English in every benchmark.

    priority  LaTeX (a dot crosses lines)                    plain (it does not)
    0         "final answer is" E "I hope"; answers: boxed    "final answer is" X "I hope"
    50        "final answer" … "is" E                         the same with X
    55        gold texts: boxed                               -
    100       "answer:" … E                                   "answer:" … X, if no "=" follows
    200       "answer" … E                                    "answer" … X
    300       any E                                           any X

Source: reference measurement (lighteval 0.8.0 fork), checked against its recorded outputs.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

from msgspec import Struct

Target = Literal["latex", "plain"]
Priority = int
JOINED = 6
"""Environments that may be joined to one answer."""

_ENVIRONMENTS = (
    # name, opening, one character of the content, closing
    ("dollars", r"(?<!\\)\$\$", r"(?:[^$]|\$(?!\$))", r"(?<!\\)\$\$"),
    ("brackets", r"(?<!\\)\\\[", r"(?:[^\\]|\\(?!\]))", r"(?<!\\)\\\]"),
    ("dollar", r"(?<!\\|\d)\$", r"(?:\\[$]|[^\n$])", r"(?<!\\)\$"),
    ("parentheses", r"(?<!\\)\\\(", r"(?:[^\\\n]|\\(?!\)))", r"(?<!\\)\\\)"),
    ("square", r"\s\[", r"[^\n\]\[]", r"\]\s"),
)
_NUMBER = (
    r"(?:"
    r"(?P<integer1>-?\d{1,3}(?:[ ,]\d{3})+)(?P<decimal1>\.\d+)?|"
    r"(?P<integer2>-?\d+)(?P<decimal2>[.,]\d+)|"
    r"(?P<decimal3>\.\d+)|"
    r"(?P<integer3>-?\d+)"
    r")(?P<percent>\s*(?:%|[Pp]ercent|\s*[Pp]ercentage|\s*[Pp]ct))?"
)
_OPERATORS = r"\+\-\*×/\^\(\)÷"
_CURRENCY = re.escape("$€£¥₹₽₪₩₫฿₡₢₣₤₥₦₧₨₭₮₯₰₱₲₳₴₵₶₷₸₺₻₼₾₿")


class Pattern(Struct, frozen=True):
    """One way in which an answer is written."""

    target: Target
    regex: re.Pattern[str]


def _environment(index: int, *, boxed: bool) -> str:
    """Return the pattern of one environment, its content in groups `e<index>_<name>`."""
    ways = []
    for name, opening, character, closing in _ENVIRONMENTS:
        content = rf"{character}*?\\boxed{{{character}+?}}{character}*?" if boxed else f"{character}+?"
        ways.append(f"{opening}(?P<e{index}_{name}>{content}){closing}")
    if not boxed:
        number = r"-?\d+(?:[.,]\d+)?"
        ways.append(rf"(?P<e{index}_fraction>-?\\frac{{{number}}}{{{number}}})")
    return rf"(?:(?:{'|'.join(ways)})\s*(?P<p{index}>\\?%|[Pp]ercent|[Pp]ercentage|[Pp]ct)?)"


def _environments(*, boxed: bool) -> str:
    more = "".join(rf"(?:\s*(?:and|or|,)\s*{_environment(index, boxed=boxed)})?" for index in range(1, JOINED))
    return f"(?:{_environment(0, boxed=boxed)}{more})"


@cache
def latex_patterns(boxed_priority: Priority) -> tuple[tuple[Priority, Pattern], ...]:
    """Return the LaTeX patterns in the order in which they are tried within a priority."""
    environment = _environments(boxed=False)
    sources = (
        (0, rf"(?i:final answer is)\:?\s*{environment}\.?\s?I hope"),
        (50, rf"(?i:final answer.{{0,100}}?)\s+is\:?\s*{environment}"),
        (100, rf"(?i:answer):.{{0,50}}?{environment}"),
        (200, rf"(?i:answer).{{0,50}}?{environment}"),
        (300, environment),
        (boxed_priority, _environments(boxed=True)),
        (boxed_priority, r"(?P<bare>\\boxed{.+})"),
    )
    return tuple((priority, Pattern("latex", re.compile(source, re.DOTALL))) for priority, source in sources)


@cache
def plain_patterns() -> tuple[tuple[Priority, Pattern], ...]:
    """Return the patterns of plain arithmetic and numbers."""
    character = rf"[\d\.\s{_OPERATORS}]"
    expression = rf"(?P<expression>-?\(?-?\d{character}*[{_OPERATORS}]{character}+\)?)"
    before = r"(?:^|\s|\=)(?:\*\*)?"
    after = r"(?:\*\*)?(?:\.|,|:|\s|\)|\$|$)"
    anchored_expression = f"(?:{before}{expression}{after})"
    anchored_number = f"(?:{before}[{_CURRENCY}]?{_NUMBER})"
    either = f"(?:{anchored_expression}|{anchored_number})"
    reach = r"(?:.{0,100}=\s*|.{0,50}?)"
    sources = (
        (0, rf"(?i:final answer is)\:?\s*{either}\.?\s?I hope"),
        (50, rf"(?i:final answer.{{0,100}}?)\s+is\:?{either}"),
        (100, rf"(?i:answer):{reach}{either}(?!\s*=)"),
        (200, rf"(?i:answer){reach}{either}(?!\s*=)"),
        (300, anchored_expression),
        (300, anchored_number),
    )
    return tuple((priority, Pattern("plain", re.compile(source))) for priority, source in sources)


@cache
def groups(role: Literal["answer", "latex gold", "plain gold"]) -> tuple[tuple[Pattern, ...], ...]:
    """Return the patterns for reading `role`, grouped by priority."""
    if role == "answer":
        patterns = latex_patterns(0) + plain_patterns()
    else:
        patterns = latex_patterns(55) if role == "latex gold" else plain_patterns()
    priorities = sorted({priority for priority, _ in patterns})
    return tuple(tuple(pattern for its, pattern in patterns if its == priority) for priority in priorities)
