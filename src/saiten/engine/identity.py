"""What makes a choice this choice: the hash of what was asked, and never of where it was asked.

Two records with the same identity answer the same question, so whatever is in the journal is not asked again. Another
model, revision, message, sampling value, repetition, turn, parser or prompt pack is another identity.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import msgspec

from saiten.programs import AnyProgram, Program
from saiten.types import Message, RunSpec, Sampling

DIGEST_BYTES = 16
FLOAT_FIELDS = frozenset({f.name for f in fields(Sampling) if f.type is float or "float" in str(f.type)})
_encoder = msgspec.json.Encoder(order="deterministic")


def canonical_sampling(sampling: Sampling) -> dict[str, Any]:
    """Return what is specified, spelled one way: 0 and 0.0 are the same temperature, None is absent."""
    values = ((name, getattr(sampling, name)) for name in Sampling.__slots__)
    return {name: float(value) if name in FLOAT_FIELDS else value for name, value in values if value is not None}


class Identities:
    """Identities of one run's choices. What all of them share is hashed once."""

    def __init__(self, spec: RunSpec) -> None:
        shared: list[Any] = ["saiten-1", spec.model, spec.model_revision, spec.reasoning_parser, spec.prompts]
        if spec.server.chat_template or spec.server.no_chat_template:  # they decide what the model is shown
            shared.append([spec.server.chat_template, spec.server.no_chat_template])
        self._base = hashlib.blake2b(_encoder.encode(shared), digest_size=DIGEST_BYTES)
        self._sampling = Sampling()
        self._encoded = b""

    def conversation(self, messages: tuple[Message, ...], sampling: Sampling) -> Conversation:
        """Return the identity of a conversation, from which those of its repetitions follow."""
        if sampling is not self._sampling or not self._encoded:  # most documents share one sampling object
            self._sampling, self._encoded = sampling, _encoder.encode(canonical_sampling(sampling))
        digest = self._base.copy()
        digest.update(_encoder.encode([(m.role, m.content) for m in messages]))
        digest.update(self._encoded)
        return Conversation(digest)


class Conversation:
    """The messages and sampling of one turn; its repetitions differ only in their number."""

    __slots__ = ("_digest",)

    def __init__(self, digest: hashlib.blake2b) -> None:
        self._digest = digest

    def choice(self, repetition: int, turn: int, *, own: bool = False) -> str:
        """Return the identity of one choice, 32 hexadecimal digits. `own`: a later turn continues its own answers."""
        digest = self._digest.copy()
        digest.update(b"%d/%d" % (repetition, turn))
        if own and turn:
            digest.update(b"/own")
        return digest.hexdigest()


def judgement_identity(messages: tuple[Message, ...], model: str, sampling: Sampling, ask: int) -> str:
    """Return the identity of a judgement: what is asked of which judge, with which parameters; `ask`: again."""
    asked = ["judge-1", model, canonical_sampling(sampling), [(m.role, m.content) for m in messages], ask]
    return hashlib.blake2b(_encoder.encode(asked), digest_size=DIGEST_BYTES).hexdigest()


def program_identity(program: AnyProgram, semantics: str) -> str:
    """Return the identity of an execution: what runs, what tests it, and by which rules."""
    if isinstance(program, Program):
        parts: list[object] = [semantics, program]
    else:
        tests = [program.function, program.public, program.private.digest, program.cpu_seconds]
        parts = [semantics, program.source, *tests]
    return hashlib.blake2b(_encoder.encode(parts), digest_size=DIGEST_BYTES).hexdigest()
