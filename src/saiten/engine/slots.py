"""Waiting for slots of a client's limiter, unless the run is stopped meanwhile."""

from __future__ import annotations

import asyncio

from saiten.models.limiter import Limiter


async def take_slots(limiter: Limiter, slots: int, stopped: asyncio.Event) -> bool:
    """Take slots; False, and none are taken, if `stopped` comes first."""
    if limiter.try_acquire(slots):
        return True
    acquiring = asyncio.ensure_future(limiter.acquire(slots))
    stopping = asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait({acquiring, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
    if acquiring.done():
        return True
    acquiring.cancel()
    await asyncio.wait({acquiring})
    if not acquiring.cancelled():
        limiter.release(slots)
    return False
