"""Writes what stands behind the numbers, document by document: `scores.parquet` and the old details files.

The writing is done by another process (`details_main`), so that a run's own memory stays small; documents pass
through a pipe and are forgotten.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from operator import attrgetter
from types import TracebackType
from typing import Self

from saiten.errors import Exit, UserError
from saiten.results.frames import ChoiceRow, DocumentRow, End, Frame, JudgedTurn, Opening, encode
from saiten.results.layout import Layout, task_key
from saiten.results.summary import ScoredDocument
from saiten.results.tally import TaskTally
from saiten.types import Benchmark, Choice, ChoiceScore, Metric, Outcome

PIPE_BYTES = 1 << 16
"""What is gathered before the pipe is written: as much as it takes at once."""
CUT = frozenset({"length", "context_overflow"})
"""Finish reasons of an answer that was cut at a token limit."""
MEMORY = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""Arrow's own pool keeps what it once had; so does the GNU allocator, unless it may not raise this limit by itself."""
PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Environment of the writing process: no key has any business there."""


_text, _reasoning, _reasoning_closed, _outcome, _finish_reason, _repetition, _seconds, _attempts = map(
    attrgetter,
    ("text", "reasoning", "reasoning_closed", "outcome", "finish_reason", "repetition", "seconds", "attempts"),
)


def value_names(metric: Metric) -> tuple[str, ...]:
    """Return the names of the scorer's values that a metric reads."""
    return (metric.value,) if isinstance(metric.value, str) else metric.value


class DetailsWriter:
    """Writes the files of one run. Use as a context manager; files appear when their benchmark is finished.

    with DetailsWriter(layout, stamp, details=True) as writer:
        writer.begin(benchmark, samples)
        writer.add(scored)
    writer.tallies    # task key -> what `export_results` wants to know

    Leaving the block by an exception leaves the unfinished benchmark's old files as they were.
    Blocks while the other process is busy: not for the event loop's thread.
    """

    def __init__(self, layout: Layout, stamp: str, *, details: bool) -> None:
        self.layout = layout
        self.stamp = stamp
        self.details = details
        self.tallies: dict[str, TaskTally] = {}
        self._benchmark: Benchmark | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the writing process, if it does not run yet. It takes a while to load its libraries: call it early."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "saiten.results.details_process"],
            bufsize=PIPE_BYTES,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | MEMORY,
            start_new_session=True,  # a signal to the whole job must not tear a file: this process ends with the pipe
        )

    def __enter__(self) -> Self:
        return self

    def begin(self, benchmark: Benchmark, samples: int) -> None:
        """Start a benchmark; documents added from here on are its. Finishes the one before."""
        self.start()
        metrics = benchmark.metrics_for(samples)
        subsets = benchmark.dataset.configs
        paths = {subset: str(self.layout.details_file(benchmark, subset, self.stamp)) for subset in subsets}
        self._benchmark = benchmark
        self._send(
            Opening(
                scores=str(self.layout.scores(benchmark)),
                details=paths if self.details else {},
                metrics=tuple(dict.fromkeys(metric.name for metric in metrics)),
                values=tuple(dict.fromkeys(name for metric in metrics for name in value_names(metric))),
                judged=benchmark.judge is not None,
            )
        )

    def add(self, scored: ScoredDocument, identities: Sequence[str] = ()) -> None:
        """Write one document of the benchmark that has begun. `identities`: of its choices, in their order."""
        assert self._benchmark is not None
        assert self._benchmark.name == scored.benchmark
        key = task_key(self._benchmark, scored.subset)
        self.tallies.setdefault(key, TaskTally()).add(scored)
        self._send(document_row(scored, identities))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is None:
            return
        try:
            if kind is None:
                self._send(End())
        finally:
            problem = self._finish()
            self._process = None  # leaving a second time does nothing
        if kind is None and problem is not None:
            raise problem

    def _send(self, frame: Frame) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(frame))
        except BrokenPipeError:
            problem = self._finish()
            raise problem or RuntimeError("the process that writes parquet files is gone") from None

    def _finish(self) -> Exception | None:
        """Close the pipe and wait; return what went wrong over there."""
        assert self._process is not None
        process = self._process
        if process.stdin is not None and not process.stdin.closed:
            with contextlib.suppress(BrokenPipeError):  # its exit status tells more
                process.stdin.close()
        said = b"" if process.stderr is None or process.stderr.closed else process.stderr.read()
        if process.stderr is not None:
            process.stderr.close()
        status = process.wait()
        text = said.decode("utf-8", "replace").strip()
        if status == Exit.CONFIGURATION:
            return UserError(text)
        return RuntimeError(f"writing parquet files failed with status {status}: {text}") if status else None


def document_row(scored: ScoredDocument, identities: Sequence[str] = ()) -> DocumentRow:
    """Return the message of a document. `identities` has one for each choice, or none at all."""
    conversation = scored.messages[-1] if scored.messages else ()
    rows = []
    for position, (choice, score) in enumerate(zip(scored.choices, scored.scores, strict=True)):
        rows.append(_choice_row(choice, score, identities[position] if identities else ""))
    return DocumentRow(
        subset=scored.subset,
        document=scored.document.id,
        index=scored.index,
        example=scored.document.turns[0],
        messages=tuple([(message.role, message.content) for message in conversation]),
        gold=scored.document.target,
        metrics=dict(scored.values),
        choices=tuple(rows),
        turns=len(scored.document.turns),
        judged=tuple(_judged_turn(scored, turn) for turn in range(len(scored.judge_prompts))),
    )


def _judged_turn(scored: ScoredDocument, turn: int) -> JudgedTurn:
    verdicts = [choice.verdicts[turn] for choice in scored.choices]
    return JudgedTurn(
        ratings=tuple(score.values.get(f"turn_{turn + 1}", -1.0) for score in scored.scores),
        prompts=scored.judge_prompts[turn],
        judgements=tuple(verdict.detail if verdict is not None else "" for verdict in verdicts),
    )


def _choice_row(choice: Choice, score: ChoiceScore, identity: str) -> ChoiceRow:
    turns = choice.turns
    outcomes, reasons = tuple(map(_outcome, turns)), tuple(map(_finish_reason, turns))
    tokens = [turn.usage.output_tokens for turn in turns if turn.usage.output_tokens is not None]
    verdicts = [verdict.status for verdict in choice.verdicts if verdict is not None]
    return ChoiceRow(
        repetition=choice.repetition,
        copied=choice.copied,
        identity=identity,
        texts=tuple(map(_text, turns)),
        reasonings=tuple(map(_reasoning, turns)),
        outcomes=outcomes,
        finish_reasons=reasons,
        truncated=Outcome.TRUNCATED in outcomes or not CUT.isdisjoint(reasons),
        loop=any(map(_repetition, turns)),
        unclosed=False in map(_reasoning_closed, turns),
        output_tokens=sum(tokens) if len(tokens) == len(turns) else None,
        seconds=sum(map(_seconds, turns)),
        attempts=sum(map(_attempts, turns)),
        verdict=",".join(verdicts) if verdicts else None,
        extracted=score.extracted,
        note=score.note,
        values=dict(score.values),
    )
