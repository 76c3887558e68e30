"""What an endpoint answered, before anybody judges it: choices put together from a whole body or from chunks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct, field

from saiten.models.wire import Completion, Malformed, Said, WireChoice, mend
from saiten.types import Usage


class RawChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice as it came."""

    text: str | None = None
    """None: no content at all."""
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: bool = False
    finish_reason: str | None = None
    """None: the choice is incomplete."""


class RawReply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to one request."""

    choices: dict[int, RawChoice]
    """By index; an index that was asked for may be missing."""
    model: str | None = None
    usage: Usage = Usage()
    error: Any = None
    """An error object that came in place of the rest."""
    ids: tuple[str, ...] = ()
    """What the server calls this answer: one name, or it was put together of several."""


class _Parts(Struct):
    """What one choice has said so far."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    content_seen: bool = False
    tool_calls: bool = False
    finish_reason: str | None = None

    def add(self, choice: WireChoice) -> None:
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        if choice.text is not None:
            self.content_seen = True
            self.text.append(choice.text)
        said = choice.delta or choice.message
        if said is not None:
            self.listen(said)

    def listen(self, said: Said) -> None:
        content = said.content
        if content is not None:
            self.content_seen = True
            if isinstance(content, str):
                self.text.append(content)
            else:
                self.text.append(_text_parts(content))
                self.reasoning.append(_thinking_parts(content))
        thought = said.reasoning or said.reasoning_content
        if thought:
            self.reasoning.append(thought)
        if said.refusal:
            self.refusal.append(said.refusal)
        if said.tool_calls:
            self.tool_calls = True

    def choice(self) -> RawChoice:
        text = mend("".join(self.text))
        reasoning = mend("".join(self.reasoning))
        said_nothing = not text and (reasoning or self.tool_calls)  # streams open with an empty content of no meaning
        return RawChoice(
            text=text if self.content_seen and not said_nothing else None,
            reasoning=reasoning or None,
            refusal="".join(self.refusal) or None,
            tool_calls=self.tool_calls,
            finish_reason=self.finish_reason,
        )


def _text_parts(content: list[Any]) -> str:
    """Join the text parts of a content that is a list; other parts say nothing that can be scored."""
    texts = (part.get("text") if isinstance(part, dict) else part for part in content)
    return "".join(text for text in texts if isinstance(text, str))


def _thinking_parts(content: list[Any]) -> str:
    """Join what Mistral's models thought: `{"type": "thinking", "thinking": [{"type": "text", "text": …}]}`."""
    thoughts = [part.get("thinking") for part in content if isinstance(part, dict)]
    texts = (_text_parts(thought) if isinstance(thought, list) else thought for thought in thoughts)
    return "".join(text for text in texts if isinstance(text, str))


class ReplyBuilder:
    """Puts a reply together from chunks."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._parts: dict[int, _Parts] = {}
        self._model: str | None = None
        self._usage: Usage | None = None
        self._ids: tuple[str, ...] = ()
        self._id: Any = None
        self.error: Any = None

    def add(self, chunks: Iterable[Completion]) -> None:
        """Take chunks in the order they came. Raises Malformed."""
        parts = self._parts
        for chunk in chunks:
            if chunk.choices is not None:
                for choice in chunk.choices:
                    index = choice.index or 0
                    if index not in parts:
                        if index < 0:
                            raise Malformed(f"choice index {index}")
                        parts[index] = _Parts()
                    parts[index].add(choice)
            if chunk.usage is not None:
                self._usage = read_usage(chunk.usage)
            if chunk.model is not None:
                self._model = chunk.model
            if chunk.error is not None:
                self.error = chunk.error
            if chunk.id != self._id and isinstance(chunk.id, str) and chunk.id:
                self._id = chunk.id
                self._ids = tuple(dict.fromkeys((*self._ids, chunk.id)))[:3]

    @property
    def finished(self) -> bool:
        """Whether every choice that was asked for has ended."""
        return len(self._parts) >= self._n and all(part.finish_reason is not None for part in self._parts.values())

    def tails(self) -> Iterable[str]:
        """Yield what each unfinished choice has said so far: its answer, or else its reasoning."""
        for part in self._parts.values():
            if part.finish_reason is None:
                yield "".join(part.text or part.reasoning)

    def end_all(self, finish_reason: str) -> None:
        """Note that the unfinished choices were ended by us."""
        for part in self._parts.values():
            part.finish_reason = part.finish_reason or finish_reason

    def reply(self) -> RawReply:
        """Return what came."""
        choices = {index: self._parts[index].choice() for index in sorted(self._parts) if index < self._n}
        usage = self._usage or Usage()
        return RawReply(choices=choices, model=self._model, usage=usage, error=self.error, ids=self._ids)


def read_reply(completion: Completion, n: int) -> RawReply:
    """Return the reply that a whole body holds. Raises Malformed for an index that comes twice or is negative."""
    choices: dict[int, RawChoice] = {}
    for position, choice in enumerate(completion.choices or ()):
        index = position if choice.index is None else choice.index
        if index < 0 or index in choices:
            raise Malformed(f"choice index {index} {'comes twice' if index >= 0 else ''}".rstrip())
        parts = _Parts()
        parts.add(choice)
        choices[index] = parts.choice()
    kept = {index: choices[index] for index in sorted(choices) if index < n}
    ids = (completion.id,) if isinstance(completion.id, str) and completion.id else ()
    usage = read_usage(completion.usage)
    return RawReply(choices=kept, model=completion.model, usage=usage, error=completion.error, ids=ids)


def read_usage(found: Any) -> Usage:
    """Read token counts. What is missing, negative or no whole number is unknown."""
    if not isinstance(found, dict):
        return Usage()
    details = found.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    return Usage(
        input_tokens=_count(found.get("prompt_tokens")),
        output_tokens=_count(found.get("completion_tokens")),
        reasoning_tokens=_count(reasoning),
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
