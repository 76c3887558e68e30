"""The model's own server beside the asking: started when something is owed, started again once when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from saiten.engine.progress import Progress
from saiten.engine.signals import StopRequest
from saiten.errors import EndpointError
from saiten.models.client import Client
from saiten.served import ModelServer, Reached

HANG_SECONDS = 900.0
"""Longer than any prompt takes to be read: the first token of a long one may be minutes away."""
HANG_STALLS = 2
"""As many of the user's own --stall-seconds."""
RESTARTS = 1
"""How often a server that died is started again: a second death is no accident."""


async def start_server(server: ModelServer, tell: Callable[[str], None], stop: StopRequest) -> Reached | None:
    """Start the server; None where a signal asked to stop meanwhile. Raises UserError or EndpointError."""
    starting = asyncio.ensure_future(server.start(tell))
    stopping = asyncio.ensure_future(stop.draining.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
    return None if starting.cancelled() else starting.result()


class Worker(Protocol):
    """Somebody who asks the server."""

    client: Client

    @property
    def active(self) -> int:
        """What was launched and has not come back."""
        ...

    def give_up(self, error: EndpointError) -> None:
        """End: nothing will be answered any more."""
        ...


class Keeper(Struct, kw_only=True):
    """Keeps a server up."""

    server: ModelServer
    workers: Sequence[Worker]
    """Who asks it; the list may grow."""
    progress: Progress
    notes: list[str]
    hang_seconds: float
    """Without any token, while choices are in flight, after which the server is taken to be dead."""

    async def run(self, tell: Callable[[str], None]) -> None:
        """Start the server again when it dies, until cancelled. Requests wait meanwhile, and are then asked again."""
        while True:
            what = await self._until_down()
            if self.progress.restarts >= RESTARTS:
                self._give_up(EndpointError(f"the model server {what} again after it was started anew"))
                return
            self.progress.restarts += 1
            tell(f"the model server {what}; it is started again, and what was in flight is asked again")
            held = [worker.client.limiter for worker in self.workers]
            for limiter in held:
                limiter.hold()
            try:
                await self.server.restart()
            except EndpointError as error:
                self._give_up(error)
                return
            finally:
                for limiter in held:
                    limiter.resume()
            self.notes.append(f"the model server {what} and was started again")

    def _give_up(self, error: EndpointError) -> None:
        for worker in self.workers:
            worker.give_up(error)

    async def _until_down(self) -> str:
        """Wait until the server is of no use any more; return what happened to it."""
        died, hung = asyncio.ensure_future(self.server.ended()), asyncio.ensure_future(self._hung())
        try:
            await asyncio.wait({died, hung}, return_when=asyncio.FIRST_COMPLETED)
            return "died" if died.done() else "gave no token for too long"
        finally:
            died.cancel()
            hung.cancel()

    async def _hung(self) -> None:
        """Return when choices are in flight and no token came for long: an engine may die and leave its API up."""
        loop = asyncio.get_running_loop()
        tokens, since = -1, loop.time()
        while loop.time() - since < self.hang_seconds:
            came = sum(worker.client.stats.output_tokens for worker in self.workers)
            if came != tokens or not any(worker.active for worker in self.workers):
                tokens, since = came, loop.time()
            await asyncio.sleep(min(5.0, self.hang_seconds / 4))
