"""How much of an answer is Japanese: characters of its text as a reader sees it, without Markdown's marks.

Source: swallow-evaluation-instruct@3520211, japanese_mt_bench (japanese_ratio): python-markdown without extensions,
tags removed by BeautifulSoup over html.parser. Both are pinned, since releases render some texts otherwise.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence

from saiten.errors import UserError
from saiten.scoring.statistics import bootstrap
from saiten.types import Estimate

JAPANESE = re.compile("[\u3041-\u309f\u30a1-\u30ff\u4e00-\u9fff\uff01-\uff5e\u3000-\u3036]")
"""Kana, kanji, full-width signs and Japanese punctuation; neither half-width kana nor rare kanji."""
Counts = tuple[float, float]
"""(Japanese characters, all characters)."""


def reader() -> Callable[[str], str]:
    """Return a function from Markdown to the text that is seen. UserError: a library of the extra is missing."""
    try:
        import markdown
        from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
    except ImportError as error:
        raise UserError(
            f"scoring mt_bench_ja needs {error.name}, which is not installed; install it with: "
            "pip install 'saiten[judge]', then: saiten score RUN (nothing is asked again)"
        ) from error

    def seen(text: str) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)  # an answer may look like a file name
            return str(BeautifulSoup(markdown.markdown(text), "html.parser").get_text())

    return seen


def counts(seen: str) -> Counts:
    """Count the characters of a text."""
    return float(len(JAPANESE.findall(seen))), float(len(seen))


def added(parts: Sequence[Counts]) -> Counts:
    """Return the sum of counts."""
    return sum(part[0] for part in parts), sum(part[1] for part in parts)


def share(parts: Sequence[Counts]) -> float:
    """Return the share of Japanese characters in all texts together; 0 where there are none at all."""
    japanese, everything = added(parts)
    return japanese / everything if everything else 0.0


def share_estimate(strata: Sequence[Sequence[Counts]]) -> Estimate:
    """Return the share over all documents, with the bootstrap's doubt."""
    return bootstrap(share, strata)
