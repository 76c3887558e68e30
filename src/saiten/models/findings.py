"""What a probe finds out, topic by topic, and the provider entry that follows from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, field

from saiten.models.failures import Kind
from saiten.models.probe import COUNTING, FREE, QUESTION, Heard, Prober, usable

MOST_N = (2, 8, 128)
BETWEEN = {8: (4,), 128: (64, 32, 16)}
"""Which smaller n are tried, largest first, where one of these is not honoured."""
PARAMETERS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 1,
    "stop": ["\n\n\n"],
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
}


class Finding(Struct, frozen=True, kw_only=True):
    """One line of the report."""

    question: str
    answer: str


class Report(Struct):
    """Everything that was found, and the entry for the provider table."""

    findings: list[Finding] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)

    def say(self, question: str, answer: str) -> None:
        """Add a line."""
        self.findings.append(Finding(question=question, answer=answer))


Topic = Callable[[Prober, Report], Awaitable[None]]


async def probe(prober: Prober) -> Report:
    """Ask everything. Raises EndpointError where the endpoint cannot be used."""
    report = Report()
    endpoint = prober.endpoint
    report.entry["base_url"] = endpoint.shown
    if endpoint.provider.key_variable:
        report.entry["key_variable"] = endpoint.provider.key_variable
    if endpoint.provider.name == "custom":
        report.entry["paid"] = endpoint.paid
    for topic in TOPICS:
        await topic(prober, report)
    if prober.latencies:
        report.say("latency of a request", f"{median(prober.latencies):.2f} s (median of {len(prober.latencies)})")
    return report


async def length_limit(prober: Prober, report: Report) -> None:
    """How is the length limit spelled? The first question; whoever is not understood here is not understood at all."""
    honoured, accepted = [], []
    for name in ("max_tokens", "max_completion_tokens"):
        prober.limit_field = name
        heard = await prober.ask(COUNTING, limit=1)
        if heard.ok:
            cut = heard.finish in {"length", "max_tokens"}
            report.say(name, f"honoured, finish_reason {heard.finish}" if cut else f"ignored ({heard.finish})")
            accepted.append(name)
            honoured += [name] if cut else []
        else:
            report.say(name, f"refused: {heard.why}")
    prober.limit_field = [*honoured, *accepted, "max_tokens"][0]
    if honoured:
        report.entry["max_tokens_field"] = prober.limit_field


async def plain(prober: Prober, report: Report) -> None:
    """What does an answer look like: text, reasoning, finish reason, usage?"""
    heard = await prober.ask(QUESTION)
    usable(heard, prober.endpoint)
    report.say("answers as", str(heard.model))
    content = heard.message.get("content")
    shape = "null" if content is None else "a list of parts" if isinstance(content, list) else repr(content[:40])
    report.say("content", f"{shape}, finish_reason {heard.finish}")
    report.say("usage", usage_words(heard))
    report.entry["reasoning_field"] = reasoning_field(heard)
    report.say("reasoning", reasoning_words(heard))


def reasoning_field(heard: Heard) -> str:
    """Return where the reasoning stands."""
    message = heard.message
    if isinstance(message.get("content"), list):
        return "content"
    found = [name for name in ("reasoning", "reasoning_content") if message.get(name)]
    return found[0] if found else "none"


def reasoning_words(heard: Heard) -> str:
    """Return in words where the reasoning stands."""
    name = reasoning_field(heard)
    tokens = ((heard.usage or {}).get("completion_tokens_details") or {}).get("reasoning_tokens")
    counted = f", {tokens} tokens counted" if tokens else ""
    if name != "none":
        return f"in {name}{counted}"
    if "<think>" in heard.text or "</think>" in heard.text:
        return "as tags in the text: --reasoning-parser tags, or a parser of the server"
    return f"not shown{counted}" if tokens else "none seen"


def usage_words(heard: Heard) -> str:
    """Return in words what is told of usage."""
    usage = heard.usage or {}
    asked, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
    return f"{asked} + {said} tokens" if asked is not None and said is not None else "not told"


async def streaming(prober: Prober, report: Report) -> None:
    """Does it stream, and when does a stream tell its usage?"""
    asked = await prober.ask(QUESTION, fields={"stream": True, "stream_options": {"include_usage": True}})
    silent = await prober.ask(QUESTION, fields={"stream": True})
    streams = any(heard.ok and heard.streamed for heard in (asked, silent))
    report.entry["streams"] = streams
    if not streams:
        report.say("streaming", f"no: {asked.why}" if not asked.ok else "ignored: the answer came whole")
        return
    first = next(heard for heard in (asked, silent) if heard.ok)
    report.say("streaming", f"yes, first byte after {first.first_seconds:.2f} s")
    report.say("stream_options", "accepted" if asked.ok else f"refused: {asked.why}")
    when = "always" if silent.ok and silent.usage else "asked" if asked.ok and asked.usage else "never"
    report.entry["stream_usage"] = when
    report.say("usage in a stream", {"asked": "if asked for", "always": "always", "never": "never"}[when])


async def several_choices(prober: Prober, report: Report) -> None:
    """How many choices can one request ask for, and what happens to more?"""
    best, failed = 1, ""
    for n in MOST_N:
        count, words, limit = await ask_n(prober, n)
        if count >= n:
            best = n
            continue
        failed = words
        report.entry["n_beyond"] = "ignored" if count else "refused"
        if limit is not None and best <= limit < n:
            best = limit
        else:
            best = max([best, *[m for m in BETWEEN.get(n, ()) if m > best and (await ask_n(prober, m))[0] >= m][:1]])
        break
    report.entry["max_n"] = best
    report.say("n", f"up to {best}" + (f"; more: {failed}" if failed else ", the largest that was tried"))


async def ask_n(prober: Prober, n: int) -> tuple[int, str, int | None]:
    """Return how many choices came, what happened in words, and the limit that a refusal names."""
    heard = await prober.ask(FREE, limit=1, fields={"n": n, "temperature": 1.0})
    if heard.refused and "temperature" in heard.why:
        heard = await prober.ask(FREE, limit=1, fields={"n": n})
    if heard.ok:
        return len(heard.choices), f"n={n} brought {len(heard.choices)}", None
    named = heard.failure is not None and heard.failure.kind is Kind.N_REFUSED
    limit = heard.failure.limit if named and heard.failure is not None else None
    return 0, f"n={n} is refused: {heard.why}", limit


async def stop_strings(prober: Prober, report: Report) -> None:
    """Is a stop string honoured, and left out of the text?"""
    heard = await prober.ask(COUNTING, fields={"stop": ["5"]})
    if not heard.ok:
        report.say("stop", f"refused: {heard.why}")
    elif "5" not in heard.text:
        report.say("stop", f"honoured, finish_reason {heard.finish}" if heard.text else "honoured? nothing was said")
    else:
        kept = heard.text.rstrip().endswith("5")
        report.say("stop", "honoured, but the string stays in the text" if kept else "ignored")


async def seeds(prober: Prober, report: Report) -> None:
    """Does a seed repeat an answer?"""
    renamed = ""
    fields: dict[str, Any] = {"seed": 1, "temperature": 1.0}
    first = await prober.ask(FREE, limit=24, fields=fields)
    if first.refused and "seed" in first.why:
        fields = {"random_seed": 1, "temperature": 1.0}
        first = await prober.ask(FREE, limit=24, fields=fields)
        renamed = "random_seed"
    if not first.ok:
        report.say("seed", f"refused: {first.why}")
        return
    second = await prober.ask(FREE, limit=24, fields=fields)
    if renamed:
        report.entry["renamed"] = {"seed": renamed}
    same = second.ok and first.text == second.text
    called = f" (called {renamed})" if renamed else ""
    report.say("seed", ("the same answer twice" if same else "two different answers") + called)


async def log_probabilities(prober: Prober, report: Report) -> None:
    """Are log probabilities given?"""
    heard = await prober.ask(QUESTION, limit=1, fields={"logprobs": True})
    given = heard.ok and bool(heard.choices[0].get("logprobs"))
    report.say("logprobs", "given" if given else "ignored" if heard.ok else f"refused: {heard.why}")


async def parameters(prober: Prober, report: Report) -> None:
    """Which sampling parameters does the model refuse?"""
    usual = {report.entry.get("renamed", {}).get(name, name): value for name, value in PARAMETERS.items()}
    together = await prober.ask(QUESTION, limit=16, fields=usual)
    if together.ok:
        report.say("sampling parameters", f"accepted: {', '.join(usual)}")
        return
    refused = []
    for name, value in usual.items():
        heard = await prober.ask(QUESTION, limit=16, fields={name: value})
        if heard.refused:
            refused.append(name)
    report.say("sampling parameters", f"refused: {', '.join(refused) or 'only together'} ({together.why})")
    if refused:
        report.entry["refuses"] = {prober.endpoint.model: refused}


async def thinking(prober: Prober, report: Report) -> None:
    """Can thinking be turned down or off?"""
    for shown, fields in (
        ("reasoning_effort: low", {"reasoning_effort": "low"}),
        ("enable_thinking: false", {"chat_template_kwargs": {"enable_thinking": False}}),
    ):
        heard = await prober.ask(QUESTION, fields=fields)
        words = f"accepted; reasoning {reasoning_words(heard)}" if heard.ok else f"refused: {heard.why}"
        report.say(shown, words)


async def errors(prober: Prober, report: Report) -> None:
    """What do refusals look like, and does saiten understand them?"""
    for shown, fields in (
        ("an unknown model", {"model": "saiten-no-such-model"}),
        ("a wrong parameter", {"temperature": -1}),
    ):
        heard = await prober.ask(QUESTION, limit=1, fields=fields)
        if heard.failure is None:
            report.say(shown, "no error: it is answered all the same")
        else:
            report.say(shown, f"read as {heard.failure.kind.value!r} ({heard.why})")


TOPICS: tuple[Topic, ...] = (
    length_limit,
    plain,
    streaming,
    several_choices,
    stop_strings,
    seeds,
    log_probabilities,
    parameters,
    thinking,
    errors,
)


def entry_name(prober: Prober) -> str:
    """Return the name of the entry: the provider's, or the host's for a stranger."""
    provider = prober.endpoint.provider.name
    host = urlsplit(prober.endpoint.base_url).hostname or "mine"
    return host.replace(".", "-").replace(":", "-") if provider == "custom" else provider


def yaml_lines(report: Report, name: str) -> Iterator[str]:
    """Yield the entry as YAML, ready for providers.yaml."""
    import yaml

    text = yaml.safe_dump({name: report.entry}, sort_keys=False, allow_unicode=True, default_flow_style=False)
    yield from text.splitlines()
