"""A sandbox for all tests of a module that leave it whole."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from saiten.programs import AnyProgram
from saiten.sandbox import Sandbox
from saiten.types import Verdict

Box = tuple[asyncio.Runner, Sandbox]


def opened() -> Iterator[Box]:
    """Give one sandbox; made a fixture by the module that uses it."""
    with asyncio.Runner() as runner:
        sandbox = runner.run(Sandbox.start(workers=2))
        yield runner, sandbox
        runner.run(sandbox.close())


def run(box: Box, *programs: AnyProgram) -> list[Verdict]:
    """Run programs at once, as many as there are."""
    runner, sandbox = box

    async def all_of_them() -> list[Verdict]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sandbox.run(program)) for program in programs]
        return [task.result() for task in tasks]

    return runner.run(all_of_them())
