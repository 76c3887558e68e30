"""MT-Bench's numbers: each turn's rating by the judge, on average over samples and documents, divided by ten.

Source: swallow-evaluation-instruct@3520211, english_mt_bench and japanese_mt_bench; Zheng et al., arXiv:2306.05685.
Differs: a verdict without a rating counts as -1 in `judge_score_*`, as there, and not at all in `judge_careful_*`,
where reasoning that never closed is no answer and gets the lowest rating. Intervals are of true width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from msgspec import Struct

from saiten.scoring.japanese_share import added, counts, reader, share_estimate
from saiten.scoring.judge import LOWEST, UNREADABLE, NoLiteralError, compatible_rating
from saiten.scoring.statistics import mean_estimate
from saiten.scoring.text import answer_text, compatible_text
from saiten.types import Choice, ChoiceScore, Document, Estimate, Generation, Metric, Scorable, SummaryRow, Verdict
from saiten.values import replace

CATEGORIES = ("coding", "extraction", "humanities", "math", "reasoning", "roleplay", "stem", "writing")
OVERALL = "overall"
SCALE = 10.0
NOTE_CHARACTERS = 200


class MtBenchScorer(Struct, frozen=True, kw_only=True):
    """Values of a choice, by turn:

    turn_1, turn_2: the rating that the old system reads from the judge's (first readable) text; -1 for none.
    careful_turn_1, …: the rating that the judge states; -1 for none (`judge_unparsable`), which metrics leave out.
    japanese_characters, characters: of both answers, in `characters` cut as they are judged (with `japanese`).
    """

    characters: int
    """Of a longer answer only so many are looked at."""
    japanese: bool = False
    name: str = "mt_bench"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each document's choices. UserError: a library of the extra is missing."""
        seen = reader() if self.japanese else None
        for _, choices in items:
            scores = []
            for choice in choices:
                values = ratings(choice)
                if seen is not None:
                    text = "".join(compatible_text(turn)[: self.characters] for turn in choice.turns)
                    values |= dict(zip(("japanese_characters", "characters"), counts(seen(text)), strict=True))
                scores.append(ChoiceScore(values=values, extracted=_stated(values), note=_note(choice)))
            yield tuple(scores)


def ratings(choice: Choice) -> dict[str, float]:
    """Return both readings of each turn's verdict."""
    values: dict[str, float] = {}
    for number, (verdict, generation) in enumerate(zip(choice.verdicts, choice.turns, strict=True), start=1):
        assert verdict is not None, "a choice is scored when each of its turns was judged"
        values[f"turn_{number}"] = _compatible(verdict)
        values[f"careful_turn_{number}"] = _careful(verdict, generation)
    return values


def _compatible(verdict: Verdict) -> float:
    for text in (*verdict.earlier, verdict.detail):
        try:
            rating = compatible_rating(text)
        except NoLiteralError:
            continue
        if rating != UNREADABLE:
            return float(rating)
    return UNREADABLE


def _careful(verdict: Verdict, generation: Generation) -> float:
    if answer_text(generation) is None and compatible_text(generation):
        return LOWEST  # reasoning was judged in place of an answer that never came
    return UNREADABLE if verdict.value is None else verdict.value


def _stated(values: dict[str, float]) -> str:
    return ", ".join(f"{value:g}" for name, value in values.items() if name.startswith("careful_"))


def _note(choice: Choice) -> str:
    """Tell what a reader of the scores should know of the verdicts: not readable, or an answer that holds one."""
    words = []
    for number, (verdict, generation) in enumerate(zip(choice.verdicts, choice.turns, strict=True), start=1):
        if verdict is not None and verdict.value is None:
            words.append(f"turn {number}: {verdict.status}")
        if "[[" in compatible_text(generation):
            words.append(f"turn {number}: the answer itself holds [[")
    return "; ".join(words)[:NOTE_CHARACTERS]


# --------------------------------------------------------------------------------------------- metrics


def mt_bench_metrics(*, japanese: bool) -> tuple[Metric, ...]:
    """Return the metrics, compatible ones first: turn 1, turn 2 and both, over everything and by category."""
    scopes = (OVERALL, *CATEGORIES)
    made = [_rating(scope, part) for scope in scopes for part in ("turn_1_avg", "turn_2_avg", "avg")]
    if japanese:
        made += [_japanese(scope) for scope in scopes]
    made += [_careful_rating(OVERALL, part) for part in ("turn_1_avg", "turn_2_avg", "avg")]
    made += [_careful_rating(category, "avg") for category in CATEGORIES]
    return tuple(made)


def mt_bench_rows(prefix: str, *, japanese: bool) -> tuple[SummaryRow, ...]:
    """Return the rows of the aggregated results under their historical names."""
    rows = [SummaryRow(name=f"{prefix}_{name}", metric=f"judge_score_{name}_avg") for name in CATEGORIES]
    rows += [
        SummaryRow(name=f"{prefix}_first_turn", metric="judge_score_overall_turn_1_avg"),
        SummaryRow(name=f"{prefix}_second_turn", metric="judge_score_overall_turn_2_avg"),
        SummaryRow(name=f"{prefix}_average", metric="judge_score_overall_avg"),
    ]
    if japanese:
        rows += [
            SummaryRow(name=f"{prefix}_{name}_japanese_ratio", metric=f"japanese_ratio_{name}") for name in CATEGORIES
        ]
        rows.append(SummaryRow(name=f"{prefix}_average_japanese_ratio", metric="japanese_ratio_overall"))
    return tuple(rows)


def _rating(scope: str, part: str) -> Metric:
    both = part == "avg"
    return Metric(
        name=f"judge_score_{scope}_{part}",
        value=("turn_1", "turn_2") if both else part.removesuffix("_avg"),
        reduce=_mean_of_turns if both else numpy_mean,
        corpus=_rated,
        worst=(0.0, 0.0) if both else 0.0,
        best=(SCALE, SCALE) if both else SCALE,
        where=_where(scope),
    )


def _careful_rating(scope: str, part: str) -> Metric:
    both = part == "avg"
    return Metric(
        name=f"judge_careful_{scope}_{part}",
        value=("careful_turn_1", "careful_turn_2") if both else f"careful_{part.removesuffix('_avg')}",
        reduce=_readable_of_turns if both else _readable,
        corpus=_rated,
        worst=(LOWEST, LOWEST) if both else LOWEST,
        best=(SCALE, SCALE) if both else SCALE,
        where=_where(scope),
        compatible=False,
        twin=f"judge_score_{scope}_{part}",
    )


def _japanese(scope: str) -> Metric:
    return Metric(
        name=f"japanese_ratio_{scope}",
        value=("japanese_characters", "characters"),
        reduce=added,
        corpus=share_estimate,
        worst=None,  # a missing answer could be of any length
        best=None,
        where=_where(scope),
    )


def _where(scope: str) -> partial[bool] | None:
    return None if scope == OVERALL else partial(_is_of, scope)


def _is_of(category: str, document: Document) -> bool:
    return bool(document.extra["category"] == category)


def _mean_of_turns(ratings: Sequence[tuple[float, float]]) -> float:
    """Return the mean of both turns' means over the samples."""
    return sum(numpy_mean([rating[turn] for rating in ratings]) for turn in (0, 1)) / 2


def _readable(ratings: Sequence[float]) -> float:
    """Return the mean of the ratings that could be read, or UNREADABLE."""
    known = [rating for rating in ratings if rating != UNREADABLE]
    return numpy_mean(known) if known else UNREADABLE


def _readable_of_turns(ratings: Sequence[tuple[float, float]]) -> float:
    """Return the mean of both turns' readable means; UNREADABLE where a turn has none."""
    turns = [_readable([rating[turn] for rating in ratings]) for turn in (0, 1)]
    return UNREADABLE if UNREADABLE in turns else sum(turns) / 2


def _rated(strata: Sequence[Sequence[float]]) -> Estimate:
    """Return the mean over documents, divided by ten. Documents at exactly -1 (nothing readable) are left out."""
    kept = [[value for value in stratum if value != UNREADABLE] for stratum in strata]
    values = [value for stratum in kept for value in stratum]
    if not values:
        return Estimate(value=None)
    estimate = mean_estimate([[value / SCALE for value in stratum] for stratum in kept])
    return replace(estimate, value=numpy_mean(values) / SCALE)


def numpy_mean(values: Sequence[float]) -> float:
    """Return the mean with the roundings of numpy's, in which the old system's last digits are.

    Source: numpy 1.26, pairwise summation in blocks of 128 with eight running sums.
    """
    return _pairwise([float(value) for value in values]) / len(values)


def _pairwise(values: list[float]) -> float:
    count = len(values)
    if count > 128:
        half = count // 2 - count // 2 % 8
        return _pairwise(values[:half]) + _pairwise(values[half:])
    start = count - count % 8 if count >= 8 else 0
    r = values[:8]
    for at in range(8, start, 8):
        r = [a + b for a, b in zip(r, values[at : at + 8], strict=True)]
    total = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7])) if start else 0.0
    for value in values[start:]:
        total += value
    return total
