"""A chat completions server that misbehaves on purpose, and keeps a ledger of everything it was asked.

    with FaultServer([Fault(status=500, share=0.1), Fault(prompt="poison", rst=True)]) as server:
        ... a client that talks to server.base_url ...
    assert len(server.ledger) == client.stats.requests_sent

Raw sockets on an event loop of its own, in a thread: HTTP frameworks cannot send broken HTTP. Faults are tried in order
for every POST, the first that matches is what happens; without a match the server answers well. `server.script` may be
exchanged at any time (`server.script = []` heals the server).

Answers are a pure function of the prompt (the last user message, or `prompt` of a text completion) and of the choice's
index (its place in the request plus the request's seed, if any), so the right score is known under every schedule of
faults. Pass `answer=` to say which; it returns a text or a `Reply`.

The ledger holds one `Entry` for each generation request: prompt, body, headers, what was done to it, and whether
the whole answer went out. `server.connections` counts the sockets that were opened.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from tests.helpers.fault_answers import Answer, Reply, default_answer, prompt_of, streamed_answer, whole_answer

__all__ = ["Entry", "Fault", "FaultServer", "Reply", "default_answer"]

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """When something goes wrong, and what. Everything that is not said stays as it should be.

    When: `ordinals` (number of the request, from 0), `prompt` (a part of it), `share` (of the requests; of the prompts
    with `by_prompt`), at most `times` times. All that are given must hold.
    """

    ordinals: Container[int] | None = None
    prompt: str | None = None
    share: float = 1.0
    by_prompt: bool = False
    times: int | None = None
    when: Callable[[Entry], bool] | None = None

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | str | dict[str, Any] | None = None
    """In place of the answer. None: the right answer (status 200) or an error object (any other status)."""
    content_type: str | None = None
    events: Sequence[str | bytes] | None = None
    """Server-sent events in place of the answer's, each without its blank line; sent as they are."""
    keep_events: int | None = None
    """Send only so many of the answer's events; the response then ends in good order, or as said below."""
    delay: float = 0.0
    """Seconds before the first byte."""
    drip: tuple[int, float] | None = None
    """(bytes, seconds): the response goes out in such portions with such pauses."""
    cut_at: int | None = None
    """Bytes of the response's body that go out; the declared length stays. Then the socket is closed, or as below."""
    read_only: int | None = None
    """Reset the connection after so many bytes of the request's body were read."""
    rst: bool = False
    """Reset instead of an orderly end; without cut_at or keep_events, before any byte."""
    fin: bool = False
    """Close without a word."""
    hang: bool = False
    """Keep the socket open and stay silent; without cut_at or keep_events, from the beginning."""
    endless: bytes | None = None
    """Repeat these bytes as the body until the client has had enough."""


@dataclass(slots=True, kw_only=True)
class Entry:
    """One generation request."""

    ordinal: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    at: float
    fault: Fault | None = None
    status: int = 0
    answered: bool = False
    """Whether a complete, good answer went out."""

    @property
    def prompt(self) -> str:
        """The last message, or the prompt of a text completion."""
        return prompt_of(self.body)

    @property
    def n(self) -> int:
        """Choices asked for."""
        return int(self.body.get("n") or 1)


class FaultServer:
    """The server. A context manager; everything is ready when it has been entered."""

    def __init__(
        self,
        script: Sequence[Fault] = (),
        *,
        answer: Answer = default_answer,
        models: Sequence[dict[str, Any] | str] | None = ("test-model",),
        seed: int = 0,
        rate: float | None = None,
        close_idle: float | None = None,
        latency: float = 0.0,
        gap: float = 0.0,
        key: str | None = None,
        max_n: int | None = None,
        gives_n: int | None = None,
        usage: bool | Literal["always"] = True,
        folder: Path | None = None,
        port: int = 0,
        slots: int | None = None,
    ) -> None:
        """`rate`: tokens per second of a bucket, above it 429. `close_idle`: seconds after which idle sockets close.

        `latency`: seconds before each answer; `gap`: seconds between events. `key`: the only API key that is let in.
        `max_n`: a larger n is refused with 400. `gives_n`: never more choices than that. `models`: ids of /models,
        None for a server that has no such route. `folder`: serve TLS with a self-signed certificate made there.
        `slots`: works on so many requests at once, lets others wait, and tells it in /metrics as vLLM does.
        """
        self.script: Sequence[Fault] = script
        self.answer = answer
        self.models = models
        self.rate = rate
        self.close_idle = close_idle
        self.latency = latency
        self.gap = gap
        self.key = key
        self.slots = slots
        self._working = asyncio.Semaphore(slots or 1 << 20)
        self.max_n = max_n
        self.gives_n = gives_n
        self.usage = usage
        self.ledger: list[Entry] = []
        self.other: list[str] = []
        """Requests that were no generation, as `GET /v1/models`."""
        self.heads: list[str] = []
        """The heads of those, as they came."""
        self.connections = 0
        self.in_flight = 0
        self.peak = 0
        self._random = random.Random(seed)
        self._seed = seed
        self._hits: dict[int, int] = {}
        self._bucket = rate or 0.0
        self._filled = time.monotonic()
        self._tls = _certificate(folder) if folder else None
        self._port = port
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="faultd", daemon=True)

    @property
    def base_url(self) -> str:
        """What a client is given as its base URL."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}/v1"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    @property
    def answered(self) -> list[Entry]:
        """The requests whose whole answer went out."""
        return [entry for entry in self.ledger if entry.answered]

    def count(self, prompt: str) -> int:
        """Return how many requests had this prompt (a part of it)."""
        return sum(prompt in entry.prompt for entry in self.ledger)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        try:
            server = await asyncio.start_server(
                connected, "127.0.0.1", self._port, ssl=self._tls, backlog=1024, limit=1 << 24
            )
        except OSError as error:
            self._error = error
            self._ready.set()
            return
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = self.connections
        self.connections += 1
        try:
            while await self._request(reader, writer, number):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> bool:
        async with asyncio.timeout(self.close_idle):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = head.split("\r\n")
        method, path, _ = start.split(" ")
        headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines if line)}
        length = int(headers.get("content-length", "0"))
        if method != "POST":
            await reader.readexactly(length)
            self.other.append(f"{method} {path}")
            self.heads.append(head)
            return await self._other(writer, path, headers)
        entry = Entry(
            ordinal=len(self.ledger), path=path, headers=headers, body={}, connection=number, at=time.monotonic()
        )
        self.ledger.append(entry)
        early = next((f for f in self.script if f.read_only is not None and self._early(f, entry)), None)
        if early is not None:
            await reader.readexactly(min(length, early.read_only or 0))
            entry.fault = early
            return _reset(writer)
        entry.body = json.loads(await reader.readexactly(length))
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            async with self._working:
                return await self._generation(writer, entry)
        finally:
            self.in_flight -= 1

    async def _other(self, writer: asyncio.StreamWriter, path: str, headers: dict[str, str]) -> bool:
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            writer.write(_response(401, _error(401, "Incorrect API key provided")))
        elif path.endswith("/models") and self.models is not None:
            cards = [{"id": m, "object": "model"} if isinstance(m, str) else m for m in self.models]
            writer.write(_response(200, {"object": "list", "data": cards}))
        elif path == "/metrics" and self.slots is not None:
            running = min(self.slots, self.in_flight)
            told = {"running": running, "waiting": self.in_flight - running}
            page = "".join(f"vllm:num_requests_{name} {value}\n" for name, value in told.items())
            writer.write(_response(200, page.encode()))
        else:
            writer.write(_response(404, {"detail": "Not Found"}))
        await writer.drain()
        return True

    # ------------------------------------------------------------------------------------------ one generation request

    def _early(self, fault: Fault, entry: Entry) -> bool:
        return self._matches(fault, entry, body=False)

    def _matches(self, fault: Fault, entry: Entry, *, body: bool = True) -> bool:
        if fault.ordinals is not None and entry.ordinal not in fault.ordinals:
            return False
        if body and fault.prompt is not None and fault.prompt not in entry.prompt:
            return False
        if body and fault.when is not None and not fault.when(entry):
            return False
        if fault.share < 1.0:
            draw = self._random.random()
            if fault.by_prompt:
                draw = random.Random(f"{self._seed}:{entry.prompt}").random()
            if draw >= fault.share:
                return False
        hits = self._hits.get(id(fault), 0)
        if fault.times is not None and hits >= fault.times:
            return False
        self._hits[id(fault)] = hits + 1
        return True

    async def _generation(self, writer: asyncio.StreamWriter, entry: Entry) -> bool:
        if self.key and entry.headers.get("authorization") != f"Bearer {self.key}":
            return await self._say(writer, entry, Fault(status=401, body=_error(401, "Incorrect API key provided")))
        if not self._take_token():
            return await self._say(writer, entry, Fault(status=429, headers=(("Retry-After", "1"),)))
        if self.max_n is not None and entry.n > self.max_n:
            body = _error(400, f"n must be at most {self.max_n}, got {entry.n}.", param="n")
            return await self._say(writer, entry, Fault(status=400, body=body))
        later = (fault for fault in self.script if fault.read_only is None)
        entry.fault = next((fault for fault in later if self._matches(fault, entry)), None)
        return await self._say(writer, entry, entry.fault or Fault())

    def _take_token(self) -> bool:
        if self.rate is None:
            return True
        now = time.monotonic()
        self._bucket = min(self.rate, self._bucket + (now - self._filled) * self.rate)
        self._filled = now
        if self._bucket < 1.0:
            return False
        self._bucket -= 1.0
        return True

    async def _say(self, writer: asyncio.StreamWriter, entry: Entry, fault: Fault) -> bool:
        await asyncio.sleep(self.latency + fault.delay)
        entry.status = fault.status
        partial = fault.cut_at is not None or fault.keep_events is not None
        if fault.hang and not partial:
            await asyncio.Event().wait()
        if fault.rst and not partial:
            return _reset(writer)
        if fault.fin and not partial:
            return False
        if fault.endless is not None:
            return await self._flood(writer, fault)
        complete = True
        async for portion in self._portions(entry, fault):
            if isinstance(portion, bytes):
                await _send(writer, portion, fault.drip)
            else:
                complete = False
        if complete:
            entry.answered = fault.status == 200 and fault.body is None and fault.events is None
            return True
        if fault.hang:
            await asyncio.Event().wait()
        return _reset(writer) if fault.rst else fault.keep_events is not None and not fault.fin

    async def _flood(self, writer: asyncio.StreamWriter, fault: Fault) -> bool:
        headers = {"Content-Type": fault.content_type or JSON_TYPE, **dict(fault.headers)}
        writer.write(_head(fault.status, headers))
        while True:
            writer.write(fault.endless or b"0")
            await writer.drain()

    async def _portions(self, entry: Entry, fault: Fault) -> AsyncIterator[bytes | None]:
        """Yield the bytes of the response; a None says that it was broken off here."""
        streams = entry.body.get("stream") and fault.status == 200 and fault.body is None
        if not streams and fault.events is None:
            body = self._body(entry, fault)
            whole = _response(fault.status, body, fault.content_type, dict(fault.headers))
            cut = fault.cut_at
            yield whole if cut is None else whole[: len(whole) - len(_encoded(body)) + cut]
            if cut is not None:
                yield None
            return
        events = [_event(event) for event in fault.events or ()]
        if fault.events is None:
            events = [_event(event) for event in streamed_answer(entry.body, self.replies(entry), usage=self.usage)]
        kept = events if fault.keep_events is None else events[: fault.keep_events]
        headers = {"Content-Type": fault.content_type or SSE_TYPE, "Transfer-Encoding": "chunked"}
        yield _head(fault.status, headers | dict(fault.headers))
        left = fault.cut_at
        for event in kept:
            data = event if left is None else event[:left]
            left = None if left is None else left - len(data)
            yield b"%x\r\n%s\r\n" % (len(data), data) if data else b""
            if left == 0:
                yield None
                return
            if self.gap:
                await asyncio.sleep(self.gap)
        if kept is not events and (fault.rst or fault.hang or fault.fin):
            yield None
            return
        yield b"0\r\n\r\n"
        if kept is not events:
            yield None

    def _body(self, entry: Entry, fault: Fault) -> bytes | dict[str, Any]:
        if fault.body is not None:
            return fault.body.encode() if isinstance(fault.body, str) else fault.body
        if fault.status != 200:
            return _error(fault.status, f"injected {fault.status}")
        return whole_answer(entry.body, self.replies(entry), usage=self.usage)

    def replies(self, entry: Entry) -> list[Reply]:
        """Return the right answers to a request."""
        first = int(entry.body.get("seed") or 0)
        given = [self.answer(entry.prompt, first + index) for index in range(min(entry.n, self.gives_n or entry.n))]
        return [Reply(text=reply) if isinstance(reply, str) else reply for reply in given]


def _event(event: str | bytes) -> bytes:
    return (event.encode() if isinstance(event, str) else event) + b"\n\n"


def _error(status: int, message: str, *, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": param, "code": status}}


def _encoded(body: bytes | dict[str, Any]) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Fault')}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _response(
    status: int,
    body: bytes | dict[str, Any],
    content_type: str | None = None,
    headers: dict[str, str] | None = None,
) -> bytes:
    data = _encoded(body)
    named = {"Content-Type": content_type or JSON_TYPE, "Content-Length": str(len(data))}
    return _head(status, named | (headers or {})) + data


async def _send(writer: asyncio.StreamWriter, data: bytes, drip: tuple[int, float] | None) -> None:
    size = drip[0] if drip else max(len(data), 1)
    for start in range(0, len(data), size):
        writer.write(data[start : start + size])
        await writer.drain()
        if drip:
            await asyncio.sleep(drip[1])


def _reset(writer: asyncio.StreamWriter) -> bool:
    """End the connection with RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


def _certificate(folder: Path) -> ssl.SSLContext:
    """Make a self-signed certificate with the openssl command."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
