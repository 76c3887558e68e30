"""Numbers with their doubt: means over documents, pass@k, maj@k, the bootstrap.

The document is the unit that was sampled: the N choices of a document share its difficulty, so they are first reduced
to one value and the doubt is taken from the spread of these values (clustering by document). Subsets are strata: how
many documents each has is fixed by the benchmark, so only the spread within them counts.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import chain
from statistics import NormalDist, fmean, stdev
from typing import TypeVar

from saiten.types import Estimate

T = TypeVar("T")
CONFIDENCE = 0.95
NORMAL_95 = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)


def mean_estimate(strata: Sequence[Sequence[float]]) -> Estimate:
    """Return the mean over all documents, its standard error and 95 % interval.

    `strata`: the documents' values, one sequence for each subset. Every document weighs the same.

    Variance of the mean: sum over strata of (n_h / n)² s_h² / n_h, with the sample variance s_h² (n_h - 1 in the
    denominator). Strata of one document are pooled, which errs on the wide side.
    Source: Cochran, Sampling Techniques (3rd ed. 1977), (5.10), (5A.56); Miller, arXiv:2411.00640, §2.1–2.2.

    Interval: see `_bounded_interval` for values in [0, 1] (proportions, means of 0/1 choices, pass@k), which all of
    saiten's scores but the corpus metrics are; the t interval for others. It is never of zero width where the values
    merely happen to be equal; where nothing is known (no document; one document without bounds) it is None.
    """
    n = sum(map(len, strata))
    if not n:
        return Estimate(value=None)
    mean = math.fsum(chain.from_iterable(strata)) / n
    bounded = all(0.0 <= value <= 1.0 for value in chain.from_iterable(strata))
    pooled = _without_singles(strata)
    if n == 1:
        low, high = _wilson(mean, 1.0, NORMAL_95) if bounded else (None, None)
        return Estimate(value=mean, low=low, high=high, n=1)
    squared = math.fsum(len(stratum) * _variance(stratum) for stratum in pooled) / n**2
    freedom = n - len(pooled)
    if bounded:
        low, high = _bounded_interval(strata, mean, squared, freedom)
    else:
        reach = student_t(freedom) * math.sqrt(squared)
        low, high = mean - reach, mean + reach
    return Estimate(value=mean, stderr=math.sqrt(squared), low=low, high=high, n=n)


def _variance(values: Sequence[float]) -> float:
    """Return the sample variance (n - 1) of two values or more; exactly 0 where all are equal."""
    mean = math.fsum(values) / len(values)
    if min(values) == max(values):
        return 0.0
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _without_singles(strata: Sequence[Sequence[float]]) -> list[Sequence[float]]:
    """Pool the strata of one document with each other, or with the smallest other stratum."""
    pooled = sorted((stratum for stratum in strata if len(stratum) > 1), key=len)
    singles = [value for stratum in strata if len(stratum) == 1 for value in stratum]
    if len(singles) == 1 and pooled:
        pooled[0] = [*pooled[0], *singles]
    elif singles:
        pooled.append(singles)
    return pooled


def _bounded_interval(
    strata: Sequence[Sequence[float]], mean: float, squared: float, freedom: int
) -> tuple[float, float]:
    """Return Wilson's interval for a mean of values in [0, 1], with the effective number of documents.

    Wilson's interval stays inside [0, 1], keeps its coverage near 0 and 1 and for few documents, and has a width even
    where all values are equal; the textbook interval (mean ± z standard errors) fails in all three. For 0/1 values
    without strata it is exactly Wilson's. In general n is replaced by p(1 - p) / variance of the mean, the number of
    independent 0/1 documents that would tell as much: never less than n (in [0, 1], no spread is larger than that of
    0/1 values). The quantile is the normal one for 0/1 values and Student's for others, whose spread is estimated.
    Source: Wilson, JASA 22 (1927) 209; Brown, Cai and DasGupta, Statist. Sci. 16 (2001) 101; effective size: Korn and
    Graubard, Survey Methodology 24 (1998) 193.
    """
    n = sum(map(len, strata))
    largest = mean * (1.0 - mean)
    effective = max(n, largest / squared) if squared > 0 and largest > 0 else n
    binary = all(value in (0.0, 1.0) for value in chain.from_iterable(strata))
    return _wilson(mean, effective, NORMAL_95 if binary or squared <= 0 else student_t(freedom))


def _wilson(mean: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's score interval for a proportion `mean` of `n`."""
    shrink = 1.0 / (1.0 + z * z / n)
    centre = (mean + z * z / (2 * n)) * shrink
    reach = z * shrink * math.sqrt(mean * (1.0 - mean) / n + z * z / (4 * n * n))
    return min(mean, max(0.0, centre - reach)), max(mean, min(1.0, centre + reach))


def student_t(freedom: int) -> float:
    """Return the two-sided 95 % quantile of Student's t distribution; relative error below 0.2 %.

    Source: exact for 1 and 2 degrees of freedom; else the expansion in Abramowitz and Stegun (1964), 26.7.5.
    """
    if freedom < 1:
        raise ValueError(f"needs at least one degree of freedom, got {freedom}")
    if freedom == 1:
        return math.tan(math.pi * CONFIDENCE / 2)
    if freedom == 2:
        return CONFIDENCE * math.sqrt(2.0 / (1.0 - CONFIDENCE**2))
    x = NORMAL_95
    terms = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def pass_at_k(n: int, c: int, k: int) -> float:
    """Return the probability that at least one of k of the n choices, drawn without replacement, is among the c right.

    1 - C(n - c, k) / C(n, k), exact up to the last rounding. Raises ValueError if n < k: it cannot be estimated.
    Source: Chen et al., arXiv:2107.03374, eq. (1).
    """
    if not 0 <= c <= n:
        raise ValueError(f"{c} right choices of {n}")
    if not 1 <= k <= n:
        raise ValueError(f"pass@{k} needs at least {max(k, 1)} choices of each document, got {n}")
    return (math.comb(n, k) - math.comb(n - c, k)) / math.comb(n, k)


@lru_cache(maxsize=4096)
def maj_at_k(right: tuple[int, ...], wrong: tuple[int, ...], k: int) -> float:
    """Return the expected score of the most frequent of k answers, drawn without replacement from n choices.

    `right`, `wrong`: how many choices gave each distinct answer, of those that are right and of those that are not;
    n is the sum of both. Where several answers are equally frequent, the score is the share of right ones among them.
    Exact up to the last rounding. Raises ValueError if n < k.

    For each m, the ways to draw k choices in which the most frequent answers come m times each are counted by a
    product of polynomials in x (choices drawn), one for each answer, separately by the number of answers that come m
    times: C(size, 0) + ... + C(size, m - 1) x^(m-1) for fewer than m, C(size, m) x^m for m.
    Source: reference measurement (maj@k without replacement); Wang et al., arXiv:2203.11171, for the vote itself.
    """
    n = sum(right) + sum(wrong)
    if not 1 <= k <= n:
        raise ValueError(f"maj@{k} needs at least {max(k, 1)} choices of each document, got {n}")
    slot = n + 1
    expected = Fraction(0)
    for most in range(1, min(k, max(right, default=0)) + 1):
        of_wrong = _ways_by_ties(wrong, most, k, slot)
        for tied_right, ways_right in enumerate(_ways_by_ties(right, most, k, slot)):
            for tied_wrong, ways_wrong in enumerate(of_wrong if tied_right else ()):
                ways = (ways_right * ways_wrong >> slot * k) & ((1 << slot) - 1)
                expected += Fraction(ways * tied_right, tied_right + tied_wrong)
    return float(expected / math.comb(n, k))


def _ways_by_ties(sizes: Sequence[int], most: int, k: int, slot: int) -> list[int]:
    """Return, by the number of answers that come `most` times while none comes more often, a polynomial of ways.

    A polynomial is one whole number with `slot` bits for each coefficient, which no coefficient here exceeds (at most
    C(n, p) < 2^n): multiplying whole numbers is what Python does fast. Powers above x^k are dropped.
    """
    mask = (1 << slot * (k + 1)) - 1
    ways = [1]
    for size in sizes:
        fewer = sum(math.comb(size, drawn) << slot * drawn for drawn in range(min(most, size + 1)))
        level = math.comb(size, most) << slot * most
        grown = [(polynomial * fewer) & mask for polynomial in ways]
        if level:
            grown.append(0)
            for tied, polynomial in enumerate(ways, start=1):
                grown[tied] += (polynomial * level) & mask
        while len(grown) > 1 and not grown[-1]:
            grown.pop()
        ways = grown
    return ways


def bootstrap(
    statistic: Callable[[Sequence[T]], float], strata: Sequence[Sequence[T]], *, resamples: int = 1000, seed: int = 0
) -> Estimate:
    """Return a statistic of the whole corpus with its bootstrap standard error and 95 % percentile interval.

    `statistic` reads all documents at once (BLEU, say). Documents are drawn with replacement within their subset. The
    standard error is the standard deviation of the statistic over the resamples; it is not divided by the square root
    of their number, which would only say how well it was simulated. The same seed gives the same numbers.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), alg. 6.1 and §13.3.
    """
    documents = [document for stratum in strata for document in stratum]
    if not documents:
        return Estimate(value=None)
    value = statistic(documents)
    if len(documents) == 1:
        return Estimate(value=value, n=1)
    draw = random.Random(seed)
    drawn = sorted(
        statistic([document for stratum in strata if stratum for document in draw.choices(stratum, k=len(stratum))])
        for _ in range(resamples)
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = (_quantile(drawn, at) for at in (tail, 1 - tail))
    return Estimate(value=value, stderr=stdev(drawn), low=low, high=high, n=len(documents))


def _quantile(ordered: Sequence[float], at: float) -> float:
    """Return the quantile by linear interpolation between order statistics."""
    place = at * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean; raises ValueError for no values."""
    if not values:
        raise ValueError("the mean of no values")
    return fmean(values)
