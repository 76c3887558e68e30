"""What multiple-choice benchmarks share: their documents, and names for rows that have none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from string import ascii_uppercase

from saiten.benchmarks.prompt import fill, lettered
from saiten.datasets import ROW_NUMBER
from saiten.types import Document, Row


def row_id(row: Row, *texts: str) -> str:
    """Return an id for a row of a dataset without ids: its number, and a hash of what is asked.

    The number tells rows apart that are repeated word for word; the hash, an edited dataset from the one before.
    """
    return f"{row[ROW_NUMBER]:04d}-{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:8]}"


def choice_document(row: Row, prompt: str, question: str, options: Sequence[str], gold: int) -> Document:
    """Build a document from a question and its options, the right one being number `gold`, from 0.

    The prompt has places for `{question}` and `{choices}`, and may have one for the allowed `{letters}` (`A, B, C`).
    Raises ValueError where there is no such option.
    """
    if not 0 <= gold < len(options):
        raise ValueError(f"option {gold} is the right one, and there are {len(options)}")
    letters = ascii_uppercase[: len(options)]
    values = {"question": question, "choices": lettered(options)}
    if "{letters}" in prompt:
        values["letters"] = ", ".join(letters)
    return Document(
        id=row_id(row, question, *options),
        turns=(fill(prompt, values),),
        fields={"question": question} | option_fields(options),
        target=letters[gold],
        extra={"choices": len(options)},
    )


def option_fields(options: Sequence[str]) -> dict[str, str]:
    """Return what a prompt may have of the options: all in lines, the allowed letters, and each alone (`option_a`)."""
    letters = ascii_uppercase[: len(options)]
    each = {f"option_{letter.lower()}": option for letter, option in zip(letters, options, strict=True)}
    return {"choices": lettered(options), "letters": ", ".join(letters), **each}


def numbered_options(row: Row, most: int = 10) -> tuple[list[str], int]:
    """Return the options of the columns `option_0`, `option_1`, … and the place of the right one among them.

    Columns without a value (None) are left out and the others move up. Raises ValueError where `answer_index` names
    one that has no value.
    """
    gold = int(row["answer_index"])
    kept = [number for number in range(most) if row[f"option_{number}"] is not None]
    if gold not in kept:
        raise ValueError(f"option {gold} is the right one, and has no text")
    return [row[f"option_{number}"] for number in kept], kept.index(gold)
