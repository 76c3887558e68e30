"""A program and its cases, pairs of an input and what is expected for it: run case by case until one fails.

A script is run as the reference runs it, in one process for all inputs; where that fails, it is tried as a program of
its own, first on the input that failed. A function is called for each input in one process, which settles both
readings. The outcome is `passed` as the reference reads it, `solved` where only the careful reading passes.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from . import answers, packed, scripts, wire
from .dialogue import Dialogue, Over
from .processes import Outcome

_SPARE = 1 << 16
_TIMES = 8
"""A reply may be this many times as long as the expected one, and 64 KiB longer: it is text with escapes."""
_CONCLUSIVE = ("timeout", "sandbox_failed")
"""What another way of running a script would not change."""


class Cases:
    """The worker's side of such jobs. Keeps the cases it unpacked last: the next program is often for the same."""

    def __init__(self) -> None:
        self._digest, self._cases, self._problem = "", list[packed.Case](), ""

    def run(self, job: Any, programs: socket.socket) -> Outcome:
        """Run a job: `source`, `function`, `cpu_seconds`, `digest`, and the cases where we do not have them."""
        if job["digest"] != self._digest:
            self._digest, self._cases, self._problem = job["digest"], [], ""
            try:
                self._cases = packed.cases(job["public"], job["private"])
            except packed.BrokenCases as error:
                self._problem = str(error)
        if self._problem:
            return {"status": "sandbox_failed", "detail": self._problem, "cpu_seconds": 0.0, "again": False}
        trial = Trial(job["source"], job["function"], self._cases, float(job["cpu_seconds"]), programs)
        return trial.run() | {"cpu_seconds": trial.seconds}


class Trial:
    """One program against its cases."""

    def __init__(
        self, source: str, function: str | None, cases: list[packed.Case], cpu: float, programs: socket.socket
    ) -> None:
        self.source, self.function, self.cases, self.cpu, self.programs = source, function, cases, cpu, programs
        self.seconds = 0.0
        self.number = 0
        """Which case is tried, from 0."""

    def run(self) -> Outcome:
        """Return the outcome."""
        outcome = self._dialogue("wrapped" if self.function is None else "method")
        if self.function is not None or outcome["status"] in ("passed", *_CONCLUSIVE) or outcome["again"]:
            return outcome
        first = self.number
        for number in (first, *(other for other in range(len(self.cases)) if other != first)):
            tried = scripts.run(self.source, self.cases[number], self.cpu, self.programs)
            self.seconds += tried["cpu_seconds"]
            wire.send(1, {"case": number})
            if tried["again"]:
                return tried
            if tried["status"] != "passed":
                return outcome
        return outcome | {"status": "solved"}

    def _dialogue(self, mode: str) -> Outcome:
        """Run all cases in one process."""
        job = {"source": self.source, "entry_point": self.function or "", "mode": mode}
        with Dialogue(self.programs, job, self.cpu, len(self.cases)) as dialogue:
            try:
                outcome = self._talk(dialogue)
            except Over as over:
                outcome = over.outcome | {"detail": f"test {self.number + 1}: {over.outcome['detail']}"}
        self.seconds += dialogue.program.cpu_seconds
        return outcome

    def _talk(self, dialogue: Dialogue) -> Outcome:
        loaded = dialogue.loaded()
        if type(loaded) is not dict or loaded.get("loaded") is not True:
            raise Over(dialogue.program.outcome("error", _raised(loaded, "error")))
        # where the answer's text names a class Solution, the reference looks there and nowhere else
        compatible = self.function is None or loaded.get("method") is ("class Solution" in self.source)
        for number, (given, expected) in enumerate(self.cases):
            self.number = number
            check = self._printed if self.function is None else self._returned
            same = check(dialogue, given, expected)
            wire.send(1, {"case": number})
            compatible = compatible and same
        return dialogue.program.outcome("passed" if compatible else "solved", "")

    def _printed(self, dialogue: Dialogue, given: str, expected: str) -> bool:
        reply = dialogue.ask({"stdin": given}, _longest(expected))
        if type(reply) is not dict or type(reply.get("printed")) is not str:
            raise Over(dialogue.program.outcome("error", _raised(reply, "raised")))
        if not answers.same_output(reply["printed"], expected):
            raise Over(dialogue.program.outcome("failed", "the output is another one"))
        return True

    def _returned(self, dialogue: Dialogue, given: str, expected: str) -> bool:
        """Return whether the reference takes the value for the right one; what nobody does raises Over."""
        try:
            arguments = [wire.encode(json.loads(line)) for line in given.split("\n")]
            wanted = json.loads(expected)
        except (ValueError, RecursionError, wire.WireError) as error:
            detail = f"the tests themselves cannot be run: {type(error).__name__}"
            raise Over(dialogue.program.outcome("sandbox_failed", detail)) from error
        reply = dialogue.ask({"arguments": arguments, "keywords": {}}, _longest(expected))
        if type(reply) is not dict or "result" not in reply:
            raise Over(dialogue.program.outcome("error", _raised(reply, "raised")))
        try:
            value = wire.decode(reply["result"])
        except wire.WireError as error:
            raise Over(dialogue.program.outcome("failed", str(error))) from error
        if answers.same_value(value, wanted):
            return True
        if not answers.same_in_lists(value, wanted):
            raise Over(dialogue.program.outcome("failed", "the value is another one"))
        return False


def _longest(expected: str) -> int:
    return _TIMES * len(expected.encode("utf-8", "replace")) + _SPARE


def _raised(reply: Any, key: str) -> str:
    """Name what a program raised, from its own words."""
    described = reply.get(key) if type(reply) is dict else None
    if type(described) is list and len(described) == 2 and all(type(part) is str for part in described):
        return f"{described[0]}: {described[1]}"[:1000]
    return "a reply has the wrong form"
