"""Asking the judge while generation goes on: another endpoint, with a client and a limiter of its own.

An answer waits by its place and is read back when a slot is free. A judgement that the journal has is not asked again.
If the judge's endpoint fails for good, judging ends and generation goes on: the answers are kept, the verdicts owed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from msgspec import Struct, field

from saiten.engine.crash import crash
from saiten.engine.judgement import Due, Judgement, judgement_of, read_turns, unjudged, verdict_of
from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.engine.progress import Progress
from saiten.engine.record import JUDGE_FAILED, JUDGE_UNPARSABLE, RATED, GenerationRecord, Place, VerdictRecord
from saiten.engine.signals import StoppedNow, StopRequest
from saiten.engine.slots import take_slots
from saiten.engine.writer import GroupCommit
from saiten.errors import EndpointError
from saiten.models.client import Client
from saiten.types import Generation, Outcome, Request, Verdict


class Judging(Struct, kw_only=True):
    """Judges stored answers of benchmarks that have a judge."""

    client: Client
    commit: GroupCommit
    progress: Progress
    stop: StopRequest
    drain_seconds: float
    tell: Callable[[str], None]
    failures: int = 0
    """Judgements that could not be had."""
    fatal: EndpointError | None = None
    """Why the judge's endpoint cannot go on."""
    _waiting: deque[Due] = field(default_factory=deque)
    _running: set[str] = field(default_factory=set)
    _active: int = 0
    _closing: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, plan: BenchmarkPlan, subset: SubsetPlan, index: int, repetition: int, turn: int) -> None:
        """Take in an answer that was stored, and queue what can be judged now: its turn, or later ones as well."""
        for judged in range(turn, subset.turns):
            first = subset.slot(index, repetition, 0)
            if min(subset.locations[first : first + judged + 1]) >= 0:
                self._queue((plan, subset, index, repetition, judged))

    def add_stored(self, plans: Iterable[BenchmarkPlan]) -> None:
        """Queue the stored answers that have no verdict yet."""
        for plan in plans:
            for due in unjudged(plan):
                self._queue(due)

    def _queue(self, due: Due) -> None:
        self.progress.benchmarks[due[0].benchmark.name].to_verify += 1
        self._waiting.append(due)
        self._changed.set()

    def finish(self) -> None:
        """Say that no more answers will come."""
        self._closing = True
        self._changed.set()

    @property
    def active(self) -> int:
        """Judgements that were asked for and have not come back."""
        return self._active

    def give_up(self, error: EndpointError) -> None:
        """End: the server that judges is gone for good, and what is in flight is not waited for."""
        self.fatal = self.fatal or error
        self.stop.give_up()

    async def run(self) -> None:
        """Work until `finish` was called and nothing waits, or the run is stopped, or the endpoint fails for good."""
        try:
            async with asyncio.TaskGroup() as group:
                stopper = group.create_task(self.stop.watched(self._changed))
                following = group.create_task(self.client.follow_load())
                while (due := await self._next()) is not None:
                    await self._launch(group, due)
                await self.stop.finish(stopper, lambda: self._active, self._changed, self.drain_seconds)
                following.cancel()
        except* StoppedNow:
            pass

    def _stopping(self) -> bool:
        return self.stop.draining.is_set() or self.fatal is not None

    async def _next(self) -> Due | None:
        while not self._stopping():
            if self.commit.refused_since is not None:  # nothing may be asked that cannot be stored
                await asyncio.sleep(0.5)
            elif self._waiting:
                return self._waiting.popleft()
            elif self._closing:
                return None
            else:
                self._changed.clear()
                await self._changed.wait()
        return None

    async def _launch(self, group: asyncio.TaskGroup, due: Due) -> None:
        await asyncio.sleep(0)  # let the requests made so far go out
        plan, subset, index, _, _ = due
        records = read_turns(due)
        assert records is not None, "an answer is queued when it and the turns before it are stored"
        turns = [record.generation for record in records]
        judgement = judgement_of(plan, subset, subset.document(index), turns)
        key = judgement.identities[0]
        if key in self._running or verdict_of(plan, judgement) is not None:  # one judgement serves equal answers
            self._count(plan)
            return
        if not await take_slots(self.client.limiter, 1, self.stop.draining):
            return
        self._running.add(key)
        self._active += 1
        group.create_task(self._judge(due, judgement, records[-1]))

    async def _judge(self, due: Due, judgement: Judgement, record: GenerationRecord) -> None:
        plan = due[0]
        try:
            for identity in judgement.identities:
                if identity not in plan.verdicts:
                    await self._ask(due, judgement, identity, record)
                if identity not in plan.verdicts or verdict_of(plan, judgement) is not None:
                    break
        except EndpointError as error:
            if self.fatal is None:
                self.fatal = error
                self.tell(f"judging ends: {error}; answers are still collected")
        finally:
            self.client.limiter.release()
            self._running.discard(judgement.identities[0])
            self._active -= 1
            self._count(plan)
            self._changed.set()

    async def _ask(self, due: Due, judgement: Judgement, identity: str, record: GenerationRecord) -> None:
        """Ask once, store what came, and only then count it."""
        plan, subset, index, repetition, turn = due
        assert plan.judge is not None
        crash("before_judge")
        (reply,) = await self.client.generate(Request(messages=judgement.messages, sampling=plan.judge.sampling))
        crash("after_judge")
        verdict = self._verdict(plan, judgement, reply)
        place = Place(
            id=identity,
            subset=subset.subset,
            document=judgement.document.id,
            index=index,
            repetition=repetition,
            turn=turn,
        )
        by = reply.model or plan.judge.name
        plan.judgements.append(VerdictRecord(place=place, verdict=verdict, generation_id=record.place.id, by=by))
        self.commit.written(plan.judgements.writer)
        if self.client.endpoint.paid:
            await self.commit.durable(plan.judgements.writer)
        self.failures += verdict.status == JUDGE_FAILED
        plan.take_verdict(identity, verdict, by)

    @staticmethod
    def _verdict(plan: BenchmarkPlan, judgement: Judgement, reply: Generation) -> Verdict:
        if reply.outcome is Outcome.REQUEST_FAILED:
            return Verdict(kind="judgement", status=JUDGE_FAILED, detail=reply.error or "", seconds=reply.seconds)
        text = reply.text or ""
        assert plan.benchmark.judge is not None
        rating = plan.benchmark.judge.rating(judgement.document, judgement.answers, text)
        status = JUDGE_UNPARSABLE if rating is None else RATED
        return Verdict(
            kind="judgement", status=status, value=rating, detail=text, seconds=reply.seconds, usage=reply.usage
        )

    def _count(self, plan: BenchmarkPlan) -> None:
        self.progress.benchmarks[plan.benchmark.name].verified += 1
