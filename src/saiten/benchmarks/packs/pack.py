"""A prompt pack: a file of templates under the user's configuration, and what it makes of a benchmark.

A pack is named `NAME@HASH` wherever it is recorded: the hash is of the templates, so an edited pack is another pack,
another run and other answers.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct, field

from saiten.benchmarks.repeated import parse
from saiten.errors import UsageError, UserError, suggestion
from saiten.types import AnswerJudge, Benchmark, Document, JudgeTemplate, Row, RunSpec
from saiten.values import replace

if TYPE_CHECKING:
    from saiten.benchmarks import Selected

HASH = 12
SUFFIX = ".json"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Place(Struct, frozen=True, kw_only=True):
    """Where a field of the document stands in a prompt."""

    field: str


class Template(Struct, frozen=True, kw_only=True):
    """A prompt: literal text, and places for the document's fields. No brace of the text means anything."""

    parts: tuple[str | Place, ...]
    when: str = ""
    """Only for documents where this field is not empty; empty: for all."""

    @property
    def text(self) -> str:
        """The prompt as a person reads it, `{name}` for a place."""
        return "".join(part if isinstance(part, str) else f"{{{part.field}}}" for part in self.parts)

    def filled(self, fields: Mapping[str, str]) -> str:
        """Return the prompt with its fields. KeyError: there is no such field."""
        return "".join(part if isinstance(part, str) else fields[part.field] for part in self.parts)


class Prompt(Struct, frozen=True, kw_only=True):
    """The prompt of one benchmark."""

    templates: tuple[Template, ...]
    """The first that fits a document is used."""
    where: str = ""
    """File and line that it was read from."""
    notes: tuple[str, ...] = ()
    """What saiten makes in a way of its own, where the source calls functions."""
    judge: Mapping[str, JudgeTemplate] = field(default_factory=dict)
    """The judge's prompts by name, for benchmarks that are judged."""


class Pack(Struct, frozen=True, kw_only=True):
    """A file of prompts."""

    name: str
    source: str = ""
    """What they were imported from."""
    prompts: Mapping[str, Prompt]
    """By benchmark."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """Benchmark -> why its prompt could not be imported."""

    @property
    def reference(self) -> str:
        """`NAME@HASH`."""
        texts = {
            name: ([(t.when, t.parts) for t in prompt.templates], prompt.judge) for name, prompt in self.prompts.items()
        }
        digest = hashlib.sha256(msgspec.json.encode(texts, order="deterministic")).hexdigest()
        return f"{self.name}@{digest[:HASH]}"

    def applied(self, benchmark: Benchmark) -> Benchmark:
        """Return a benchmark that asks with this pack's prompt. UserError where the pack has none for it."""
        form = parse(benchmark.name)
        name = form[0] if form is not None else benchmark.name
        prompt = self.prompts.get(name)
        if prompt is None:
            why = self.missing.get(name, "it was not imported")
            raise UserError(f"the prompt pack {self.name} has no prompt for {name} ({why}); run it without --prompts")
        text = "\n".join(template.text for template in prompt.templates)
        return replace(
            benchmark,
            prompt=text,
            document=partial(asked, benchmark.document, prompt.templates),
            judge=_judged(benchmark.judge, prompt.judge),
        )


def _judged(judge: AnswerJudge | None, templates: Mapping[str, JudgeTemplate]) -> AnswerJudge | None:
    if judge is None or not templates:
        return judge
    changed: AnswerJudge = replace(judge, templates={**judge.templates, **templates})
    return changed


def asked(build: Callable[[Row], Document], templates: tuple[Template, ...], row: Row) -> Document:
    """Build a document, and ask it with a template. KeyError: the document has no such field."""
    document = build(row)
    template = next(t for t in templates if not t.when or document.fields[t.when])
    return replace(document, turns=(template.filled(document.fields), *document.turns[1:]))


def naming_pack(spec: RunSpec) -> RunSpec:
    """Return a run's specification with its prompt pack named by its texts too, `NAME@HASH`."""
    return spec if spec.prompts is None else replace(spec, prompts=read_pack(spec.prompts).reference)


def with_prompts(chosen: Sequence[Selected], reference: str | None) -> tuple[Selected, ...]:
    """Return benchmarks that ask with a pack's prompts; as they are where `reference` is None."""
    if reference is None:
        return tuple(chosen)
    pack = read_pack(reference)
    return tuple(replace(selected, benchmark=pack.applied(selected.benchmark)) for selected in chosen)


def folder() -> Path:
    """Return where a user's packs are: `$XDG_CONFIG_HOME/saiten/prompts`, or `~/.config/saiten/prompts`."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "saiten" / "prompts"


def read_pack(reference: str) -> Pack:
    """Return the pack that a user names: `NAME`, or `NAME@HASH`.

    UserError: there is none, it is damaged, or it has another hash than the one asked for.
    """
    name, _, digest = reference.partition("@")
    path = place(name)
    try:
        pack = msgspec.json.decode(path.read_bytes(), type=Pack)
    except FileNotFoundError:
        known = sorted(file.stem for file in folder().glob(f"*{SUFFIX}"))
        there = f"there are: {', '.join(known)}{suggestion(name, known)}" if known else "there are none"
        raise UserError(
            f"no prompt pack {name!r} ({path}); {there}; make one: saiten prompts import --from PATH"
        ) from None
    except (OSError, msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UserError(f"{path}: not a prompt pack: {error}; import it again") from error
    if digest and pack.reference != f"{pack.name}@{digest}":
        raise UserError(f"{path} is now {pack.reference}, and not {reference}: its texts have changed since")
    return pack


def place(name: str) -> Path:
    """Return the file of a pack. UsageError for what is no name of one."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a prompt pack; letters, digits, '.', '_' and '-' are")
    return folder() / f"{name}{SUFFIX}"


def write_pack(pack: Pack) -> Path:
    """Write a pack where `read_pack` finds it, and return the file. UserError where the file system refuses."""
    path = place(pack.name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(pack), indent=2) + b"\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
    return path
