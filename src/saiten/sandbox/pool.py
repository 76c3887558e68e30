"""The sandbox: a pool of workers, the level of isolation they have, and verdicts on programs."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from saiten.errors import UserError
from saiten.programs import AnyProgram, LongText, Program
from saiten.sandbox.selftest import probe_program
from saiten.sandbox.verdicts import failed_sandbox, verdict
from saiten.sandbox.worker import LAYERS, Worker, WorkerLost
from saiten.types import Verdict

_ANSWER_MARGIN = 60.0
"""Seconds that a worker has beyond its own wall limit before it counts as lost."""


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """Runs programs that nobody trusts. Make one with `start`; close it, or use it as an async context manager.

    Covered: a program cannot read files but the standard library's, write any, reach the network, other processes or
    its tests, nor outlive its verdict or exceed its limits (levels L1 to L3).
    Not covered: errors of the kernel in the calls that remain; timing; that a path exists (L1 and L2: stat).
    """

    level: str
    """How programs are isolated, e.g. `L3/namespaces+landlock7+seccomp`; stored with every result."""
    workers: int
    _wanted: tuple[str, ...]
    _slots: asyncio.Semaphore
    _idle: list[Worker] = field(default_factory=list)
    _lost: list[Worker] = field(default_factory=list)
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _python: str | None = None

    @classmethod
    async def start(
        cls,
        *,
        workers: int | None = None,
        unsafe: bool = False,
        layers: tuple[str, ...] = LAYERS,
        python: str | None = None,
    ) -> Sandbox:
        """Find the highest level that works here by trying to break it.

        Args:
            workers: how many programs run at once; by default one per processor of this process.
            unsafe: accept having no isolation at all (L0) where none works.
            layers: the layers that may be used; fewer, to try what another kernel would give.
            python: interpreter of the programs, by default saiten's own.

        Raises:
            UserError: no isolation works here; says what is missing.
        """
        reasons: list[str] = []
        for wanted in _combinations(layers, unsafe=unsafe):
            worker = await _tested(wanted, python, reasons)
            if worker is not None:
                count = workers or _processors()
                return cls(
                    level=_level(worker.layers),
                    workers=count,
                    _wanted=wanted,
                    _slots=asyncio.Semaphore(count),
                    _idle=[worker],
                    _python=python,
                )
        raise UserError(
            "no isolation for generated code works here: "
            + ("; ".join(dict.fromkeys(reasons)) or "no layer may be used")
            + ". Use a node with Linux 5.13 or newer (Landlock) or with user namespaces, or accept running the code "
            "unprotected with --unsafe-code-execution"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self, program: AnyProgram) -> Verdict:
        """Run a program against its tests or cases. Status `sandbox_failed` is no score: nothing was decided."""
        job: dict[str, Any] = {"source": program.source, "cpu_seconds": program.cpu_seconds}
        if isinstance(program, Program):
            job |= {
                "entry_point": program.entry_point,
                "tests": program.tests,
                "prompt": program.language_prompt,
            }
            cases = None
        else:
            job |= {"function": program.function, "public": program.public}
            cases = program.private
        return await self._decide(job, cases, 4 * program.cpu_seconds)

    async def close(self) -> None:
        """End every process of the sandbox."""
        for worker in (*self._idle, *self._lost):
            await worker.ended()
        self._idle.clear()
        self._lost.clear()

    async def _decide(self, job: Mapping[str, Any], cases: LongText | None, seconds: float) -> Verdict:
        try:
            async with self._slots:
                seen = await self._ask(job, cases, seconds)
            if seen["again"]:
                seen = await self._ask_alone(job, cases, seconds)
        except WorkerLost as error:
            return failed_sandbox(f"the sandbox's worker was lost twice: {error}")
        return verdict(seen)

    async def _ask_alone(self, job: Mapping[str, Any], cases: LongText | None, seconds: float) -> dict[str, Any]:
        """Ask with no other program running: what was starved of time or memory gets a fair second try."""
        async with self._alone:
            held = 0
            try:
                for _ in range(self.workers):
                    await self._slots.acquire()
                    held += 1
                return await self._ask(job, cases, seconds)
            finally:
                for _ in range(held):
                    self._slots.release()

    async def _ask(self, job: Mapping[str, Any], cases: LongText | None, seconds: float) -> dict[str, Any]:
        """Ask an idle worker, or a new one if there is none or the first is lost. Raises WorkerLost."""
        try:
            return await self._ask_once(job, cases, seconds)
        except WorkerLost:
            return await self._ask_once(job, cases, seconds)

    async def _ask_once(self, job: Mapping[str, Any], cases: LongText | None, seconds: float) -> dict[str, Any]:
        digest = "" if cases is None else _digest(job["public"], cases)
        worker = self._idle_worker(digest) or await self._new_worker()
        try:
            if cases is not None:  # read only where they are not, so that there are never more than workers
                private = "" if worker.holds == digest else await asyncio.to_thread(cases.read)
                job = {**job, "digest": digest, "private": private}
                worker.holds = digest
            return await worker.ask(job, seconds + _ANSWER_MARGIN)
        finally:
            (self._idle if worker.alive else self._lost).append(worker)
            self._lost = [lost for lost in self._lost if lost.process.returncode is None]

    def _idle_worker(self, digest: str) -> Worker | None:
        """Take an idle worker, one that holds the cases wanted if there is one."""
        chosen = next((worker for worker in self._idle if worker.holds == digest), None)
        chosen = chosen or (self._idle[-1] if self._idle else None)
        if chosen is not None:
            self._idle.remove(chosen)
        return chosen

    async def _new_worker(self) -> Worker:
        """Start a worker that is no weaker than the one that was tested. Raises WorkerLost."""
        worker = await Worker.start(self._wanted, self._python)
        if _level(worker.layers) != self.level:
            await worker.ended()
            raise WorkerLost(f"a new worker has only {_level(worker.layers)}, not {self.level}")
        return worker


def _digest(public: str, private: LongText) -> str:
    return hashlib.sha256(f"{public}\0{private.digest}".encode("utf-8", "replace")).hexdigest()


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _combinations(layers: tuple[str, ...], *, unsafe: bool) -> list[tuple[str, ...]]:
    """Return the sets of layers to try, strongest first."""
    tries = (LAYERS, ("landlock", "seccomp"), ("namespaces", "seccomp"), ("seccomp",))
    allowed = [tuple(layer for layer in each if layer in layers) for each in tries if "seccomp" in layers]
    return [*dict.fromkeys(allowed), *([()] if unsafe else [])]


async def _tested(wanted: tuple[str, ...], python: str | None, reasons: list[str]) -> Worker | None:
    """Start a worker; return it if it holds all the wanted layers and nothing gets out of it."""
    try:
        worker = await Worker.start(wanted, python)
    except WorkerLost as error:
        reasons.append(f"a worker with {'+'.join(wanted) or 'no layer'} did not start ({error})")
        return None
    reasons += [f"{layer}: {why}" for layer, why in worker.missing.items()]
    if not worker.missing and (not wanted or await _holds(worker, wanted, reasons)):
        return worker
    await worker.ended()
    return None


async def _holds(worker: Worker, wanted: tuple[str, ...], reasons: list[str]) -> bool:
    with probe_program(reading=len(wanted) > 1) as program:
        job = {
            "source": program.source,
            "entry_point": program.entry_point,
            "tests": program.tests,
            "prompt": "",
            "cpu_seconds": program.cpu_seconds,
        }
        try:
            seen = await worker.ask(job, _ANSWER_MARGIN + program.cpu_seconds)
        except WorkerLost as error:
            reasons.append(f"self-test of {'+'.join(wanted)}: the worker was lost ({error})")
            return False
    if seen["status"] != "passed":
        reasons.append(f"self-test of {'+'.join(wanted)}: {seen['detail']}")
    return bool(seen["status"] == "passed")


def _level(layers: tuple[str, ...]) -> str:
    """Name the level: L1 is the system call filter, each layer that hides files adds one; L0 is none of these."""
    return f"L{len(layers)}/{'+'.join(layers) or 'none'}"
