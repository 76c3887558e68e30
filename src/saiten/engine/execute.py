"""Running generated programs while generation goes on.

What waits is the place of an answer, not its text: the text is read back from the journal when a worker is free. A
program that ran before (in this run or an earlier start) is not run again: its verdict is in the journal under the
hash of the program, its tests and the rules.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque

from msgspec import Struct, field

from saiten.engine.crash import crash
from saiten.engine.identity import program_identity
from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.engine.progress import Progress
from saiten.engine.record import Place, VerdictRecord
from saiten.engine.writer import GroupCommit
from saiten.programs import AnyProgram
from saiten.sandbox import Sandbox
from saiten.types import Document, Generation, Verdict

NOT_A_VERDICT = "sandbox_failed"
"""Status of an execution that could not be made at all: neither passed nor failed, and owed again."""


def execution_of(plan: BenchmarkPlan, document: Document, generation: Generation) -> tuple[str, AnyProgram | None]:
    """Return the identity of the execution that decides about an answer, and its program (None: no code)."""
    assert plan.benchmark.verifier is not None
    program = plan.benchmark.verifier.program(document, generation)
    rules = f"{plan.benchmark.scorer.name}-{plan.benchmark.scorer.version}"
    return (program_identity(program, rules), program) if program is not None else ("", None)


NO_CODE = Verdict(kind="execution", status="no_code", value=0.0)


class LazySandbox(Struct):
    """A sandbox that is built when it is first needed, and not at all when every verdict is known."""

    unsafe: bool
    _sandbox: Sandbox | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self) -> Sandbox:
        """Return the sandbox. Raises UserError where no isolation works."""
        async with self._lock:
            if self._sandbox is None:
                self._sandbox = await Sandbox.start(unsafe=self.unsafe)
            return self._sandbox

    async def close(self) -> None:
        """Stop its processes."""
        if self._sandbox is not None:
            await self._sandbox.close()


class Executor(Struct, kw_only=True):
    """Executes stored answers of benchmarks that have a verifier."""

    sandbox: LazySandbox
    commit: GroupCommit
    progress: Progress
    workers: int = field(default_factory=lambda: os.cpu_count() or 2)
    _waiting: deque[tuple[BenchmarkPlan, SubsetPlan, int, int, int]] = field(default_factory=deque)
    _running: dict[str, asyncio.Event] = field(default_factory=dict)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _closing: bool = False
    failures: int = 0
    """Executions that could not be made."""

    def add(self, plan: BenchmarkPlan, subset: SubsetPlan, index: int, repetition: int, turn: int) -> None:
        """Queue an answer by its place."""
        self.progress.benchmarks[plan.benchmark.name].to_verify += 1
        self._waiting.append((plan, subset, index, repetition, turn))
        self._wake.set()

    def add_stored(self, plan: BenchmarkPlan) -> None:
        """Queue every answer of a benchmark that the journal has."""
        for subset in plan.subsets:
            for index in subset.indexes:
                for repetition in range(subset.samples):
                    for turn in range(subset.turns):
                        if subset.locations[subset.slot(index, repetition, turn)] >= 0:
                            self.add(plan, subset, index, repetition, turn)

    async def run(self) -> None:
        """Work until `finish` was called and nothing waits."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work())

    def finish(self) -> None:
        """Say that no more answers will come."""
        self._closing = True
        self._wake.set()

    async def _work(self) -> None:
        while True:
            while not self._waiting:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
            plan, subset, index, repetition, turn = self._waiting.popleft()
            await self._execute(plan, subset, index, repetition, turn)
            self.progress.benchmarks[plan.benchmark.name].verified += 1

    async def _execute(self, plan: BenchmarkPlan, subset: SubsetPlan, index: int, repetition: int, turn: int) -> None:
        record = plan.generations.read(subset.locations[subset.slot(index, repetition, turn)])
        document = subset.document(index)
        identity, program = await asyncio.to_thread(execution_of, plan, document, record.generation)
        if program is None or identity in plan.verdicts:
            return
        if (other := self._running.get(identity)) is not None:  # the same text again: one execution serves both
            await other.wait()
            return
        done = self._running[identity] = asyncio.Event()
        try:
            sandbox = await self.sandbox.get()
            verdict = await sandbox.run(program)
            crash("in_execution")
            if verdict.status == NOT_A_VERDICT:
                self.failures += 1
                return
            plan.take_verdict(identity, verdict, sandbox.level)
            place = Place(
                id=identity, subset=subset.subset, document=document.id, index=index, repetition=repetition, turn=turn
            )
            plan.judgements.append(
                VerdictRecord(place=place, verdict=verdict, generation_id=record.place.id, by=sandbox.level)
            )
            self.commit.written(plan.judgements.writer)
        finally:
            done.set()
            del self._running[identity]
