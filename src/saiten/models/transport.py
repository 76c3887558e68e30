"""One HTTP request at a time: bytes out, a reply or a failure back. No retry, no waiting, no judgement.

Over our own connections (http.py). A response is read as it comes, by the request's `Reading`, inside the event loop's
callback. Deadlines are watched by one timer for all requests instead of one timer for each chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from posixpath import normpath
from time import monotonic
from typing import Protocol
from urllib.parse import quote, urlsplit

from msgspec import Struct, field

from saiten.models import failures
from saiten.models.connect import Connector, environment_proxy
from saiten.models.failures import Failure, Kind, Sent
from saiten.models.http import After, Connections, Lost, NotConnected, TooLarge
from saiten.models.loops import find_loop
from saiten.models.outcomes import REPETITION
from saiten.models.providers import Endpoint
from saiten.models.reply import RawReply, ReplyBuilder, read_reply
from saiten.models.sse import EventStream
from saiten.models.stats import Stats
from saiten.models.wire import Malformed, decode_completion
from saiten.values import replace

LOOP_CHECK_EVENTS = 512
"""Chunks between two looks for a loop, where loops are cut."""
KEY_SHOWN = "[API key]"
SHORTEST_SECRET = 8
"""Keys below this length are words like `none` or `k`: taken out of messages, they would spoil their meaning."""
SMALL_BYTES = 16 * 1024 * 1024
"""Most bytes of an answer to a GET: some providers' list of models is long."""


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds of one request, seconds and bytes."""

    connect: float = 10.0
    first: float
    """Until the first byte of the response's body: queueing in the server included."""
    stall: float
    """Between two bytes after that."""
    total: float
    most_bytes: int = 64 * 1024 * 1024
    """Of the decoded body."""
    keepalive: float = 3.0
    """Idle connections are closed after this; servers of the uvicorn kind close theirs after 5 s."""


class Answer(Struct, frozen=True, kw_only=True):
    """A reply, and when it came, on the monotonic clock."""

    reply: RawReply
    started: float
    first: float | None
    ended: float


class Exchange(Struct, frozen=True, kw_only=True):
    """A response as it came."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    first_seconds: float
    """Until the first byte of the body."""
    seconds: float


class Expired(Exception):  # noqa: N818 - a finding, told to who asked
    """A request has stalled, or lasted too long. The message says which."""


class Reading:
    """One request under way: takes its response in."""

    __slots__ = (
        *("body", "builder", "checked", "fail", "first", "headers", "last", "most", "size", "started", "stats"),
        *("reads_events", "status", "stream", "tokens"),
    )

    def __init__(self, stats: Stats, most: int, *, n: int = 1, checked: int | None = None) -> None:
        self.stats = stats
        self.most = most
        self.checked = checked
        """Chunks that were searched for a loop; None: loops are not cut."""
        self.fail: Callable[[Exception], None] | None = None
        self.started = self.last = 0.0
        self.first: float | None = None
        """When the first byte of the body came, on the monotonic clock."""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []
        self.size = self.tokens = 0
        self.builder = ReplyBuilder(n)
        self.stream: EventStream | None = None
        self.reads_events = True

    def sent(self, fail: Callable[[Exception], None]) -> None:
        """Start the clocks."""
        self.started = self.last = monotonic()
        self.fail = fail

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Take the head."""
        self.status, self.headers = status, headers
        self.stats.note_head(status, headers)
        if status == 200 and self.reads_events and self.content_type.startswith("text/event-stream"):
            self.stream = EventStream(self.builder.add)

    @property
    def content_type(self) -> str:
        """What the body is said to be."""
        return self.headers.get("content-type", "")

    def take(self, piece: bytes) -> After:
        """Take a piece of the body. Raises TooLarge, or Malformed."""
        self.last = monotonic()
        if self.first is None:
            self.first = self.last
        self.size += len(piece)
        self.stats.bytes_received += len(piece)
        if self.stream is None:
            self.body.append(piece)
        else:
            came = self.stream.feed(piece)
            self.tokens += came
            self.stats.output_tokens += came
        if self.size > self.most:
            raise TooLarge
        if self.stream is None:
            return After.MORE
        if self.checked is not None and self.stream.events - self.checked >= LOOP_CHECK_EVENTS and self._loops():
            return After.CLOSE
        return After.ENOUGH if self.stream.at_done else After.MORE

    def _loops(self) -> bool:
        """Whether everything that is still being said repeats itself; it is ended then."""
        assert self.stream is not None
        self.checked = self.stream.events
        self.stream.parse()
        if self.builder.finished or not all(find_loop(tail) for tail in self.builder.tails()):
            return False
        self.builder.end_all(REPETITION)
        return True


class Watch(Struct):
    """Ends requests that stall or last too long."""

    limits: Limits
    readings: set[Reading] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None

    def add(self, reading: Reading) -> None:
        """Watch a request until it is discarded from `readings`."""
        self.readings.add(reading)
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        period = max(0.02, min(1.0, min(self.limits.stall, self.limits.first, self.limits.total) / 8))
        self._timer = asyncio.get_running_loop().call_later(period, self._look)

    def _look(self) -> None:
        self._timer = None
        now = monotonic()
        for reading in self.readings:
            if reading.fail is None:
                continue  # it has no connection yet, and a bound of its own for that
            silent = self.limits.first if reading.first is None else self.limits.stall
            if now - reading.started > self.limits.total:
                reading.fail(Expired(f"no end after {self.limits.total:g} s"))
            elif now - reading.last > silent:
                reading.fail(Expired(f"no byte for {silent:g} s"))
        if self.readings:
            self._arm()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Sends(Protocol):
    """Whatever brings a request to an endpoint and its answer back."""

    async def get(self, route: str, seconds: float) -> tuple[int, bytes] | Failure:
        """Return status and body of a small GET."""
        ...

    async def send(self, route: str, body: bytes, sent: Sent) -> Answer | Failure:
        """Send a request and read what comes."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Transport:
    """Owns the connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, limits: Limits, stats: Stats, *, cut_loops: bool = False) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._stats = stats
        self._cut_loops = cut_loops
        self._watch = Watch(limits)
        self._key = endpoint.api_key if endpoint.api_key and len(endpoint.api_key) >= SHORTEST_SECRET else None
        self._proxy = None if endpoint.loopback else environment_proxy(endpoint.base_url)
        connector = Connector(endpoint.base_url, self._proxy, limits.connect)
        self._connections = Connections(connector, keepalive=limits.keepalive)
        self._heads: dict[tuple[str, str], bytes] = {}

    async def close(self) -> None:
        """Close every connection."""
        self._watch.close()
        await self._connections.close()

    def _head(self, method: str, route: str) -> bytes:
        """Return the head of a request, up to the length of its body. The key goes to the endpoint, not to a proxy."""
        if (method, route) not in self._heads:
            parts = urlsplit(self._endpoint.url(route))
            path = normpath(parts.path) if "/../" in parts.path else parts.path
            target = quote(path or "/", safe="/%:@!$&'()*+,;=~-._")
            if parts.query:
                target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
            host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
            lines = [f"Host: {host}", "Accept: */*", "Accept-Encoding: identity", "User-Agent: saiten"]
            if self._proxy is not None and parts.scheme == "http":  # no tunnel whose opening could carry the login
                target = f"http://{host}{target}"
                lines += [f"Proxy-Authorization: {self._proxy.login}"] if self._proxy.login else []
            if self._endpoint.api_key:
                lines.append(f"Authorization: Bearer {self._endpoint.api_key}")
            lines += ["Content-Type: application/json"] if method == "POST" else []
            text = "\r\n".join([f"{method} {target} HTTP/1.1", *lines])
            self._heads[method, route] = text.encode("ascii") + b"\r\nContent-Length: "
        return self._heads[method, route]

    async def get(self, route: str, seconds: float) -> tuple[int, bytes] | Failure:
        """Return status and body of a small GET."""
        reading = Reading(self._stats, SMALL_BYTES)
        try:
            async with asyncio.timeout(seconds):
                await self._connections.ask(self._head("GET", route) + b"0\r\n\r\n", reading)
        except TimeoutError:
            return Failure(kind=Kind.NOT_SENT, message=f"no answer within {seconds:g} s")
        except (NotConnected, Lost, TooLarge) as error:
            return self._broken(error)
        return reading.status, self._scrubbed(b"".join(reading.body))

    async def exchange(self, route: str, body: bytes, seconds: float) -> Exchange | Failure:
        """Send a small request and return what came, unread: for those who want to know how an endpoint answers."""
        self._stats.requests_sent += 1
        reading = Reading(self._stats, SMALL_BYTES)
        reading.reads_events = False
        try:
            async with asyncio.timeout(seconds):
                await self._connections.ask(self._request(route, body), reading)
        except TimeoutError:
            return Failure(kind=Kind.AMBIGUOUS, message=f"no answer within {seconds:g} s")
        except (NotConnected, Lost, TooLarge) as error:
            return self._broken(error)
        return Exchange(
            status=reading.status,
            headers=reading.headers,
            body=self._scrubbed(b"".join(reading.body)),
            first_seconds=(reading.first or reading.last) - reading.started,
            seconds=reading.last - reading.started,
        )

    def _request(self, route: str, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head("POST", route), len(body), body)

    async def send(self, route: str, body: bytes, sent: Sent) -> Answer | Failure:
        """Send a request and read what comes."""
        self._stats.requests_sent += 1
        checked = 0 if self._cut_loops else None
        reading = Reading(self._stats, self._limits.most_bytes, n=sent.n, checked=checked)
        self._watch.add(reading)
        try:
            try:
                await self._connections.ask(self._request(route, body), reading)
            except Lost:
                if not self._complete(reading):
                    raise
            return self._read(reading, sent)
        except (NotConnected, Lost, TooLarge, Expired) as error:
            return self._broken(error)
        except Malformed as error:
            return Failure(kind=Kind.MALFORMED, message=str(error))
        finally:
            self._watch.readings.discard(reading)

    @staticmethod
    def _complete(reading: Reading) -> bool:
        """Whether a stream that broke had said all it was asked for. Raises Malformed."""
        if reading.stream is None:
            return False
        reading.stream.parse(last=True)
        return reading.builder.finished

    def _scrubbed(self, body: bytes) -> bytes:
        """Take the key out of what a server says: some repeat it in their refusal."""
        return body.replace(self._key.encode(), KEY_SHOWN.encode()) if self._key else body

    # ------------------------------------------------------------------------------------------ reading

    def _read(self, reading: Reading, sent: Sent) -> Answer | Failure:
        """Return what a response says that came to its end. Raises Malformed."""
        if reading.stream is not None:
            reading.stream.parse(last=True)
            return self._streamed(reading, sent)
        body = b"".join(reading.body)
        if reading.status != 200:
            return failures.response_failure(reading.status, reading.headers, self._scrubbed(body), sent)
        return self._whole(body, reading, sent)

    def _streamed(self, reading: Reading, sent: Sent) -> Answer | Failure:
        reply = reading.builder.reply()
        if reading.builder.error is not None:
            return self._error_inside(reading.builder.error, sent, begun=bool(reply.choices))
        if not reply.choices:
            return Failure(kind=Kind.MALFORMED, message="a stream without choices")
        return self._answer(reply, reading)

    def _whole(self, body: bytes, reading: Reading, sent: Sent) -> Answer | Failure:
        if not body.strip():
            return Failure(kind=Kind.NOT_API, message="an empty answer with status 200")
        if "html" in reading.content_type or body.lstrip()[:1] == b"<":
            title = failures.page_title(self._scrubbed(body)[:20_000].decode("utf-8", "replace"))
            return Failure(kind=Kind.NOT_API, message=f"{title} where JSON should be")
        try:
            completion = decode_completion(body)
        except Malformed as error:
            start = failures.one_line(self._scrubbed(body)[:800].decode("utf-8", "replace"), 200)
            kind = Kind.MALFORMED if "json" in reading.content_type else Kind.NOT_API
            return Failure(kind=kind, message=f"{error}; it begins with {start!r}")
        if completion.error is not None and not completion.choices:
            return self._error_inside(completion.error, sent, begun=False)
        reply = read_reply(completion, sent.n)
        if not reply.choices:
            return Failure(kind=Kind.MALFORMED, message="an answer without choices")
        return self._answer(reply, reading)

    def _answer(self, reply: RawReply, reading: Reading) -> Answer | Failure:
        if all(choice.finish_reason is None for choice in reply.choices.values()):
            return Failure(kind=Kind.AMBIGUOUS, message="the answer broke off: no finish_reason came")
        counted = reply.usage.output_tokens
        if counted is not None:
            self._stats.output_tokens += counted - reading.tokens
        return Answer(reply=reply, started=reading.started, first=reading.first, ended=reading.last)

    # ------------------------------------------------------------------------------------------ what went wrong

    def _error_inside(self, found: object, sent: Sent, *, begun: bool) -> Failure:
        """Classify an error object that came with status 200."""
        error = failures.read_error_object(found)
        if self._key:
            error = replace(error, message=error.message.replace(self._key, KEY_SHOWN))
        status = int(error.code) if error.code.isdecimal() and 400 <= int(error.code) < 600 else 500
        failure = failures.error_failure(status, error, sent)
        if begun and failure.kind is Kind.REJECTED:
            return Failure(kind=Kind.AMBIGUOUS, message=failure.message, status=status)
        return failure

    def _broken(self, error: NotConnected | Lost | TooLarge | Expired) -> Failure:
        if isinstance(error, NotConnected):
            return failures.connection_failure(error.cause)
        if isinstance(error, TooLarge):
            megabytes = self._limits.most_bytes / 1024 / 1024
            return Failure(kind=Kind.TOO_LARGE, message=f"the answer is longer than {megabytes:g} MB")
        stale = isinstance(error, Lost) and error.stale
        return Failure(kind=Kind.AMBIGUOUS, message=failures.one_line(str(error)), reused=stale)
