"""The nouns of saiten. Everything that passes between rooms is one of these; some stand in small
modules of their own (`part`, `programs`, `sampling`, `served`), and this one imports nothing else.

A *benchmark* has *documents*. Asking a document once gives a *choice*: one generated answer, durable as a
*generation* that ends in a typed *outcome*. A *scorer* gives each choice named values, a *metric* turns the values of
all documents into one number.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from saiten.part import Part
from saiten.programs import AnyProgram
from saiten.sampling import Sampling as Sampling  # noqa: PLC0414  # a noun, in a module of its own
from saiten.served import ModelServer
from saiten.served import ServerSpec as ServerSpec  # noqa: PLC0414

Role = Literal["system", "user", "assistant"]
Language = Literal["ja", "en"]
Row = Mapping[str, Any]
"""One raw record of a dataset, columns as the dataset names them."""


class Outcome(StrEnum):
    """How a choice ended. Only REQUEST_FAILED is not the model's doing: such a choice is owed again."""

    OK = "ok"
    TRUNCATED = "truncated"
    REPETITION = "repetition"
    UNCLOSED_REASONING = "unclosed_reasoning"
    EMPTY = "empty"
    CONTENT_FILTER = "content_filter"
    REQUEST_FAILED = "request_failed"


class Message(Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Role
    content: str


# ---------------------------------------------------------------------------------------------- what is measured


class Dataset(Struct, frozen=True, kw_only=True):
    """Where a benchmark's rows are: a hub repository, or a file that the package or the user has.

    `path` is a hub repository id (`nlp-waseda/JMMLU`) or, with `local=True`, a file or folder.
    Each subset of the benchmark is read from `configs[subset]` (a hub config name); one unnamed subset otherwise.
    """

    path: str
    split: str
    configs: Mapping[str, str] = field(default_factory=lambda: {"": "default"})
    """Subset name -> config name of the repository. The empty subset name is a benchmark without subsets.

    `publisher/name@config` reads a subset from another repository, `config#split` from another split.
    """
    revision: str | None = None
    """Commit of the hub repository; None: resolved at first use and recorded."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Subset -> path patterns inside the repository, separated by spaces, where the repository's layout does not tell
    them."""
    columns: tuple[str, ...] = ()
    """Columns that the document function reads; a row that lacks one is a clear error."""
    apart: tuple[str, ...] = ()
    """Columns of very long texts: a row has a `LongText` in their place."""
    headerless: tuple[str, ...] = ()
    """Column names of CSV files that have no header line."""
    local: bool = False
    gated: bool = False


class Document(Struct, frozen=True, kw_only=True):
    """One item of a benchmark, ready to be asked.

    `turns` are the user messages, in order: one for most benchmarks, two for MT-Bench. A later turn is sent after the
    answers to the earlier ones.
    """

    id: str
    """Unique within the benchmark and subset, stable between runs."""
    turns: tuple[str, ...]
    target: str = ""
    """The gold answer as the scorer wants it."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else the scorer or verifier needs (tests, entry point, category …)."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What fills the places of the prompt, by name. A prompt pack fills its own prompt with it."""
    sampling: Sampling | None = None
    """Overrides the benchmark's sampling for this document (MT-Bench: temperature by category)."""


# ---------------------------------------------------------------------------------------------- what came back


class Request(Struct, frozen=True, kw_only=True):
    """What is asked of an endpoint: one conversation, n answers."""

    messages: tuple[Message, ...]
    sampling: Sampling
    n: int = 1
    expected_tokens: float | None = None
    """A guess of the answer's length; only a hint for the client, never sent."""


class Usage(Struct, frozen=True, kw_only=True):
    """Token counts as the server reported them. None is unknown, never 0."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None


class Repetition(Struct, frozen=True, kw_only=True):
    """A tail that repeats: `count` times the last `period` characters, from character `start` on."""

    period: int
    count: int
    start: int


class Generation(Struct, frozen=True, kw_only=True):
    """What one choice came to."""

    outcome: Outcome
    text: str | None = None
    """The answer without its reasoning. None: the server sent no content at all; "" is an empty answer."""
    reasoning: str | None = None
    reasoning_closed: bool | None = None
    """None: no reasoning seen. False: it began and never ended."""
    finish_reason: str | None = None
    """As the server said it, verbatim."""
    repetition: Repetition | None = None
    usage: Usage = field(default_factory=Usage)
    started: float = 0.0
    """Unix time of the first byte sent, seconds."""
    seconds: float = 0.0
    """From sending the last attempt to its last byte."""
    first_token_seconds: float | None = None
    attempts: int = 1
    """HTTP requests spent on this choice, the successful one included."""
    model: str | None = None
    """The model name in the server's reply."""
    error: str | None = None
    """For REQUEST_FAILED: what happened, in one line without secrets."""


class Verdict(Struct, frozen=True, kw_only=True):
    """What execution or a judge said of one choice. Journaled, so that nothing is run or paid twice."""

    kind: Literal["execution", "judgement"]
    status: str
    """execution: passed, solved (right, but not for the reference's harness), failed, timeout, error, no_code;
    judgement: rated, judge_failed, judge_unparsable."""
    value: float | None = None
    detail: str = ""
    """Of a judgement: what the judge wrote, whole."""
    earlier: tuple[str, ...] = ()
    """Of a judgement: what the judge wrote before it was asked again, since no rating could be read."""
    seconds: float = 0.0
    usage: Usage | None = None
    """Of a judgement: the tokens that it cost."""


class Choice(Struct, frozen=True, kw_only=True):
    """One repetition of a document: its generation for each turn, and what a verifier said of each."""

    repetition: int
    turns: tuple[Generation, ...]
    verdicts: tuple[Verdict | None, ...] = ()
    copied: bool = False
    """True: greedy decoding, so this is repetition 0 again and was not generated a second time."""


# ---------------------------------------------------------------------------------------------- how it is measured


class ChoiceScore(Struct, frozen=True, kw_only=True):
    """What a scorer found in one choice."""

    values: Mapping[str, float]
    """Named values, e.g. {"extractive_match": 1.0, "accuracy": 1.0}."""
    extracted: str | None = None
    """The answer that was read out of the text; None: none found."""
    note: str = ""


Scorable = tuple[Document, tuple[Choice, ...]]
"""A document with those of its choices that were answered, in order of repetition."""


class Scorer(Protocol):
    """Turns documents and their choices into values. Pure: same input, same output; no HTTP, no files."""

    @property
    def name(self) -> str:
        """Stable name, recorded with the scores."""
        ...

    @property
    def version(self) -> int:
        """Raised whenever a value can move."""
        ...

    def score(self, items: Iterable[Scorable]) -> Iterator[tuple[ChoiceScore, ...]]:
        """Yield, for each item in the order given, one score per choice. Reads `items` lazily."""
        ...


class ExecutionVerifier(Protocol):
    """Names the program that decides about a choice; the engine runs it in the sandbox."""

    def program(self, document: Document, generation: Generation) -> AnyProgram | None:
        """Return the program, or None where the answer holds no code."""
        ...


class JudgeTemplate(Struct, frozen=True, kw_only=True):
    """What a judge is sent. Places: `{question_1}`, `{answer_1}`, `{reference_1}`, … by turn, and `{nonce}`."""

    system: str
    user: str


class AnswerJudge(Protocol):
    """Words the request to a judge model about one turn, and reads its verdict; the engine asks and journals."""

    @property
    def model(self) -> str | None:
        """The one judge model that this measurement is defined with; None: the run's."""
        ...

    @property
    def templates(self) -> Mapping[str, JudgeTemplate]:
        """The templates by name; exchange them with `saiten.values.replace`."""
        ...

    def request(self, document: Document, answers: Sequence[str]) -> tuple[Message, ...]:
        """Return what the judge is sent about the last of the answers."""
        ...

    def rating(self, document: Document, answers: Sequence[str], verdict: str) -> float | None:
        """Return the rating that a verdict states about these answers; None where it states none, or several."""
        ...


class Estimate(Struct, frozen=True, kw_only=True):
    """A number with its doubt: standard error and 95 % interval. None where it cannot be known."""

    value: float | None
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    """Documents it was computed from."""


class Metric(Struct, frozen=True, kw_only=True):
    """One number over a benchmark (or one of its subsets).

    `reduce` makes a document's value out of its choices' values, `corpus` an estimate out of all documents' values.
    Both are monotone, so that bounds for missing choices follow from filling in `worst` and `best`.

    A corpus metric (BLEU, a ratio of sums) reads several of the scorer's values at once: its choices' values are
    tuples, and so are its documents'.
    """

    name: str
    """As the results name it, e.g. `extractive_match`, `humaneval_pass@1:10`."""
    value: str | tuple[str, ...]
    """Which of the scorer's values it reads."""
    reduce: Callable[[Sequence[Any]], Any]
    corpus: Callable[[Sequence[Sequence[Any]]], Estimate]
    """From the documents' values, one sequence for each subset (stratum), to the estimate over all of them."""
    worst: Any = 0.0
    """Value of a choice at its worst; None where a missing choice cannot be bounded."""
    best: Any = 1.0
    where: Callable[[Document], bool] | None = None
    """Which documents it is about (MT-Bench: one category); None: all."""
    compatible: bool = True
    """True: measured exactly as the old system did. False: saiten's own, careful reading."""
    twin: str | None = None
    """For a careful metric: the compatible one whose disagreement with it is reported."""


class SummaryRow(Struct, frozen=True, kw_only=True):
    """A row that the benchmark adds to the aggregated results."""

    name: str
    metric: str
    subsets: tuple[str, ...] | None = None
    """Average over these subsets' documents; None: all of them."""


class Duration(Struct, frozen=True, kw_only=True):
    """How long the old system reserved for the benchmark, `HH:MM:SS` by node kind; None: nobody knows.

    Where its table has no figure that of a like benchmark stands, and the benchmark's file says so.

    One job ran one benchmark, the start of the model server included, whatever the model's size.
    Source: swallow-evaluation-instruct@807d53d3 scripts/qsub/conf/tasks_runtime.csv, and its fork of 2026 @07811478.
    """

    node_q: str | None = None
    """TSUBAME, one GPU."""
    node_f: str | None = None
    """TSUBAME, four GPUs: larger models."""
    rt_HG: str | None = None  # noqa: N815  # ABCI spells it so
    """ABCI, one GPU."""
    rt_HF: str | None = None  # noqa: N815
    """ABCI, eight GPUs: larger models."""


class Extra(Struct, frozen=True, kw_only=True):
    """An optional extra of this package, `pip install 'saiten[name]'`, that a benchmark cannot be scored without."""

    name: str
    modules: tuple[str, ...]
    """The modules that must be there, as they are imported."""


class Benchmark(Struct, frozen=True, kw_only=True):
    """Everything that defines a benchmark. A value in the file that bears its name."""

    name: str
    task: str
    """The id in old commands, `swallow|<task>|0|0`. A star stands for the subset; else one follows after a colon."""
    language: Language
    version: int
    """Raised when a number can move."""
    dataset: Dataset
    document: Callable[[Row], Document]
    prompt: str
    """The template as a person reads it; `document` fills it."""
    scorer: Scorer
    metrics: tuple[Metric, ...] | Callable[[int], tuple[Metric, ...]]
    """The metrics, or a function from the number of samples N to them."""
    sampling: Sampling
    samples: int = 1
    """N: choices per document."""
    verifier: ExecutionVerifier | None = None
    continuation: Literal["first", "own"] = "first"
    """Which earlier answer a later turn continues: repetition 0's, or its own."""
    judge: AnswerJudge | None = None
    """Who rates the answers; every turn of every choice is judged."""
    answer_characters: int | None = None
    """Of a longer answer only so many characters are continued by a later turn, and judged."""
    default: tuple[str, ...] = ()
    """Subsets that are measured where none is named; empty: all of them."""
    expected_tokens: float = 400.0
    """Typical answer length, used to order the queue until lengths are known."""
    summary: tuple[SummaryRow, ...] = ()
    duration: Duration = field(default_factory=Duration)
    job: str = ""
    """The old scripts' short name, as in `qsub_task ja mtbench`; empty: the benchmark's name. Jobs are called so."""
    extras: tuple[Extra, ...] = ()
    """What must be installed before anything is asked."""
    source: str = ""
    license: str = ""
    differs: str = ""
    """What differs from the reference measurement, and why."""

    @property
    def job_name(self) -> str:
        """Return `{language}_{job}`, the name of its jobs and their logs."""
        return f"{self.language}_{self.job or self.name}"

    def metrics_for(self, samples: int) -> tuple[Metric, ...]:
        """Return the metrics for N choices per document."""
        return self.metrics(samples) if callable(self.metrics) else self.metrics


# ---------------------------------------------------------------------------------------------- a run


class SettingsUsed(Struct, frozen=True, kw_only=True):
    """Which block of model settings a run took, and where each of its values comes from."""

    path: str
    name: str
    version: str
    origins: Mapping[str, str] = field(default_factory=dict)
    """Field of the specification -> `command line`, or `file:line`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """All that can move a result. Saved in run.json and compared when a run is continued; holds no secret."""

    model: str
    """Name as the user gave it, e.g. `Qwen/Qwen3-8B`."""
    benchmarks: tuple[str, ...]
    """Names, groups (ja, en, all, demo), globs, old task ids or files of your own, separated by commas."""
    provider: str = "openai"
    """Who answers: openai, vllm, deepinfra, … or custom with --base-url."""
    model_revision: str | None = None
    """Commit of the model, recorded and part of every answer's identity."""
    settings: str = ""
    """Name of the model settings (custom_model_settings/), a part of the run directory's path; `default` if the model's
    file has it; `none` goes without."""
    settings_used: SettingsUsed | None = None
    """The block of that name, where it was read from a file."""
    system_message: str | None = None
    """System message sent before every question; none otherwise."""
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    """Overrides every benchmark's sampling."""
    provider_sampling: Sampling | None = None
    """Sampling of the provider's entry, for what nobody else specifies."""
    samples: int | None = None
    """N, the choices per document, in place of every benchmark's own."""
    max_samples: int | None = None
    """Only the first k documents of each subset, in the seeded order."""
    reasoning_parser: str | None = None
    """Parser that tells reasoning from answer in the text, e.g. deepseek_r1_markup; only for servers that do not."""
    prompts: str | None = None
    """Prompt pack that saiten prompts import made, in place of saiten's own prompts; recorded as NAME@HASH."""
    server: ServerSpec = dataclasses.field(default_factory=ServerSpec)
    """How the model is served, where saiten serves it."""
    continuation: Literal["first", "own"] | None = None
    """Which answer a second turn continues: `first` (sample 0's, as ever) or `own`; the benchmark's own if unset."""
    judge_model: str | None = None
    """Judge of MT-Bench, a name with its date; gpt-4o-2024-08-06 if unset (JUDGE_MODEL_NAME)."""
    judge_reasoning_effort: str | None = None
    """How much the judge thinks: none, low, medium, high; not sent if unset (JUDGE_REASONING_EFFORT)."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How the model is reached. Nothing here can move a result: a resumed job has another node and port."""

    base_url: str | None = None
    """Address of an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1."""
    api_key: str | None = dataclasses.field(default=None, repr=False)
    concurrency: int | None = None
    """Ceiling of choices in flight (LITELLM_CONCURRENT_CALLS); adaptive without one."""
    stall_seconds: float | None = None
    """No byte for so long is a stalled request (REQUEST_TIMEOUT)."""
    max_n: int | None = None
    """Most choices that one request may ask for, where you know it; learnt from the endpoint otherwise."""
    drain_seconds: float = 30.0
    """How long requests in flight may finish after the first signal to stop."""
    part: Part = dataclasses.field(default_factory=Part)
    """Which part of the run this process asks."""
    server: ModelServer | None = dataclasses.field(default=None, repr=False)
    """A server that is started for the run; None: as the specification says."""
    max_cost: float | None = None
    """Most that the run may cost, earlier starts included, in the currency of your prices (providers.yaml)."""
    stop_at_cost: bool = False
    """Start although more than --max-cost is expected to be needed, and stop when it is used up."""
    unsafe_code_execution: bool = False
    """Run generated code even where no isolation works. Only on a machine with nothing to lose."""
    judge_base_url: str | None = None
    """Address of the judge's server, or `model`: the model's own; OpenAI's if unset (JUDGE_BASE_URL)."""
    judge_api_key: str | None = dataclasses.field(default=None, repr=False)
    judge_concurrency: int | None = None
    """Ceiling of judgements in flight; adaptive if unset (JUDGE_CONCURRENT_CALLS)."""
    judge_alias: bool = False
    """Accept a judge model's name without a date, whose model may change at any time."""
