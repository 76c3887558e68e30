from __future__ import annotations

import errno
import json
import ssl
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.models.failures import (
    SHOWN,
    Failure,
    Kind,
    Sent,
    connection_failure,
    one_line,
    read_error,
    response_failure,
    retry_after,
)

NOW = 1_800_000_000.0


def said(status: int, message: str, sent: Sent | None = None, **fields: object) -> Failure:
    body = json.dumps({"error": {"message": message, **fields}}).encode()
    return response_failure(status, {}, body, sent or Sent())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after": formatdate(NOW + 60, usegmt=True)}, 60.0),
        ({"retry-after": formatdate(NOW - 60, usegmt=True)}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_how_long_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text())
def test_no_retry_after_makes_it_crash_or_wait_for_ever(value: str) -> None:
    found = retry_after({"retry-after": value}, NOW)
    assert found is None or 0 < found < 1e9


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "m", "code": "c"}}', "m"),
        (b'{"error": "m"}', "m"),
        (b'[{"error": {"message": "m"}}]', "m"),
        (b'{"detail": "m"}', "m"),
        (b'{"message": "m", "type": "t"}', "m"),
        (b'{"detail": [{"msg": "field required"}]}', "[{'msg': 'field required'}]"),
        (b"m", "m"),
        (b"", ""),
    ],
)
def test_error_bodies_come_in_many_shapes(body: bytes, message: str) -> None:
    assert read_error(body).message == message


@given(st.integers(300, 599), st.binary(max_size=300))
def test_every_refusal_is_one_printable_line_of_bounded_length(status: int, body: bytes) -> None:
    failure = response_failure(status, {}, body, Sent(n=3))
    assert failure.message.isprintable()
    assert len(failure.message) <= SHOWN + 100


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= SHOWN
    assert line == line.strip()


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "Rate limit reached for gpt-4o", Kind.RATE_LIMITED),
        (429, "You exceeded your current quota, please check your plan", Kind.FATAL),
        (402, "Payment required", Kind.FATAL),
        (401, "bad key", Kind.FATAL),
        (403, "Your input was flagged by moderation", Kind.CONTENT_POLICY),
        (403, "not allowed", Kind.FATAL),
        (404, "The model `nope` does not exist. Valid aliases: smollm2.", Kind.FATAL),
        (400, "no such model: nope", Kind.FATAL),
        (400, "temperature must be non-negative, got -1.", Kind.REFUSED),
        (400, "As of transformers v4.44, default chat template is no longer allowed", Kind.REFUSED),
        (413, "Request too large: context length exceeded", Kind.CONTEXT_OVERFLOW),
        (422, "validation error", Kind.REFUSED),
        (500, "context length computation crashed", Kind.REJECTED),
        (500, "EngineCore encountered an issue.", Kind.REJECTED),
        (504, "upstream timed out", Kind.AMBIGUOUS),
        (307, "", Kind.FATAL),
        (204, "", Kind.NOT_API),
    ],
)
def test_what_a_status_and_its_words_mean(status: int, message: str, kind: Kind) -> None:
    assert said(status, message).kind is kind


@pytest.mark.parametrize(
    ("message", "param", "n", "limit"),
    [
        ("n must be at most 4, got 10.", None, 10, 4),
        ("Field 'n': Value must be between 1 <= value <= 8", None, 10, 8),
        ("Invalid 'n': integer above maximum value. Expected a value <= 128, but got 200 instead.", "n", 200, 128),
        ("n must be 1 when using greedy sampling, got 2.", None, 2, 1),
        ("Only one completion is supported", "n", 5, 1),
        ("'n' is not supported by this model", None, 5, 1),
        ("n=10 is larger than the maximum n=4", None, 10, 4),
    ],
)
def test_a_refused_n_tells_how_many_are_allowed(message: str, param: str | None, n: int, limit: int) -> None:
    failure = said(400, message, Sent(n=n), param=param)
    assert (failure.kind, failure.limit) == (Kind.N_REFUSED, limit)
    assert said(400, message, Sent(n=1), param=param).kind is Kind.REFUSED


def test_words_that_only_contain_an_n_are_not_about_n() -> None:
    for message in ("min_p must be in [0, 1]", "an unknown field", "top_n is unknown", "it isn't valid"):
        assert said(400, message, Sent(n=5)).kind is Kind.REFUSED


@pytest.mark.parametrize(
    ("message", "sent", "field"),
    [
        ("Unrecognized request argument supplied: stream_options", Sent(), "stream_options"),
        ("Your organization must be verified to stream this model.", Sent(usage_asked=False), "stream"),
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead.",
            Sent(stream=False, usage_asked=False, max_tokens_field="max_tokens"),
            "max_tokens",
        ),
    ],
)
def test_fields_that_can_be_spelled_otherwise(message: str, sent: Sent, field: str) -> None:
    failure = said(400, message, sent)
    assert (failure.kind, failure.field) == (Kind.FIELD_REFUSED, field)


def test_a_refusal_of_a_field_that_was_not_sent_is_just_a_refusal() -> None:
    sent = Sent(stream=False, usage_asked=False)
    for message in ("stream_options is wrong", "cannot stream", "max_tokens: use max_completion_tokens"):
        assert said(400, message, sent).kind is Kind.REFUSED


VLLM_OLD = (
    "This model's maximum context length is 2048 tokens. However, you requested 3048 tokens (1048 in the messages, "
    "2000 in the completion). Please reduce the length of the messages or completion."
)
VLLM = (
    "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 2048 tokens "
    "and your request has 101 input tokens (4000 > 2048 - 101)."
)
PROMPT_TOO_LONG = (
    "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens."
)


@pytest.mark.parametrize(
    ("message", "field", "kind", "room"),
    [
        (VLLM_OLD, "max_tokens", Kind.NO_ROOM, 1000),
        (VLLM, "max_tokens", Kind.NO_ROOM, 1947),
        (VLLM_OLD, None, Kind.CONTEXT_OVERFLOW, None),
        (PROMPT_TOO_LONG, "max_tokens", Kind.CONTEXT_OVERFLOW, None),
        ("max_tokens must be at least 1, got 0.", "max_tokens", Kind.CONTEXT_OVERFLOW, None),
    ],
)
def test_a_token_limit_that_is_too_large_is_told_from_a_prompt_that_is(
    message: str, field: str | None, kind: Kind, room: int | None
) -> None:
    failure = said(400, message, Sent(max_tokens_field=field))
    assert failure.kind is kind
    if room is not None:
        assert failure.limit == room


def test_a_web_page_is_named_by_its_title() -> None:
    page = b"<html><head><title>Bad gateway</title></head><body>" + b"x" * 5000
    failure = response_failure(502, {}, page, Sent())
    assert failure.message == "502: a web page, 'Bad gateway'"


def test_errors_before_the_request_was_sent() -> None:
    assert connection_failure(ConnectionRefusedError(111, "Connection refused")).kind is Kind.NOT_SENT
    assert connection_failure(OSError(errno.EMFILE, "Too many open files")).kind is Kind.NO_FILES
    assert connection_failure(ssl.SSLCertVerificationError("self-signed")).kind is Kind.FATAL
    assert connection_failure(OSError()).message == "OSError"


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        ("Rate limit reached. Please try again in 7.66s.", 7.66),
        ("try again in 2m59.5s", 179.5),
        ("Please try again in 120ms. Visit …", 0.12),
        ("try again in 1h", 3600.0),
        ("try again in a while", None),
        ("try again in 0s", None),
    ],
)
def test_a_wait_in_words_is_read_where_no_header_says_one(words: str, seconds: float | None) -> None:
    body = json.dumps({"error": {"message": words}}).encode()
    assert response_failure(429, {}, body, Sent()).retry_after == (seconds and pytest.approx(seconds))
    assert response_failure(429, {"retry-after": "3"}, body, Sent()).retry_after == 3.0


def test_googles_quota_for_a_minute_is_a_rate_limit_and_one_without_a_wait_is_not() -> None:
    error = {"code": 429, "message": "You exceeded your current quota, please check your plan and billing details"}
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "39.5s"}
    limited = response_failure(429, {}, json.dumps([{"error": error | {"details": [info]}}]).encode(), Sent())
    assert (limited.kind, limited.retry_after) == (Kind.RATE_LIMITED, 39.5)
    assert response_failure(429, {}, json.dumps([{"error": error}]).encode(), Sent()).kind is Kind.FATAL
