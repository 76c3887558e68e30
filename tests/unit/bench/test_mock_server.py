"""The mock server: the same answers for every client, true counters, faults as ordered."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
from bench.measure import Mock

FOUR = "[#{} kind=choice] Which?\nA) a\nB) b\nC) c\nD) d"


@pytest.fixture(scope="module")
def process() -> Iterator[Mock]:
    with Mock(("--mode", "instant")) as mock:
        yield mock


@pytest.fixture
def mock(process: Mock) -> Mock:
    process.configure(mode="instant", faults={}, fault_scope="attempt", stream_interval=0, tokens=None)
    process.configure(slots=256, speedup=3.0)
    return process


def body(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "mock/model", "messages": [{"role": "user", "content": text}], "temperature": 0.0} | fields


def ask(mock: Mock, request: dict[str, Any]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(mock.base_url).netloc, timeout=20)
    try:
        connection.request("POST", "/v1/chat/completions", json.dumps(request))
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def answer(mock: Mock, text: str, **fields: Any) -> dict[str, Any]:
    status, data = ask(mock, body(text, **fields))
    assert status == 200, data
    value: dict[str, Any] = json.loads(data)
    return value


def events(data: bytes) -> list[dict[str, Any]]:
    lines = [line[6:] for line in data.decode().split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_the_same_question_gets_the_same_answer_whatever_is_wrapped_round_it(mock: Mock) -> None:
    first = answer(mock, FOUR.format(7))["choices"][0]["message"]["content"]
    second = answer(mock, "Please answer this. " + FOUR.format(7))["choices"][0]["message"]["content"]
    assert first == second
    assert first != answer(mock, FOUR.format(8))["choices"][0]["message"]["content"]


def test_samples_of_one_question_differ_above_temperature_0_however_they_are_asked(mock: Mock) -> None:
    together = {one["message"]["content"] for one in answer(mock, FOUR.format(7), n=3, temperature=0.7)["choices"]}
    mock.call("POST", "/reset")
    alone = {answer(mock, FOUR.format(7), temperature=0.7)["choices"][0]["message"]["content"] for _ in range(3)}
    assert len(together) == 3
    assert together == alone


def test_an_answer_is_cut_at_max_tokens_and_says_so(mock: Mock) -> None:
    value = answer(mock, FOUR.format(7), max_tokens=5)
    assert value["choices"][0]["finish_reason"] == "length"
    assert value["usage"]["completion_tokens"] == 5
    assert answer(mock, FOUR.format(7))["choices"][0]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("question", "mark"),
    [
        (FOUR.format(3), "回答: "),
        ("[#3 kind=math] 1+1", "\\boxed{24}"),
        ("[#3 kind=code] f", "```python"),
        ("Rate [[rating]]", "Rating: [["),
    ],
)
def test_answers_hold_what_the_scorer_of_their_kind_reads(mock: Mock, question: str, mark: str) -> None:
    assert mark in answer(mock, question)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("interval", [0, 1, 7])
def test_a_stream_says_the_same_as_the_whole_answer_in_pieces_of_the_interval(mock: Mock, interval: int) -> None:
    mock.configure(stream_interval=interval)
    whole = answer(mock, FOUR.format(9))
    status, data = ask(mock, body(FOUR.format(9), stream=True, stream_options={"include_usage": True}))
    parts = events(data)
    assert status == 200
    assert (
        "".join(part["choices"][0]["delta"]["content"] for part in parts[:-1])
        == whole["choices"][0]["message"]["content"]
    )
    assert [part["choices"][0]["finish_reason"] for part in parts[-2:-1]] == ["stop"]
    assert parts[-1]["choices"] == []
    assert parts[-1]["usage"] == whole["usage"]
    assert len(parts) == 2 + (-(-60 // interval) if interval else 1)


def test_a_stream_without_include_usage_has_no_usage_event(mock: Mock) -> None:
    _, data = ask(mock, body(FOUR.format(9), stream=True))
    assert all(part["choices"] for part in events(data))


def test_in_batch_mode_streamed_tokens_come_while_they_are_made(mock: Mock) -> None:
    mock.configure(mode="batch", tokens=40, stream_interval=4, speedup=2.0)
    _, data = ask(mock, body(FOUR.format(9), stream=True, n=2, temperature=0.5))
    parts = events(data)
    texts = [
        "".join(p["choices"][0]["delta"]["content"] for p in parts if p["choices"][0]["index"] == k) for k in (0, 1)
    ]
    assert all("回答: " in text for text in texts)
    assert texts[0] != texts[1]
    stats = mock.stats()
    assert stats["events"] == 20
    assert stats["wall_seconds"] >= 39 * 0.0065 / 2


def test_batch_mode_takes_as_long_as_the_bound_for_requests_that_all_wait(mock: Mock) -> None:
    mock.configure(mode="batch", slots=4, speedup=20.0, tokens=100)
    with ThreadPoolExecutor(24) as threads:
        done = list(threads.map(lambda tag: answer(mock, FOUR.format(tag)), range(24)))
    stats = mock.stats(ideal=True)
    assert all(one["usage"]["completion_tokens"] == 100 for one in done)
    assert stats["completion_tokens"] == 2400
    assert stats["bounds"]["saturated"] <= stats["bounds"]["fifo"]
    assert 0.9 <= (stats["engine_busy_seconds"] + stats["starved_seconds"]) / stats["bounds"]["fifo"] <= 1.35


def test_metrics_show_running_and_waiting_in_vllms_names(mock: Mock) -> None:
    mock.configure(mode="batch", slots=1, speedup=0.01)
    host = urlsplit(mock.base_url)
    open_sockets = [socket.create_connection((host.hostname or "", host.port or 0)) for _ in range(3)]
    try:
        text = json.dumps(body(FOUR.format(1))).encode()
        for one in open_sockets:
            one.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        gauges: dict[str, float] = {}
        while gauges.get("vllm:num_requests_waiting") != 2.0:
            gauges = read_metrics(mock)
        assert gauges["vllm:num_requests_running"] == 1.0
    finally:
        for one in open_sockets:
            one.close()
    while gauges["vllm:num_requests_running"] or gauges["vllm:num_requests_waiting"]:
        gauges = read_metrics(mock)
    assert mock.stats()["lost"] == 3


def read_metrics(mock: Mock) -> dict[str, float]:
    connection = http.client.HTTPConnection(urlsplit(mock.base_url).netloc, timeout=20)
    try:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    finally:
        connection.close()
    rows = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name.partition("{")[0]: float(value) for name, _, value in rows}


@pytest.mark.parametrize(("fault", "status"), [("500", 500), ("503", 503), ("429", 429), ("400", 400)])
def test_a_status_fault_is_that_status_with_an_error_object(mock: Mock, fault: str, status: int) -> None:
    mock.configure(faults={fault: 1.0})
    got, data = ask(mock, body(FOUR.format(1)))
    assert got == status
    assert json.loads(data)["error"]["code"] == status
    assert mock.stats()["faults"] == {fault: 1}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["rst", "short"])
def test_faults_of_the_connection_break_it_off(mock: Mock, fault: str, stream: bool) -> None:
    mock.configure(faults={fault: 1.0})
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        ask(mock, body(FOUR.format(1), stream=stream))
    assert mock.stats()["completed"] == 0


def test_a_cut_answer_has_its_length_right_and_is_no_json(mock: Mock) -> None:
    mock.configure(faults={"cut": 1.0})
    status, data = ask(mock, body(FOUR.format(1)))
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(data)
    _, stream = ask(mock, body(FOUR.format(1), stream=True))
    assert b"[DONE]" not in stream


def test_answers_that_are_none_are_told_apart(mock: Mock) -> None:
    mock.configure(faults={"null": 1.0})
    cut = answer(mock, FOUR.format(1))["choices"][0]
    assert cut["message"]["content"] is None
    assert cut["message"]["reasoning"]
    assert cut["finish_reason"] == "length"
    mock.configure(faults={"empty": 1.0})
    assert answer(mock, FOUR.format(1))["choices"][0]["message"]["content"] == ""
    mock.configure(faults={"nochoice": 1.0})
    assert answer(mock, FOUR.format(1))["choices"] == []
    mock.configure(faults={"loop": 1.0})
    loop = answer(mock, FOUR.format(1), max_tokens=200)["choices"][0]
    assert loop["message"]["content"].count("again and again") > 20
    assert loop["finish_reason"] == "length"


def test_a_fault_of_a_question_hits_each_attempt_until_it_heals(mock: Mock) -> None:
    mock.configure(faults={"500": 0.5}, fault_scope="question")
    first = [ask(mock, body(FOUR.format(tag)))[0] for tag in range(40)]
    second = [ask(mock, body(FOUR.format(tag)))[0] for tag in range(40)]
    assert first == second
    assert 5 < first.count(500) < 35
    mock.call("POST", "/config?keep=1", {"faults": {}})
    assert {ask(mock, body(FOUR.format(tag)))[0] for tag in range(40)} == {200}
    assert mock.stats()["requests"] == 120


def test_the_ledger_tells_every_request_and_how_often_it_was_asked(mock: Mock) -> None:
    for tag in (5, 6, 5):
        answer(mock, FOUR.format(tag))
    ledger = mock.call("GET", "/ledger")
    assert [(entry["tag"], entry["attempt"], entry["status"]) for entry in ledger] == [
        (5, 0, 200),
        (6, 0, 200),
        (5, 1, 200),
    ]
    assert ledger[0]["digest"] == ledger[2]["digest"] != ledger[1]["digest"]
    assert mock.call("GET", "/ledger?from=2") == ledger[2:]


@pytest.mark.parametrize("options", [{"faults": {"501": 1.0}}, {"faults": {"500": 2.0}}, {"slots": 0}, {"sloots": 1}])
def test_options_that_cannot_be_are_refused(mock: Mock, options: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="400"):
        mock.call("POST", "/config", options)


@pytest.mark.parametrize(
    ("request_body", "status"),
    [
        (body("x") | {"model": "nope"}, 404),
        (body("x", n=0), 400),
        (body("x", n=2), 400),
        (body("x") | {"messages": []}, 400),
        ({"messages": 3}, 400),
    ],
)
def test_requests_that_vllm_refuses_are_refused(mock: Mock, request_body: dict[str, Any], status: int) -> None:
    got, data = ask(mock, request_body)
    assert got == status
    assert json.loads(data)["error"]["message"]


def test_fixed_mode_answers_after_the_latency(mock: Mock) -> None:
    mock.configure(mode="fixed", latency=0.08, jitter=0.0)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda tag: answer(mock, FOUR.format(tag)), range(8)))
    entries = mock.call("GET", "/ledger")
    assert all(entry["done"] - entry["at"] >= 0.075 for entry in entries)
    assert mock.stats()["peak_in_flight"] >= 2
