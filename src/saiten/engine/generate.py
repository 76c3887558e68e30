"""Asking: takes items off the queue, sends them, stores the answers, and only then counts them.

One task for each request in flight, made after its slot was taken. A failure of one request is that choice's outcome;
a failure of the endpoint stops launching, lets what is in flight finish, and is raised at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from saiten.engine.crash import crash
from saiten.engine.plan import ANSWERED, FAILED, with_seed
from saiten.engine.progress import Progress
from saiten.engine.queue import Item, WorkQueue
from saiten.engine.record import GenerationRecord, Place
from saiten.engine.signals import StoppedNow, StopRequest
from saiten.engine.slots import take_slots
from saiten.engine.writer import GroupCommit
from saiten.errors import EndpointError
from saiten.models.client import Client
from saiten.types import Generation, Outcome, Request

OnStored = Callable[[Item, int, Generation], None]
"""Called with (item, repetition, generation) when an answer is stored."""


class Generator(Struct, kw_only=True):
    """Runs the queue against one endpoint."""

    queue: WorkQueue
    client: Client
    commit: GroupCommit
    progress: Progress
    stop: StopRequest
    on_stored: OnStored
    drain_seconds: float
    on_last: Callable[[], None]
    """Called once, when nothing more is to be launched: the time to make the next stage ready."""
    synced_each: bool
    """Whether an answer must be on disk before it is counted (paid endpoints)."""
    fatal: EndpointError | None = None
    _active: int = 0
    _told: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Ask everything that is owed. Raises EndpointError after the drain if the endpoint cannot go on."""
        try:
            async with asyncio.TaskGroup() as group:
                stopper = group.create_task(self.stop.watched(self._changed))
                await self._launch(group)
                self._say_last()
                if self._stopping():
                    self.progress.state = "draining"
                await self.stop.finish(stopper, lambda: self._active, self._changed, self.drain_seconds)
        except* StoppedNow:
            pass
        if self.fatal is not None:
            raise self.fatal

    @property
    def active(self) -> int:
        """Items that were launched and have not come back."""
        return self._active

    def give_up(self, error: EndpointError) -> None:
        """End the run: nothing will be answered any more, so what is in flight is not waited for."""
        self.fatal = self.fatal or error
        self.stop.give_up()

    async def _launch(self, group: asyncio.TaskGroup) -> None:
        limiter = self.client.limiter
        while not self._stopping():
            if self.commit.refused_since is not None:  # nothing may be asked that cannot be stored
                self.progress.detail = "waiting for the file system"
                await asyncio.sleep(0.5)
                continue
            item = self.queue.pop()
            if item is None:
                if self._active == 0:
                    return
                self._say_last()
                self._changed.clear()
                await self._changed.wait()
                continue
            slots = len(item.repetitions)
            if not await self._acquire(slots):
                return
            if self._stopping():
                limiter.release(slots)
                return
            self._active += 1
            group.create_task(self._ask(item))

    def _say_last(self) -> None:
        if not self._told and not self._stopping():
            self._told = True
            self.on_last()

    async def _acquire(self, slots: int) -> bool:
        """Take slots unless the run is stopped while waiting for them."""
        if self._active % 64 == 0:
            await asyncio.sleep(0)  # let the requests made so far go out
        return await take_slots(self.client.limiter, slots, self.stop.draining)

    def _stopping(self) -> bool:
        return self.stop.draining.is_set() or self.fatal is not None

    async def _ask(self, item: Item) -> None:
        slots = len(item.repetitions)
        try:
            crash("before_send")
            request = self._request(item)
            generations = await self.client.generate(request)
            crash("after_response")
            await self._store(item, request, generations)
        except EndpointError as error:
            self.fatal = self.fatal or error
            self.stop.draining.set()
        finally:
            self.client.limiter.release(slots)
            self._active -= 1
            self._changed.set()

    @staticmethod
    def _request(item: Item) -> Request:
        sampling = item.subset.sampling_of(item.document)
        if len(item.repetitions) == 1:
            sampling = with_seed(sampling, item.repetitions[0])
        return Request(
            messages=item.subset.messages(item.document, item.answers),
            sampling=sampling,
            n=len(item.repetitions),
            expected_tokens=item.expected_tokens,
        )

    async def _store(self, item: Item, request: Request, generations: list[Generation]) -> None:
        """Append the answers, wait for the disk where each one is paid for, then count them."""
        sampling = item.subset.sampling_of(item.document)  # as specified: a seed of one repetition is in its number
        conversation = item.subset.identities.conversation(request.messages, sampling)
        journal = item.plan.generations
        locations: list[int] = []
        for repetition, generation in zip(item.repetitions, generations, strict=True):
            place = Place(
                id=conversation.choice(repetition, item.turn, own=item.subset.own),
                subset=item.subset.subset,
                document=item.document.id,
                index=item.index,
                repetition=repetition,
                turn=item.turn,
            )
            locations.append(journal.append(GenerationRecord(place=place, generation=generation)))
        self.commit.written(journal.writer)
        if journal.writer.pending:
            await self.commit.written_out(journal.writer)
        if self.synced_each:
            await self.commit.durable(journal.writer)
        texts: dict[int, str] = {}
        for repetition, generation, location in zip(item.repetitions, generations, locations, strict=True):
            self._count(item, repetition, generation, location)
            if generation.outcome is not Outcome.REQUEST_FAILED:
                texts[repetition] = item.subset.continued(generation)
        self.queue.answered(item, texts)

    def _count(self, item: Item, repetition: int, generation: Generation, location: int) -> None:
        slot = item.subset.slot(item.index, repetition, item.turn)
        copies = item.subset.samples if item.subset.generated(item.index) == 1 else 1
        self.progress.benchmarks[item.plan.benchmark.name].note(generation, copies)
        if generation.outcome is Outcome.REQUEST_FAILED:
            item.subset.states[slot] = max(item.subset.states[slot], FAILED)
            return
        item.subset.states[slot] = ANSWERED
        item.subset.locations[slot] = location
        self.on_stored(item, repetition, generation)
