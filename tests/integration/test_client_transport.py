"""What goes wrong below HTTP: connections, cut and stalled answers, bytes that are no completion.

Rows of the fault catalogue: 1-22 (transport), 37 (counting), 43 (no choices), 50 MB texts and the like.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from saiten.errors import EndpointError, Exit
from saiten.models.options import ClientOptions, connection_room
from saiten.models.retry import RetryPolicy
from saiten.types import Outcome
from tests.helpers.aio import in_loop
from tests.helpers.asking import asking, endpoint, paid_endpoint
from tests.helpers.fault_answers import always
from tests.helpers.faultd import Fault, FaultServer, default_answer

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
SECRET = "sk-very-secret-key-0123456789"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def expected(prompt: str, index: int = 0) -> str | None:
    return default_answer(prompt, index).text


# ---------------------------------------------------------------------------------------------- not sent


@in_loop
async def test_a_server_that_is_not_up_yet_is_waited_for() -> None:
    server = FaultServer(port=free_port())
    async with asking(endpoint(f"http://127.0.0.1:{server.port}/v1")) as bench:
        task = asyncio.ensure_future(bench.one("a"))
        await asyncio.sleep(0.05)
        with server:
            assert (await task).text == expected("a")
        assert bench.client.stats.requests_sent > 1
        assert bench.client.stats.possible_double_charges == 0


@in_loop
async def test_a_server_that_never_comes_ends_the_run_after_the_outage_time() -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with asking(endpoint(url)) as bench:
        begun = bench.clock.now()
        with pytest.raises(EndpointError, match=r"not reachable for \d+ s") as caught:
            await bench.one("a")
        assert bench.clock.now() - begun < 2 * RetryPolicy().outage_seconds
        assert bench.client.stats.requests_sent < 40
    assert caught.value.resumable
    assert caught.value.exit == Exit.SERVER


@in_loop
@pytest.mark.parametrize("provider", ["custom", "vllm"])
async def test_preflight_says_in_one_line_that_nothing_listens(provider: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with asking(endpoint(url, provider, SECRET)) as bench:
        with pytest.raises(EndpointError) as caught:
            await bench.client.check()
    message = str(caught.value)
    assert url in message
    assert ("check --attach (or --base-url)" if provider == "vllm" else "check --base-url") in message
    assert "\n" not in message
    assert SECRET not in message


@in_loop
async def test_a_host_that_does_not_exist_fails_the_preflight() -> None:
    async with asking(endpoint("http://nohost.invalid:1/v1", "custom")) as bench:
        with pytest.raises(EndpointError, match=r"nohost\.invalid"):
            await bench.client.check()


@in_loop
async def test_a_certificate_that_nobody_signed_fails_at_once(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    with FaultServer(folder=tmp_path) as server:
        async with asking(endpoint(server.base_url, "custom", SECRET)) as bench:
            with pytest.raises(EndpointError, match="TLS failed") as caught:
                await bench.client.check()
            with pytest.raises(EndpointError, match="TLS failed"):
                await bench.one("a")
            assert bench.clock.slept == []
    assert not caught.value.resumable
    assert server.ledger == []
    assert ssl.OPENSSL_VERSION


@in_loop
async def test_proxy_variables_do_not_catch_a_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with FaultServer() as server:
        async with asking(endpoint(server.base_url)) as bench:
            assert (await bench.one("a")).text == expected("a")


@in_loop
async def test_other_servers_are_reached_through_the_proxy_and_netrc_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine nohost.invalid login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as server:
        monkeypatch.setenv("http_proxy", f"http://me:word@127.0.0.1:{server.port}")
        async with asking(endpoint("http://nohost.invalid/v1", "custom", SECRET)) as bench:
            assert (await bench.one("a")).text == expected("a")
        monkeypatch.setenv("no_proxy", "nohost.invalid")
        async with asking(endpoint("http://nohost.invalid/v1", "custom", SECRET)) as bench:
            with pytest.raises(EndpointError, match=r"nohost\.invalid"):
                await bench.client.check()
    entry = server.ledger[0]
    assert entry.path == "http://nohost.invalid/v1/chat/completions"
    assert entry.headers["authorization"] == f"Bearer {SECRET}"
    assert entry.headers["proxy-authorization"].startswith("Basic ")


@in_loop
async def test_a_proxy_that_opens_a_tunnel_does_not_see_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with FaultServer() as server:
        monkeypatch.setenv("https_proxy", f"http://me:word@127.0.0.1:{server.port}")
        async with asking(endpoint("https://nohost.invalid/v1", "custom", SECRET)) as bench:
            with pytest.raises(EndpointError):
                await bench.client.check()
    assert set(server.other) == {"CONNECT nohost.invalid:443"}
    assert "Proxy-Authorization: Basic" in server.heads[0]
    assert SECRET not in "".join(server.heads)


@in_loop
async def test_running_out_of_file_descriptors_shrinks_and_loses_nothing() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with elsewhere("latency=0.02") as base_url:  # in a process of its own, or it would lack descriptors, too
        async with asking(endpoint(base_url), ClientOptions(concurrency=64)) as bench:
            await bench.one("first")
            opened = 64 - connection_room_left(soft)
            resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 24, hard))
            try:
                generations = await bench.all([f"q{number}" for number in range(60)])
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert bench.client.limiter.ceiling < 64
    assert [g.outcome for g in generations] == [Outcome.OK] * 60


def connection_room_left(soft: int) -> int:
    """Return 64 minus the descriptors that are open now."""
    return 64 - len(list(Path("/proc/self/fd").iterdir())) if soft else 0


@contextmanager
def elsewhere(options: str) -> Iterator[str]:
    """Run a FaultServer in another process; give its base URL."""
    script = (
        "import sys\nfrom tests.helpers.faultd import FaultServer\n"
        f"with FaultServer({options}) as server:\n    print(server.base_url, flush=True)\n    sys.stdin.read()"
    )
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def test_the_soft_limit_of_open_files_is_raised() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        room = connection_room()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert 0 < room <= hard


# ---------------------------------------------------------------------------------------------- sent, and then


@in_loop
async def test_a_kept_connection_that_the_server_closed_costs_one_immediate_try_and_no_doubt() -> None:
    with FaultServer(close_idle=0.05) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            for number in range(12):
                assert (await bench.one(f"q{number}")).outcome is Outcome.OK
                await asyncio.sleep(0.046 + 0.001 * number)
            assert bench.clock.slept == []
            assert bench.client.stats.possible_double_charges == bench.client.stats.stale_connections
    assert [entry.prompt for entry in server.answered] == [f"q{number}" for number in range(12)]


BROKEN = {
    "reset at once": Fault(rst=True, times=1),
    "closed at once": Fault(fin=True, times=1),
    "reset while the request is sent": Fault(read_only=10, times=1),
    "body cut": Fault(cut_at=40, times=1),
    "body cut by a reset": Fault(cut_at=40, rst=True, times=1),
    "headers only": Fault(cut_at=0, fin=True, times=1),
    "events stop in good order": Fault(keep_events=2, times=1),
    "events stop with a reset": Fault(keep_events=2, rst=True, times=1),
    "events stop with the connection": Fault(keep_events=2, fin=True, times=1),
}


@in_loop
@BOTH
@pytest.mark.parametrize("case", BROKEN)
async def test_an_answer_that_broke_off_is_never_scored_and_asked_again(case: str, stream: bool) -> None:
    with FaultServer([BROKEN[case]]) as server:
        async with asking(paid_endpoint(server.base_url), ClientOptions(stream=stream)) as bench:
            generation = await bench.one("a")
            stats = bench.client.stats
    broke = not server.ledger[0].answered
    assert generation.outcome is Outcome.OK
    assert generation.text == expected("a")
    assert generation.attempts == len(server.ledger) == stats.requests_sent
    assert stats.possible_double_charges == stats.retries == broke
    if not case.startswith("events") or stream:
        assert broke


@in_loop
@BOTH
async def test_a_paid_endpoint_is_asked_again_only_once_after_doubt_and_an_own_server_more_often(stream: bool) -> None:
    for paid, requests in ((True, 2), (False, RetryPolicy().attempts)):
        with FaultServer([Fault(rst=True)]) as server:
            where = paid_endpoint(server.base_url) if paid else endpoint(server.base_url)
            async with asking(where, ClientOptions(stream=stream)) as bench:
                generation = await bench.one("a")
                assert bench.client.stats.possible_double_charges == paid
        assert generation.outcome is Outcome.REQUEST_FAILED
        assert generation.text is None
        assert "the connection broke" in (generation.error or "")
        assert len(server.ledger) == generation.attempts == requests


HANGS = {
    "no byte ever": Fault(hang=True),
    "headers, then silence": Fault(cut_at=0, hang=True),
    "silence between events": Fault(keep_events=2, hang=True),
}


@in_loop
@pytest.mark.parametrize("case", HANGS)
async def test_a_silent_server_is_left_after_the_stall_time(case: str) -> None:
    with FaultServer([HANGS[case]]) as server:
        async with asking(paid_endpoint(server.base_url), ClientOptions(stall_seconds=0.15)) as bench:
            generation = await bench.one("a")
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert "no byte for 0.15 s" in (generation.error or "")
    assert len(server.ledger) == 2


@in_loop
async def test_a_slow_but_living_stream_is_not_a_stall() -> None:
    with FaultServer(gap=0.03, answer=always("slow " * 20)) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stall_seconds=0.4)) as bench:
            generation = await bench.one("a")
    assert generation.outcome is Outcome.OK
    assert generation.seconds > 0.4
    assert generation.attempts == 1


@in_loop
@BOTH
async def test_dripping_bytes_end_at_the_total_deadline(stream: bool) -> None:
    options = ClientOptions(stall_seconds=5, total_seconds=0.4, stream=stream)
    with FaultServer([Fault(drip=(1, 0.02))]) as server:
        async with asking(paid_endpoint(server.base_url), options) as bench:
            generation = await bench.one("a")
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert "no end after 0.4 s" in (generation.error or "")


@in_loop
@pytest.mark.parametrize("case", ["json", "events", "gzip"])
async def test_an_endless_answer_ends_at_the_size_cap_and_is_not_asked_again(case: str) -> None:
    zeros = gzip.compress(b"0" * 30_000_000)
    faults = {
        "json": Fault(endless=b" " * 100_000),
        "events": Fault(endless=b": keep waiting\n\n" * 5_000, content_type="text/event-stream"),
        "gzip": Fault(body=zeros, headers=(("Content-Encoding", "gzip"),)),
    }
    with FaultServer([faults[case]]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(most_bytes=2_000_000)) as bench:
            generation = await bench.one("a")
            assert bench.client.stats.bytes_received < 8_000_000
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert "longer than 1.9" in (generation.error or "")
    assert len(server.ledger) == 1


@in_loop
async def test_a_redirect_is_not_followed_and_the_key_stays_here() -> None:
    with FaultServer() as other:
        location = (("Location", other.base_url + "/chat/completions"),)
        with FaultServer([Fault(status=307, headers=location)]) as server:
            async with asking(paid_endpoint(server.base_url, SECRET)) as bench:
                with pytest.raises(EndpointError, match="redirects") as caught:
                    await bench.one("a")
        assert other.ledger == []
        assert other.connections == 0
    assert not caught.value.resumable


PAGE = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head></html>"
NO_ANSWERS = {
    "web page": Fault(body=PAGE, content_type="text/html"),
    "web page that says it is JSON": Fault(body=PAGE),
    "plain text": Fault(body=b"upstream connect error", content_type="text/plain"),
    "empty": Fault(body=b""),
    "no content": Fault(status=204, body=b""),
    "reset content": Fault(status=205, body=b""),
}


@in_loop
@pytest.mark.parametrize("case", NO_ANSWERS)
async def test_what_no_api_says_is_tried_again_three_times_and_then_told(case: str) -> None:
    with FaultServer([NO_ANSWERS[case]]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
            assert bench.client.stats.possible_double_charges == 0
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert generation.text is None
    assert len(server.ledger) == 4
    if "page" in case:
        assert "Sign in to the network" in (generation.error or "")


MALFORMED = {
    "duplicate keys": b'{"choices": [], "choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}',
    "duplicate content": b'{"choices": [{"message": {"content": "A", "content": "B"}, "finish_reason": "stop"}]}',
    "NaN": b'{"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}], "score": NaN}',
    "infinity": b'{"choices": [{"message": {"content": "A"}, "finish_reason": "stop", "index": 1e400}]}',
    "huge integer": b'{"choices": [{"index": 1' + b"0" * 5000 + b"}]}",
    "nested without end": b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no choices": b'{"choices": []}',
    "null": b"null",
    "list": b"[1, 2]",
    "content is a number": b'{"choices": [{"message": {"content": 5}, "finish_reason": "stop"}]}',
    "no end": b'{"choices": [{"message": {"content": "A"}}]}',
    "index twice": b'{"choices": [{"index": 0}, {"index": 0}]}',
    "negative index": b'{"choices": [{"index": -1, "message": {"content": "A"}, "finish_reason": "stop"}]}',
    "two values": b'{"choices": []} {"choices": []}',
}


@in_loop
@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_answer_is_a_failure_and_no_crash(case: str) -> None:
    with FaultServer([Fault(body=MALFORMED[case], times=1)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
    assert generation.text == expected("a")
    assert len(server.ledger) == 2


@in_loop
@pytest.mark.parametrize(
    "event",
    ["data: {not json", 'data: {"choices": [{"index": 0, "delta": {"content": 5}}]}', "data: " + "[" * 100_000],
)
async def test_a_malformed_event_is_a_failure_and_no_crash(event: str) -> None:
    with FaultServer([Fault(events=[event, "data: [DONE]"], times=1)]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            assert (await bench.one("a")).text == expected("a")
    assert len(server.ledger) == 2


STRANGE = "a\u2028b\x00c\u0085d\ufeff\r\n𝔘𠮷🇯🇵"


@in_loop
@BOTH
async def test_strange_characters_come_through_unchanged(stream: bool) -> None:
    with FaultServer(answer=always(STRANGE)) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=stream)) as bench:
            assert (await bench.one("a")).text == STRANGE


@in_loop
async def test_lone_surrogates_and_broken_bytes_are_kept_in_whole_answers() -> None:
    def body(content: bytes) -> bytes:
        return b'\xef\xbb\xbf{"choices": [{"message": {"content": "' + content + b'"}, "finish_reason": "stop"}]}'

    with FaultServer([Fault(prompt="lone", body=body(b"x\\ud835y")), Fault(body=body(b"x\xffy"))]) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=False)) as bench:
            assert (await bench.one("lone")).text == "x\ud835y"
            raw = await bench.one("raw")
    assert raw.text == "x\udcffy"
    assert json.loads(json.dumps(raw.text)) == raw.text
    assert raw.outcome is Outcome.OK


@in_loop
async def test_characters_that_were_split_between_events_are_joined() -> None:
    def event(content: bytes, reason: bytes = b"null") -> bytes:
        return b'data: {"choices": [{"delta": {"content": "' + content + b'"}, "finish_reason": ' + reason + b"}]}"

    emoji = "😀".encode()
    halves = [event(b"\\ud83d"), event(b"\\ude00")]
    pieces = [event(emoji[:2]), event(emoji[2:])]
    end = [event(b"", b'"stop"'), b"data: [DONE]"]
    with FaultServer([Fault(prompt="halves", events=halves + end), Fault(events=pieces + end)]) as server:
        async with asking(endpoint(server.base_url)) as bench:
            assert (await bench.one("halves")).text == "😀"
            assert (await bench.one("pieces")).text == "😀"


@in_loop
async def test_many_ways_to_write_a_stream() -> None:
    chunk = '{"choices": [{"delta": {"content": "B"}, "finish_reason": "stop"}]}'
    lines = chunk.replace('"B"}', '"B"}\ndata: ')
    ways = {
        "no space": [f"data:{chunk}", "data:[DONE]"],
        "comments and fields": [": hello", f"event: message\nid: 1\nretry: 5\ndata: {chunk}", "data: [DONE]"],
        "carriage returns": [f"data: {chunk}\r\n\r", "data: [DONE]\r\n\r"],
        "several data lines": [f"data: {lines}", "data: [DONE]"],
        "no farewell": [f"data: {chunk}"],
        "byte order mark": [f"\ufeffdata: {chunk}", "data: [DONE]"],
    }
    for way, events in ways.items():
        with FaultServer([Fault(events=events)]) as server:
            async with asking(endpoint(server.base_url)) as bench:
                generation = await bench.one("a")
        assert (generation.text, generation.outcome) == ("B", Outcome.OK), way


@in_loop
async def test_a_stream_of_nothing_but_a_farewell_is_no_answer() -> None:
    with FaultServer([Fault(events=["data: [DONE]"])]) as server:
        async with asking(paid_endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
    assert generation.outcome is Outcome.REQUEST_FAILED
    assert len(server.ledger) == 2


@in_loop
async def test_a_server_that_keeps_the_connection_open_after_its_farewell_does_not_hold_the_answer_up() -> None:
    chunk = 'data: {"choices": [{"delta": {"content": "B"}, "finish_reason": "stop"}]}'
    script = [Fault(events=[chunk, "data: [DONE]", "data: never"], keep_events=2, hang=True)]
    with FaultServer(script) as server:
        async with asking(endpoint(server.base_url)) as bench:
            generation = await bench.one("a")
    assert generation.text == "B"
    assert generation.attempts == 1


@in_loop
async def test_a_text_that_ignores_the_token_limit_is_kept_within_the_cap() -> None:
    with FaultServer(answer=always("長い" * 800_000)) as server:
        async with asking(endpoint(server.base_url), ClientOptions(stream=False)) as bench:
            generation = await bench.one("a")
    assert len(generation.text or "") == 1_600_000
    assert generation.repetition is not None


@in_loop
async def test_a_packed_answer_is_unpacked() -> None:
    body = json.dumps({"choices": [{"message": {"content": "B"}, "finish_reason": "stop"}]}).encode()
    for packed in (gzip.compress(body), zlib.compress(body)):
        name = "gzip" if packed[:2] == b"\x1f\x8b" else "deflate"
        with FaultServer([Fault(body=packed, headers=(("Content-Encoding", name),))]) as server:
            async with asking(endpoint(server.base_url), ClientOptions(stream=False)) as bench:
                assert (await bench.one("a")).text == "B"
