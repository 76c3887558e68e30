"""MT-Bench's numbers: both readings, what cannot be read, categories, the share of Japanese."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from saiten.scoring.japanese_share import counts, reader, share
from saiten.scoring.judge import UNREADABLE
from saiten.scoring.mt_bench import CATEGORIES, MtBenchScorer, mt_bench_metrics, mt_bench_rows, numpy_mean
from saiten.types import Choice, Document, Generation, Metric, Outcome, Verdict
from tests.helpers.extras import needs

DOCUMENT = Document(id="1", turns=("?", "??"), extra={"category": "math"})
METRICS = {metric.name: metric for metric in mt_bench_metrics(japanese=True)}


def answer(text: str | None = "answer", *, closed: bool | None = None) -> Generation:
    return Generation(outcome=Outcome.OK, text=text, reasoning_closed=closed, reasoning="hm" if text is None else None)


def verdict(text: str, value: float | None, *earlier: str) -> Verdict:
    status = "judge_unparsable" if value is None else "rated"
    return Verdict(kind="judgement", status=status, value=value, detail=text, earlier=earlier)


def values(verdicts: Sequence[Verdict], turns: Sequence[Generation] | None = None) -> dict[str, float]:
    choice = Choice(repetition=0, turns=tuple(turns or [answer()] * len(verdicts)), verdicts=tuple(verdicts))
    ((score,),) = MtBenchScorer(characters=100).score([(DOCUMENT, (choice,))])
    return dict(score.values)


def test_both_readings_of_both_turns() -> None:
    found = values([verdict("[[3]] was said. Rating: [[7]]", 7.0), verdict("Rating: [[9]]", 9.0)])
    assert found == {"turn_1": 3.0, "careful_turn_1": 7.0, "turn_2": 9.0, "careful_turn_2": 9.0}


def test_the_first_readable_text_counts_and_nothing_readable_is_minus_one() -> None:
    assert values([verdict("Rating: [[6]]", 6.0, "[5] it is")]) == {"turn_1": 5.0, "careful_turn_1": 6.0}
    assert values([verdict("Rating: [[6]]", 6.0, "[[08]]")]) == {"turn_1": 6.0, "careful_turn_1": 6.0}
    assert values([verdict("none", None, "none")]) == {"turn_1": -1.0, "careful_turn_1": -1.0}


def test_reasoning_that_never_closed_is_judged_as_before_and_lowest_in_the_careful_reading() -> None:
    assert values([verdict("Rating: [[6]]", 6.0)], [answer(None, closed=False)]) == {
        "turn_1": 6.0,
        "careful_turn_1": 1.0,
    }


def reduced(metric: Metric, documents: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    return metric.corpus([[metric.reduce(choices) for choices in documents]]).value


def test_unreadable_verdicts_are_averaged_in_as_before_and_left_out_of_the_careful_mean() -> None:
    documents = [[(9.0, 7.0), (-1.0, 5.0)], [(-1.0, 3.0), (-1.0, 3.0)]]
    assert reduced(METRICS["judge_score_overall_avg"], documents) == pytest.approx(
        ((4 + 6) / 2 + (-1 + 3) / 2) / 2 / 10
    )
    assert reduced(METRICS["judge_careful_overall_avg"], documents) == pytest.approx((9 + 6) / 2 / 10)
    first = METRICS["judge_score_overall_turn_1_avg"]
    assert first.corpus([[first.reduce([-1.0, -1.0]), first.reduce([8.0, 8.0])]]).value == 0.8  # all -1: no document
    assert first.corpus([[UNREADABLE]]).value is None


def test_there_are_metrics_for_each_category_and_rows_under_the_old_names() -> None:
    assert [name for name, metric in METRICS.items() if metric.compatible] == [
        *(f"judge_score_{scope}_{part}" for scope in ("overall", *CATEGORIES) for part in PARTS),
        *(f"japanese_ratio_{scope}" for scope in ("overall", *CATEGORIES)),
    ]
    of_math = METRICS["judge_score_math_avg"].where
    assert of_math is not None
    assert of_math(DOCUMENT)
    assert not of_math(Document(id="2", turns=("?",), extra={"category": "coding"}))
    rows = mt_bench_rows("japanese_mtbench", japanese=True)
    assert [row.name.removeprefix("japanese_mtbench_") for row in rows] == [
        *CATEGORIES,
        *("first_turn", "second_turn", "average"),
        *(f"{name}_japanese_ratio" for name in (*CATEGORIES, "average")),
    ]
    assert {row.metric for row in rows} <= set(METRICS)


PARTS = ("turn_1_avg", "turn_2_avg", "avg")


@pytest.mark.parametrize("count", [1, 5, 7, 8, 9, 80, 128, 129, 400])
def test_means_have_the_last_digits_of_numpys(count: int) -> None:
    numpy = pytest.importorskip("numpy")
    numbers = [((7 * k) % 11) / 3 + 1 for k in range(count)]
    assert numpy_mean(numbers) == float(numpy.mean(numbers))


def test_the_share_of_japanese_is_of_what_a_reader_sees() -> None:
    needs("judge")
    seen = reader()
    assert seen("# 見出し\n\n**太字** [リンク](http://example.com)") == "見出し\n太字 リンク"
    assert counts("かな カナ 漢字 abc！") == (7.0, 13.0)
    assert counts("ｶﾅ 한국") == (0.0, 5.0)
    assert share([(7.0, 13.0), (0.0, 5.0)]) == 7 / 18
    assert share([(0.0, 0.0)]) == 0.0
