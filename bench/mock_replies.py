"""What the mock server answers: lengths and texts that depend on the question alone.

A question may carry a tag, `[#17]` or `[#17 kind=math mu=7.2 sigma=0.6 cap=8192]`. Tag, kind, number of assistant turns
and sample number are the seed, so every client gets the same lengths and answers whatever it wraps round the question.
A question without a tag is seeded by its text; so is one with `[#judge mu=…]`, which holds another question's tag too.

Lengths are log-normal, exp(mu + sigma z) tokens with a cap: the heavy tail of free-form answers. One token is five
bytes of filler that never repeats; the answer line comes with the last token.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

import msgspec

Kind = Literal["choice", "math", "code", "judge", "free"]

TOKEN_BYTES = 5
_ANSWER_TOKENS = 8
_POOL_TOKENS = 65_536
_OFFSETS = 32_768
_TAG = re.compile(r"\[#(\d+)((?: [a-z]+=[0-9a-z.]+)*)\]")
_JUDGE = re.compile(r"\[#judge((?: [a-z]+=[0-9a-z.]+)*)\]")
_HINTS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("judge", re.compile(r"\[\[(?:rating|評価)\]\]", re.IGNORECASE)),
    ("math", re.compile(r"\\boxed")),
    ("code", re.compile(r"```python|^\s*def \w+\(", re.MULTILINE)),
    ("choice", re.compile(r"^\(?D[).．:：、]", re.MULTILINE)),
)
_uniform_to_normal = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True)
class Profile:
    """What kind of answer a question gets, and the distribution of its length in tokens."""

    kind: Kind = "free"
    mu: float = 6.0
    sigma: float = 0.9
    cap: int = 4096


class Question(NamedTuple):
    """What the mock reads out of a conversation."""

    tag: int
    """Place in the dataset's order; -1 without a tag."""
    seed: bytes
    profile: Profile
    turn: int
    """How many assistant messages came before."""


class Reply(NamedTuple):
    """One choice. `filler` and `answer` are the inside of a JSON string, already escaped."""

    tokens: int
    filler: bytes
    answer: bytes
    finish: Literal["stop", "length"]

    def piece(self, start: int, end: int) -> bytes:
        """Return the content of the tokens from `start` up to `end`."""
        text = self.filler[start * TOKEN_BYTES : end * TOKEN_BYTES]
        return text + self.answer if end >= self.tokens else text


def question(messages: Sequence[tuple[str, str]]) -> Question:
    """Read (role, content) messages: the tag of the last user message decides, its text if it has none."""
    last = next((content for role, content in reversed(messages) if role == "user"), "")
    turn = sum(role == "assistant" for role, _ in messages)
    if judge := _JUDGE.search(last):
        return Question(-1, blake2b(last.encode(), digest_size=8).digest(), _profile(f" kind=judge{judge[1]}"), turn)
    found = _TAG.search(last)
    if found is None:
        found = next((hit for _, content in messages if (hit := _TAG.search(content))), None)
    if found is None:
        return Question(-1, blake2b(last.encode(), digest_size=8).digest(), Profile(kind=_guess(last)), turn)
    profile = _profile(found[2])
    if "kind=" not in found[2]:
        profile = Profile(_guess(last), profile.mu, profile.sigma, profile.cap)
    return Question(int(found[1]), found[1].encode(), profile, turn)


def reply(asked: Question, *, sample: int = 0, max_tokens: int | None = None, tokens: int | None = None) -> Reply:
    """Draw choice number `sample` of a question; `tokens` fixes the length, `max_tokens` cuts it."""
    profile = asked.profile
    digest = blake2b(b"%b|%b|%d|%d" % (asked.seed, profile.kind.encode(), asked.turn, sample), digest_size=16).digest()
    drawn = draw_length(profile, int.from_bytes(digest[:8])) if tokens is None else tokens
    offset = int.from_bytes(digest[8:12]) % _OFFSETS * TOKEN_BYTES
    if max_tokens is not None and drawn > max_tokens:
        return Reply(max_tokens, _pool()[offset : offset + max_tokens * TOKEN_BYTES], b"", "length")
    words = max(0, drawn - _ANSWER_TOKENS)
    return Reply(drawn, _pool()[offset : offset + words * TOKEN_BYTES], _answer(asked, digest[12]), "stop")


def looping_reply(asked: Question, max_tokens: int | None) -> Reply:
    """Return an answer that says one phrase until it is cut."""
    tokens = max_tokens or asked.profile.cap
    return Reply(
        tokens, (b"again and again " * (tokens * TOKEN_BYTES // 16 + 1))[: tokens * TOKEN_BYTES], b"", "length"
    )


def draw_length(profile: Profile, bits: int) -> int:
    """Return exp(mu + sigma z) tokens, at least 1 and at most the cap, from 64 random bits."""
    z = _uniform_to_normal(((bits >> 12) + 0.5) / 2**52)
    return max(1, min(profile.cap, round(math.exp(profile.mu + profile.sigma * z))))


def right_letter(tag: int) -> str:
    """Return the letter that the mock gives as its answer to the four-choice question `tag`."""
    return "ABCD"[blake2b(b"letter|%d" % tag, digest_size=1).digest()[0] % 4]


def _answer(asked: Question, draw: int) -> bytes:
    """Return the line that a scorer reads, escaped for JSON."""
    number = int.from_bytes(asked.seed) if asked.tag < 0 else asked.tag
    match asked.profile.kind:
        case "choice":
            line = f"\n\n回答: {right_letter(number)}"
        case "math":
            line = f"\n\n$\\boxed{{{number * 7 + 3}}}$"
        case "code":
            line = f"\n\n```python\ndef solution(x):\n    return x + {number}\n```\n"
        case "judge":
            line = f"\n\nRating: [[{draw % 10 + 1}]]"
        case _:
            line = f"\n\nThat is all there is to say about number {number}."
    return msgspec.json.encode(line)[1:-1]


def _guess(text: str) -> Kind:
    return next((kind for kind, hint in _HINTS if hint.search(text)), "free")


@lru_cache(maxsize=1024)
def _profile(options: str) -> Profile:
    """Read the ` key=value` pairs of a tag."""
    given = dict(pair.split("=", 1) for pair in options.split())
    default = Profile()
    kind = given.get("kind", default.kind)
    return Profile(
        kind=next((known for known in get_args(Kind) if known == kind), "free"),
        mu=float(given.get("mu", default.mu)),
        sigma=float(given.get("sigma", default.sigma)),
        cap=int(given.get("cap", default.cap)),
    )


@lru_cache(maxsize=1)
def _pool() -> bytes:
    """Return the filler that every answer is a slice of: words of four letters and a blank."""
    letters = random.Random(0)
    return b"".join(bytes(letters.choices(b"abcdefghijklmnopqrstuvwxyz", k=4)) + b" " for _ in range(_POOL_TOKENS))
