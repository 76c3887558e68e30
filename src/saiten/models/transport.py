"""One HTTP request at a time: bytes out, a reply or a failure back. No retry, no waiting, no judgement.

Over aiohttp, which costs a tenth of httpx or the openai package for each request and stays flat with hundreds of
connections. Deadlines are watched by one timer for all requests instead of one timer for each chunk.
"""

from __future__ import annotations

import asyncio
import socket
from base64 import b64encode
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp import AddrInfoType
from yarl import URL

from saiten.models import failures
from saiten.models.failures import Failure, Kind, Sent
from saiten.models.loops import find_loop
from saiten.models.outcomes import REPETITION
from saiten.models.providers import Endpoint
from saiten.models.reply import RawReply, ReplyBuilder, read_reply
from saiten.models.sse import EventStream
from saiten.models.stats import Stats
from saiten.models.wire import Malformed, decode_completion

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

LOOP_CHECK_EVENTS = 512
"""Chunks between two looks for a loop, where loops are cut."""
KEY_SHOWN = "[API key]"
SHORTEST_SECRET = 8
"""Keys below this length are words like `none` or `k`: taken out of messages, they would spoil their meaning."""
FAREWELL_SECONDS = 1.0
"""How long a server may keep the connection open after it said that the stream is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
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


@dataclass(slots=True, eq=False)
class Trip:
    """One request under way."""

    limit: asyncio.Timeout
    started: float
    last: float
    first_byte: float | None = None
    """When the first byte of the body came, on the loop's clock."""
    responded: bool = False
    """Whether the response's head came."""
    expired: str | None = None
    tokens: int = 0
    """Chunks that were counted as output tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A reply, and when it came, on the loop's clock."""

    reply: RawReply
    started: float
    first: float | None
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes
    first_seconds: float
    """Until the first byte of the body."""
    seconds: float


@dataclass(slots=True)
class Watch:
    """Ends requests that stall or last too long."""

    limits: Limits
    trips: set[Trip] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None

    def add(self, trip: Trip) -> None:
        """Watch a request until it is discarded from `trips`."""
        self.trips.add(trip)
        if self._timer is None:
            self._arm()

    def _arm(self) -> None:
        period = max(0.02, min(1.0, min(self.limits.stall, self.limits.first, self.limits.total) / 8))
        self._timer = asyncio.get_running_loop().call_later(period, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        for trip in self.trips:
            silent = self.limits.first if trip.first_byte is None else self.limits.stall
            if now - trip.started > self.limits.total:
                trip.expired = f"no end after {self.limits.total:g} s"
            elif now - trip.last > silent:
                trip.expired = f"no byte for {silent:g} s"
            if trip.expired:
                trip.limit.reschedule(now)
        if self.trips:
            self._arm()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Connector(aiohttp.TCPConnector):
    """Remembers which tasks were given a connection that nobody had used before."""

    def __init__(self, keepalive: float) -> None:
        # no limit: as many connections as requests are in flight, and the limiter is the bound of those
        super().__init__(limit=0, keepalive_timeout=keepalive, ttl_dns_cache=300, socket_factory=_socket)
        self.fresh: set[asyncio.Task[object] | None] = set()

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> ResponseHandler:
        self.fresh.add(asyncio.current_task())
        return await super()._create_connection(req, traces, timeout)


class Transport:
    """Owns the connections to one endpoint."""

    def __init__(self, endpoint: Endpoint, limits: Limits, stats: Stats, *, cut_loops: bool = False) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._stats = stats
        self._cut_loops = cut_loops
        self._watch = Watch(limits)
        self._urls: dict[str, URL] = {}
        self._key = endpoint.api_key if endpoint.api_key and len(endpoint.api_key) >= SHORTEST_SECRET else None
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "saiten"}
        if endpoint.api_key:
            self._headers["Authorization"] = f"Bearer {endpoint.api_key}"
        self._proxy, login = environment_proxy(endpoint)
        self._proxy_headers = {"Proxy-Authorization": login} if login else None
        if login and endpoint.base_url.startswith("http://"):
            self._headers["Proxy-Authorization"] = login  # there is no tunnel whose opening could carry it
        self._connector = Connector(limits.keepalive)
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=limits.connect),
        )

    async def close(self) -> None:
        """Close every connection."""
        self._watch.close()
        await self._session.close()

    async def get(self, route: str, seconds: float) -> tuple[int, bytes] | Failure:
        """Return status and body of a small GET."""
        try:
            async with asyncio.timeout(seconds):
                async with self._request("GET", route, None) as response:
                    return response.status, self._scrubbed(await response.content.read(1 << 20))
        except TimeoutError:
            return Failure(kind=Kind.NOT_SENT, message=f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return self._broken(error)

    async def exchange(self, route: str, body: bytes, seconds: float) -> Exchange | Failure:
        """Send a small request and return what came, unread: for those who want to know how an endpoint answers."""
        loop = asyncio.get_running_loop()
        self._stats.requests_sent += 1
        started, first, parts = loop.time(), None, []
        try:
            async with asyncio.timeout(seconds):
                async with self._request("POST", route, body) as response:
                    while part := await response.content.readany():
                        first = first or loop.time()
                        parts.append(part)
                    ended = loop.time()
                    return Exchange(
                        status=response.status,
                        headers=dict(response.headers),
                        body=self._scrubbed(b"".join(parts)),
                        first_seconds=(first or ended) - started,
                        seconds=ended - started,
                    )
        except TimeoutError:
            return Failure(kind=Kind.AMBIGUOUS, message=f"no answer within {seconds:g} s")
        except (aiohttp.ClientError, OSError) as error:
            return self._broken(error)

    async def send(self, route: str, body: bytes, sent: Sent) -> Answer | Failure:
        """Send a request and read what comes."""
        task = asyncio.current_task()
        trip: Trip | None = None
        self._stats.requests_sent += 1
        try:
            async with asyncio.timeout(None) as limit:
                now = asyncio.get_running_loop().time()
                trip = Trip(limit, now, now)
                self._watch.add(trip)
                async with self._request("POST", route, body) as response:
                    trip.responded = True
                    return await self._read(response, trip, sent)
        except TimeoutError:
            why = trip.expired if trip is not None and trip.expired else f"no connection in {self._limits.connect:g} s"
            kind = Kind.AMBIGUOUS if trip is not None and trip.expired else Kind.NOT_SENT
            return Failure(kind=kind, message=why)
        except (aiohttp.ClientError, OSError) as error:
            unheard = trip is not None and not trip.responded
            return self._broken(error, stale=unheard and task not in self._connector.fresh)
        except Malformed as error:
            return Failure(kind=Kind.MALFORMED, message=str(error))
        finally:
            self._connector.fresh.discard(task)
            if trip is not None:
                self._watch.trips.discard(trip)

    def _scrubbed(self, body: bytes) -> bytes:
        """Take the key out of what a server says: some repeat it in their refusal."""
        return body.replace(self._key.encode(), KEY_SHOWN.encode()) if self._key else body

    def _request(
        self, method: str, route: str, body: bytes | None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Prepare a request. The key is a header of the request and not of the session: those go to proxies, too."""
        if route not in self._urls:
            self._urls[route] = URL(self._endpoint.url(route))
        return self._session.request(
            method,
            self._urls[route],
            data=body,
            headers=self._headers,
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
        )

    # ------------------------------------------------------------------------------------------ reading

    async def _read(self, response: aiohttp.ClientResponse, trip: Trip, sent: Sent) -> Answer | Failure:
        self._stats.note_status(response.status)
        content_type = response.headers.get("Content-Type", "")
        if response.status == 200 and content_type.startswith("text/event-stream"):
            return await self._read_stream(response, trip, sent)
        body = await self._read_body(response, trip)
        if isinstance(body, Failure):
            return body
        if response.status != 200:
            return failures.response_failure(response.status, response.headers, self._scrubbed(body), sent)
        return self._whole(body, content_type, trip, sent)

    async def _read_body(self, response: aiohttp.ClientResponse, trip: Trip) -> bytes | Failure:
        parts: list[bytes] = []
        size = 0
        while part := await response.content.readany():
            self._came(trip, part)
            parts.append(part)
            size += len(part)
            if size > self._limits.most_bytes:
                return self._too_large(response)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _read_stream(self, response: aiohttp.ClientResponse, trip: Trip, sent: Sent) -> Answer | Failure:
        builder = ReplyBuilder(sent.n)
        stream = EventStream(builder.add)
        size = looked = 0
        broken: aiohttp.ClientError | OSError | None = None
        try:
            while part := await response.content.readany():
                self._came(trip, part)
                size += len(part)
                came = stream.feed(part)
                trip.tokens += came
                self._stats.output_tokens += came
                if size > self._limits.most_bytes:
                    return self._too_large(response)
                if stream.at_done:
                    await self._farewell(response)
                    break
                if self._cut_loops and stream.events - looked >= LOOP_CHECK_EVENTS:
                    looked = stream.events
                    stream.parse()
                    if not builder.finished and all(find_loop(tail) for tail in builder.tails()):
                        builder.end_all(REPETITION)
                        response.close()
                        break
        except (aiohttp.ClientError, OSError) as error:
            broken = error
        stream.parse(last=True)
        if broken is not None and not builder.finished:
            return self._broken(broken)
        return self._streamed(builder, trip, sent)

    async def _farewell(self, response: aiohttp.ClientResponse) -> None:
        """Read the end of the body, so that the connection can be used again; close it if the end does not come."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS):
                while await response.content.readany():
                    pass
        except TimeoutError:
            response.close()

    def _streamed(self, builder: ReplyBuilder, trip: Trip, sent: Sent) -> Answer | Failure:
        if builder.error is not None:
            return self._error_inside(builder.error, sent, begun=bool(builder.reply().choices))
        reply = builder.reply()
        if not reply.choices:
            return Failure(kind=Kind.MALFORMED, message="a stream without choices")
        return self._answer(reply, trip)

    def _whole(self, body: bytes, content_type: str, trip: Trip, sent: Sent) -> Answer | Failure:
        if not body.strip():
            return Failure(kind=Kind.NOT_API, message="an empty answer with status 200")
        if "html" in content_type or body.lstrip()[:1] == b"<":
            title = failures.page_title(self._scrubbed(body)[:20_000].decode("utf-8", "replace"))
            return Failure(kind=Kind.NOT_API, message=f"{title} where JSON should be")
        try:
            completion = decode_completion(body)
        except Malformed as error:
            start = failures.one_line(self._scrubbed(body)[:800].decode("utf-8", "replace"), 200)
            kind = Kind.MALFORMED if "json" in content_type else Kind.NOT_API
            return Failure(kind=kind, message=f"{error}; it begins with {start!r}")
        if completion.error is not None and not completion.choices:
            return self._error_inside(completion.error, sent, begun=False)
        reply = read_reply(completion, sent.n)
        if not reply.choices:
            return Failure(kind=Kind.MALFORMED, message="an answer without choices")
        return self._answer(reply, trip)

    def _answer(self, reply: RawReply, trip: Trip) -> Answer | Failure:
        finished = sum(choice.finish_reason is not None for choice in reply.choices.values())
        if not finished:
            return Failure(kind=Kind.AMBIGUOUS, message="the answer broke off: no finish_reason came")
        counted = reply.usage.output_tokens
        if counted is not None:
            self._stats.output_tokens += counted - trip.tokens
        ended = asyncio.get_running_loop().time()
        return Answer(reply=reply, started=trip.started, first=trip.first_byte, ended=ended)

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

    def _came(self, trip: Trip, part: bytes) -> None:
        now = asyncio.get_running_loop().time()
        trip.last = now
        if trip.first_byte is None:
            trip.first_byte = now
        self._stats.bytes_received += len(part)

    def _too_large(self, response: aiohttp.ClientResponse) -> Failure:
        response.close()
        megabytes = self._limits.most_bytes / 1024 / 1024
        return Failure(kind=Kind.TOO_LARGE, message=f"the answer is longer than {megabytes:g} MB")

    @staticmethod
    def _broken(error: aiohttp.ClientError | OSError, *, stale: bool = False) -> Failure:
        if isinstance(error, aiohttp.ClientSSLError | aiohttp.InvalidURL):
            message = f"TLS failed: {failures.one_line(str(error))}"
            return Failure(kind=Kind.FATAL, message=message, resumable=False)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
            return failures.connection_failure(cause)
        words = failures.one_line(str(error)) or type(error).__name__
        early = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError)
        return Failure(kind=Kind.AMBIGUOUS, message=f"the connection broke: {words}", reused=early and stale)


def environment_proxy(endpoint: Endpoint) -> tuple[URL | None, str | None]:
    """Return the proxy that the environment names for an endpoint, and what logs in there. None on this machine.

    Looked up once and here: aiohttp's trust_env would read ~/.netrc for each request as well, in a thread, and refuse
    to send a key to a host that has an entry there.
    """
    url = urlsplit(endpoint.base_url)
    proxy = getproxies().get(url.scheme) or getproxies().get("all")
    if endpoint.loopback or not proxy or not proxy.startswith("http") or proxy_bypass(url.hostname or ""):
        return None, None
    found = URL(proxy)
    if found.user is None:
        return found, None
    login = f"{found.user}:{found.password or ''}".encode()
    return found.with_user(None), f"Basic {b64encode(login).decode()}"


def _socket(info: AddrInfoType) -> socket.socket:
    """Make a socket that notices a dead peer within two minutes."""
    family, kind, protocol, _, _ = info
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 5)):
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
