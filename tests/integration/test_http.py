"""The connections themselves, against a server that writes bytes as a test wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from saiten.models.connect import Connector
from saiten.models.http import MOST_HEAD_BYTES, After, Connections, Lost, NotConnected
from tests.helpers.aio import in_loop
from tests.helpers.asking import until

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Collecting:
    """A sink that keeps everything."""

    def __init__(self, after: After = After.MORE) -> None:
        self.after = after
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    def sent(self, fail: Callable[[Exception], None]) -> None:
        self.fail = fail

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.status, self.headers = status, headers

    def take(self, piece: bytes) -> After:
        self.body += piece
        return self.after


class Server:
    """Answers the k-th request with the k-th script: pieces with pauses between; None closes the connection."""

    def __init__(self, *scripts: list[bytes | None]) -> None:
        self.scripts = [*scripts]
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while self.scripts:
                await reader.readuntil(b"\r\n\r\n")
                for piece in self.scripts.pop(0):
                    if piece is None:
                        return
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def talking(*scripts: list[bytes | None]) -> AsyncIterator[tuple[Server, Connections]]:
    server = Server(*scripts)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    connections = Connections(Connector(f"http://127.0.0.1:{server.port}/v1", None, 5.0), keepalive=3.0)
    try:
        yield server, connections
    finally:
        await connections.close()
        listening.close()


def chunked(*parts: bytes) -> bytes:
    """Return a chunked response."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body


WHOLE: dict[str, list[bytes | None]] = {
    "with a length": [OK],
    "chunked": [chunked(b"o", b"k")],
    "byte by byte": [bytes([byte]) for byte in OK],
    "until the end of the connection": [b"HTTP/1.1 200 OK\r\n\r\no", b"k", None],
    "after news": [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK],
    "HTTP/1.0": [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", None],
}


@in_loop
@pytest.mark.parametrize("case", WHOLE)
async def test_a_response_in_any_framing(case: str) -> None:
    async with talking(WHOLE[case]) as (_, connections):
        sink = Collecting()
        await connections.ask(REQUEST, sink)
    assert (sink.status, sink.body) == (200, b"ok")


@in_loop
async def test_a_connection_is_used_again_unless_somebody_says_close() -> None:
    close = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    async with talking([OK], [chunked(b"ok")], [close], [OK]) as (server, connections):
        for number in (1, 1, 1, 2):
            await connections.ask(REQUEST, Collecting())
            assert server.connections == number


BROKEN: dict[str, tuple[list[bytes | None], str]] = {
    "nothing": ([None], "closed it"),
    "half a head": ([OK[:20], None], "closed it"),
    "half a body": ([OK[:-1], None], "closed it"),
    "half a chunk": ([chunked(b"ok")[:-8], None], "closed it"),
    "another protocol": ([b"SSH-2.0-OpenSSH_9.2\r\n"], "not HTTP"),
    "two lengths": ([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"], "not HTTP"),
    "two responses": ([OK + OK], "more than one response"),
    "a head without end": ([b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * (MOST_HEAD_BYTES // 8 + 1)], "without end"),
    "an upgrade": ([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx"], "not HTTP"),
    "damaged packing": ([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok"], "damaged"),
}


@in_loop
@pytest.mark.parametrize("case", BROKEN)
async def test_a_response_that_is_none_is_lost_and_its_connection_closed(case: str) -> None:
    script, said = BROKEN[case]
    async with talking(script, [OK]) as (server, connections):
        with pytest.raises(Lost, match=said) as caught:
            await connections.ask(REQUEST, Collecting())
        assert not caught.value.stale
        await connections.ask(REQUEST, Collecting())
        assert server.connections == 2


@in_loop
async def test_a_kept_connection_that_dies_without_a_word_is_stale() -> None:
    async with talking([OK], [None]) as (_, connections):
        await connections.ask(REQUEST, Collecting())
        with pytest.raises(Lost) as caught:
            await connections.ask(REQUEST, Collecting())
    assert caught.value.stale


@in_loop
async def test_after_a_connection_died_without_a_word_none_is_kept_for_a_while() -> None:
    async with talking([OK], [None], [OK], [OK]) as (server, connections):
        await connections.ask(REQUEST, Collecting())
        with pytest.raises(Lost):
            await connections.ask(REQUEST, Collecting())
        await connections.ask(REQUEST, Collecting())
        await connections.ask(REQUEST, Collecting())
        assert server.connections == 3


@in_loop
async def test_what_comes_unasked_closes_the_connection() -> None:
    async with talking([OK, b"HTTP/1.1 408 Too Late\r\n\r\n"], [OK]) as (server, connections):
        await connections.ask(REQUEST, Collecting())
        await asyncio.sleep(0.1)
        await connections.ask(REQUEST, Collecting())
        assert server.connections == 2


@in_loop
async def test_a_request_that_is_given_up_closes_its_connection() -> None:
    async with talking([OK[:-1]], [OK]) as (server, connections):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connections.ask(REQUEST, Collecting())
        await connections.ask(REQUEST, Collecting())
        assert server.connections == 2


@in_loop
async def test_an_answer_that_is_enough_is_not_waited_for_and_its_connection_lives_on() -> None:
    head, tail = chunked(b"ok")[:-5], chunked(b"ok")[-5:]
    async with talking([head, tail], [OK]) as (server, connections):
        await connections.ask(REQUEST, Collecting(After.ENOUGH))
        await asyncio.sleep(0.1)
        await connections.ask(REQUEST, Collecting())
        assert server.connections == 1


@in_loop
async def test_a_bug_in_who_takes_the_answer_is_raised_to_who_asked() -> None:
    class Broken(Collecting):
        def take(self, piece: bytes) -> After:
            raise KeyError(piece)

    async with talking([OK]) as (_, connections):
        with pytest.raises(KeyError):
            await connections.ask(REQUEST, Broken())


@in_loop
async def test_closing_ends_what_is_under_way() -> None:
    async with talking([OK[:-1]]) as (_, connections):
        sink = Collecting()
        asking = asyncio.ensure_future(connections.ask(REQUEST, sink))
        await until(lambda: sink.body)
        await connections.close()
        with pytest.raises(Lost):
            await asking


@in_loop
async def test_the_second_address_is_used_when_the_first_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    async with talking([OK], [OK]) as (server, _):
        found = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", server.port, type=1)
        dead = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 1, type=1)

        async def both(*_: object, **__: object) -> list[object]:
            return [*dead, *found]

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
        connections = Connections(Connector("http://two.example/v1", None, 5.0), keepalive=0.0)
        await connections.ask(REQUEST, Collecting())
        await connections.ask(REQUEST, Collecting())
        await connections.close()
        assert server.connections == 2


@in_loop
async def test_a_port_where_nobody_listens_is_not_connected() -> None:
    connections = Connections(Connector("http://127.0.0.1:1/v1", None, 5.0), keepalive=3.0)
    with pytest.raises(NotConnected):
        await connections.ask(REQUEST, Collecting())
