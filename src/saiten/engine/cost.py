"""What a run has cost and is going to cost, from its record and from what is known of its answers' lengths."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from msgspec import Struct

from saiten.engine.lengths import MOST_TOKENS, KnownLengths
from saiten.engine.plan import BenchmarkPlan, SubsetPlan
from saiten.engine.presence import heartbeats
from saiten.errors import UserError
from saiten.models.budget import Budget, about_tokens, cost_of
from saiten.models.options import WIDE
from saiten.models.provider_table import Price
from saiten.models.providers import Endpoint
from saiten.part import Part
from saiten.results import manifest
from saiten.types import Access

JUDGE_PROMPT_TOKENS, JUDGE_ANSWER_TOKENS = 600.0, 250.0
"""Of a judgement, besides the answer that is judged: about what they come to for MT-Bench."""
SAMPLED_PROMPTS = 8
"""Prompts of a subset that are looked at to guess the length of all."""


class Prices(Struct, frozen=True, kw_only=True):
    """What the answers and the judgements of a run cost. None: nothing is known, or nothing is asked there."""

    answers: Price | None
    judgements: Price | None

    @classmethod
    def of(cls, endpoint: Endpoint | None, judge: Endpoint | None) -> Self:
        """Return the prices of a run's two endpoints."""
        answers, judgements = (None if one is None else one.provider.price(one.model) for one in (endpoint, judge))
        return cls(answers=answers, judgements=judgements)

    @property
    def known(self) -> bool:
        """Whether anything has a price."""
        return self.answers is not None or self.judgements is not None


def run_budget(
    endpoint: Endpoint | None, judge: Endpoint | None, access: Access, plans: Sequence[BenchmarkPlan], directory: Path
) -> Budget | None:
    """Return the run's budget with what it has cost so far, None where no price is known.

    UserError: --max-cost without a price, or more is expected to be needed.
    """
    prices = Prices.of(endpoint, judge)
    if access.max_cost is not None:
        _require_prices(endpoint, judge, prices)
    if not prices.known:
        return None
    budget = Budget(most=access.max_cost)
    budget.begin(*spent_before(access.part, plans, prices, directory))
    if access.max_cost is not None and not access.stop_at_cost:
        width = 1 if endpoint is None else first_width(endpoint, access)
        expected = expected_cost(plans, prices.answers, width) + expected_judging(plans, prices.judgements)
        if budget.spent + expected > access.max_cost:
            raise UserError(
                f"about {expected:.2f} is expected to be needed and {budget.spent:.2f} is spent: more than --max-cost "
                f"{access.max_cost:g}; raise it, ask less (--max-samples), or say --stop-at-cost to ask until then"
            )
    return budget


def spent_before(part: Part, plans: Sequence[BenchmarkPlan], prices: Prices, directory: Path) -> tuple[float, int]:
    """Return what counts against the budget at a start: what the record shows, or what starts told if that is more.

    Where the budget is a part's share, only what that part's earlier processes told, killed ones by their heartbeat.
    """
    if part.budgeted:
        spent, estimated = manifest.costs(directory, {part.key, *part.takes_over}) or (0.0, 0)
        beats = (beat.cost or 0.0 for beat in heartbeats(directory) if beat.key in part.takes_over)
        return max([spent, *beats]), estimated
    spent, estimated = stored_cost(plans, prices)
    told = (manifest.read(directory) or {}).get("cost") or {}
    return max(spent, told.get("spent", 0.0)), max(estimated, told.get("estimated", 0))


def _require_prices(endpoint: Endpoint | None, judge: Endpoint | None, prices: Prices) -> None:
    """Raise UserError where a limit is asked for and something that costs money has no price."""
    for one, price in ((endpoint, prices.answers), (judge, prices.judgements)):
        if one is not None and price is None and (one.paid or not prices.known):
            name = one.provider.name if one is endpoint else "openai (custom, if the judge is elsewhere)"
            raise UserError(
                f"--max-cost needs the price of {one.model}: write into providers.yaml "
                f"{name}: {{prices: {{{one.model}: {{input: X, output: Y}}}}}}, for a million tokens"
            )


def first_width(endpoint: Endpoint, access: Access) -> int:
    """Return how many choices one request asks for, before anything is learnt."""
    if endpoint.provider.own_server:
        return 1
    known = (access.max_n or endpoint.provider.max_n, access.concurrency)
    return min((n for n in known if n is not None), default=WIDE)


def stored_cost(plans: Iterable[BenchmarkPlan], prices: Prices) -> tuple[float, int]:
    """Return what the recorded answers and judgements have cost, and how many did not tell their usage."""
    total, estimated = 0.0, 0
    for plan in plans:
        for used, price in ((plan.used, prices.answers), (plan.judging_used, prices.judgements)):
            if price is not None:
                total += cost_of(price, used.input, used.output)
                estimated += used.estimated
    return total, estimated


def expected_judging(plans: Iterable[BenchmarkPlan], price: Price | None) -> float:
    """Guess what the judgements will cost that are still to be asked for."""
    if price is None:
        return 0.0
    total = 0.0
    for plan in plans:
        if plan.benchmark.judge is not None:
            missing = max(0, plan.due - len(plan.verdicts))
            total += missing * cost_of(price, JUDGE_PROMPT_TOKENS + expected_output(plan), JUDGE_ANSWER_TOKENS)
    return total


def expected_cost(plans: Iterable[BenchmarkPlan], price: Price | None, width: int) -> float:
    """Guess what the owed choices will cost: prompts by a sample of them, answers by earlier runs' lengths."""
    total = 0.0
    for plan in plans if price is not None else ():
        assert price is not None
        output = expected_output(plan)
        for turn in range(max(subset.turns for subset in plan.subsets)):
            owed: dict[int, Counter[int]] = {}
            for subset, index, _ in plan.owed(turn):
                owed.setdefault(plan.subsets.index(subset), Counter())[index] += 1
            for number, counts in owed.items():
                prompt = prompt_length(plan.subsets[number], sorted(counts), turn, output)
                requests = sum(math.ceil(count / width) for count in counts.values())
                total += cost_of(price, requests * prompt, counts.total() * output)
    return total


def expected_output(plan: BenchmarkPlan) -> float:
    """Return the mean length of a benchmark's answers in earlier runs; the benchmark's own guess without any."""
    codes = KnownLengths.load(plan).codes
    return sum(code & MOST_TOKENS for code in codes) / len(codes) if codes else plan.benchmark.expected_tokens


def prompt_length(subset: SubsetPlan, indices: Sequence[int], turn: int, output: float) -> float:
    """Return the mean tokens of a turn's conversation, earlier answers included."""
    chosen = indices[:: max(1, len(indices) // SAMPLED_PROMPTS)][:SAMPLED_PROMPTS]
    system = about_tokens(subset.system_message or "")
    asked = sum(sum(map(about_tokens, subset.document(index).turns[: turn + 1])) for index in chosen)
    return system + asked / len(chosen) + turn * output
