"""What old results files need and a metric's estimate does not say: per task, the old standard error and prompt hashes.

Documents pass by one at a time; memory does not grow with their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from msgspec import Struct, field

from saiten.results.summary import ScoredDocument

HASH_BYTES = 8
HASHES = ("hash_examples", "hash_full_prompts", "hash_input_tokens", "hash_cont_tokens")


class Moments(Struct):
    """Running mean and sum of squared deviations.

    Source: B. P. Welford, Note on a method for calculating corrected sums of squares and products, 1962.
    """

    n: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Take in one value."""
        self.n += 1
        step = value - self.mean
        self.mean += step / self.n
        self.squares += step * (value - self.mean)

    @property
    def stderr(self) -> float | None:
        """Sample standard deviation (n - 1) over sqrt(n), as the old results have it; None for fewer than 2 values.

        Source: reference/benchmarks.md §1.8.
        """
        return (self.squares / (self.n - 1) / self.n) ** 0.5 if self.n > 1 else None


class HashSum(Struct):
    """A hash of a set of texts that does not depend on their order: the sum of their hashes."""

    total: int = 0

    def add(self, text: str) -> None:
        """Take in one text."""
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HASH_BYTES).digest()
        self.total += int.from_bytes(digest, "big")

    def hexdigest(self) -> str:
        """Return 16 hexadecimal digits."""
        return f"{self.total % (1 << 8 * HASH_BYTES):0{2 * HASH_BYTES}x}"


class TaskTally(Struct):
    """One task (subset of a benchmark)."""

    documents: int = 0
    metrics: dict[str, Moments] = field(default_factory=dict)
    prompts: HashSum = field(default_factory=HashSum)
    conversations: HashSum = field(default_factory=HashSum)
    answers: HashSum = field(default_factory=HashSum)

    def add(self, scored: ScoredDocument) -> None:
        """Take in one document."""
        self.documents += 1
        for name, value in scored.values.items():
            self.metrics.setdefault(name, Moments()).add(value)
        self.prompts.add("\0".join(scored.document.turns))
        first = scored.messages[0] if scored.messages else ()
        self.conversations.add("\0".join([f"{message.role}\0{message.content}" for message in first]))
        texts = [generation.text or "" for choice in scored.choices for generation in choice.turns]
        self.answers.add("\0".join([scored.document.id, *texts]))

    def hashes(self) -> Mapping[str, str]:
        """Return the four hashes of an old results file.

        Differs: sums of BLAKE2b-64 instead of XXH64 of sorted hashes (no list to keep); token hashes are of texts, as
        an API does not tell tokens; `hash_input_tokens` repeats the conversations.
        """
        conversations = self.conversations.hexdigest()
        values = (self.prompts.hexdigest(), conversations, conversations, self.answers.hexdigest())
        return dict(zip(HASHES, values, strict=True))
