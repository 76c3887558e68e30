"""Which part of an answer is its program."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saiten.scoring.code_text import REFUSED, defines, extract_code, extract_script, fenced_blocks
from tests.helpers.shared import shared_path


def test_programs_are_found_where_the_reference_finds_them() -> None:
    with gzip.open(shared_path("fixtures/parity/code_extraction/dev.jsonl.gz"), "rt") as lines:
        cases = [json.loads(line) for line in lines]
    assert len(cases) > 400
    wrong = []
    for case in cases:
        given_ = case["input"]
        humaneval = given_["mode"] == "humaneval"
        code = (
            extract_code(given_["response"], given_["entry_point"]) if humaneval else extract_script(given_["response"])
        )
        if code != case["expected"]["code"]:
            wrong.append(case["id"])
    assert not wrong


def test_the_last_block_with_the_function_is_taken() -> None:
    text = "```python\ndef f(): return 1\n```\n~~~\ndef f(): return 2\n~~~\n```\nprint(f())\n```\n"
    assert extract_code(text, "f") == "def f(): return 2\n"
    assert extract_code(text, "g") == "print(f())\n"
    assert extract_script(text) == "print(f())\n"


@pytest.mark.parametrize(
    ("text", "blocks"),
    [
        ("```py\nx = 1", ["x = 1"]),
        ("- item\n\n  ```\n  x\n  ```", ["x\n"]),
        ("    indented", []),
        ("a ```x``` b", []),
        ("````\n```\nx\n```\n````", ["```\nx\n```\n"]),
        ("", []),
    ],
)
def test_fences_are_those_of_commonmark(text: str, blocks: list[str]) -> None:
    assert fenced_blocks(text) == blocks


@settings(deadline=None)
@given(st.text(alphabet="`~ \n->*1.x[](<", max_size=300))
def test_any_text_has_blocks_or_none(text: str) -> None:
    assert all(isinstance(block, str) for block in fenced_blocks(text))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["```", "> ", "[", "**", "- ", "`", "<", "1. ", "```\n", "| a "])
def test_a_long_hostile_text_takes_no_long_time(piece: str) -> None:
    fenced_blocks("```\n" + piece * 50_000)
    fenced_blocks(piece * 50_000 + "\n```")


@pytest.mark.parametrize(
    ("code", "bound"),
    [
        ("def add(x, y): pass", True),
        ("    async def add(x): pass", True),
        ("add = lambda x, y: x + y", True),
        ("add: int = 3", True),
        ("from operator import add", True),
        ("from m import plus as add", True),
        ("class add: pass", True),
        ("print(add(1, 2))", False),
        ("def add_two(x): pass", False),
        ("", False),
    ],
)
def test_a_function_is_defined_assigned_or_imported(code: str, bound: bool) -> None:
    assert defines(code, "add") is bound


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("from __future__ import annotations\ndef f(): pass", True),
        ("class Solution:\n    pass", False),
        ("import os\nos.getcwd()", True),
        ("import resource", True),
        ("\ufeffdef f(): pass", True),
        ("import resources\nclass Solver: pass", False),
        ("def f(): return 'from __future__'", False),
    ],
)
def test_what_the_harness_of_the_reference_refuses_is_known(code: str, refused: bool) -> None:
    assert (REFUSED.search(code) is not None) is refused
