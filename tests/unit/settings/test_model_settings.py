"""Settings of models: the old format and places, strict, with every error of a file at once."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.settings.described import readers
from saiten.settings.model_settings import TARGETS, ModelSettings, check_file, find_block, roots, unnamed_block
from saiten.settings.options import field_docs
from saiten.types import Access, RunSpec, Sampling, ServerSpec

EVERYTHING = """\
full:
  system_message: "You are 採点."
  max_model_length: 8192
  max_new_tokens: 4096
  temperature: 0.6
  top_p: 0.95
  top_k: 20
  min_p: 0.05
  seed: 7
  stop_tokens: ["def ", "__main__"]
  frequency_penalty: 0.1
  presence_penalty: 0.2
  repetition_penalty: 1.1
  max_n: 4
  reasoning_parser: deepseek_r1
  reasoning_effort: high
  chat_template_kwargs: {enable_thinking: false, budget: 5}
  extra_body: {guided_regex: "[A-D]"}
  vllm: 0.10
  server_args: --enforce-eager --max-num-seqs 64
  version: "3"
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def block_of(folder: Path, text: str, name: str) -> object:
    checked = check_file(write(folder, "m.yaml", text))
    assert checked.errors == []
    return checked.blocks[name].values


def test_every_key_is_read_with_its_line(tmp_path: Path) -> None:
    checked = check_file(write(tmp_path, "m.yaml", EVERYTHING))
    assert checked.errors == []
    block = checked.blocks["full"]
    assert block.values == {
        "system_message": "You are 採点.",
        "max_model_length": 8192,
        "max_new_tokens": 4096,
        "temperature": 0.6,
        "top_p": 0.95,
        "top_k": 20,
        "min_p": 0.05,
        "seed": 7,
        "stop_tokens": ("def ", "__main__"),
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "repetition_penalty": 1.1,
        "max_n": 4,
        "reasoning_parser": "deepseek_r1",
        "reasoning_effort": "high",
        "chat_template_kwargs": {"enable_thinking": False, "budget": 5},
        "extra_body": {"guided_regex": "[A-D]"},
        "vllm": "0.10",  # not the number 0.1
        "server_args": "--enforce-eager --max-num-seqs 64",
        "version": "3",
    }
    assert block.values.keys() == readers(ModelSettings).keys()
    assert block.lines["temperature"].endswith("m.yaml:5")
    assert block.version == "3"


def test_every_key_has_help_and_a_place_in_a_run() -> None:
    assert field_docs(ModelSettings).keys() == {item.name for item in fields(ModelSettings)}
    assert TARGETS.keys() == readers(ModelSettings).keys() - {"version"}
    slots: dict[str, Any] = {"sampling": Sampling, "server": ServerSpec, "spec": RunSpec, "access": Access}
    for room, target in TARGETS.values():
        assert target in {item.name for item in fields(slots[room])}


def test_null_and_nothing_are_not_specified(tmp_path: Path) -> None:
    text = 'a:\n  temperature: null\n  top_p:\n  system_message: ""\n  max_n: ~\n  version: 1\n'
    assert block_of(tmp_path, text, "a") == {"system_message": "", "version": "1"}


def test_all_errors_of_a_file_are_told_at_once_with_line_key_and_suggestion(tmp_path: Path) -> None:
    lines = [
        "a:",
        "  tempratur: 0.6",
        "  top_p: 1.5",
        "  max_n: 0",
        "  max_new_tokens: many",
        "  temperature: '0.6'",
        "  chat_template_kwargs: thinking",
        "  reasoning_parser: [a]",
        "  server_args: 'quote \" open'",
        "b: 5",
        "c:",
        "  something_else: 1",
        "d: {}",
        "e:",
        "  temperature: .nan",
    ]
    checked = check_file(write(tmp_path, "m.yaml", "\n".join(lines)))
    told = [error.removeprefix(str(tmp_path / "m.yaml")) for error in checked.errors]
    assert [int(line.split(":")[1]) for line in told] == [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15]
    assert told[0] == ":2: a: no setting 'tempratur'; did you mean 'temperature'?"
    assert told[1] == ":3: a: top_p must be a number above 0 and at most 1"
    assert "there are: system_message, " in told[9]


@pytest.mark.parametrize("text", ["", "- a\n", "a: {b: 1", "a:\n  version: 1\n  version: 2\n", "a: &x {}\nb: *x\n"])
def test_a_file_that_is_no_settings_file_is_an_error_and_no_traceback(tmp_path: Path, text: str) -> None:
    assert check_file(write(tmp_path, "m.yaml", text)).errors


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    checked = check_file(path)
    assert checked.errors or checked.blocks


def test_a_key_of_old_files_that_means_nothing_is_a_warning(tmp_path: Path) -> None:
    checked = check_file(write(tmp_path, "m.yaml", "a:\n  vllm_use_v1: 1\n  version: 1\n"))
    assert checked.errors == []
    assert ":2: a: vllm_use_v1 is not used any more" in checked.warnings[0]


# ------------------------------------------------------------------------------------------ where a block is found

MODEL = "custom_model_settings/tokyotech-llm/Swallow-8B.yaml"


def find(root: Path, model: str, name: str, publishers: tuple[str, ...] = ("openai",)) -> tuple[str, object]:
    block = find_block(model, name, publishers, [root])
    return str(block.path.relative_to(root)), block.values.get("temperature")


def settings(name: str, temperature: float) -> str:
    return f"{name}:\n  temperature: {temperature}\n"


def test_a_checkpoint_takes_its_own_file_then_its_familys_then_the_common_one(tmp_path: Path) -> None:
    write(tmp_path, MODEL, settings("a", 0.1) + settings("b", 0.2))
    common = "custom_model_settings/common_settings.yaml"
    write(tmp_path, common, settings("a", 0.3) + settings("b", 0.4) + settings("c", 0.5))
    own = "custom_model_settings/tokyotech-llm/Swallow-8B-iter0001000.yaml"
    write(tmp_path, own, settings("a", 0.6))
    checkpoint = "tokyotech-llm/Swallow-8B-iter0001000"
    assert find(tmp_path, checkpoint, "a") == (own, 0.6)
    assert find(tmp_path, checkpoint, "b") == (MODEL, 0.2)
    assert find(tmp_path, checkpoint, "c") == (common, 0.5)
    assert find(tmp_path, "tokyotech-llm/Swallow-8B", "a") == (MODEL, 0.1)
    assert find(tmp_path, "somebody/else", "a") == (common, 0.3)
    assert find(tmp_path, f"/gs/bs/models/{checkpoint}", "b") == (MODEL, 0.2)


def test_where_nobody_names_a_block_default_counts_in_the_models_own_file_then_in_its_familys(tmp_path: Path) -> None:
    checkpoint = "tokyotech-llm/Swallow-8B-iter0001000"
    write(tmp_path, "custom_model_settings/common_settings.yaml", settings("default", 0.9))
    assert unnamed_block(checkpoint, (), [tmp_path]) == (None, {})
    family = write(tmp_path, MODEL, settings("a", 0.1))
    assert unnamed_block(checkpoint, (), [tmp_path]) == (None, {family: ("a",)})
    write(tmp_path, MODEL, settings("a", 0.1) + settings("default", 0.2))
    block, others = unnamed_block(checkpoint, (), [tmp_path])
    assert (block.values["temperature"] if block else None, others) == (0.2, {})
    own = write(tmp_path, MODEL.replace(".yaml", "-iter0001000.yaml"), settings("default", 0.3))
    block, _ = unnamed_block(checkpoint, (), [tmp_path])
    assert (block.path if block else None) == own


def test_none_is_no_name_for_a_block(tmp_path: Path) -> None:
    (error,) = check_file(write(tmp_path, "m.yaml", "a:\n  top_k: 1\nnone:\n  top_k: 2\n")).errors
    assert error.endswith(":4: a block cannot be called 'none': --settings none means no block")


def test_iter_in_the_middle_of_a_name_is_no_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, MODEL, settings("a", 0.1))
    with pytest.raises(UserError, match="no settings 'a' for tokyotech-llm/Swallow-8B-iter10-x"):
        find(tmp_path, "tokyotech-llm/Swallow-8B-iter10-x", "a")


def test_a_model_without_publisher_is_found_below_its_provider(tmp_path: Path) -> None:
    write(tmp_path, "custom_model_settings/openai/o3-mini.yaml", "default:\n  reasoning_effort: high\n")
    write(tmp_path, "custom_model_settings/google/gemini-3.yaml", settings("default", 1.0))
    assert find_block("o3-mini", "default", ("openai",), [tmp_path]).values == {"reasoning_effort": "high"}
    assert find(tmp_path, "gemini-3", "default", ("gemini", "google"))[1] == 1.0


def test_the_old_place_is_a_place_too_and_the_new_one_goes_first(tmp_path: Path) -> None:
    old = f"scripts/generation_settings/{MODEL}"
    write(tmp_path, old, settings("a", 0.1) + settings("b", 0.2))
    assert find(tmp_path, "tokyotech-llm/Swallow-8B", "a") == (old, 0.1)
    write(tmp_path, MODEL, settings("a", 0.3))
    assert find(tmp_path, "tokyotech-llm/Swallow-8B", "a") == (MODEL, 0.3)
    assert find(tmp_path, "tokyotech-llm/Swallow-8B", "b") == (old, 0.2)


def test_the_repository_is_looked_into_after_the_working_folder() -> None:
    assert roots({"REPO_PATH": "/repo"}) == [Path(), Path("/repo")]
    assert roots({}) == [Path()]


def test_what_is_not_there_is_told_with_what_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no folder custom_model_settings here"):
        find(tmp_path, "a/b", "x")
    write(tmp_path, MODEL, settings("reasoning", 0.1))
    with pytest.raises(UserError, match=r"did you mean 'reasoning'\?; there are: reasoning \(.*Swallow-8B.yaml\)"):
        find(tmp_path, "tokyotech-llm/Swallow-8B", "resoning")


def test_a_broken_file_is_never_passed_over(tmp_path: Path) -> None:
    write(tmp_path, MODEL, "a:\n  temp: 1\n")
    write(tmp_path, "custom_model_settings/common_settings.yaml", settings("a", 0.1))
    with pytest.raises(UserError, match="no setting 'temp'"):
        find(tmp_path, "tokyotech-llm/Swallow-8B", "a")


@pytest.mark.parametrize("model", ["../../etc/passwd", "..", "a/..", "/", "./x/../y"])
def test_a_models_name_leads_nowhere_else(tmp_path: Path, model: str) -> None:
    write(tmp_path, MODEL, settings("a", 0.1))
    write(tmp_path, "custom_model_settings/a.yaml", settings("a", 0.1))
    with pytest.raises(UserError, match="no settings 'a' for"):
        find(tmp_path, model, "a")
