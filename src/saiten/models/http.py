"""HTTP/1.1 to one endpoint: kept connections, TLS, proxies. Bytes of a request in, pieces of its response out.

Over httptools, the parser of Node.js for Python. What comes is pushed into the request's `Sink` from the event loop's
callback: no task, timer or future is made for a piece, which is what makes thousands of streams cheap.

No redirects, cookies, pipelining or retries: whoever asks decides what a broken connection means.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from time import monotonic
from typing import Protocol, cast

import httptools

from saiten.models.connect import Connector
from saiten.models.wire import Malformed

FAREWELL_SECONDS = 1.0
"""How long the end of a response is waited for whose answer is complete; its connection is closed then."""
MOST_HEAD_BYTES = 256 * 1024
DISTRUST_SECONDS = 60.0
"""How long no connection is kept after one of them died without a word. A server with fewer threads than clients closes
any of them right after its answer (llama.cpp), and each request that meets such a one is lost."""


class After(Enum):
    """What a sink wants after a piece."""

    MORE = auto()
    ENOUGH = auto()
    """The answer is complete; the connection can be used again when the response has ended."""
    CLOSE = auto()
    """Nothing more is wanted, and it would not end by itself."""


class Sink(Protocol):
    """Who takes a response in. `take` may raise Malformed and TooLarge, which end the request."""

    def sent(self, fail: Callable[[Exception], None]) -> None:
        """Note that the request goes out now; `fail` ends it with an error, until its response is complete."""
        ...

    def begin(self, status: int, headers: dict[str, str]) -> None:
        """Take the head; names of headers in lower case."""
        ...

    def take(self, piece: bytes) -> After:
        """Take a piece of the decoded body."""
        ...


class NotConnected(Exception):  # noqa: N818 - said to the caller, not to a person
    """There is no connection; nothing was sent."""

    def __init__(self, cause: OSError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Lost(Exception):  # noqa: N818 - said to the caller, not to a person
    """The connection broke, or what came was no HTTP, after the request was sent (a part of it, at least)."""

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale
        """Whether a kept connection died without a word: the server had closed it, most likely."""


class TooLarge(Exception):  # noqa: N818 - said to the caller, not to a person
    """More bytes came than any answer has."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, released: Callable[[Connection], None], gone: Callable[[Connection], None]) -> None:
        self._released, self._gone = released, gone
        self._transport: asyncio.Transport
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._loop = asyncio.get_running_loop()
        self._sink: Sink | None = None
        self._done: asyncio.Future[None] | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._used = self._keep = self.closed = False
        self.idle_since = 0.0
        self._clear()

    def _clear(self) -> None:
        self._headers: dict[str, str] = {}
        self._status = self._head_bytes = 0
        self._ended = self._spoilt = False
        self._inflate: zlib._Decompress | None = None

    # ------------------------------------------------------------------------------------------ asking

    async def ask(self, request: bytes, sink: Sink) -> None:
        """Send a request and wait until its sink has all it wants. Raises Lost, or what the sink raises."""
        done = self._loop.create_future()
        self._sink, self._done = sink, done
        sink.sent(self.fail)
        self._transport.write(request)
        try:
            await done
        finally:
            if self._done is done:  # given up; somebody else may have the connection already otherwise
                self.close()

    def close(self) -> None:
        """Close at once."""
        self.closed = True
        self._done = None
        if self._farewell is not None:
            self._farewell.cancel()
        self._transport.abort()

    def fail(self, error: BaseException) -> None:
        """End the request that is under way, if any, and the connection."""
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_exception(error)
        self.close()

    # ------------------------------------------------------------------------------------------ the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse what came and hand it on."""
        if self._sink is None:
            self.close()  # nobody asked
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(Lost(f"what came is not HTTP: {error or type(error).__name__}"))
            return
        if not self._status:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES:
                self.fail(Lost("headers without end"))
            return
        if self._pieces:
            piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces.clear()
            self._hand_on(piece)
        if self._spoilt:
            self.fail(Lost("more than one response came"))
        elif self._ended and not self.closed:
            self._finish()

    def _hand_on(self, piece: bytes) -> None:
        """Give a piece to the sink while it wants any, unpacked in portions: a packed one may hold far more."""
        while self._done is not None and not self.closed:
            rest = b""
            if self._inflate is not None:
                try:
                    piece, rest = self._inflate.decompress(piece, 1 << 16), self._inflate.unconsumed_tail
                except zlib.error as error:
                    return self.fail(Lost(f"a packed body is damaged: {error}"))
            if piece:
                self._serve(piece)
            if not rest:
                return None
            piece = rest
        return None

    def _serve(self, piece: bytes) -> None:
        assert self._sink is not None
        try:
            after = self._sink.take(piece)
        except (Malformed, TooLarge) as error:
            return self.fail(error)
        if after is After.MORE:
            return None
        if after is After.CLOSE:
            self._leave()
        elif not self._ended and self._farewell is None:
            self._farewell = self._loop.call_later(FAREWELL_SECONDS, self._leave)
        return None

    def _leave(self) -> None:
        """Go without the end of the response: the answer is complete."""
        self._answer()
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits, unless the end of the connection is the end of the response."""
        self.closed = True
        self._gone(self)
        unbounded = self._status and not {"content-length", "transfer-encoding"} & self._headers.keys()
        if self._farewell is not None or (exc is None and unbounded):
            self._answer()
        elif exc is not None and not isinstance(exc, OSError):
            self.fail(exc)  # a bug of ours, while it took data in: it belongs to who asked
        elif self._done is not None:
            words = str(exc) if exc is not None else "the server closed it"
            self.fail(Lost(f"the connection broke: {words}", stale=self._used and not self._status))
        if self._farewell is not None:
            self._farewell.cancel()

    def _answer(self) -> None:
        done, self._done = self._done, None
        if done is not None and not done.done():
            done.set_result(None)

    def _finish(self) -> None:
        """Make the connection ready for the next request, then wake who waited."""
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None
        self._sink = None
        self._used = True
        self._clear()
        if self._keep and not self._transport.is_closing():
            self.idle_since = monotonic()
            self._answer()
            self._released(self)
        else:
            self._answer()
            self.close()

    # ------------------------------------------------------------------------------------------ the parser calls

    def on_message_begin(self) -> None:
        """Notice a second response to one request."""
        self._spoilt = self._spoilt or self._ended

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; the first of several counts."""
        self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Hand the head on; what is only informational (1xx) is not the response."""
        status = self._parser.get_status_code()
        if status < 200:
            self._headers.clear()
            return
        self._status = status
        packing = self._headers.get("content-encoding", "").lower()
        if packing in {"gzip", "x-gzip", "deflate"}:
            self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        if self._sink is not None:
            self._sink.begin(status, self._headers)

    def on_message_complete(self) -> None:
        """Note the end of the response."""
        self._ended = self._status != 0
        self._keep = self._parser.should_keep_alive()


class Connections:
    """The connections to one endpoint, kept while they are young. As many as requests are in flight at once."""

    def __init__(self, connector: Connector, *, keepalive: float) -> None:
        self._connector = connector
        self._keepalive = keepalive
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._distrusted_until = 0.0

    async def ask(self, request: bytes, sink: Sink) -> None:
        """Send a request. Raises NotConnected, Lost, or what the sink raises."""
        connection = self._kept()
        if connection is None:
            try:
                connection = await self._connector.connect(lambda: Connection(self._keep, self._open.discard))
            except OSError as error:
                raise NotConnected(error) from None
            self._open.add(connection)
        try:
            await connection.ask(request, sink)
        except Lost as error:
            if error.stale:
                self._distrusted_until = monotonic() + DISTRUST_SECONDS
                while self._idle:
                    self._idle.pop().close()
            raise

    def _keep(self, connection: Connection) -> None:
        if connection.idle_since < self._distrusted_until:
            connection.close()
        else:
            self._idle.append(connection)

    def _kept(self) -> Connection | None:
        """Return the idle connection that was used last; close those that have waited too long."""
        oldest = monotonic() - self._keepalive
        while self._idle and (self._idle[0].closed or self._idle[0].idle_since < oldest):
            self._idle.popleft().close()
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def close(self) -> None:
        """Close every connection."""
        self._idle.clear()
        for connection in [*self._open]:
            connection.fail(Lost("the client was closed"))
        await asyncio.sleep(0)
