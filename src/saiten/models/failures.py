"""What can go wrong with one HTTP request, by what is known about it, not by who raised it.

The one place that classifies. `retry.py` decides what follows from a kind, `client.py` does it.
"""

from __future__ import annotations

import errno
import re
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from saiten.models.wire import Malformed, strict_json

SHOWN = 300
"""Characters of a server's words that are kept."""


class Kind(StrEnum):
    """What is known about a failed request."""

    NOT_SENT = "not sent"
    """No connection: free to try again."""
    NO_FILES = "no file descriptors"
    """The process cannot open another socket: not sent, and fewer must be in flight."""
    RATE_LIMITED = "rate limited"
    REJECTED = "rejected"
    """The server said that it failed (5xx, 408, 409, 425): nothing was billed, it may work later."""
    NOT_API = "no API answer"
    """A web page or nothing at all where a completion should be: some proxy answered."""
    AMBIGUOUS = "cut off"
    """Sent, and the whole answer did not come: it may have been generated, and billed."""
    MALFORMED = "malformed"
    """A whole answer that cannot be used. Billed like any other."""
    TOO_LARGE = "too large"
    """More bytes than any answer has; trying again would bring them again."""
    REFUSED = "refused"
    """The request is wrong, says the server: the same request will always be."""
    CONTEXT_OVERFLOW = "context overflow"
    CONTENT_POLICY = "content policy"
    NO_ROOM = "token limit refused"
    """The prompt fits, but not together with the token limit: the same request with a lower one is what newer servers
    make of it by themselves."""
    N_REFUSED = "n refused"
    FIELD_REFUSED = "field refused"
    """A field is refused that can be left out or spelled otherwise without changing what is measured."""
    FATAL = "fatal"
    """No request of this run can succeed: key, model, quota, address."""


class Failure(Struct, frozen=True, kw_only=True):
    """A request that brought no answer."""

    kind: Kind
    message: str
    """One line, without secrets."""
    status: int | None = None
    retry_after: float | None = None
    """Seconds that the server asks to wait."""
    overload: bool = False
    """Whether fewer requests at once would help."""
    reused: bool = False
    """Whether a kept-alive connection died before any byte of the response: the server had closed it, most likely."""
    field: str | None = None
    """For FIELD_REFUSED: which."""
    limit: int | None = None
    """For N_REFUSED: the largest n that is allowed. For NO_ROOM: the tokens that fit behind the prompt."""
    resumable: bool = True
    """For FATAL: whether the same command can work later without a change."""


class Sent(Struct, frozen=True, kw_only=True):
    """What of the request matters when its refusal is read."""

    n: int = 1
    stream: bool = True
    usage_asked: bool = True
    max_tokens_field: str | None = None
    """Under which name the token limit was sent, if it was."""


OVERFLOW = re.compile(
    r"context[ _]length|context[ _]window|context size|context[ _]limit|exceed_context_size"
    r"|prompt is too long|prompt too long|input is too long|input token count.{0,40}exceeds|input length.{0,60}exceeds?"
    r"|(?:decoder )?prompt.{0,40}longer than the maximum model length|maximum input length"
    r"|max_tokens must be at least 1, got (?:0|-\d+)|too many (?:input )?tokens"
    r"|reduce the length of the (?:messages|prompt)",
    re.IGNORECASE,
)
"""Texts of vLLM (0.6 to 0.32), llama.cpp, OpenAI, Anthropic, Gemini and TGI for a prompt that leaves no room."""
CONTEXT = re.compile(r"maximum context length is (\d+)")
PROMPT = re.compile(r"(\d+) (?:in the messages|in the prompt|input tokens|prompt tokens|tokens in the messages)")
NOT_OVERFLOW = re.compile(r"max_tokens=\d+ cannot be greater than max_model_len", re.IGNORECASE)
"""vLLM's words for a token limit that no prompt could have: the settings are wrong, not this prompt."""
POLICY = re.compile(
    r"content_filter|content_policy|content management policy|responsibleaipolicyviolation|usage polic"
    r"|safety system|flagged|moderation|data_inspection_failed",
    re.IGNORECASE,
)
QUOTA = re.compile(
    r"insufficient_quota|billing|exceeded your current quota|credit balance|insufficient (?:credits|balance|funds)",
    re.IGNORECASE,
)
NO_MODEL = re.compile(
    r"model.{0,200}(?:not (?:found|exist|available)|does not exist)|no such model|unknown model",
    re.IGNORECASE | re.DOTALL,
)
AGAIN_IN = re.compile(r"again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?", re.IGNORECASE)
STREAM_FIELD = re.compile(r"\bstream(?:ing)?\b", re.IGNORECASE)
N_WORD = re.compile(r"(?<![\w-])['\"`]?n['\"`]?(?:\s*[=>]|(?![\w']))", re.IGNORECASE)
TRY_AGAIN = frozenset({408, 409, 425})
MAYBE_BILLED = frozenset({504, 524})
"""A gateway gave up waiting; the model behind it may have gone on."""
OVERLOAD = frozenset({429, 503, 529})


def one_line(text: str, limit: int = SHOWN) -> str:
    """Return the text as one printable line of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def page_title(text: str) -> str:
    """Return what a web page is called, for messages."""
    title = re.search(r"<title[^>]*>(.*?)</title>", text[:20_000], re.IGNORECASE | re.DOTALL)
    return f"a web page, {one_line(title[1], 80)!r}" if title else f"a web page, {one_line(text, 80)!r}"


class ErrorBody(Struct, frozen=True, kw_only=True):
    """What a server says about its refusal."""

    message: str = ""
    type: str = ""
    code: str = ""
    param: str = ""
    wait: float | None = None
    """Seconds to wait, where the object says so (Google's RetryInfo, or in words)."""
    counted_per_time: bool = False
    """Whether it names a wait in a field of its own: then even words about quota are about a rate."""

    @property
    def all(self) -> str:
        """Everything, to be searched."""
        return f"{self.type} {self.code} {self.message}"


def read_error(body: bytes) -> ErrorBody:
    """Read an error body of any of the usual shapes; anything else is its own message."""
    try:
        found = strict_json(body)
    except Malformed:
        return ErrorBody(message=body.decode("utf-8", "replace"))
    return read_error_object(found)


def read_error_object(found: Any) -> ErrorBody:
    """Read `{"error": {…}}`, `{"error": "…"}`, `{"detail": …}`, `{"message": …}`, or a list of one of them."""
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, dict):
        inner = found.get("error", found)
        if isinstance(inner, dict):
            message = inner.get("message") or inner.get("detail") or inner.get("msg") or ""
            words = {key: str(inner.get(key) or "") for key in ("type", "code", "param")}
            message = message if isinstance(message, str) else str(message)
            delay = _retry_info(inner.get("details"))
            wait = _wait_in_words(message) if delay is None else delay
            return ErrorBody(message=message, wait=wait, counted_per_time=delay is not None, **words)
        found = inner
    return ErrorBody(message=str(found), wait=_wait_in_words(str(found)))


def _retry_info(details: Any) -> float | None:
    """Return the seconds of a google.rpc.RetryInfo among an error's details: `{"retryDelay": "39s"}`."""
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s") and (seconds := _number(delay[:-1], 1.0)) is not None:
            return seconds if 0.0 < seconds < 1e9 else None
    return None


def _wait_in_words(message: str) -> float | None:
    """Return the seconds of "try again in 2m7.5s" (OpenAI, Groq)."""
    match = AGAIN_IN.search(message)
    if match is None:
        return None
    hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
    total = 3600 * hours + 60 * minutes + seconds + milliseconds / 1000
    return total if 0.0 < total < 1e9 else None


def response_failure(status: int, headers: Mapping[str, str], body: bytes, sent: Sent) -> Failure:
    """Classify a response that is not a success."""
    error = read_error(body)
    failure = error_failure(status, error, sent)
    if failure.kind in {Kind.RATE_LIMITED, Kind.REJECTED, Kind.AMBIGUOUS}:
        return Failure(
            kind=failure.kind,
            message=failure.message,
            status=status,
            overload=failure.overload,
            retry_after=asked if (asked := retry_after(headers)) is not None else error.wait,
        )
    return failure


def error_failure(status: int, error: ErrorBody, sent: Sent) -> Failure:
    """Classify what a server says, by its status and its words."""
    words = one_line(error.message) or "no explanation"
    if error.message.lstrip()[:1] == "<":
        words = page_title(error.message)
    said = f"{status}: {words}"
    if 300 <= status < 400:
        message = (
            f"the endpoint redirects ({status}); that is not followed, for the key would go along: correct its address"
        )
        return Failure(kind=Kind.FATAL, message=message, status=status, resumable=False)
    if status == 402 or (status in {403, 429} and QUOTA.search(error.all) and not error.counted_per_time):
        return Failure(kind=Kind.FATAL, message=f"quota exhausted ({said})", status=status)
    if status == 429:
        return Failure(kind=Kind.RATE_LIMITED, message=said, status=status, overload=True)
    if status >= 500 or status in TRY_AGAIN:
        kind = Kind.AMBIGUOUS if status in MAYBE_BILLED else Kind.REJECTED
        return Failure(kind=kind, message=said, status=status, overload=status in OVERLOAD)
    if status >= 400:
        return _client_error(status, error, sent, said)
    return Failure(kind=Kind.NOT_API, message=f"status {status} where an answer should be", status=status)


def _client_error(status: int, error: ErrorBody, sent: Sent, said: str) -> Failure:
    """Classify a 4xx: which are facts about the prompt, which about the request's form, which about the run."""
    if status in {400, 413, 422} and OVERFLOW.search(error.all) and not NOT_OVERFLOW.search(error.message):
        room = _room(error.message) if sent.max_tokens_field else 0
        kind = Kind.NO_ROOM if room > 0 else Kind.CONTEXT_OVERFLOW
        return Failure(kind=kind, message=said, status=status, limit=room)
    if status in {400, 403, 422} and POLICY.search(error.all):
        return Failure(kind=Kind.CONTENT_POLICY, message=said, status=status)
    if status in {401, 403}:
        message = f"the endpoint refuses the API key ({said})"
        return Failure(kind=Kind.FATAL, message=message, status=status, resumable=False)
    if status in {404, 405, 410} or NO_MODEL.search(error.message):
        known = NO_MODEL.search(error.message) is not None
        message = f"the endpoint does not know the {'model' if known else 'address'} ({said})"
        return Failure(kind=Kind.FATAL, message=message, status=status, resumable=False)
    form = _form_failure(status, error, sent, said)
    return form or Failure(kind=Kind.REFUSED, message=said, status=status)


def _room(message: str) -> int:
    """Return how many tokens fit behind the prompt by the server's own figures; 0 where it does not tell both.

    "At least 2049 input tokens" is said of a prompt that is too long by itself.
    """
    context, prompt = CONTEXT.search(message), PROMPT.search(message)
    return int(context[1]) - int(prompt[1]) if context and prompt else 0


def _form_failure(status: int, error: ErrorBody, sent: Sent, said: str) -> Failure | None:
    """Recognise refusals that another form of the same request can avoid."""
    if sent.n > 1 and (error.param == "n" or N_WORD.search(error.message)):
        allowed = [int(number) for number in re.findall(r"\d+", error.message)]
        limit = max((number for number in allowed if 1 <= number < sent.n), default=1)
        return Failure(kind=Kind.N_REFUSED, message=said, status=status, limit=limit)
    field = None
    if sent.usage_asked and ("stream_options" in error.message or "include_usage" in error.message):
        field = "stream_options"
    elif sent.stream and (error.param == "stream" or STREAM_FIELD.search(error.message)):
        field = "stream"
    elif sent.max_tokens_field and "max_completion_tokens" in error.message and "max_tokens" in error.message:
        field = sent.max_tokens_field
    return Failure(kind=Kind.FIELD_REFUSED, message=said, status=status, field=field) if field else None


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how many seconds the server asks to wait: Retry-After-Ms, or Retry-After as seconds or HTTP date.

    Names of headers are in lower case.

    None where nothing sensible is asked: zero, the past, or words that nobody understands.
    Source: RFC 9110, section 10.2.3; Retry-After-Ms is OpenAI's and Azure's.
    """
    wanted: float | None = None
    if (text := headers.get("retry-after-ms")) is not None:
        wanted = _number(text, 1000.0)
    if wanted is None and (text := headers.get("retry-after")) is not None:
        wanted = _number(text, 1.0)
        if wanted is None:
            try:
                wanted = parsedate_to_datetime(text).timestamp() - (time.time() if now is None else now)
            except (ValueError, OverflowError):
                return None
    return wanted if wanted is not None and 0.0 < wanted < 1e9 else None


def _number(text: str, divisor: float) -> float | None:
    try:
        return float(text.strip()) / divisor
    except ValueError:
        return None


def connection_failure(error: OSError) -> Failure:
    """Classify an error from before the request was sent."""
    if isinstance(error, ssl.SSLError):
        message = f"TLS failed: {one_line(str(error))}"
        return Failure(kind=Kind.FATAL, message=message, resumable=False)
    if error.errno in {errno.EMFILE, errno.ENFILE}:
        return Failure(kind=Kind.NO_FILES, message="too many open files")
    return Failure(kind=Kind.NOT_SENT, message=one_line(str(error)) or type(error).__name__)
