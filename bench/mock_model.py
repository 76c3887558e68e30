"""The mock model: reads a request, draws its answers and its fault, and drives the engine's clock."""

from __future__ import annotations

import asyncio
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from bench import mock_wire as wire
from bench.mock_engine import Job
from bench.mock_faults import Fault, draw_fault
from bench.mock_replies import Question, Reply, looping_reply, question, reply
from bench.mock_state import Config, Entry, Record

LATE_SECONDS = 0.1
"""A wake-up that is later than this is the machine's doing; the engine's clock is moved instead of catching up."""


class Part(msgspec.Struct):
    """A part of a message's content."""

    text: str = ""


class ChatMessage(msgspec.Struct):
    """A message of the conversation."""

    role: str
    content: str | list[Part] | None = None

    def text(self) -> str:
        """Return the content as one string."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(msgspec.Struct):
    """What a stream is to hold besides the text."""

    include_usage: bool = False


class ChatRequest(msgspec.Struct):
    """The fields of a chat completion request that the mock obeys; it ignores all others."""

    messages: list[ChatMessage]
    model: str = ""
    n: int | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None


class Asked(NamedTuple):
    """One chat request, read, with the answers it will get."""

    body: ChatRequest
    entry: Entry
    question: Question
    replies: tuple[Reply, ...]
    fault: Fault | None
    number: int


_chat_decoder = msgspec.json.Decoder(ChatRequest)


class Server:
    """The state that all connections share, and the driver of the engine's clock."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.record = Record(config)
        self.model = msgspec.json.encode(config.model)[1:-1]
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._loop = asyncio.get_running_loop()
        reply(question([("user", "")]))  # so that the first request does not wait for the filler to be made

    def reset(self, config: Config, *, keep: bool = False) -> None:
        """Take new options; forget everything counted unless `keep`."""
        self.config = config
        self.model = msgspec.json.encode(config.model)[1:-1]
        if not keep:
            self.record = Record(config)

    def read(self, body: bytes) -> Asked | bytes:
        """Read a chat request and draw its answers, or return the error response that it gets."""
        try:
            chat = _chat_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as broken:
            return wire.error(400, str(broken))
        n = 1 if chat.n is None else chat.n
        greedy = chat.temperature == 0
        if chat.model != self.config.model:
            return wire.error(404, f"The model `{chat.model}` does not exist.", kind="NotFoundError")
        if n < 1 or not chat.messages:
            return wire.error(400, f"n must be at least 1, got {n}." if n < 1 else "messages must not be empty")
        if n > 1 and greedy:
            return wire.error(400, f"n must be 1 when using greedy sampling, got {n}.")
        messages = [(message.role, message.text()) for message in chat.messages]
        asked = question(messages)
        text = "\0".join([part for message in messages for part in message]).encode()
        entry = Entry(asked.tag, asked.turn, asked.profile.kind, blake2b(text, digest_size=16).digest())
        entry.n = n
        entry.stream = chat.stream
        entry.prompt = len(text) // 4 + 4 * len(messages)
        self.record.begin(entry)
        fault = self._fault(entry)
        first = 0 if greedy else entry.attempt * n if chat.seed is None else chat.seed
        replies = self._replies(chat, asked, range(first, first + n), loop=fault == "loop")
        entry.tokens = tuple(one.tokens for one in replies)
        return Asked(chat, entry, asked, replies, fault, len(self.record.ledger))

    def submit(self, job: Job) -> None:
        """Give a job to the engine."""
        engine = self.record.engine
        engine.submit((job,), self._loop.time())
        self.record.peak_waiting = max(self.record.peak_waiting, engine.waiting)
        self._rearm()

    def cancel(self, job: Job) -> None:
        """Take back a job whose client has gone."""
        self.record.engine.cancel(job, self._loop.time())
        self._rearm()

    def _rearm(self) -> None:
        due = self.record.engine.next_wake()
        if due is None or (self._timer is not None and self._due == due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._loop.time()
        late = now - self._due
        if late > LATE_SECONDS:
            self.record.starved += late
            self.record.engine.shift(late)
        self.record.engine.advance(now)
        self._rearm()

    def _fault(self, entry: Entry) -> Fault | None:
        config = self.config
        attempt = entry.attempt if config.fault_scope == "attempt" else 0
        fault = draw_fault(config.faults, entry.digest, attempt, config.seed)
        if fault is not None:
            entry.fault = fault
            self.record.faults[fault] += 1
        return fault

    def _replies(self, chat: ChatRequest, asked: Question, samples: range, *, loop: bool) -> tuple[Reply, ...]:
        limit = chat.max_completion_tokens if chat.max_tokens is None else chat.max_tokens
        if loop:
            return tuple(looping_reply(asked, limit) for _ in samples)
        tokens = self.config.length()
        return tuple(reply(asked, sample=sample, max_tokens=limit, tokens=tokens) for sample in samples)
