"""What the fault server says when all is well: answers as a pure function of prompt and index, whole or as events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A good answer, as the model would have given it."""

    text: str | None = None
    reasoning: str | None = None
    finish_reason: str | None = "stop"
    reasoning_key: str = "reasoning"
    message: Mapping[str, Any] = field(default_factory=dict)
    """More fields of the message (refusal, tool_calls, …); they win."""

    @property
    def tokens(self) -> int:
        """How many tokens the server says it was: one a character."""
        return len(self.text or "") + len(self.reasoning or "")


Answer = Callable[[str, int], Reply | str]


def default_answer(prompt: str, index: int) -> Reply:
    """Say something that depends on prompt and index only: a letter from A to D, with a sentence around it."""
    digest = hashlib.sha256(f"{prompt}\x00{index}".encode()).digest()
    return Reply(text=f"考えると、答えは {'ABCD'[digest[0] % 4]} です。")


def always(reply: Reply | str) -> Answer:
    """Return an answer that is the same for every question."""

    def answer(_prompt: str, _index: int) -> Reply | str:
        return reply

    return answer


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the last message, or the prompt of a text completion."""
    messages = body.get("messages")
    return str(messages[-1]["content"] if messages else body.get("prompt", ""))


def _usage(body: Mapping[str, Any], replies: Sequence[Reply]) -> dict[str, Any]:
    asked, said = len(prompt_of(body)), sum(reply.tokens for reply in replies)
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def whole_answer(body: Mapping[str, Any], replies: Sequence[Reply], *, usage: bool | str) -> dict[str, Any]:
    """Return the answer as one JSON object."""
    choices = []
    for index, reply in enumerate(replies):
        choice: dict[str, Any] = {"index": index, "finish_reason": reply.finish_reason}
        if "messages" in body:
            message: dict[str, Any] = {"role": "assistant", "content": reply.text}
            if reply.reasoning is not None:
                message[reply.reasoning_key] = reply.reasoning
            choice["message"] = message | dict(reply.message)
        else:
            choice["text"] = reply.text
        choices.append(choice)
    whole = {"id": "r", "object": "chat.completion", "created": 0, "model": body.get("model"), "choices": choices}
    return whole | ({"usage": _usage(body, replies)} if usage else {})


def _parts(text: str | None) -> list[str]:
    return [text[start : start + 4] for start in range(0, len(text), 4)] if text else []


def _deltas(index: int, reply: Reply, *, chat: bool) -> list[dict[str, Any]]:
    """Return the choice objects of one reply, in order."""
    last = {"index": index, "finish_reason": reply.finish_reason}
    if not chat:
        texts = [{"index": index, "text": part, "finish_reason": None} for part in _parts(reply.text)]
        return [*texts, last | {"text": ""}]
    deltas: list[dict[str, Any]] = [{"role": "assistant", **reply.message}]
    deltas += [{reply.reasoning_key: part} for part in _parts(reply.reasoning)]
    deltas += [{"content": part} for part in _parts(reply.text)]
    return [*({"index": index, "delta": d, "finish_reason": None} for d in deltas), last | {"delta": {}}]


def streamed_answer(body: Mapping[str, Any], replies: Sequence[Reply], *, usage: bool | Literal["always"]) -> list[str]:
    """Return the answer as server-sent events: choices interleaved, a few characters each."""
    rows = [_deltas(index, reply, chat="messages" in body) for index, reply in enumerate(replies)]
    longest = max((len(row) for row in rows), default=0)
    head = {"id": "r", "object": "chat.completion.chunk", "model": body.get("model")}
    chunks: list[dict[str, Any]] = [
        head | {"choices": [row[step]]} for step in range(longest) for row in rows if step < len(row)
    ]
    if usage == "always" or (usage and (body.get("stream_options") or {}).get("include_usage")):
        chunks.append(head | {"choices": [], "usage": _usage(body, replies)})
    return ["data: " + json.dumps(chunk, ensure_ascii=False) for chunk in chunks] + ["data: [DONE]"]
