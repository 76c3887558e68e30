"""Settings of a model, in the old format and place: `custom_model_settings/{publisher}/{model}.yaml`, named blocks.

    default:
      temperature: 0.6
      top_p: 0.95
      reasoning_parser: qwen3
      version: "2"

`null` is "not specified". A block is looked for in the model's own file, then, for a checkpoint whose name ends in
`-iter0001000`, in the file of its family, then in `common_settings.yaml`. Where nobody names a block, the one that is
called `default` counts, if the model's own file or its family's has it.

Source: reference/benchmarks.md §1.4 and §7.1 (keys, model-first, common_settings, the fallback of checkpoints).
Differs: only checkpoints of one publisher fell back; unknown keys and wrong values were passed on without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from saiten.errors import UserError, suggestion
from saiten.settings.described import read_block, read_by
from saiten.settings.tree import Table
from saiten.settings.values import GENERATION, mapping, shell_words, text, whole_from, word
from saiten.settings.yamlfile import read_yaml

FOLDERS = ("custom_model_settings", "scripts/generation_settings/custom_model_settings")
"""Where the files may be, below a root; the second is the old place."""
COMMON = "common_settings.yaml"
DEFAULT = "default"
"""The block that counts where nobody names one."""
NONE = "none"
"""In place of a block's name: no settings, not even `default`."""
ITERATION = re.compile(r"-iter\d+\Z")
RETIRED = {"vllm_use_v1": "is not used any more (there is only one engine left); remove it"}


def _generation(name: str) -> Any:
    return read_by(GENERATION[name][1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The keys of a block. None: not specified."""

    system_message: str | None = read_by(text)
    """System message before every question; "" is none."""
    max_model_length: int | None = read_by(whole_from(1, "a whole number above 0"))
    """Tokens of prompt and answer together, where saiten serves the model."""
    max_new_tokens: int | None = _generation("max_new_tokens")
    """Longest answer in tokens, reasoning included."""
    temperature: float | None = _generation("temperature")
    """Temperature of every benchmark; 0 is greedy decoding."""
    top_p: float | None = _generation("top_p")
    """Probability mass that tokens are drawn from."""
    top_k: int | None = _generation("top_k")
    """Only so many of the most likely tokens are drawn from."""
    min_p: float | None = _generation("min_p")
    """Tokens less likely than this share of the likeliest are not drawn."""
    seed: int | None = _generation("seed")
    """Seed of the first sample."""
    stop_tokens: tuple[str, ...] | None = _generation("stop_tokens")
    """Strings that end an answer: a list, or a text with commas."""
    frequency_penalty: float | None = _generation("frequency_penalty")
    """Penalty that grows with how often a token was used."""
    presence_penalty: float | None = _generation("presence_penalty")
    """Penalty for tokens that were used at all."""
    repetition_penalty: float | None = _generation("repetition_penalty")
    """Factor against tokens that were used (vLLM, llama.cpp)."""
    max_n: int | None = read_by(whole_from(1, "a whole number above 0"))
    """Most choices that one request may ask for."""
    reasoning_parser: str | None = read_by(word)
    """Parser that tells reasoning from answer, of the server or of saiten."""
    reasoning_effort: str | None = _generation("reasoning_effort")
    """How much a reasoning model thinks: low, medium, high, or what the provider knows."""
    chat_template_kwargs: Mapping[str, Any] | None = _generation("chat_template_kwargs")
    """Arguments of the chat template, e.g. {enable_thinking: false}."""
    extra_body: Mapping[str, Any] | None = read_by(mapping)
    """Anything else, sent at the top level of the request."""
    vllm: str | None = read_by(word)
    """Version of vLLM that serves the model."""
    server_args: str | None = read_by(shell_words)
    """More arguments of the server: a text as in a shell, or a list of words."""
    version: str | None = read_by(word)
    """Version of the block, recorded in the results; raise it with every change."""


TARGETS: Mapping[str, tuple[str, str]] = {
    **{name: ("sampling", target) for name, (target, _) in GENERATION.items()},
    "extra_body": ("sampling", "extra_body"),
    "system_message": ("spec", "system_message"),
    "reasoning_parser": ("spec", "reasoning_parser"),
    "max_n": ("access", "max_n"),
    "max_model_length": ("server", "max_model_length"),
    "vllm": ("server", "vllm"),
    "server_args": ("server", "server_args"),
}
"""Key -> where its value goes in a run's specification, and the field's name there."""


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A named block: what it says and where."""

    name: str
    path: Path
    values: Mapping[str, Any]
    """By key of ModelSettings."""
    lines: Mapping[str, str]
    """Key -> `file:line`."""
    warnings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The block's version, empty where it has none."""
        return str(self.values.get("version") or "")


class Checked(msgspec.Struct):
    """One file with everything that is wrong with it."""

    path: Path
    blocks: dict[str, Block] = msgspec.field(default_factory=dict)
    errors: list[str] = msgspec.field(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """What is worth a word and no error."""
        return [warning for block in self.blocks.values() for warning in block.warnings]


def check_file(path: Path) -> Checked:
    """Read a settings file with all its errors; never raises for what stands in it."""
    checked = Checked(path)
    try:
        tree = read_yaml(path)
    except UserError as error:
        checked.errors += str(error).splitlines()
        return checked
    if not tree.entries:
        checked.errors.append(f"{path}:1: no block; a file holds named blocks, each with settings below it")
    for name, node in tree.entries.items():
        if name == NONE:
            checked.errors.append(f"{node.where}: a block cannot be called {NONE!r}: --settings {NONE} means no block")
        if isinstance(node, Table) and not node.entries:
            checked.errors.append(f'{node.where}: {name!r} holds no setting; write at least version: "1"')
            continue
        found = read_block(ModelSettings, name, node, retired=RETIRED)
        checked.errors += found.errors
        warnings = tuple(found.warnings)
        checked.blocks[name] = Block(name=name, path=path, values=found.values, lines=found.lines, warnings=warnings)
    return checked


def roots(environ: Mapping[str, str]) -> list[Path]:
    """Return where settings folders are looked for: the working folder, then REPO_PATH."""
    repository = environ.get("REPO_PATH")
    return [Path(), Path(repository)] if repository else [Path()]


def folders(roots: Sequence[Path]) -> list[Path]:
    """Return the settings folders that exist below the roots."""
    return [folder for root in roots for name in FOLDERS if (folder := root / name).is_dir()]


def candidates(model: str, publishers: Sequence[str], roots: Sequence[Path]) -> Iterator[Path]:
    """Yield the files that may hold a model's settings, the nearest first; some may not exist.

    `publishers`: folders to look into for a model whose name has no publisher (the provider's names).
    """
    publisher, slash, name = model.strip("/").rpartition("/")
    owners = [publisher.rpartition("/")[2]] if slash else list(publishers)
    names = [name] if ITERATION.sub("", name) == name else [name, ITERATION.sub("", name)]
    for file in names:
        for folder in folders(roots):
            for owner in owners:
                if not {owner, file} & {"", ".", ".."}:
                    yield folder / owner / f"{file}.yaml"
    for folder in folders(roots):
        yield folder / COMMON


def find_block(model: str, settings: str, publishers: Sequence[str], roots: Sequence[Path]) -> Block:
    """Return the block `settings` of a model. UserError names what there is, or all that is wrong with the file."""
    paths = list(dict.fromkeys(candidates(model, publishers, roots)))
    known: dict[str, Path] = {}
    for checked in _read(paths):
        if settings in checked.blocks:
            return checked.blocks[settings]
        known |= {name: checked.path for name in checked.blocks if name not in known}
    if not paths:
        raise UserError(
            f"no settings {settings!r} for {model}: there is no folder {FOLDERS[0]} here "
            f"(files are looked for in {', '.join(str(root / FOLDERS[0]) for root in roots)})"
        )
    looked = ", ".join(map(str, paths))
    if not known:
        raise UserError(f"no settings {settings!r} for {model}: none of these files holds any: {looked}")
    there = ", ".join(f"{name} ({path})" for name, path in known.items())
    raise UserError(f"no settings {settings!r} for {model}{suggestion(settings, known)}; there are: {there}")


def unnamed_block(
    model: str, publishers: Sequence[str], roots: Sequence[Path]
) -> tuple[Block | None, Mapping[Path, Sequence[str]]]:
    """Return the block that counts for a model where nobody names one; and, where none does, which could be named.

    Looks into the model's own file and its family's. UserError tells all that is wrong with such a file.
    """
    others: dict[Path, Sequence[str]] = {}
    for checked in _read(path for path in candidates(model, publishers, roots) if path.name != COMMON):
        if DEFAULT in checked.blocks:
            return checked.blocks[DEFAULT], {}
        others[checked.path] = tuple(checked.blocks)
    return None, others


def _read(paths: Iterable[Path]) -> Iterator[Checked]:
    """Read those of the files that exist. UserError tells all that is wrong with one."""
    for path in paths:
        if path.is_file():
            checked = check_file(path)
            if checked.errors:
                raise UserError("\n".join(checked.errors))
            yield checked
