"""Scoring generated functions by running them: which program an answer is, and what its verdict is worth.

Source: swallow-evaluation-instruct@3520211, humaneval_pass; Chen et al. 2021, arXiv:2107.03374.
Differs: programs run in the sandbox, where tests and program are separate processes (see saiten.sandbox), and the limit
is 6 s of processor time where the reference took 6 s of the clock for loading and again for the tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from saiten.programs import CasesProgram, Program
from saiten.sandbox import predefined
from saiten.scoring.code_text import IN_CLASS, REFUSED, defines, extract_code, extract_script
from saiten.scoring.text import compatible_text
from saiten.types import Choice, ChoiceScore, Document, Generation, Scorable, Verdict

CPU_SECONDS = 6.0
_NOTE_CHARACTERS = 300


class HumanEvalVerifier(Struct, frozen=True, kw_only=True):
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


class CasesVerifier(Struct, frozen=True, kw_only=True):
    """Makes the program of an answer: its last code block, or all of it, against the document's inputs and outputs.

    Reads `function` (None: a script), `public` and `private` of the document's extra.
    """

    cpu_seconds: float = CPU_SECONDS

    def program(self, document: Document, generation: Generation) -> CasesProgram | None:
        """Return the program, or None where there is no text."""
        source = extract_script(compatible_text(generation))
        if not source.strip():
            return None
        extra = document.extra
        return CasesProgram(
            source=source,
            function=extra["function"],
            public=extra["public"],
            private=extra["private"],
            cpu_seconds=self.cpu_seconds,
        )


class CodeScorer(Struct, frozen=True, kw_only=True):
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


class CasesScorer(Struct, frozen=True, kw_only=True):
    """Values of a choice that was run on inputs.

    passed: as the reference measures, whose harness has a standard input without bytes, makes module variables local
        and cannot run some programs at all.
    solved: 1 if the answer's own text holds a program that is right as the reference runs it or as a program of its
        own; for a function also where its tuples within a list are read as the lists that they stand for.
    """

    name: str = "code_cases"
    version: int = 1

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield the scores of each document's choices."""
        for document, choices in items:
            yield tuple(_score_cases(document, choice) for choice in choices)


def compatible_value(code: str, verdict: Verdict) -> float:
    """Return what a verdict on a function is worth as the reference measures."""
    return 0.0 if IN_CLASS in code else _unrefused(code, verdict)


def compatible_cases_value(code: str, function: str | None, verdict: Verdict) -> float:
    """Return what a verdict on inputs is worth as the reference measures. A script was run in its harness already."""
    return _value(verdict) if function is None else _unrefused(code, verdict)


def _unrefused(code: str, verdict: Verdict) -> float:
    return 0.0 if REFUSED.search(code) else _value(verdict)


def _value(verdict: Verdict) -> float:
    assert verdict.value is not None, "an execution that failed for our own reasons is no score"
    return verdict.value


def _verdict(choice: Choice) -> Verdict:
    verdict = choice.verdicts[0]
    assert verdict is not None, "a choice is scored when its program was executed"
    return verdict


def _note(verdict: Verdict) -> str:
    note = verdict.status if verdict.status == "passed" else f"{verdict.status}: {verdict.detail}".removesuffix(": ")
    return note[:_NOTE_CHARACTERS]


def _score(document: Document, choice: Choice) -> ChoiceScore:
    verdict, generation = _verdict(choice), choice.turns[0]
    entry_point = document.extra["entry_point"]
    code = extract_code(compatible_text(generation), entry_point)
    own = generation.text is not None and defines(code, entry_point)
    passed = 0.0 if document.extra.get("unpassable") else compatible_value(code, verdict)
    return ChoiceScore(
        values={"passed": passed, "solved": _value(verdict) if own else 0.0},
        extracted=code or None,
        note=_note(verdict),
    )


def _score_cases(document: Document, choice: Choice) -> ChoiceScore:
    verdict, generation = _verdict(choice), choice.turns[0]
    function = document.extra["function"]
    code = extract_script(compatible_text(generation))
    own = generation.text is not None and (function is None or defines(code, function))
    right = verdict.status in {"passed", "solved"}
    return ChoiceScore(
        values={"passed": compatible_cases_value(code, function, verdict), "solved": float(own and right)},
        extracted=code or None,
        note=_note(verdict),
    )
