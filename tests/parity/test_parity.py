"""Every recorded input gives what the reference measurement gave."""

from __future__ import annotations

import pytest

from tests.parity.__main__ import EXPLAINED
from tests.parity.records import checkers

CHECKERS = checkers()


@pytest.mark.parametrize("name", sorted(CHECKERS))
def test_every_record_of_a_set_is_as_the_reference_had_it(name: str) -> None:
    compared = 0
    different = []
    for case, expected, got in CHECKERS[name]():
        compared += 1
        if expected != got and case not in EXPLAINED:
            different.append((case, expected, got))
    assert different == []
    assert compared > 0
