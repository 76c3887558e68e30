"""From an answer to its program, and from a verdict to values."""

from __future__ import annotations

import pytest

from saiten.scoring.code import CodeScorer, HumanEvalVerifier
from saiten.types import Choice, Document, Generation, Outcome, Verdict
from saiten.values import replace

DOCUMENT = Document(
    id="HumanEval/53",
    turns=("…",),
    extra={"entry_point": "add", "test": "def check(candidate): pass", "prompt": "def add(x, y):\n"},
)
OTHER = replace(DOCUMENT, extra={**DOCUMENT.extra, "entry_point": "remove"})
CODE = "def add(x, y):\n    return x + y\n"
PASSED = Verdict(kind="execution", status="passed", value=1.0)
FAILED = Verdict(kind="execution", status="failed", value=0.0, detail="AssertionError: no")


def answer(text: str | None, outcome: Outcome = Outcome.OK, reasoning: str | None = None) -> Generation:
    """Make a generation."""
    return Generation(outcome=outcome, text=text, reasoning=reasoning)


def values(generation: Generation, verdict: Verdict) -> dict[str, float]:
    """Score one choice."""
    choice = Choice(repetition=0, turns=(generation,), verdicts=(verdict,))
    ((score,),) = CodeScorer().score([(DOCUMENT, (choice,))])
    return dict(score.values)


def test_the_program_is_the_code_alone_with_the_tests_beside_it() -> None:
    program = HumanEvalVerifier().program(DOCUMENT, answer(f"Sure:\n```python\n{CODE}```\n"))
    assert program is not None
    assert (program.source, program.entry_point) == (CODE, "add")
    assert program.tests == DOCUMENT.extra["test"]
    assert program.language_prompt == DOCUMENT.extra["prompt"]
    assert program.cpu_seconds == 6.0


@pytest.mark.parametrize("text", ["", "no code", "```\n```"])
def test_without_code_there_is_a_program_only_where_nothing_can_pass(text: str) -> None:
    empty = HumanEvalVerifier().program(DOCUMENT, answer(text))
    assert empty is not None
    assert not empty.source.strip()
    assert HumanEvalVerifier().program(OTHER, answer(text)) is None


def test_reasoning_stands_in_for_an_answer_that_never_came_but_not_for_an_empty_one() -> None:
    thought = f"```\n{CODE}```"
    never = HumanEvalVerifier().program(DOCUMENT, answer(None, Outcome.UNCLOSED_REASONING, thought))
    assert never is not None
    assert never.source == CODE
    empty = HumanEvalVerifier().program(DOCUMENT, answer("", Outcome.EMPTY, thought))
    assert empty is not None
    assert empty.source == ""


def test_passed_and_solved_follow_the_verdict() -> None:
    text = f"```python\n{CODE}```"
    assert values(answer(text), PASSED) == {"passed": 1.0, "solved": 1.0}
    assert values(answer(text), FAILED) == {"passed": 0.0, "solved": 0.0}


def test_nobody_solves_a_problem_without_code() -> None:
    assert values(answer("I do not know."), PASSED) == {"passed": 1.0, "solved": 0.0}
    assert values(answer("```\nprint(add(1, 2))\n```"), PASSED) == {"passed": 1.0, "solved": 0.0}


def test_reasoning_solves_nothing() -> None:
    thought = answer(None, Outcome.UNCLOSED_REASONING, f"```\n{CODE}```")
    assert values(thought, PASSED) == {"passed": 1.0, "solved": 0.0}


def test_an_answer_cut_off_after_its_code_counts() -> None:
    assert values(answer(f"```python\n{CODE}", Outcome.TRUNCATED), PASSED) == {"passed": 1.0, "solved": 1.0}


def test_what_only_the_harness_of_the_reference_refuses_is_solved() -> None:
    text = f"```python\nfrom __future__ import annotations\n{CODE}```"
    assert values(answer(text), PASSED) == {"passed": 0.0, "solved": 1.0}


def test_a_class_in_which_the_reference_looks_for_the_tests_is_no_function_there() -> None:
    text = f"```python\nclass Solution:\n    pass\n{CODE}```"
    assert values(answer(text), PASSED) == {"passed": 0.0, "solved": 1.0}


def test_the_extracted_code_and_the_reason_are_kept() -> None:
    choice = Choice(repetition=0, turns=(answer(f"```\n{CODE}```"),), verdicts=(FAILED,))
    ((score,),) = CodeScorer().score([(DOCUMENT, (choice,))])
    assert score.extracted == CODE
    assert score.note == "failed: AssertionError: no"
    nothing = Choice(
        repetition=0, turns=(answer("?"),), verdicts=(Verdict(kind="execution", status="no_code", value=0.0),)
    )
    ((score,),) = CodeScorer().score([(DOCUMENT, (nothing,))])
    assert score.extracted is None
    assert score.note == "no_code"


def test_the_scorer_and_the_verifier_are_values() -> None:
    assert CodeScorer() == CodeScorer()
    assert HumanEvalVerifier() == HumanEvalVerifier()
    assert (CodeScorer().name, CodeScorer().version) == ("code", 1)
