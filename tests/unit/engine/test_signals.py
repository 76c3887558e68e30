"""What a signal asks, and what our own clock asks: only after a signal a kill is near."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from saiten.engine.signals import StopRequest, watch_signals
from saiten.errors import Exit


@pytest.mark.parametrize(
    ("clock_first", "number", "hurried"),
    [
        (False, None, False),
        (False, signal.SIGTERM, True),
        (False, signal.SIGUSR2, True),
        (True, signal.SIGUSR2, False),  # it only says what the clock knew: there is time until then
        (True, signal.SIGTERM, True),
    ],
)
def test_a_signal_hurries_unless_it_only_repeats_our_clock(
    *, clock_first: bool, number: signal.Signals | None, hurried: bool
) -> None:
    async def scenario() -> bool:
        stop = StopRequest()
        with watch_signals(stop, lambda _: None):
            if clock_first:
                stop.ask("the end of the job's time", Exit.INCOMPLETE)
            if number is not None:
                os.kill(os.getpid(), number)
                await asyncio.sleep(0.05)
        return stop.hurried

    assert asyncio.run(scenario()) is hurried
