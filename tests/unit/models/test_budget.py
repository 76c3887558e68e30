"""Money is set aside before a request, charged after it, and never spent twice."""

from __future__ import annotations

import asyncio

import pytest

from saiten.errors import EndpointError, Exit
from saiten.models.budget import UNKNOWN_SURPLUS, Account, Budget, about_tokens, cost_of
from saiten.models.provider_table import Price
from saiten.types import Message, Usage
from tests.helpers.aio import in_loop

PRICE = Price(input=1.0, output=10.0)
ASKED = (Message(role="user", content="x" * 400),)


def test_a_price_is_for_a_million_tokens() -> None:
    assert cost_of(PRICE, 1_000_000, 100_000) == pytest.approx(2.0)


def test_tokens_are_guessed_by_script() -> None:
    assert about_tokens("word " * 4) == 5.0
    assert about_tokens("東京都") == 3.0
    assert about_tokens("") == 0.0


@in_loop
async def test_a_request_that_does_not_fit_waits_for_those_in_flight_and_ends_the_run_when_there_are_none() -> None:
    budget = Budget(most=1.0)
    await budget.reserve(0.7)
    second = asyncio.ensure_future(budget.reserve(0.6))
    await asyncio.sleep(0)
    assert not second.done()
    budget.settle(0.7, 0.3)
    await second
    assert budget.reserved == pytest.approx(0.6)
    third = asyncio.ensure_future(budget.reserve(0.2))
    await asyncio.sleep(0)
    budget.settle(0.6, 0.6)
    with pytest.raises(EndpointError, match=r"0\.9000 of 1 spent.*raise --max-cost") as caught:
        await third
    assert caught.value.exit == Exit.INCOMPLETE
    assert caught.value.resumable
    assert budget.spent == pytest.approx(0.9)


@in_loop
async def test_everybody_who_waits_is_let_go_when_the_money_is_gone() -> None:
    budget = Budget(most=1.0)
    await budget.reserve(1.0)
    waiting = [asyncio.ensure_future(budget.reserve(0.5)) for _ in range(3)]
    await asyncio.sleep(0)
    budget.settle(1.0, 1.0)
    found = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1)
    assert all(isinstance(one, EndpointError) for one in found)


@in_loop
async def test_without_a_limit_everything_is_counted_and_nothing_waits() -> None:
    account = Account(Budget(), PRICE)
    async with account.paying(ASKED, 2, 50, None) as bill:
        assert bill.cost == pytest.approx(cost_of(PRICE, 104 + UNKNOWN_SURPLUS, 100))
        bill.cost = account.charge(Usage(input_tokens=100, output_tokens=60), ASKED, ["a", "b"])
    assert account.budget.spent == pytest.approx(0.0007)
    assert (account.budget.reserved, account.budget.estimated) == (0.0, 0)


@in_loop
async def test_an_answer_that_never_came_is_charged_in_full_unless_it_is_known_to_be_free() -> None:
    account = Account(Budget(), PRICE)
    with pytest.raises(RuntimeError):
        async with account.paying(ASKED, 1, 100, None):
            raise RuntimeError
    assert account.budget.spent == pytest.approx(cost_of(PRICE, 104 + UNKNOWN_SURPLUS, 100))
    async with account.paying(ASKED, 1, 100, None) as bill:
        bill.cost = 0.0
    assert account.budget.spent == pytest.approx(cost_of(PRICE, 104 + UNKNOWN_SURPLUS, 100))


def test_unknown_usage_is_estimated_from_the_texts_and_said() -> None:
    account = Account(Budget(), PRICE)
    assert account.charge(Usage(), ASKED, ["東京", "x" * 40]) == pytest.approx(cost_of(PRICE, 104, 12))
    assert account.budget.estimated == 1


def test_what_an_answer_may_come_to_follows_those_that_came() -> None:
    account = Account(Budget(), PRICE)
    assert account.expected(None) == 1_000
    assert account.expected(50) == 50
    account.charge(Usage(input_tokens=1, output_tokens=600), ASKED, ["a", "b"])
    assert account.expected(50) == 600


@in_loop
async def test_prompts_that_came_to_more_than_their_estimate_are_reserved_for() -> None:
    """SmolLM2's chat template puts a system message of 27 tokens before every question."""
    budget = Budget(most=1.0)
    account = Account(budget, PRICE)
    async with account.paying(ASKED, 1, 10, None) as bill:
        assert bill.cost == pytest.approx(cost_of(PRICE, 104 + UNKNOWN_SURPLUS, 10))
    account.charge(Usage(input_tokens=200, output_tokens=1), ASKED, ["x"])
    async with account.paying(ASKED, 1, 10, None) as bill:
        assert bill.cost == pytest.approx(cost_of(PRICE, 200, 10))
    account.charge(Usage(input_tokens=3, output_tokens=1), ASKED, ["x"])
    async with account.paying((*ASKED, *ASKED), 1, 10, None) as bill:
        assert bill.cost == pytest.approx(cost_of(PRICE, 304, 10))
