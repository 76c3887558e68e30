"""The scorer of instruction following (IFEval, M-IFEval, IFBench): a table of checks, read strictly and loosely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec import Struct

from saiten.errors import UserError
from saiten.scoring.metrics import mean
from saiten.scoring.statistics import bootstrap
from saiten.scoring.text import answer, answer_text, compatible_text
from saiten.types import Choice, ChoiceScore, Document, Estimate, Metric, Scorable

Arguments = Mapping[str, Any]


class Instruction(Struct, frozen=True):
    """How an instruction is checked, and the arguments that it cannot do without."""

    follows: Callable[[str, Arguments], bool]
    needs: tuple[str, ...] = ()


def compared(number: int, arguments: Arguments, relation: str, limit: str, *, words: tuple[str, str]) -> bool:
    """Tell whether a number is below, or at least, a limit. `words`: what the arguments call the two relations."""
    below, at_least = words
    given = arguments[relation]
    if given not in words:
        raise UserError(f"an instruction's {relation} is {given!r}; it must be {below!r} or {at_least!r}")
    return number < int(arguments[limit]) if given == below else number >= int(arguments[limit])


READINGS = ("strict", "loose", "careful")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instructions:
    """Which of a prompt's instructions an answer follows.

    `document.extra`: `instruction_id_list`, and `kwargs`, one set of arguments for each. Values of each choice:

    prompt_level_strict_acc, prompt_level_loose_acc: 1 if all instructions are followed.
    followed_strict, followed_loose: how many are; instructions: how many there are; prompts: 1.
    prompt_level_careful_acc, followed_careful: as strict, of the text after closed reasoning and without white space
    around it; no such text follows nothing.

    Loose: the text, or one without its first line, last line or both, with or without its asterisks, follows it.
    The reference draws an argument that is missing at random; here that is an error, so that the same answer always
    has the same score. The data set lacks none.
    Source: swallow-evaluation-instruct@3520211, task mifeval_ja; Zhou et al., arXiv:2311.07911, §2.3.
    """

    name: str
    version: int
    table: Mapping[str, Instruction] = field(repr=False)
    """Id of an instruction -> its check."""
    require: Callable[[], None] = field(repr=False)
    """Loads what the checks need. Raises UserError where it is not installed."""

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each item's choices, in order. UserError: an instruction or a library is missing."""
        self.require()
        for document, choices in items:
            instructions = checked(document, self.table)
            yield tuple(_score(choice, instructions) for choice in choices)


class Given(Struct, frozen=True):
    """An instruction of a document, with its arguments."""

    name: str
    instruction: Instruction
    arguments: Arguments

    def followed(self, text: str) -> bool:
        """Tell whether a text follows it. Nothing does that is blank."""
        return bool(text.strip()) and self.instruction.follows(text, self.arguments)


def checked(document: Document, table: Mapping[str, Instruction]) -> list[Given]:
    """Return the instructions of a document, each with the arguments it needs. UserError where they do not fit."""
    extra = document.extra
    found: list[Given] = []
    for name, given in zip(extra["instruction_id_list"], extra["kwargs"], strict=True):
        if name not in table:
            raise UserError(f"document {document.id}: there is no instruction {name!r}")
        arguments = {need: (given or {}).get(need) for need in table[name].needs}
        if lacking := [need for need, value in arguments.items() if value is None or value == []]:
            raise UserError(f"document {document.id}: {name} lacks {', '.join(lacking)}; see its kwargs")
        found.append(Given(name, table[name], arguments))
    return found


def _score(choice: Choice, instructions: Sequence[Given]) -> ChoiceScore:
    generation = answer(choice)
    text = compatible_text(generation)
    careful_text = (answer_text(generation) or "").strip()
    strict = [given.followed(text) for given in instructions]
    loose = [
        one or any(given.followed(variant) for variant in variants(text)[1:])
        for one, given in zip(strict, instructions, strict=True)
    ]
    careful = strict if careful_text == text else [given.followed(careful_text) for given in instructions]
    values = {"instructions": float(len(instructions)), "prompts": 1.0}
    for reading, followed in zip(READINGS, (strict, loose, careful), strict=True):
        values[f"prompt_level_{reading}_acc"] = float(all(followed))
        values[f"followed_{reading}"] = float(sum(followed))
    broken = [given.name for given, one in zip(instructions, strict, strict=True) if not one]
    return ChoiceScore(values=values, note=f"not followed: {', '.join(broken)}" if broken else "")


def variants(text: str) -> list[str]:
    """Return the texts of which one must follow an instruction in the loose reading; the text itself first."""
    lines = text.split("\n")
    kept = [text, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys(variant for one in kept for variant in (one, one.replace("*", ""))))


def _added(pairs: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Reduce a document's choices: each counts with its instructions."""
    return tuple(map(sum, zip(*pairs, strict=True)))


def ratio(documents: Sequence[Sequence[float]]) -> float:
    """Return the share of instructions followed: the ratio of sums, so that each instruction weighs the same."""
    followed, instructions = map(sum, zip(*documents, strict=True))
    return followed / instructions


def average(documents: Sequence[Sequence[float]]) -> float:
    """Return the mean of the four accuracies of the reference, prompt or instruction level, strict or loose."""
    *followed, prompts, instructions = map(sum, zip(*documents, strict=True))
    strict, loose, all_strict, all_loose = followed
    return (strict / instructions + loose / instructions + all_strict / prompts + all_loose / prompts) / 4


def _bootstrapped(
    statistic: Callable[[Sequence[Sequence[float]]], float], strata: Sequence[Sequence[Sequence[float]]]
) -> Estimate:
    return bootstrap(statistic, strata)


def instruction_metrics() -> tuple[Metric, ...]:
    """The four accuracies of the reference, their average, and the careful reading's two.

    Instruction level and average have bootstrap intervals over prompts. A missing choice cannot be bounded there: how
    many instructions it had to follow is not known to the metric.
    """

    def level(reading: str, twin: str | None = None) -> Metric:
        return Metric(
            name=f"inst_level_{reading}_acc",
            value=(f"followed_{reading}", "instructions"),
            reduce=_added,
            corpus=partial(_bootstrapped, ratio),
            worst=None,
            best=None,
            compatible=twin is None,
            twin=twin,
        )

    return (
        mean("prompt_level_strict_acc"),
        level("strict"),
        mean("prompt_level_loose_acc"),
        level("loose"),
        Metric(
            name="average",
            value=(
                *("followed_strict", "followed_loose", "prompt_level_strict_acc", "prompt_level_loose_acc"),
                *("prompts", "instructions"),
            ),
            reduce=_added,
            corpus=partial(_bootstrapped, average),
            worst=None,
            best=None,
        ),
        mean("prompt_level_careful_acc", compatible=False, twin="prompt_level_strict_acc"),
        level("careful", "inst_level_strict_acc"),
    )
