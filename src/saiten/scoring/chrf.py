"""chrF from sums of each sentence's counts.

Our own lines and not sacreBLEU's, which keeps these counts to itself; a test compares the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

ORDER = 6
BETA = 2
CHRF_COUNTS = tuple(f"{kind}_{n}" for n in range(1, ORDER + 1) for kind in ("hypothesis", "reference", "match"))
"""For each length n: character n-grams of the translation, of the reference, and of both."""


def chrf_counts(hypothesis: str, reference: str) -> tuple[int, ...]:
    """Return a sentence's counts for chrF, in the order of CHRF_COUNTS. White space does not count.

    Where the reference is too short to have n-grams of a length, the translation's are not counted either.
    """
    one, two = "".join(hypothesis.split()), "".join(reference.split())
    counts: list[int] = []
    for n in range(1, ORDER + 1):
        mine, gold = _grams(one, n), _grams(two, n)
        counts += [mine.total() if gold else 0, gold.total(), (mine & gold).total()]
    return tuple(counts)


def _grams(text: str, n: int) -> Counter[str]:
    return Counter(text[place : place + n] for place in range(len(text) - n + 1))


def chrf(sentences: Sequence[Sequence[float]]) -> float:
    """Return corpus chrF2, 0 to 100, from its sentences' counts.

    Precision and recall are averaged over the lengths for which both sides have n-grams, and combined with recall
    weighing beta² = 4 times as much.
    Source: Popović, WMT 2015, eq. (1), as sacreBLEU computes it: nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no.
    """
    sums: list[float] = [sum(column) for column in zip(*sentences, strict=True)]
    pairs = [
        (match / mine, match / gold)
        for mine, gold, match in zip(sums[::3], sums[1::3], sums[2::3], strict=True)
        if mine and gold
    ]
    if not pairs:
        return 0.0
    precision = sum(precision for precision, _ in pairs) / len(pairs)
    recall = sum(recall for _, recall in pairs) / len(pairs)
    if not precision + recall:
        return 0.0
    weight = float(BETA * BETA)
    return 100.0 * (1.0 + weight) * precision * recall / (weight * precision + recall)
