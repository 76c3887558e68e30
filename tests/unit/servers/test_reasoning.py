"""Who tells reasoning from answer, and models whose vocabulary says that somebody must."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saiten.errors import UserError
from saiten.models.reasoning import client_parser, is_ours
from saiten.servers.reasoning import ParserChoice, choose_parser, likely_parser, think_tag
from saiten.servers.source import ModelFiles

KNOWN = ("deepseek_r1", "qwen3", "granite", "openai_gptoss")


def model(folder: Path, **files: Any) -> ModelFiles:
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / (name if "." in name else f"{name}.json")).write_text(text)
    return ModelFiles(name=str(folder))


def choice(
    name: str | None, files: ModelFiles, known: tuple[str, ...] | None = KNOWN, *, plain: bool = False
) -> ParserChoice:
    return choose_parser(name, files, {"model_type": "qwen3_moe"}, known, is_ours, plain=plain)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("tokenizer_config", {"added_tokens_decoder": {"7": {"content": "<think>"}}}),
        ("added_tokens", {"<think>": 7}),
        ("tokenizer", {"added_tokens": [{"content": "<think>"}]}),
        ("tokenizer", {"model": {"vocab": {"<think>": 7}}}),
    ],
)
def test_think_tags_are_found_wherever_a_tokenizer_keeps_them(tmp_path: Path, file: str, content: Any) -> None:
    files = model(tmp_path, **{file: content})
    assert think_tag(files) == "<think>"
    with pytest.raises(UserError, match=r"has <think> in its vocabulary .*--reasoning-parser qwen3 .*ignore"):
        choice(None, files)
    assert choice(None, files, plain=True) == ParserChoice()
    assert choice("ignore", files) == ParserChoice()


def test_a_model_without_tags_or_tokenizer_needs_no_parser(tmp_path: Path) -> None:
    assert choice(None, model(tmp_path)) == ParserChoice()
    assert choice(None, model(tmp_path, tokenizer={"added_tokens": [{"content": "<|im_end|>"}]})) == ParserChoice()


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("qwen3", KNOWN, ParserChoice(server="qwen3")),
        ("qwen3", (), ParserChoice(client="qwen3")),
        ("deepseek_r1_markup", KNOWN, ParserChoice(client="deepseek_r1_markup")),
        ("tags:<a>,</a>", None, ParserChoice(client="tags:<a>,</a>")),
        ("plamo3", None, ParserChoice(server="plamo3")),
    ],
)
def test_the_servers_own_parsers_come_first_and_then_ours(
    tmp_path: Path, name: str, known: tuple[str, ...] | None, expected: ParserChoice
) -> None:
    assert choice(name, model(tmp_path), known) == expected


def test_a_name_that_nobody_knows_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no reasoning parser named 'qwen'; did you mean 'qwen3'\?; this vLLM has"):
        choice("qwen", model(tmp_path))


@pytest.mark.parametrize(
    ("kind", "template", "known", "expected"),
    [
        ("qwen3_moe", "", KNOWN, "qwen3"),
        ("gpt_oss", "", KNOWN, "openai_gptoss"),
        ("deepseek_v3", "", KNOWN, "deepseek_r1"),
        ("llama", "{{ enable_thinking }}", KNOWN, "qwen3"),
        ("llama", "", KNOWN, "deepseek_r1"),
        ("step3", "", KNOWN, "tags"),
        ("step3", "", None, "step3"),
    ],
)
def test_the_likely_parser_follows_the_family(
    kind: str, template: str, known: tuple[str, ...] | None, expected: str
) -> None:
    assert likely_parser({"model_type": kind}, template, known) == expected


def test_an_attached_server_of_vllm_has_parsers_that_we_do_not_know() -> None:
    assert client_parser("deepseek_r1", own=True) is None
    assert client_parser("deepseek_r1", own=False) == "deepseek_r1"
    assert client_parser("deepseek_r1_markup", own=True) == "deepseek_r1_markup"
    assert client_parser("ignore", own=False) is None
