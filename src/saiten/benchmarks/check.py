"""Is a benchmark what it says it is? Its fields, its documents, and whether its own scorer knows its gold answers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from msgspec import Struct

from saiten.benchmarks.extras import require_extras
from saiten.benchmarks.load import USER_CODE_ERRORS, line_of, load_file
from saiten.benchmarks.trial import Level, try_scorer
from saiten.datasets import open_rows
from saiten.errors import UserError
from saiten.types import Benchmark, Dataset, Document, Duration, Language, Metric, Row, Sampling, SummaryRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from saiten.datasets import DataContext

MOST_ROWS = 5_000
"""Rows of each subset that are turned into documents."""
TRIED = 3
"""Documents of each subset that are given to the scorer."""
NEEDED = frozenset({"dataset", "document", "samples", "scorer", "verifier", "metrics"})
"""Fields that must be right before documents can be made and scored."""
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


class Finding(Struct, frozen=True):
    """Something that is wrong, or looks wrong."""

    level: Level
    message: str
    field: str = ""
    """The field of the benchmark that it is about."""
    where: str = ""
    """`file:line`, where it is known."""

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.message}" if self.where else f"{self.level}: {self.message}"


def check_file(path: Path, context: DataContext) -> list[Finding]:
    """Load a user's benchmark file, read its data, and return what is wrong, with lines.

    UserError: it cannot load, or what it is scored with is not installed.
    """
    benchmark = load_file(path)
    findings = [*check_fields(benchmark)]
    require_extras([benchmark])
    if not any(finding.level == "error" and finding.field in NEEDED for finding in findings):
        findings += _check_data(benchmark, context)
    lines = field_lines(path)
    return [
        finding if finding.where else Finding(finding.level, finding.message, finding.field, _at(path, lines, finding))
        for finding in findings
    ]


def _at(path: Path, lines: Mapping[str, int], finding: Finding) -> str:
    return f"{path}:{lines.get(finding.field, lines.get('', 1))}"


def _check_data(benchmark: Benchmark, context: DataContext) -> Iterator[Finding]:
    for subset in benchmark.dataset.configs:
        try:
            rows = open_rows(benchmark.dataset, subset, context)
            sample = [rows[i] for i in range(min(len(rows), MOST_ROWS))]
        except UserError as error:
            yield Finding("error", str(error), "dataset")
            return
        yield from check(benchmark, sample, subset)


def check(benchmark: Benchmark, rows: Sequence[Row], subset: str = "") -> list[Finding]:
    """Return what is wrong with the documents that `rows` of one subset make, and with how they are scored."""
    documents: list[Document] = []
    findings: list[Finding] = []
    for number, row in enumerate(rows, start=1):
        where = f"row {number}" + (f" of subset {subset!r}" if subset else "")
        document = _build(benchmark, row, where)
        if isinstance(document, Finding):
            return [*findings, document]
        findings += _check_document(benchmark, document, where)
        documents.append(document)
        if len(findings) > 20:
            break
    findings += _check_together(documents, subset)
    if documents and not any(finding.level == "error" for finding in findings):
        findings += [
            Finding(level, message, "scorer")
            for document in documents[:TRIED]
            for level, message in try_scorer(benchmark, document)
        ]
    return findings


def _build(benchmark: Benchmark, row: Row, where: str) -> Document | Finding:
    try:
        document = benchmark.document(row)
    except USER_CODE_ERRORS as error:
        code = getattr(benchmark.document, "__code__", None)
        line = line_of(error, Path(code.co_filename)) if code else ""
        columns = ", ".join(name for name in row if not name.startswith("__"))
        return Finding(
            "error", f"document({where}) raised {type(error).__name__}: {error}; columns: {columns}", "document", line
        )
    if not isinstance(document, Document):
        return Finding("error", f"document({where}) returned a {type(document).__name__}, not a Document", "document")
    return document


def _check_document(benchmark: Benchmark, document: Document, where: str) -> Iterator[Finding]:
    if not isinstance(document.id, str) or not document.id:
        yield Finding("error", f"{where}: the id must be a text that is not empty, not {document.id!r}", "document")
    if not isinstance(document.turns, tuple) or not document.turns:
        yield Finding("error", f"{where}: turns must be a tuple of user messages", "document")
    elif not all(isinstance(turn, str) and turn.strip() for turn in document.turns):
        yield Finding("error", f"{where}: a turn is empty or not a text", "document")
    if not isinstance(document.target, str):
        kind = type(document.target).__name__
        yield Finding("error", f"{where}: the target must be a text, not {kind}; write str(…)", "document")
    elif not document.target and benchmark.verifier is None and benchmark.judge is None:
        yield Finding("warning", f"{where}: the target is empty", "document")


def _check_together(documents: Sequence[Document], subset: str) -> Iterator[Finding]:
    of = f" in subset {subset!r}" if subset else ""
    first: dict[str, int] = {}
    for number, document in enumerate(documents, start=1):
        if document.id in first:
            yield Finding(
                "error", f"rows {first[document.id]} and {number}{of} have the same id {document.id!r}", "document"
            )
            return
        first[document.id] = number
    if len({len(document.turns) for document in documents}) > 1:
        yield Finding("error", f"documents{of} have different numbers of turns", "document")
    repeated = len(documents) - len({document.turns for document in documents})
    if repeated:
        yield Finding("warning", f"{repeated} documents{of} repeat the prompt of another one", "document")


def check_fields(benchmark: Benchmark) -> Iterator[Finding]:
    """Yield what is wrong with the benchmark's fields, without looking at any data."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "name": str,
        "task": str,
        "version": int,
        "dataset": Dataset,
        "prompt": str,
        "sampling": Sampling,
        "samples": int,
        "expected_tokens": (int, float),
        "summary": tuple,
        "duration": Duration,
        "source": str,
        "license": str,
    }
    for field, kind in kinds.items():
        value = getattr(benchmark, field)
        if not isinstance(value, kind) or isinstance(value, bool):
            name = kind.__name__ if isinstance(kind, type) else "number"
            yield Finding("error", f"{field} must be a {name}, not {type(value).__name__}", field)
            return
    if not NAME.fullmatch(benchmark.name):
        yield Finding("error", f"name {benchmark.name!r}: lower-case letters, digits and _ only, please", "name")
    if benchmark.language not in get_args(Language):
        yield Finding("error", f"language {benchmark.language!r}: {' or '.join(get_args(Language))}", "language")
    if benchmark.version < 1:
        yield Finding("error", "version starts at 1", "version")
    if benchmark.samples < 1:
        yield Finding("error", "samples must be 1 or more", "samples")
    for field in ("source", "license"):
        if not getattr(benchmark, field):
            yield Finding("warning", f"{field} is empty: say where the questions come from and who may use them", field)
    yield from _check_parts(benchmark)


def _check_parts(benchmark: Benchmark) -> Iterator[Finding]:
    if not callable(benchmark.document):
        yield Finding("error", "document must be a function from a row to a Document", "document")
    parts = (("scorer", "name version score"), ("verifier", "program"), ("judge", "request rating templates model"))
    for field, methods in parts:
        part = getattr(benchmark, field)
        missing = [name for name in methods.split() if not hasattr(part, name)]
        if missing and not (field != "scorer" and part is None):
            yield Finding("error", f"{field} lacks {', '.join(missing)} (see saiten.types)", field)
    sampling = benchmark.sampling
    if sampling.temperature is not None and not 0 <= sampling.temperature <= 2:
        yield Finding("error", f"temperature {sampling.temperature} is not between 0 and 2", "sampling")
    if sampling.top_p is not None and not 0 < sampling.top_p <= 1:
        yield Finding("error", f"top_p {sampling.top_p} is not above 0 and at most 1", "sampling")
    dataset = benchmark.dataset
    if not dataset.configs:
        yield Finding("error", "configs is empty; leave it out for a benchmark without subsets", "dataset")
    if not dataset.columns:
        yield Finding("warning", "columns is empty: name those that document reads, for clear errors", "dataset")
    yield from _check_metrics(benchmark)


def _check_metrics(benchmark: Benchmark) -> Iterator[Finding]:
    try:
        metrics = benchmark.metrics_for(benchmark.samples)
    except USER_CODE_ERRORS as error:
        message = f"metrics({benchmark.samples}) raised {type(error).__name__}: {error}"
        yield Finding("error", message, "metrics")
        return
    if not isinstance(metrics, tuple) or not metrics or not all(isinstance(metric, Metric) for metric in metrics):
        yield Finding("error", "metrics must be a tuple with at least one Metric", "metrics")
        return
    names = [metric.name for metric in metrics]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Finding("error", f"two metrics are named {name!r}", "metrics")
    for metric in metrics:
        if metric.twin is not None and metric.twin not in names:
            yield Finding(
                "error", f"metric {metric.name!r} has the twin {metric.twin!r}, which is no metric", "metrics"
            )
    for row in benchmark.summary:
        if not isinstance(row, SummaryRow):
            yield Finding("error", "summary must hold SummaryRow values", "summary")
        elif row.metric not in names:
            yield Finding("error", f"summary row {row.name!r}: no metric {row.metric!r}; {', '.join(names)}", "summary")
        elif row.subsets is not None and (unknown := set(row.subsets) - set(benchmark.dataset.configs)):
            yield Finding("error", f"summary row {row.name!r}: no subset {min(unknown)!r}", "summary")


def field_lines(path: Path) -> dict[str, int]:
    """Return the line in which each field of `BENCHMARK = Benchmark(...)` is given, and under "" that of BENCHMARK."""
    lines: dict[str, int] = {}
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "BENCHMARK" for t in node.targets):
            lines[""] = node.lineno
            if isinstance(node.value, ast.Call):
                lines |= {keyword.arg: keyword.value.lineno for keyword in node.value.keywords if keyword.arg}
    return lines
