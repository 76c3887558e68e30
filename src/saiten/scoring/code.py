"""Scoring generated functions by running them: which program an answer is, and what its verdict is worth.

Source: swallow-evaluation-instruct@3520211, humaneval_pass; Chen et al. 2021, arXiv:2107.03374.
Differs: programs run in the sandbox, where tests and program are separate processes (see saiten.sandbox), and the limit
is 6 s of processor time where the reference took 6 s of the clock for loading and again for the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from saiten.sandbox import predefined
from saiten.scoring.code_text import REFUSED, defines, extract_code
from saiten.types import Choice, ChoiceScore, Document, Generation, Program, Scorable, Verdict

CPU_SECONDS = 6.0
_NOTE_CHARACTERS = 300


def compatible_text(generation: Generation) -> str:
    """Return what the reference scores: the answer, or the reasoning where the server sent no answer at all."""
    return generation.text if generation.text is not None else generation.reasoning or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanEvalVerifier:
    """Makes the program of an answer: its code as it is, without the prompt, against the document's tests.

    Reads `entry_point`, `test` and `prompt` of the document's extra.
    """

    cpu_seconds: float = CPU_SECONDS

    def program(self, document: Document, generation: Generation) -> Program | None:
        """Return the program, or None where the answer holds no code and nothing could pass.

        The prelude defines some entry points (`add`, `median`): there even no code is a program, and passes.
        """
        entry_point = document.extra["entry_point"]
        code = extract_code(compatible_text(generation), entry_point)
        if not code.strip() and not predefined(entry_point):
            return None
        return Program(
            source=code,
            entry_point=entry_point,
            tests=document.extra["test"],
            language_prompt=document.extra["prompt"],
            cpu_seconds=self.cpu_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeScorer:
    """Values of a choice that was executed.

    passed: as the reference measures: 1 if the tests passed, but for programs that its harness cannot run (REFUSED) and
        documents whose tests nothing can pass there (`extra["unpassable"]`).
    solved: 1 if the tests passed because of the answer: its own text (not the reasoning of one that never came) holds
        code that defines the function. An answer that was cut off after its code counts like any other.
    """

    name: str = "code"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each document's choices."""
        for document, choices in items:
            yield tuple(_score(document, choice) for choice in choices)


def compatible_value(code: str, verdict: Verdict) -> float:
    """Return what a verdict is worth as the reference measures: nothing where its harness cannot run the program."""
    assert verdict.value is not None, "an execution that failed for our own reasons is no score"
    return 0.0 if REFUSED.search(code) else verdict.value


def _score(document: Document, choice: Choice) -> ChoiceScore:
    verdict = choice.verdicts[0]
    assert verdict is not None, "a choice is scored when its program was executed"
    assert verdict.value is not None, "an execution that failed for our own reasons is no score"
    generation = choice.turns[0]
    entry_point = document.extra["entry_point"]
    code = extract_code(compatible_text(generation), entry_point)
    own = generation.text is not None and defines(code, entry_point)
    note = verdict.status if verdict.status == "passed" else f"{verdict.status}: {verdict.detail}".removesuffix(": ")
    passed = 0.0 if document.extra.get("unpassable") else compatible_value(code, verdict)
    return ChoiceScore(
        values={"passed": passed, "solved": verdict.value if own else 0.0},
        extracted=code or None,
        note=note[:_NOTE_CHARACTERS],
    )
