"""Where the right option stands, for datasets that name it apart from the wrong ones (the GPQA family)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def placed(question: str, right: str, wrong: Sequence[str]) -> tuple[list[str], int]:
    """Return the options in the order asked, and the place of the right one, from 0.

    The wrong ones keep their order. The place follows from the content alone, a hash of question and options: it is
    the same in every run, on every machine and for every subset that has the question, and over questions it is
    uniform.
    Differs: the reference draws the place from a generator that nothing seeds, so its order, and with it the score of
    a model that prefers a letter, changes from run to run.
    """
    content = "\0".join((question, right, *wrong)).encode()
    place = int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % (len(wrong) + 1)
    return [*wrong[:place], right, *wrong[place:]], place
