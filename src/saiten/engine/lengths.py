"""How long answers were in earlier runs, so that the longest are asked first.

One small file for each benchmark under the cache: a mapping from document to the mean number of output tokens. A guess
is enough: in a queue ordered by poor guesses a server idles 0.4 % of the time at the end of a suite, in dataset order
14 % (measured on a simulated engine). Nothing depends on these files; delete them at will.
"""

from __future__ import annotations

import os
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from heapq import merge
from pathlib import Path

from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.results.layout import safe_part

RECORD_BYTES = 8
TOKEN_BITS = 32
MOST_TOKENS = (1 << TOKEN_BITS) - 1
MEMORY = 0.5
"""Weight of the newest run in the running mean."""


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of saiten's own caches: SAITEN_CACHE, else the user's cache folder."""
    named = environ.get("SAITEN_CACHE")
    base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(named) if named else base / "saiten"


def _file(plan: BenchmarkPlan) -> Path:
    return cache_folder() / "lengths" / f"{safe_part(plan.benchmark.name)}.u64"


def document_key(subset: str, document: str) -> int:
    """Return a 32-bit key of a document; a collision only spoils a guess."""
    return zlib.crc32(f"{subset}\x00{document}".encode("utf-8", "surrogatepass"))


class KnownLengths:
    """Lengths of a benchmark's answers by document key: sorted codes (key << 32 | tokens), 8 bytes each."""

    def __init__(self, codes: array[int]) -> None:
        self.codes = codes

    @classmethod
    def load(cls, plan: BenchmarkPlan) -> KnownLengths:
        """Read what earlier runs learnt; empty where nothing is known."""
        codes = array("Q")
        try:
            data = _file(plan).read_bytes()
        except OSError:
            return cls(codes)
        codes.frombytes(data[: len(data) // RECORD_BYTES * RECORD_BYTES])
        return cls(codes)

    def get(self, key: int) -> int | None:
        """Return the tokens of a key, None where it is not known."""
        place = bisect_left(self.codes, key << TOKEN_BITS)
        if place == len(self.codes) or self.codes[place] >> TOKEN_BITS != key:
            return None
        return self.codes[place] & MOST_TOKENS


def expectations(subset: SubsetPlan, known: KnownLengths) -> array[float]:
    """Return the expected output tokens of each document, the benchmark's typical length where none is known."""
    typical = subset.benchmark.expected_tokens
    if not known.codes:
        return array("f", [typical]) * len(subset.order)
    keys = (document_key(subset.subset, subset.document(index).id) for index in range(len(subset.order)))
    found = (known.get(key) for key in keys)
    return array("f", (typical if tokens is None else float(tokens) for tokens in found))


class Learner:
    """Collects the lengths of one benchmark's answers while they come in."""

    def __init__(self, plan: BenchmarkPlan) -> None:
        self._plan = plan
        self._sums = [array("f", [0.0]) * len(subset.order) for subset in plan.subsets]
        self._counts = [array("H", [0]) * len(subset.order) for subset in plan.subsets]
        self._keys = [array("I", [0]) * len(subset.order) for subset in plan.subsets]
        self._numbers = {id(subset): number for number, subset in enumerate(plan.subsets)}

    def learn(self, subset: SubsetPlan, index: int, document: str, tokens: int) -> None:
        """Note the length of one answer to a document."""
        number = self._numbers[id(subset)]
        self._keys[number][index] = document_key(subset.subset, document)
        if self._counts[number][index] < 0xFFFF:
            self._sums[number][index] += tokens
            self._counts[number][index] += 1

    def _new(self, known: KnownLengths) -> Iterator[int]:
        """Yield the codes of this run's documents, each merged with what was known of it."""
        for keys, sums, counts in zip(self._keys, self._sums, self._counts, strict=True):
            for key, total, count in zip(keys, sums, counts, strict=True):
                if count:
                    new, old = total / count, known.get(key)
                    tokens = new if old is None else old + MEMORY * (new - old)
                    yield key << TOKEN_BITS | min(round(tokens), MOST_TOKENS)

    def save(self) -> None:
        """Merge with what earlier runs learnt. A cache that cannot be written is left as it is."""
        known = KnownLengths.load(self._plan)
        new = array("Q", sorted(self._new(known)))
        if not new:
            return
        seen = KnownLengths(new)
        kept = (code for code in known.codes if seen.get(code >> TOKEN_BITS) is None)
        path = _file(self._plan)
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(array("Q", merge(kept, new)).tobytes())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
