r"""The scorer of mathematics, through its real worker processes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from saiten.scoring.math import LOOK_AHEAD, MathAnswer
from saiten.scoring.math_exact import Gold, exact_verdict
from saiten.scoring.math_protocol import Pair
from saiten.scoring.math_worker import Steps, cut_off, judge
from saiten.types import Choice, ChoiceScore, Document, Generation, Outcome, Scorable


def item(target: str, *answers: str) -> Scorable:
    choices = tuple(
        Choice(repetition=index, turns=(Generation(outcome=Outcome.OK, text=answer),))
        for index, answer in enumerate(answers)
    )
    return Document(id=target, turns=("?",), target=target), choices


def verdicts(pairs: list[tuple[str, str]], gold: Gold = "latex") -> list[tuple[float, float]]:
    scored = MathAnswer(gold=gold, workers=1).score([item(*pair) for pair in pairs])
    return [(score.values["extractive_match"], score.values["accuracy"]) for (score,) in scored]


def boxed(content: str) -> str:
    return rf"$\boxed{{{content}}}$"


EQUAL = [
    ("1/2", "0.5"),
    ("1/3", "0.33333"),
    ("2", "2.0"),
    ("2.5", "2.500001"),
    (r"25\%", "0.25"),
    (r"10\text{ cm}", "10"),
    ("1{,}000", "1000"),
    (r"90^\circ", "90"),
    ("x=3", "3"),
    ("(1,2)", "1,2"),
    (r"\{1,2\}", "2, 1"),
    (r"\frac{1}{2}", r"\dfrac12"),
    (r"(x+1)^2", "x^2+2x+1"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
]
UNEQUAL = [
    ("2/3", "0.667"),
    (r"\sqrt{2}", "1.41421"),
    (r"\pi", "3.14159"),
    (r"(-\infty,3]", r"x \le 3"),
    ("x+1", "x+2"),
]


def test_mathematically_equal_answers_match_as_the_old_system_had_them() -> None:
    pairs = [(boxed(gold), boxed(answer)) for gold, answer in EQUAL + UNEQUAL]
    assert [match for match, _ in verdicts(pairs)] == [1.0] * len(EQUAL) + [0.0] * len(UNEQUAL)


def test_known_oddities_of_the_old_comparison_are_kept_and_the_careful_one_is_free_of_them() -> None:
    pairs = [
        (boxed(r"25\%"), boxed("25")),  # the unit left out
        (boxed("10"), r"First \boxed{9}, no: $\boxed{10}$"),
        (boxed("4"), r"$\boxed{7}$ is half of it. More text, and then much more text: $4$"),
    ]
    assert verdicts(pairs) == [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0)]


def test_plain_targets_are_read_from_prose_and_boxes() -> None:
    pairs = [("204", "Answer: 204"), ("025", "So it is 25"), ("204", r"$\boxed{204}$"), ("204", "Answer: 205")]
    assert [match for match, _ in verdicts(pairs, "expression")] == [1.0, 1.0, 1.0, 0.0]


def test_texts_that_cannot_be_parsed_are_compared_as_text() -> None:
    same = boxed(r"\text{(A)}\frac{")
    assert verdicts([(same, same), (same, boxed(r"\text{(B)}\frac{"))])[0][0] == 1.0


def test_unfinished_reasoning_is_read_by_the_old_way_only() -> None:
    generation = Generation(outcome=Outcome.UNCLOSED_REASONING, reasoning=r"so \boxed{42} then", reasoning_closed=False)
    document, _ = item(boxed("42"))
    (scored,) = MathAnswer(gold="latex").score([(document, (Choice(repetition=0, turns=(generation,)),))])
    assert dict(scored[0].values) == {
        "extractive_match": 1.0,
        "accuracy": 0.0,
        "extracted_class": 1.0,
        "stated_class": -1.0,
    }


def test_an_empty_answer_is_wrong_and_starts_no_worker() -> None:
    (scored,) = MathAnswer(gold="latex").score([item(boxed("42"), "", "  \n")])
    assert [score.extracted for score in scored] == [None, None]
    for score in scored:
        assert score.values["extractive_match"] == score.values["accuracy"] == 0.0
        assert score.values["extracted_class"] == score.values["stated_class"] == -1.0


def test_a_step_that_takes_for_ever_is_cut_off_by_its_cpu_time() -> None:
    def endless() -> bool:
        while True:
            pass

    before = signal.signal(signal.SIGPROF, cut_off)
    try:
        steps = Steps(seconds=0.2)
        assert steps.run("comparison", endless, otherwise=False) is False
        assert steps.cut_off
        assert steps.notes == ["timeout (comparison)"]
        assert steps.run("gold", lambda: 3, otherwise=0) == 3
    finally:
        signal.signal(signal.SIGPROF, before)


def test_a_step_that_fails_is_not_cut_off_but_one_without_memory_is() -> None:
    def fails() -> int:
        raise RecursionError

    def exhausts() -> int:
        raise MemoryError

    steps = Steps()
    assert steps.run("answer", fails, otherwise=7) == 7
    assert not steps.cut_off
    assert steps.run("answer", exhausts, otherwise=7) == 7
    assert steps.cut_off


def test_scores_come_in_order_and_items_are_read_with_bounded_look_ahead() -> None:
    read = 0

    def items() -> Iterator[Scorable]:
        nonlocal read
        for index in range(150):
            read += 1
            yield item(boxed(f"x+{index}"), f"It is $\\boxed{{{index}+x}}$, that is, $x+{index}$.")

    ahead = []
    scores: list[ChoiceScore] = []
    for (score,) in MathAnswer(gold="latex", workers=1).score(items()):
        scores.append(score)
        ahead.append(read - len(scores))
    assert [score.extracted for score in scores] == [f"{index}+x" for index in range(150)]
    assert all(score.values["extractive_match"] for score in scores)
    assert max(ahead) <= LOOK_AHEAD + 1


def test_leaving_early_ends_the_workers() -> None:
    scored = MathAnswer(gold="latex", workers=1).score(item(boxed("x+1"), boxed(f"1+x+{i}-{i}")) for i in range(100))
    next(scored)
    closed = time.monotonic()
    assert isinstance(scored, Iterator)
    del scored
    assert time.monotonic() - closed < 20


def test_scorers_are_values() -> None:
    assert MathAnswer(gold="latex") == MathAnswer(gold="latex")
    assert {MathAnswer(gold="latex").name, MathAnswer(gold="expression").name} == {
        "math_answer_latex",
        "math_answer_expression",
    }


@pytest.mark.parametrize("gold", ["latex", "expression"])
def test_the_verdicts_without_algebra_are_those_of_the_workers(gold: Gold) -> None:
    contents = [
        "42",
        "-42",
        "0",
        r"\frac{84}{2}",
        r"\frac{1}{3}",
        r"-\frac{2}{6}",
        "x+1",
        r"2\sqrt{3}",
        "(3,4)",
        r"\pi",
    ]
    around = [r"So ${}$.", r"\[{}\]", "thus {} as we saw", r"$x={}$ (see $y$ in {{z}})", r"Answer: {}, or $5$"]
    decided = 0
    for text in (shape.format(rf"\boxed{{{content}}}") for content in contents for shape in around):
        for target in contents if gold == "latex" else ["42", "042", "7"]:
            target_text = boxed(target) if gold == "latex" else target
            exact = exact_verdict(target_text, gold, text)
            if exact is None:
                continue
            decided += 1
            judged = judge(Pair(target_text, gold, text), Steps())
            assert (exact.equal, exact.equal, exact.extracted) == (judged.match, judged.accurate, judged.extracted), (
                target_text,
                text,
            )
    assert decided > 30
