"""pass@k as the reference measurement computed it, errors included."""

from __future__ import annotations

import pytest

from saiten.scoring.statistics import pass_at_k
from tests.parity.records import records


def test_every_estimate_and_every_refusal_is_that_of_the_reference() -> None:
    compared = 0
    for record in records("pass_at_k"):
        if record["task"] != "pass_at_k":
            continue
        expected = record["expected"]
        if "error" in expected:
            with pytest.raises(ValueError, match="choices"):
                pass_at_k(**record["input"])
        else:
            assert pass_at_k(**record["input"]) == pytest.approx(expected["pass_at_k"], abs=1e-12)
        compared += 1
    assert compared > 0
