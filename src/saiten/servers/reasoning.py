"""Which reasoning parser a served model gets: vLLM's own, one of ours for the raw text, or none on purpose.

A model that thinks between tags and is served without a parser would have its thoughts scored as its answer, and
nobody would notice. So a vocabulary with think tags and no parser is an error that names the likely one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from saiten.errors import UserError, suggestion
from saiten.servers.source import ModelFiles

IGNORE = "ignore"
TAGS = ("<think>", "[THINK]", "<|START_THINKING|>", "<seed:think>", "<|channel|>")
"""Tokens that begin reasoning."""
BY_MODEL_TYPE = {
    "cohere2": "cohere_command3",
    "deepseek_v3": "deepseek_r1",
    "ernie4_5": "ernie45",
    "glm4": "glm45",
    "gpt_oss": "openai_gptoss",
    "granite": "granite",
    "hunyuan": "hunyuan_a13b",
    "kimi": "kimi_k2",
    "minimax_m2": "minimax_m2",
    "mistral": "mistral",
    "nemotron": "nemotron_v3",
    "olmo3": "olmo3",
    "qwen3": "qwen3",
    "seed_oss": "seed_oss",
    "step3": "step3",
}
"""Beginning of a configuration's model_type -> vLLM's parser for the family."""
OURS = "tags"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParserChoice:
    """Who tells reasoning from answer."""

    server: str | None = None
    """The server, with this parser of its own."""
    client: str | None = None
    """We, with this parser."""


def choose_parser(
    name: str | None,
    files: ModelFiles,
    config: Mapping[str, Any],
    known: Collection[str] | None,
    is_ours: Callable[[str], bool],
    *,
    plain: bool,
) -> ParserChoice:
    """Return who parses. `known`: names of the server's parsers, None where it cannot be asked. `plain`: a base model.

    Raises UserError for a name that nobody knows, and for a model with think tags and no name.
    """
    if name == IGNORE:
        return ParserChoice()
    if name is None:
        tag = None if plain else think_tag(files)
        if tag is None:
            return ParserChoice()
        likely = likely_parser(config, files.text("chat_template.jinja") or "", known)
        raise UserError(
            f"{files.name} has {tag} in its vocabulary and no reasoning parser is set: its thoughts would be scored "
            f"as answers. Say --reasoning-parser {likely} (likely the right one), or --reasoning-parser {IGNORE}"
        )
    if known is not None and name in known:
        return ParserChoice(server=name)
    if is_ours(name):
        return ParserChoice(client=name)
    if known is None:
        return ParserChoice(server=name)
    raise UserError(
        f"no reasoning parser named {name!r}{suggestion(name, [*known, 'deepseek_r1_markup', OURS, IGNORE])}; this "
        f"vLLM has {', '.join(known)}; saiten has deepseek_r1_markup, {OURS} and tags:START,END; or {IGNORE}"
    )


def think_tag(files: ModelFiles) -> str | None:
    """Return the first think tag of a model's vocabulary; None where it has none, or no tokenizer that tells."""
    words = set(_vocabulary(files))
    return next((tag for tag in TAGS if tag in words), None)


def _vocabulary(files: ModelFiles) -> Iterator[str]:
    """Yield the special tokens, and the words where the tokenizer is in one file."""
    config = files.json("tokenizer_config.json") or {}
    added = config.get("added_tokens_decoder")
    for entry in added.values() if isinstance(added, dict) else ():
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            yield entry["content"]
    yield from files.json("added_tokens.json") or {}
    tokenizer = files.json("tokenizer.json") or {}
    for entry in tokenizer.get("added_tokens") or ():
        if isinstance(entry, dict) and isinstance(entry.get("content"), str):
            yield entry["content"]
    model = tokenizer.get("model")
    words = model.get("vocab") if isinstance(model, dict) else None
    yield from words if isinstance(words, dict) else ()


def likely_parser(config: Mapping[str, Any], template: str, known: Collection[str] | None) -> str:
    """Return the parser that a model of this kind most probably needs."""
    kind = str(config.get("model_type", ""))
    family = next((BY_MODEL_TYPE[name] for name in sorted(BY_MODEL_TYPE, reverse=True) if kind.startswith(name)), None)
    guess = family or ("qwen3" if "enable_thinking" in template else "deepseek_r1")
    return guess if known is None or guess in known else OURS
