"""A mock OpenAI-compatible server that can keep up with any client: `python -m bench.mock_server --port 0`.

One process, a hand-written asyncio.Protocol, uvloop where it is installed; 20 to 40 microseconds of CPU a request.
Modes: `instant`; `fixed` latency; `batch`, continuous batching in virtual time (mock_engine). Chat completions,
streamed or not, n > 1; /v1/models, /health, /metrics in vLLM's names; /stats and /stats?ideal=1; /ledger?from=K;
POST /reset; POST /config with a JSON object of options (counters are kept with /config?keep=1).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import re
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import parse_qs

import msgspec

from bench import mock_wire as wire
from bench.mock_engine import Job
from bench.mock_faults import Fault, parse_faults
from bench.mock_model import Asked, Server
from bench.mock_replies import Reply
from bench.mock_state import Config, metrics, stats

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS: dict[Fault, tuple[int, str]] = {
    "500": (500, "InternalServerError"),
    "503": (503, "ServiceUnavailable"),
    "429": (429, "RateLimitError"),
    "400": (400, "BadRequestError"),
}


class Connection(asyncio.Protocol):
    """One client connection: one request at a time, what comes early waits."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._record = server.record
        self._transport: asyncio.Transport
        self._buffer = b""
        self._asked: Asked | None = None
        self._job: Job | None = None
        self._stream: wire.Stream | None = None
        self._opened = False
        """Whether the events that name the role have been sent: they come with the first token."""
        self._timers: list[asyncio.TimerHandle] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.record.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's signature
        """Free what the client no longer waits for."""
        for timer in self._timers:
            timer.cancel()
        if self._job is not None:
            self._server.cancel(self._job)
        if self._asked is not None and not self._asked.entry.done:
            self._record.abandon(self._asked.entry)
        self._asked = self._job = None

    def data_received(self, data: bytes) -> None:
        """Take in bytes; answer the request if it is complete."""
        if not self._server.record.first_byte:
            self._server.record.first_byte = time.time()
        self._buffer = self._buffer + data if self._buffer else data
        self._next()

    def _next(self) -> None:
        while self._asked is None and self._buffer:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            found = _LENGTH.search(self._buffer, 0, head)
            length = int(found[1]) if found else 0
            if len(self._buffer) < head + 4 + length:
                return
            line = self._buffer[: self._buffer.find(b"\r\n")]
            body = self._buffer[head + 4 : head + 4 + length]
            self._buffer = self._buffer[head + 4 + length :]
            method, _, rest = line.partition(b" ")
            target = rest.partition(b" ")[0]
            if method == b"POST" and target.endswith(b"/chat/completions"):
                self._chat(body)
            else:
                self._transport.write(self._control(method.decode(), target.decode(), body))

    def _chat(self, body: bytes) -> None:
        asked = self._server.read(body)
        if isinstance(asked, bytes):
            self._transport.write(asked)
            return
        self._asked = asked
        self._record = self._server.record
        if asked.fault is not None and self._refuse(asked, asked.fault):
            return
        config = self._server.config
        if config.mode == "batch":
            interval = 0
            emit: Callable[[int, int, int], None] = self._sequence_done
            if asked.body.stream:
                self._stream = self._open_stream(asked)
                self._transport.write(wire.SSE_HEAD)
                interval, emit = config.stream_interval, self._tokens
            self._job = Job(asked.entry.prompt, asked.entry.tokens, emit, interval)
            self._server.submit(self._job)
        elif config.mode == "fixed":
            spread = 1 + config.jitter * (asked.number * 0.618034 % 1 * 2 - 1)
            self._later(config.latency * spread, lambda: self._at_once(asked))
        else:
            self._at_once(asked)

    def _refuse(self, asked: Asked, fault: Fault) -> bool:
        """Play the faults that leave no answer at all; return whether this was one."""
        if fault in _STATUS:
            status, kind = _STATUS[fault]
            after = b"retry-after: %g\r\n" % self._server.config.retry_after if status == 429 else b""
            self._transport.write(wire.error(status, f"injected {fault}", kind=kind, headers=after))
            self._finish(status)
        elif fault == "nochoice":
            body = wire.completion(asked.number, int(asked.entry.at), self._server.model, asked.entry.prompt, ())
            self._transport.write(wire.json_head(len(body)) + body)
            self._finish(200)
        elif fault == "rst" and not asked.body.stream:
            self._reset()
        elif fault != "hang":
            return False
        return True

    def _reset(self) -> None:
        """Close the connection so that the client sees it reset."""
        peer: socket.socket = self._transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _at_once(self, asked: Asked) -> None:
        """Send the whole answer."""
        if not asked.body.stream:
            self._complete(asked)
            return
        stream = self._stream = self._open_stream(asked)
        step = self._server.config.stream_interval
        parts = bytearray(wire.SSE_HEAD + stream.opening())
        for index, one in enumerate(asked.replies):
            for start in range(0, one.tokens, step or one.tokens):
                parts += stream.piece(index, start, min(one.tokens, start + (step or one.tokens)))
                self._record.events += 1
        self._send_events(asked, bytes(parts), stream, last=True)

    def _open_stream(self, asked: Asked) -> wire.Stream:
        usage = asked.body.stream_options is not None and asked.body.stream_options.include_usage
        prefix = wire.Stream.prefix(asked.number, int(asked.entry.at), self._server.model)
        thinking = asked.fault == "null"
        return wire.Stream(prefix, asked.entry.prompt, self._fitting(asked), with_usage=usage, thinking=thinking)

    def _tokens(self, index: int, start: int, end: int) -> None:
        """Send the tokens that the engine has made."""
        asked, stream = self._asked, self._stream
        if asked is None or stream is None or self._job is None or self._transport.is_closing():
            return
        self._record.events += 1
        opening = b"" if self._opened else stream.opening()
        self._opened = True
        self._send_events(asked, opening + stream.piece(index, start, end), stream, last=not self._job.left)

    def _send_events(self, asked: Asked, data: bytes, stream: wire.Stream, *, last: bool) -> None:
        """Send events, and with the last ones the end of the stream, unless a fault has them break off half-way."""
        if asked.fault in {"rst", "short"}:
            self._transport.write(data[: len(data) // 2])
            if asked.fault == "rst":
                self._reset()
            else:
                self._transport.close()
            return
        if not last:
            self._transport.write(data)
            return
        self._transport.write(data + (b"0\r\n\r\n" if asked.fault == "cut" else stream.closing()))
        self._finish(200)

    def _sequence_done(self, index: int, start: int, end: int) -> None:  # noqa: ARG002 - the engine's signature
        if self._asked is not None and self._job is not None and not self._job.left:
            self._complete(self._asked)

    def _fitting(self, asked: Asked) -> tuple[Reply, ...]:
        """Return the answers as the fault leaves them."""
        if asked.fault == "empty":
            return tuple(one._replace(filler=b"", answer=b"") for one in asked.replies)
        if asked.fault == "null":
            return tuple(one._replace(answer=b"", finish="length") for one in asked.replies)
        return asked.replies

    def _complete(self, asked: Asked) -> None:
        """Send the answer as one JSON body."""
        replies = self._fitting(asked)
        entry = asked.entry
        body = wire.completion(
            asked.number, int(entry.at), self._server.model, entry.prompt, replies, null=asked.fault == "null"
        )
        if asked.fault == "cut":
            body = body[: len(body) * 2 // 3]
        data = wire.json_head(len(body)) + body
        if asked.fault == "short":
            self._transport.write(data[:-20])
            self._transport.close()
        elif asked.fault == "slow":
            size = len(data) // 10 + 1
            for part in range(10):
                piece = data[part * size : (part + 1) * size]
                self._later(part / 10, lambda piece=piece: self._transport.write(piece))  # type: ignore[misc]  # bound now
            self._later(1.0, lambda: self._finish(200))
        else:
            self._transport.write(data)
            self._finish(200)

    def _finish(self, status: int) -> None:
        assert self._asked is not None
        self._record.finish(self._asked.entry, status)
        self._asked = self._job = self._stream = None
        self._opened = False
        self._timers.clear()
        if self._buffer:
            self._next()

    def _later(self, seconds: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, action))

    def _control(self, method: str, target: str, body: bytes) -> bytes:
        """Answer everything that is not a chat completion."""
        path, _, query = target.partition("?")
        options = {name: values[-1] for name, values in parse_qs(query).items()}
        server = self._server
        readers: dict[str, Callable[[], bytes]] = {
            "/health": lambda: wire.response(200, b""),
            "/version": lambda: wire.json_response({"version": "0.0.0+mock"}),
            "/v1/models": lambda: wire.json_response({"object": "list", "data": [_card(server.config)]}),
            "/metrics": lambda: wire.response(200, metrics(server.config, server.record), content_type=b"text/plain"),
            "/stats": lambda: wire.json_response(stats(server.config, server.record, ideal="ideal" in options)),
            "/ledger": lambda: wire.json_response(server.record.public(int(options.get("from", 0)))),
        }
        if method == "GET" and path in readers:
            return readers[path]()
        if method == "POST" and path == "/config":
            return _configure(server, body, keep="keep" in options)
        if method == "POST" and path == "/reset":
            server.reset(server.config)
            return wire.json_response({})
        return wire.error(404, f"Not Found: {method} {path}", kind="NotFoundError")


def _card(config: Config) -> dict[str, Any]:
    """Return the model's entry in /v1/models."""
    card: dict[str, Any] = {"id": config.model, "object": "model", "owned_by": "vllm", "root": config.model}
    return card | {"max_model_len": config.max_model_len}


def _configure(server: Server, body: bytes, *, keep: bool) -> bytes:
    """Change options; an unknown or impossible one is refused and changes nothing."""
    try:
        changed = msgspec.json.decode(body, type=dict[str, Any])
        config = msgspec.convert(msgspec.to_builtins(server.config) | changed, Config)
    except (msgspec.DecodeError, msgspec.ValidationError) as broken:
        return wire.error(400, str(broken))
    server.reset(config, keep=keep)
    return wire.json_response(msgspec.to_builtins(config))


def parse_arguments(argv: list[str] | None) -> tuple[str, int, Config]:
    """Return host, port and options of a command line."""
    default = Config()
    parser = argparse.ArgumentParser(prog="python -m bench.mock_server", description="A mock OpenAI-compatible server.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--mode", choices=("instant", "fixed", "batch"), default=default.mode)
    parser.add_argument("--model", default=default.model)
    parser.add_argument("--latency", type=float, default=default.latency, help="seconds, mode fixed")
    parser.add_argument("--tokens", type=int, default=None, help="length of every answer")
    parser.add_argument("--stream-interval", type=int, default=default.stream_interval, help="tokens per event; 0: all")
    parser.add_argument("--slots", type=int, default=default.slots, help="sequences in a batch")
    parser.add_argument("--speedup", type=float, default=default.speedup, help="virtual seconds per second")
    parser.add_argument("--seed", type=int, default=default.seed, help="seed of the faults")
    parser.add_argument("--faults", type=parse_faults, default={}, metavar="500=0.1,rst=0.05")
    parser.add_argument("--fault-scope", choices=("attempt", "question"), default=default.fault_scope)
    options = vars(parser.parse_args(argv))
    host, port = options.pop("host"), options.pop("port")
    return host, port, msgspec.convert(options, Config)


async def serve(host: str, port: int, config: Config) -> None:
    """Serve until SIGTERM or SIGINT; print the base URL when the socket listens."""
    loop = asyncio.get_running_loop()
    server = Server(config)
    listener = await loop.create_server(lambda: Connection(server), host, port, backlog=8192)
    print(f"http://{host}:{listener.sockets[0].getsockname()[1]}/v1", flush=True)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def main(argv: list[str] | None = None) -> int:
    """Run the mock server."""
    host, port, config = parse_arguments(argv)
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    try:
        import uvloop
    except ImportError:
        pass
    else:
        factory = uvloop.new_event_loop
    gc.disable()  # the ledger only grows: walking through it again and again is half of the cost of a request
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve(host, port, config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
