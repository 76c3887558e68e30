"""Money: what requests cost, and a limit that is looked at before each one is sent.

A request reserves the most that it is expected to cost and is charged what its usage says when it is done. One that
may have been billed without an answer (the connection broke) is charged what it had reserved. Several clients of a run
(the model, the judge) share one budget, each with its own price.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from msgspec import Struct, field

from saiten.errors import EndpointError, Exit
from saiten.models.provider_table import Price
from saiten.types import Message, Usage

MILLION = 1_000_000
UNKNOWN_TOKENS = 1_000.0
"""Output tokens that an answer is expected to have where nobody knows."""
UNKNOWN_SURPLUS = 128.0
"""Input tokens above the estimate, where no prompt was counted yet: a chat template may bring a system message."""
HEADROOM = 2.0
"""A request reserves so many times the mean length of the answers so far, where no --max-tokens bounds it."""


def about_tokens(text: str) -> float:
    """Estimate the tokens of a text: four ASCII characters, or one other character, for each."""
    ascii_only = len(text.encode("ascii", "ignore"))
    return ascii_only / 4 + (len(text) - ascii_only)


def prompt_tokens(messages: Iterable[Message]) -> float:
    """Estimate the tokens of a conversation, a few for each message's frame."""
    return sum(about_tokens(message.content) + 4 for message in messages)


def cost_of(price: Price, input_tokens: float, output_tokens: float) -> float:
    """Return the price of so many tokens."""
    return (price.input * input_tokens + price.output * output_tokens) / MILLION


class Budget(Struct):
    """What a run has cost, what is out on requests in flight, and the most that it may cost."""

    most: float | None = None
    """None: nothing is limited, only counted."""
    spent: float = 0.0
    reserved: float = 0.0
    estimated: int = 0
    """Requests whose usage was not told, so that their cost is an estimate."""
    earlier: float = 0.0
    """Of `spent`: by starts before this one."""
    earlier_estimated: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, spent: float, estimated: int) -> None:
        """Take over what earlier starts have spent."""
        self.spent = self.earlier = spent
        self.estimated = self.earlier_estimated = estimated

    async def reserve(self, amount: float) -> None:
        """Set an amount aside; wait while requests in flight may leave enough.

        Raises EndpointError (incomplete, resumable) when nothing in flight can.
        """
        while self.most is not None and self.spent + self.reserved + amount > self.most:
            if self.reserved <= 0:
                raise EndpointError(
                    f"the budget is used up: {self.spent:.4f} of {self.most:g} spent, and the next request may cost "
                    f"{amount:.4f}; raise --max-cost to go on",
                    exit_status=Exit.INCOMPLETE,
                )
            self._changed.clear()
            await self._changed.wait()
        self.reserved += amount

    def settle(self, reserved: float, cost: float) -> None:
        """Give back what was set aside and charge what it came to."""
        self.reserved = max(0.0, self.reserved - reserved)
        if self.reserved < 1e-12:  # what rounding leaves must not be waited for
            self.reserved = 0.0
        self.spent += cost
        self._changed.set()


class Bill(Struct):
    """What one request is charged; until something else is known, all that it reserved."""

    cost: float


class Account(Struct):
    """A budget at one endpoint's price."""

    budget: Budget
    price: Price
    _answers: int = 0
    _tokens: float = 0.0
    _surplus: float | None = None
    """Most input tokens that a prompt had above its estimate."""

    def expected(self, guess: float | None) -> float:
        """Return the output tokens that an answer may come to, where no limit is specified."""
        mean = self._tokens / self._answers if self._answers else 0.0
        return max(guess or UNKNOWN_TOKENS, HEADROOM * mean)

    @asynccontextmanager
    async def paying(
        self, messages: tuple[Message, ...], n: int, max_tokens: int | None, guess: float | None
    ) -> AsyncIterator[Bill]:
        """Reserve the cost of a request and charge its bill afterwards."""
        output = max_tokens if max_tokens is not None else self.expected(guess)
        surplus = UNKNOWN_SURPLUS if self._surplus is None else self._surplus
        amount = cost_of(self.price, prompt_tokens(messages) + surplus, n * output)
        await self.budget.reserve(amount)
        bill = Bill(amount)
        try:
            yield bill
        finally:
            self.budget.settle(amount, bill.cost)

    def charge(self, usage: Usage, messages: tuple[Message, ...], texts: Iterable[str]) -> float:
        """Return the cost of an answered request; from the lengths of its texts where its usage was not told."""
        said = list(texts)
        asked, output = usage.input_tokens, usage.output_tokens
        if asked is None or output is None:
            self.budget.estimated += 1
        tokens = float(output) if output is not None else sum(map(about_tokens, said))
        self._answers += max(1, len(said))
        self._tokens += tokens
        if asked is not None:
            self._surplus = max(self._surplus or 0.0, asked - prompt_tokens(messages))
        return cost_of(self.price, prompt_tokens(messages) if asked is None else asked, tokens)
