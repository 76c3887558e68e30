"""The least that a client can do: `python -m bench.client_bare --base-url URL --dataset rows.jsonl --in-flight 256`.

Raw asyncio.Protocol, keep-alive, one connection for each request in flight, the reply decoded into text, finish_reason
and usage, nothing stored. It is the point of reference in the same run; it retries nothing. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import resource
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAM_END = b"data: [DONE]\n\n\r\n0\r\n\r\n"


class Message(msgspec.Struct):
    """The message of a choice."""

    content: str | None = None


class ChoicePart(msgspec.Struct):
    """One choice, whole or an event's part of it."""

    message: Message | None = None
    delta: Message | None = None
    finish_reason: str | None = None


class Body(msgspec.Struct):
    """A completion, or an event of a stream."""

    choices: list[ChoicePart] = []
    usage: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Body)


class Work:
    """The requests that are left, and what came back."""

    def __init__(self, head: bytes, bodies: list[bytes], done: asyncio.Future[None]) -> None:
        self.head = head
        self.left = deque(bodies)
        self.open = len(bodies)
        self.done = done
        self.completed = 0
        self.failed = 0
        self.events = 0
        self.characters = 0

    def take(self) -> bytes | None:
        """Return the next request's bytes."""
        if not self.left:
            return None
        body = self.left.popleft()
        return self.head % len(body) + body

    def close_one(self, *, ok: bool) -> None:
        """Count a request that has ended."""
        self.completed += ok
        self.failed += not ok
        self.open -= 1
        if not self.open and not self.done.done():
            self.done.set_result(None)


class Connection(asyncio.Protocol):
    """One keep-alive connection that asks one request after another."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._transport: asyncio.Transport
        self._buffer = bytearray()
        self._busy = False
        self._stream = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Count a request that will not be answered."""
        if self._busy:
            self._busy = False
            self._work.close_one(ok=False)

    def data_received(self, data: bytes) -> None:
        """Take in bytes; when the answer is complete, ask the next request."""
        if self._stream:
            self._events(data)
            return
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        found = _LENGTH.search(self._buffer, 0, head)
        if found is None:
            self._stream = True
            rest = bytes(self._buffer[head + 4 :])
            self._buffer.clear()
            self._events(rest)
            return
        if len(self._buffer) < head + 4 + int(found[1]):
            return
        ok = self._buffer.startswith(b"HTTP/1.1 200")
        if ok:
            self._read(bytes(self._buffer[head + 4 :]))
        self._next(ok=ok)

    def _events(self, data: bytes) -> None:
        """Decode the complete events of a stream; keep the rest."""
        self._buffer += data
        end = self._buffer.rfind(b"\n\n")
        if end < 0:
            return
        for line in bytes(self._buffer[:end]).split(b"\n"):
            if line.startswith(b"data: {"):
                self._work.events += 1
                self._read(line[6:])
        finished = self._buffer.endswith(_STREAM_END)
        del self._buffer[: end + 2]
        if finished:
            self._next(ok=True)

    def _read(self, text: bytes) -> None:
        for choice in _decoder.decode(text).choices:
            message = choice.message or choice.delta
            self._work.characters += len(message.content or "") if message else 0

    def _next(self, *, ok: bool) -> None:
        self._buffer.clear()
        self._busy = self._stream = False
        self._work.close_one(ok=ok)
        self._send()

    def _send(self) -> None:
        request = self._work.take()
        if request is None:
            self._transport.close()
            return
        self._busy = True
        self._transport.write(request)


def bodies(dataset: Path, options: argparse.Namespace) -> list[bytes]:
    """Return the JSON bodies: the first turn of each row of a dataset that bench.workloads wrote."""
    made: list[bytes] = []
    with dataset.open("rb") as rows:
        for line in rows:
            row = msgspec.json.decode(line)
            body: dict[str, Any] = {
                "model": options.model,
                "messages": [{"role": "user", "content": row["turns"][0]}],
                "temperature": options.temperature,
                "max_tokens": options.max_tokens,
            }
            if options.n > 1:
                body["n"] = options.n
            if options.stream:
                body |= {"stream": True, "stream_options": {"include_usage": True}}
            made += [msgspec.json.encode(body)] * options.repeat
    return made


async def ask(base_url: str, requests: list[bytes], in_flight: int) -> dict[str, Any]:
    """Ask all requests and return what it came to; times in seconds."""
    parts = urlsplit(base_url)
    assert parts.hostname is not None
    assert parts.port is not None
    head = (
        f"POST {parts.path}/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        "content-type: application/json\r\naccept: */*\r\n"
    ).encode() + b"content-length: %d\r\n\r\n"
    host, port = parts.hostname, parts.port
    loop = asyncio.get_running_loop()
    work = Work(head, requests, loop.create_future())
    started, cpu = time.perf_counter(), time.process_time()
    for _ in range(min(in_flight, len(requests))):
        await loop.create_connection(lambda: Connection(work), host, port)
    await work.done
    return {
        "requests": len(requests),
        "completed": work.completed,
        "failed": work.failed,
        "events": work.events,
        "characters": work.characters,
        "wall_seconds": time.perf_counter() - started,
        "asking_cpu_seconds": time.process_time() - cpu,
    }


def main(argv: list[str] | None = None) -> int:
    """Run the bare client."""
    parser = argparse.ArgumentParser(prog="python -m bench.client_bare", description="A bare client, for reference.")
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--dataset", required=True, type=Path)
    parser.add_argument("--model", default="mock/model")
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--n", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1, help="requests for each row")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--max-tokens", type=int, default=32_768)
    options = parser.parse_args(argv)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop
    except ImportError:
        pass
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        result = runner.run(ask(options.base_url, bodies(options.dataset, options), options.in_flight))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result |= {"cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}
    print(json.dumps(result))
    return 0 if not result["failed"] else 3


if __name__ == "__main__":
    sys.exit(main())
