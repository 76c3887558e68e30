"""The bytes of the mock's answers, put together by concatenation: building them must cost almost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from bench.mock_replies import Reply

_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    404: b"Not Found",
    405: b"Method Not Allowed",
    411: b"Length Required",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    503: b"Service Unavailable",
}
_JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
SSE_END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


def response(status: int, body: bytes, *, headers: bytes = b"", content_type: bytes = b"application/json") -> bytes:
    """Return a whole HTTP response; `headers` are complete lines."""
    head = b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b\r\n"
    return head % (status, _REASONS[status], content_type, len(body), headers) + body


def json_response(value: Any, status: int = 200) -> bytes:
    """Return a response with `value` as JSON."""
    return response(status, msgspec.json.encode(value))


def error(status: int, message: str, *, kind: str = "BadRequestError", headers: bytes = b"") -> bytes:
    """Return an error response in the shape that vLLM gives it."""
    value = {"error": {"message": message, "type": kind, "param": None, "code": status}}
    return response(status, msgspec.json.encode(value), headers=headers)


def json_head(length: int) -> bytes:
    """Return the header of a JSON answer of `length` bytes."""
    return _JSON_HEAD % length


def usage(prompt: int, tokens: int) -> bytes:
    """Return the usage object."""
    return b'{"prompt_tokens":%d,"total_tokens":%d,"completion_tokens":%d}' % (prompt, prompt + tokens, tokens)


def completion(
    number: int, created: int, model: bytes, prompt: int, replies: Sequence[Reply], *, null: bool = False
) -> bytes:
    """Return the body of a chat completion. `model` is the inside of a JSON string.

    With `null` it is what a reasoning model sends that was cut while it was thinking: no content at all.
    """
    choices = b",".join((_null_choice if null else _choice)(index, one) for index, one in enumerate(replies))
    total = sum(one.tokens for one in replies)
    return b'{"id":"chatcmpl-%d","object":"chat.completion","created":%d,"model":"%b","choices":[%b],"usage":%b}' % (
        number,
        created,
        model,
        choices,
        usage(prompt, total),
    )


def _choice(index: int, one: Reply) -> bytes:
    return (
        b'{"index":%d,"message":{"role":"assistant","content":"%b","reasoning":null},"logprobs":null,'
        b'"finish_reason":"%b","stop_reason":null}' % (index, one.filler + one.answer, one.finish.encode())
    )


def _null_choice(index: int, one: Reply) -> bytes:
    return (
        b'{"index":%d,"message":{"role":"assistant","content":null,"reasoning":"%b"},"logprobs":null,'
        b'"finish_reason":"length","stop_reason":null}' % (index, one.filler)
    )


def http_chunk(data: bytes) -> bytes:
    """Frame data for chunked transfer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Stream:
    """The server-sent events of one answer. Each method returns framed bytes to send."""

    __slots__ = ("_field", "_prefix", "_prompt", "_replies", "_usage")

    def __init__(
        self, prefix: bytes, prompt: int, replies: Sequence[Reply], *, with_usage: bool, thinking: bool
    ) -> None:
        self._prefix = prefix
        self._prompt = prompt
        self._replies = replies
        self._usage = with_usage
        self._field = b"reasoning" if thinking else b"content"

    @staticmethod
    def prefix(number: int, created: int, model: bytes) -> bytes:
        """Return what all events of an answer begin with."""
        return b'data: {"id":"chatcmpl-%d","object":"chat.completion.chunk","created":%d,"model":"%b","choices":[' % (
            number,
            created,
            model,
        )

    def opening(self) -> bytes:
        """Return the events that name the role, one for each choice."""
        return b"".join(
            http_chunk(
                b'%b{"index":%d,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}]}\n\n'
                % (self._prefix, index)
            )
            for index in range(len(self._replies))
        )

    def piece(self, index: int, start: int, end: int) -> bytes:
        """Return the event with the tokens from `start` up to `end` of a choice; the last one has its finish_reason."""
        reply = self._replies[index]
        finish = b'"%b"' % reply.finish.encode() if end >= reply.tokens else b"null"
        return http_chunk(
            b'%b{"index":%d,"delta":{"%b":"%b"},"logprobs":null,"finish_reason":%b}]}\n\n'
            % (self._prefix, index, self._field, reply.piece(start, end), finish)
        )

    def closing(self) -> bytes:
        """Return the usage event, if it was asked for, and the end of the stream."""
        if not self._usage:
            return SSE_END
        total = sum(one.tokens for one in self._replies)
        return http_chunk(b'%b],"usage":%b}\n\n' % (self._prefix, usage(self._prompt, total))) + SSE_END
