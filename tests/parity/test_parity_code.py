"""Code: the reference's extraction, verdicts and pass@k, record by record.

Each `compared_…` function yields (case id, what the reference gave, what saiten gives) for every record of its set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from saiten.scoring.code_text import extract_code, extract_script
from saiten.scoring.statistics import pass_at_k
from tests.parity.records import records

Compared = tuple[str, object, object]


def compared_code_extraction() -> Iterator[Compared]:
    """The program in an answer."""
    for record in records("code_extraction"):
        given, text = record["input"], record["input"]["response"]
        code = extract_code(text, given["entry_point"]) if given["mode"] == "humaneval" else extract_script(text)
        yield record["id"], record["expected"]["code"], code


def compared_pass_at_k() -> Iterator[Compared]:
    """The estimate, rounded to what doubles agree on, or the refusal; and which test results make a choice right."""
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


@pytest.mark.parametrize("compared", [compared_code_extraction, compared_pass_at_k])
def test_every_record_is_as_the_reference_had_it(compared: Callable[[], Iterator[Compared]]) -> None:
    everything = list(compared())
    assert [case for case in everything if case[1] != case[2]] == []
    assert everything
