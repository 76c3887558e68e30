"""The live part of a run: generation, execution, commits and the display, side by side in one task group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field

from saiten.engine.execute import Executor, LazySandbox
from saiten.engine.generate import Generator
from saiten.engine.judge import Judging
from saiten.engine.lengths import Learner
from saiten.engine.plan import BenchmarkPlan
from saiten.engine.progress import BenchmarkProgress, Progress
from saiten.engine.queue import Item, WorkQueue
from saiten.engine.served import HANG_SECONDS, HANG_STALLS, Keeper, Worker, start_server
from saiten.engine.signals import StopRequest, watch_signals
from saiten.engine.writer import GroupCommit
from saiten.errors import EndpointError, Exit, Interrupted, SaitenError
from saiten.models.budget import Budget
from saiten.models.client import Client
from saiten.models.judges import MODEL_SERVER
from saiten.models.options import ClientOptions
from saiten.models.providers import Endpoint
from saiten.results import manifest
from saiten.served import ModelServer, Reached
from saiten.types import Access, Generation, RunSpec
from saiten.values import replace

TICK_SECONDS = 0.5
Verify = Callable[[Item, int], None]
"""Called with an item and a repetition whose answer is stored: it can be executed or judged now."""
SHORT_RUN = 2_000
"""Choices owed up to which the next stage is made ready at once: its start would be half of the whole wait."""


class Observer(Protocol):
    """Who watches a run. Called on the event loop: return at once."""

    def update(self, progress: Progress) -> None:
        """Show how far the run is; about twice a second."""
        ...

    def tell(self, message: str) -> None:
        """Say one line."""
        ...


class Asking(Struct, kw_only=True):
    """Brings every owed choice of a run to disk, as far as the endpoint and the signals allow."""

    spec: RunSpec
    access: Access
    endpoint: Endpoint | None
    """None: nothing is asked, only what is stored is executed and judged."""
    plans: Sequence[BenchmarkPlan]
    directory: Path
    observer: Observer
    on_last: Callable[[], None]
    """Called when the last request is on its way."""
    server: ModelServer | None = None
    """A server that is started when something is owed."""
    judge: Endpoint | None = None
    """Where judgements are asked; None where none is missing."""
    progress: Progress = field(default_factory=Progress)
    budget: Budget | None = None
    """What the run costs; None: no price is known."""
    notes: list[str] = field(default_factory=list)
    _workers: list[Worker] = field(default_factory=list)
    """Who asks the server that is started."""

    def count_restored(self) -> None:
        """Count what the journals have already."""
        for plan in self.plans:
            answered = sum(subset.answered() for subset in plan.subsets)
            failed = sum(subset.failed() for subset in plan.subsets)
            self.progress.benchmarks[plan.benchmark.name] = BenchmarkProgress(
                name=plan.benchmark.name, due=plan.due, answered=answered, before=answered, failed=failed
            )

    async def run(self) -> None:
        """Ask and execute what is owed. Raises EndpointError, Interrupted or UserError; all leave a resumable run."""
        stop = StopRequest()
        commit = GroupCommit()
        for plan in self.plans:
            for journal in (plan.generations, plan.judgements):
                commit.add(journal.writer, journal.rescue)
        failure: SaitenError | None = None
        with watch_signals(stop, self.observer.tell):
            try:
                async with asyncio.TaskGroup() as group:
                    helpers = [group.create_task(part) for part in (commit.run(), self._tick(), self._clock(stop))]
                    failure = await self._work(commit, stop)
                    for task in helpers:
                        task.cancel()
            except* SaitenError as errors:
                failure = first_leaf(errors)
            finally:
                await commit.commit()
        if failure is None and stop.exit is not None:
            failure = Interrupted(f"stopped by {stop.reason}", exit_status=stop.exit)
        self._count_cost()
        if failure is not None:
            self.progress.state = "interrupted" if isinstance(failure, Interrupted) else "failed"
            self.progress.detail = str(failure)
            self.progress.write(self.directory)
            raise failure

    async def _work(self, commit: GroupCommit, stop: StopRequest) -> SaitenError | None:
        """Generate, execute and judge side by side; return why that could not go on, if it could not."""
        async with AsyncExitStack() as stack:
            executor = await self._executor(stack, commit)
            judging = None if self.judges_itself else await self._judging(stack, commit, stop)
            reached = await self._serve(stack, stop)
            if self.judges_itself and reached is not None:
                judging = await self._judging(stack, commit, stop, reached)

            def stored(item: Item, repetition: int) -> None:
                if executor is not None and item.plan.benchmark.verifier is not None:
                    executor.add(item.plan, item.subset, item.index, repetition, item.turn)
                if judging is not None and item.plan.benchmark.judge is not None:
                    judging.add(item.plan, item.subset, item.index, repetition, item.turn)

            async with asyncio.TaskGroup() as group:
                executing = group.create_task(executor.run()) if executor is not None else None
                judged = group.create_task(judging.run()) if judging is not None else None
                keeping = group.create_task(self._keep()) if self.judges_itself and reached is not None else None
                failure = await self._generate(commit, stop, stored, reached)
                if executor is not None or judging is not None:
                    self.progress.state = "verifying"
                if executor is not None and executing is not None:
                    if stop.exit is not None or stop.now.is_set():
                        executing.cancel()
                    executor.finish()
                if judging is not None and judged is not None:
                    judging.finish()
                    await asyncio.wait({judged})
                if keeping is not None:
                    keeping.cancel()
        self._note_end(executor, judging)
        return failure or (judging.fatal if judging is not None else None)

    def _note_end(self, executor: Executor | None, judging: Judging | None) -> None:
        if executor is not None and executor.failures:
            self.notes.append(f"{executor.failures} programs could not be executed: the sandbox failed")
        if judging is not None:
            self.notes.extend(f"judge: {note}" for note in told_by(judging.client))
            if judging.failures:
                self.notes.append(f"{judging.failures} judgements failed: the same command again asks for them")

    async def _executor(self, stack: AsyncExitStack, commit: GroupCommit) -> Executor | None:
        verified = [plan for plan in self.plans if plan.benchmark.verifier is not None]
        if not verified:
            return None
        sandbox = LazySandbox(unsafe=self.access.unsafe_code_execution)
        stack.push_async_callback(sandbox.close)
        if self._owes():  # a machine without isolation must say so before anything is asked
            await sandbox.get()
        executor = Executor(sandbox=sandbox, commit=commit, progress=self.progress)
        for plan in verified:
            executor.add_stored(plan)
        return executor

    @property
    def judges_itself(self) -> bool:
        """Whether the server that is started for the model judges as well."""
        return self.server is not None and self.judge is not None and self.access.judge_base_url == MODEL_SERVER

    async def _serve(self, stack: AsyncExitStack, stop: StopRequest) -> Reached | None:
        """Start the model's server, if there is one to start and something to ask it."""
        if self.server is None or not (self._owes() or self.judges_itself):
            return None
        stack.push_async_callback(self._end, self.server, stop)
        self.progress.state = "serving"
        reached = await start_server(self.server, self.observer.tell, stop)
        if reached is not None:
            manifest.note(self.directory, {"server": reached.facts})
        return reached

    async def _judging(
        self, stack: AsyncExitStack, commit: GroupCommit, stop: StopRequest, reached: Reached | None = None
    ) -> Judging | None:
        """Return who judges; `reached`: the model's own server, which is asked as the model is."""
        if self.judge is None:
            return None
        access = replace(self.access, concurrency=self.access.judge_concurrency, max_n=None)
        if reached is not None:
            judge = replace(self.judge, base_url=reached.base_url, api_key=reached.api_key)
            client = Client.for_run(judge, access, self.spec, reached)
        else:
            options = ClientOptions(concurrency=access.concurrency, stall_seconds=access.stall_seconds)
            client = Client(self.judge, options)
        await stack.enter_async_context(client)
        client.pay_from(self.budget)
        info = await client.check()  # a judge that cannot be used must say so before anything is asked
        self.notes.extend(f"judge: {note}" for note in info.notes)
        judging = Judging(
            client=client,
            commit=commit,
            progress=self.progress,
            stop=stop,
            drain_seconds=self.access.drain_seconds,
            tell=self.observer.tell,
        )
        judging.add_stored(self.plans)
        if reached is not None:
            self._workers.append(judging)
        return judging

    def _owes(self) -> bool:
        return self.endpoint is not None and any(subset.owes() for plan in self.plans for subset in plan.subsets)

    async def _generate(
        self, commit: GroupCommit, stop: StopRequest, verify: Verify, reached: Reached | None
    ) -> SaitenError | None:
        """Ask what is owed; the server lives no longer than this (unless it judges): scoring costs no GPU time."""
        if self.endpoint is None or not self._owes() or (self.server is not None and reached is None):
            return None
        endpoint = self.endpoint
        if reached is not None:
            endpoint = replace(endpoint, base_url=reached.base_url, api_key=reached.api_key)
        client = Client.for_run(endpoint, self.access, self.spec, reached)
        try:
            return await self._ask(client, commit, stop, verify)
        finally:
            self.progress.asking_until = time.time()
            if self.server is not None and not self.judges_itself:
                await self._end(self.server, stop)

    async def _end(self, server: ModelServer, stop: StopRequest) -> None:
        await server.stop(hurried=stop.hurried)

    async def _ask(self, client: Client, commit: GroupCommit, stop: StopRequest, verify: Verify) -> SaitenError | None:
        learners = {id(plan): Learner(plan) for plan in self.plans}

        def stored(item: Item, repetition: int, generation: Generation) -> None:
            if generation.usage.output_tokens is not None:
                tokens = generation.usage.output_tokens
                learners[id(item.plan)].learn(item.subset, item.index, item.document.id, tokens)
            verify(item, repetition)

        client.pay_from(self.budget)
        async with client:
            info = await client.check()
            self.notes.extend(info.notes)
            owing = (subset for plan in self.plans for subset in plan.subsets if subset.owes())
            await client.rehearse(each for subset in owing for each in subset.settings())
            generator = Generator(
                queue=WorkQueue(self.plans, client.width),
                client=client,
                commit=commit,
                progress=self.progress,
                stop=stop,
                on_stored=stored,
                on_last=self.on_last,
                drain_seconds=self.access.drain_seconds,
                synced_each=client.endpoint.paid,
            )
            self._workers.append(generator)
            self.progress.state = "generating"
            self.progress.asking_since = time.time()
            if self.progress.due - self.progress.answered <= SHORT_RUN:
                self.on_last()
            helpers = [asyncio.ensure_future(helper) for helper in self._helpers(client)]
            try:
                await generator.run()
            except EndpointError as error:
                return error
            finally:
                await ended(helpers)
                self.notes.extend(told_by(client))
                for learner in learners.values():
                    learner.save()
        return None

    def _helpers(self, client: Client) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield what goes on beside the asking until it is cancelled."""
        yield self._watch(client)
        yield client.follow_load()
        if self.server is not None and not self.judges_itself:
            yield self._keep()

    async def _keep(self) -> None:
        """Keep the model's server up until cancelled."""
        assert self.server is not None, "there is a server to keep"
        stall = self.access.stall_seconds
        keeper = Keeper(
            server=self.server,
            workers=self._workers,
            progress=self.progress,
            notes=self.notes,
            hang_seconds=HANG_STALLS * stall if stall else HANG_SECONDS,
        )
        await keeper.run(self.observer.tell)

    async def _watch(self, client: Client) -> None:
        """Copy the client's counters into the progress until cancelled, and once more then: the last count."""
        try:
            while True:
                self._copy_counters(client)
                await asyncio.sleep(TICK_SECONDS)
        finally:
            self._copy_counters(client)
            self.progress.server = None  # what it said last is over

    def _copy_counters(self, client: Client) -> None:
        self.progress.running = client.limiter.in_flight
        self.progress.ceiling = client.limiter.ceiling
        self.progress.waiting = client.limiter.waiting
        self.progress.streamed_tokens = client.stats.output_tokens
        self.progress.requests = client.stats.requests_sent
        self.progress.retries = client.stats.retries
        self.progress.paused_seconds = client.stats.paused_seconds
        self._count_cost()
        self.progress.server = client.load

    def _count_cost(self) -> None:
        if self.budget is not None:
            self.progress.cost, self.progress.max_cost = self.budget.spent, self.budget.most

    async def _tick(self) -> None:
        """Show the progress until cancelled."""
        while True:
            self.progress.sample()
            self.observer.update(self.progress)
            await asyncio.sleep(TICK_SECONDS)

    async def _clock(self, stop: StopRequest) -> None:
        """Ask to stop when the job's time is nearly over."""
        moment = self.access.part.stop_at
        if moment is None:
            return
        await asyncio.sleep(moment - time.time())
        self.observer.tell("the job's time is nearly over: finishing what is in flight")
        stop.until = self.access.part.drain_until
        stop.ask("the end of the job's time", Exit.INCOMPLETE)


async def ended(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel tasks and wait for them. What one of them raised is raised: it is a bug of ours."""
    for task in tasks:
        task.cancel()
    for found in await asyncio.gather(*tasks, return_exceptions=True):
        if found is not None and not isinstance(found, asyncio.CancelledError):
            raise found


def told_by(client: Client) -> Iterator[str]:
    """Yield what a client has to say at its end."""
    yield from client.stats.notes
    if client.stats.possible_double_charges:
        yield (
            f"{client.stats.possible_double_charges} requests were sent again although the first may have "
            "been billed: the connection broke before the answer was complete"
        )


def first_leaf(errors: BaseExceptionGroup[SaitenError]) -> SaitenError:
    """Return the first error of a group of groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SaitenError)
    return error
