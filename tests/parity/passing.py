"""pass@k, and which test results make a choice right."""

from __future__ import annotations

from collections.abc import Iterator

from saiten.scoring.statistics import pass_at_k
from tests.parity.records import Compared, records


def compared_pass_at_k() -> Iterator[Compared]:
    """The estimate, rounded to what doubles agree on, or the refusal."""
    for record in records("pass_at_k"):
        given, expected = record["input"], record["expected"]
        if record["task"] == "results_to_correct":
            yield record["id"], expected["correct"], all(result > 0 for result in given["results"])
            continue
        try:
            got: object = round(pass_at_k(**given), 12)
        except ValueError:
            got = "ValueError"
        yield record["id"], expected["error"] if "error" in expected else round(expected["pass_at_k"], 12), got
