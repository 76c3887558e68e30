"""The model's own server beside the asking: started when something is owed, started again once when it dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from saiten.engine.generate import Generator
from saiten.engine.progress import Progress
from saiten.engine.signals import StopRequest
from saiten.errors import EndpointError
from saiten.models.client import Client
from saiten.served import ModelServer, Reached

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


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Keeps a server up."""

    server: ModelServer
    client: Client
    generator: Generator
    progress: Progress
    notes: list[str]

    async def run(self, tell: Callable[[str], None]) -> None:
        """Start the server again when it dies, until cancelled. Requests wait meanwhile, and are then asked again."""
        while True:
            await self.server.ended()
            if self.progress.restarts >= RESTARTS:
                self.generator.give_up(EndpointError("the model server died again after it was started anew"))
                return
            self.progress.restarts += 1
            tell("the model server died; it is started again, and what was in flight is asked again")
            self.client.limiter.hold()
            try:
                await self.server.restart()
            except EndpointError as error:
                self.generator.give_up(error)
                return
            finally:
                self.client.limiter.resume()
            self.notes.append("the model server died and was started again")
