"""Code: the program in an answer, and what a program is worth when it is run in the sandbox."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import msgspec

from saiten.datasets.apart import Held
from saiten.programs import AnyProgram, CasesProgram, Program
from saiten.sandbox import Sandbox
from saiten.scoring.code import compatible_cases_value, compatible_value
from saiten.scoring.code_text import extract_code, extract_script
from saiten.types import Verdict
from tests.helpers.shared import shared_path
from tests.parity.records import Compared, records


def compared_code_extraction() -> Iterator[Compared]:
    """The program in an answer."""
    for record in records("code_extraction"):
        given, text = record["input"], record["input"]["response"]
        code = extract_code(text, given["entry_point"]) if given["mode"] == "humaneval" else extract_script(text)
        yield record["id"], record["expected"]["code"], code


def compared_code_execution() -> Iterator[Compared]:
    """Whether a program counts as right in the compatible reading."""
    everything = list(records("code_execution"))
    verdicts = asyncio.run(executed([program_of(record["input"]) for record in everything]))
    for record, verdict in zip(everything, verdicts, strict=True):
        given = record["input"]
        if given["kind"] == "humaneval":
            value = compatible_value(given["code"], verdict)
        else:
            value = compatible_cases_value(given["code"], given["fn_name"], verdict)
        yield record["id"], record["expected"]["pass"], value == 1.0


async def executed(programs: list[AnyProgram]) -> list[Verdict]:
    """Run programs in a sandbox of their own."""
    async with await Sandbox.start() as box, asyncio.TaskGroup() as group:
        tasks = [group.create_task(box.run(program)) for program in programs]
        await asyncio.wait(tasks)
    return [task.result() for task in tasks]


def program_of(given: Mapping[str, Any]) -> AnyProgram:
    """Return the program of a record's input."""
    if given["kind"] == "humaneval":
        return Program(
            source=given["code"],
            entry_point=given["fn_name"],
            tests=given["check_fn"],
            language_prompt=starters()[given["task_id"]],
            cpu_seconds=given["timeout"],
        )
    cases = [{"input": one, "output": other} for one, other in zip(given["inputs"], given["outputs"], strict=True)]
    return CasesProgram(
        source=given["code"],
        function=given["fn_name"],
        public=json.dumps(cases),
        private=Held(""),
        cpu_seconds=given["timeout"],
    )


@cache
def starters() -> Mapping[str, str]:
    """Return the starter code of HumanEval's tasks: the tests of some use its helpers."""
    with gzip.open(shared_path("data/humaneval/HumanEval.jsonl.gz")) as lines:
        return {row["task_id"]: row["prompt"] for row in map(msgspec.json.decode, lines)}
