"""An old model description, in both of its forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.errors import Exit, UserError
from saiten.settings.legacy import OldModel, read_model
from saiten.types import Sampling

PREFIXES = {"openai": "openai", "hosted_vllm": "vllm", "deepinfra": "deepinfra"}
KEY = "sk-canary-0123456789"


def read(argument: str) -> OldModel:
    return read_model(argument, PREFIXES)


def yaml_file(folder: Path, text: str) -> str:
    path = folder / "config.yaml"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return str(path)


def test_the_documented_command_is_read() -> None:
    model = read(
        f"model=openai/o3-2025-04-16,api_key={KEY},base_url=https://api.example/v1/,generation_parameters="
        '{temperature:0.2,top_p:0.95,max_n:4,stop_tokens:"def ,__main__",reasoning_effort:"high"}'
    )
    assert (model.name, model.provider, model.max_n) == ("o3-2025-04-16", "openai", 4)
    assert (model.api_key, model.base_url) == (KEY, "https://api.example/v1/")
    assert model.sampling == Sampling(temperature=0.2, top_p=0.95, stop=("def ", "__main__"), reasoning_effort="high")


def test_a_file_says_the_same_as_arguments(tmp_path: Path) -> None:
    text = """
model:
    base_params:
        model_name: hosted_vllm/tokyotech-llm/Swallow-8B   # with its publisher
        base_url: http://localhost:8000/v1
        reasoning_parser: deepseek_r1_markup
    generation:
        temperature: 0.6
        max_new_tokens: 8092
        top_p: null
        seed: 1
        repetition_penalty: 1e0
        frequency_penalty: 0
        stop_tokens: [" def", ","]
        reasoning_effort: no
        chat_template_kwargs: {enable_thinking: false, level: "2"}
        max_n: 1
"""
    model = read(yaml_file(tmp_path, text))
    assert (model.name, model.provider) == ("tokyotech-llm/Swallow-8B", "vllm")
    assert model.reasoning_parser == "deepseek_r1_markup"
    assert model.max_n == 1
    assert model.sampling == Sampling(
        temperature=0.6,
        max_tokens=8092,
        seed=1,
        repetition_penalty=1.0,
        frequency_penalty=0.0,
        stop=(" def", ","),
        reasoning_effort="no",
        chat_template_kwargs={"enable_thinking": False, "level": "2"},
    )
    assert model.warnings == ()


@pytest.mark.parametrize(
    ("arguments", "provider", "name"),
    [
        ("model=hosted_vllm/org/m", "vllm", "org/m"),
        ("model_name=deepinfra/org/m", "deepinfra", "org/m"),
        ("model=org/m,provider=hosted_vllm", "vllm", "org/m"),
        ("model=hosted_vllm/org/m,provider=vllm", "vllm", "org/m"),
        ("model=hosted_vllm//gs/models/org/m", "vllm", "/gs/models/org/m"),
    ],
)
def test_the_provider_comes_from_the_name(arguments: str, provider: str, name: str) -> None:
    model = read(arguments)
    assert (model.provider, model.name) == (provider, name)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("base_url=http://x", "no model"),
        ("model=", "no model"),
        ("model=m", "must begin with its provider; there are: openai/…, hosted_vllm/…"),
        ("model=opena/m", "did you mean 'openai'?"),
        ("model=openai/m,provider=opnai", "provider is not known; did you mean 'openai'?"),
        ("model=openai/m,base_url=localhost:80", "base_url must begin with http:// or https://"),
        ("model=openai/m,base_urll=x", "no setting 'base_urll'; did you mean 'base_url'?"),
        ("model=openai/m,model_name=openai/n", "are the same setting"),
        ("model=openai/m,generation_parameters=0.5", "generation_parameters must hold names and values"),
        ("model={a:b}", "model must be one word"),
        ("model=openai/m,generation_parameters={temprature:1}", "no setting 'temprature'; did you mean 'temperature'?"),
        ("model=openai/m,generation_parameters={temperature:hot}", "temperature must be a number from 0 on"),
        ("model=openai/m,generation_parameters={temperature:nan}", "temperature must be a number from 0 on"),
        ('model=openai/m,generation_parameters={temperature:"0.5"}', "temperature must be a number"),
        ("model=openai/m,generation_parameters={top_p:1.5}", "top_p must be a number above 0 and at most 1"),
        ("model=openai/m,generation_parameters={max_n:0}", "max_n must be a whole number above 0"),
        ("model=openai/m,generation_parameters={max_new_tokens:1.5}", "max_new_tokens must be a whole number"),
        ("model=openai/m,generation_parameters={stop_tokens:[{a:b}]}", "stop_tokens must be texts"),
        ("model=openai/m,generation_parameters={length_penalty:1}", "length_penalty is nothing that an API takes"),
        ("model=openai/m,generation_parameters={chat_template_kwargs:yes}", "must hold names and values"),
    ],
)
def test_mistakes_in_arguments_are_told(arguments: str, problem: str) -> None:
    with pytest.raises(UserError, match="model arguments") as caught:
        read(arguments)
    assert problem in str(caught.value)
    assert caught.value.exit == Exit.USAGE


def test_all_mistakes_of_a_file_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """\
model:
  base_params:
    modell_name: openai/x
    api_key: [a]
  generation:
    temperature: warm
    top_q: 0.9
modle: 1
"""
    path = yaml_file(tmp_path, text)
    with pytest.raises(UserError, match=r"config\.yaml") as caught:
        read(path)
    lines = str(caught.value).splitlines()
    assert caught.value.exit == Exit.CONFIGURATION
    for line, words in {
        3: "'modell_name'; did you mean 'model_name'",
        4: "api_key",
        6: "temperature",
        7: "'top_q'",
    }.items():
        assert any(told.startswith(f"{path}:{line}: ") and words in told for told in lines), (line, lines)
    assert any(told.startswith(f"{path}:8: no setting 'modle'; did you mean 'model'?") for told in lines)


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("model: {base_params: {model_name: a, model_name: b}}", 1, "'model_name' stands already in line 1"),
        ("a: &x 1\nb: *x\n", 2, "aliases"),
        ("model: [\n", 2, "not YAML"),
        ("- a\n", 1, "expected `key: value` lines"),
        ("? [a]\n: 1\n", 1, "a key must be a word"),
        ("a: " + "[" * 30 + "]" * 30, 1, "nested deeper"),
        ("a: !!python/object/apply:os.system [echo]\n", 1, "no setting 'a'"),
    ],
)
def test_files_that_are_not_settings_are_told_with_their_line(
    tmp_path: Path, text: str, line: int, problem: str
) -> None:
    path = yaml_file(tmp_path, text)
    with pytest.raises(UserError, match=r"config\.yaml") as caught:
        read(path)
    assert f"{path}:{line}: " in str(caught.value)
    assert problem in str(caught.value)


def test_an_empty_file_lacks_a_model(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no model"):
        read(yaml_file(tmp_path, ""))


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read(str(tmp_path / "absent.yaml"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        read(str(tmp_path / "bytes.yaml"))
    (tmp_path / "control.yaml").write_bytes(b"a: \x07\n")
    with pytest.raises(UserError, match="not YAML"):
        read(str(tmp_path / "control.yaml"))
    (tmp_path / "large.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(UserError, match="larger than"):
        read(str(tmp_path / "large.yaml"))


def test_billions_of_laughs_do_not_unfold(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    with pytest.raises(UserError, match="aliases"):
        read(yaml_file(tmp_path, "\n".join(lines)))


def test_a_key_on_the_command_line_works_and_is_warned_of() -> None:
    model = read(f"model=openai/m,api_key={KEY}")
    assert model.api_key == KEY
    assert any("environment" in warning for warning in model.warnings)
    assert KEY not in repr(model)
    assert KEY not in " ".join(model.warnings)
    assert read("model=hosted_vllm/m,api_key=EMPTY").warnings == ()


def test_a_key_in_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    path = yaml_file(tmp_path, f"model: {{base_params: {{model_name: openai/m, api_key: {KEY}}}}}")
    assert read(path).warnings == ()
    Path(path).chmod(0o644)
    assert any("chmod 600" in warning for warning in read(path).warnings)


def test_what_the_old_program_dropped_is_told() -> None:
    model = read("model=openai/m,generation_parameters={top_k:20,min_p:0}")
    assert (model.sampling.top_k, model.sampling.min_p) == (20, 0.0)
    assert len(model.warnings) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        KEY,
        f"api_key={KEY}",
        f"model=openai/m,api_keyy={KEY}",
        f'model=openai/m,api_key="{KEY}',
        f"model=openai/m,{KEY}=1",
        f"model=openai/m,api_key={{{KEY}:1}}",
        f"model=openai/m,base_url={KEY}",
        f"model=openai/m,provider={KEY}",
        f"model={KEY}",
        f"model=openai/m,generation_parameters={{temperature:{KEY}}}",
        f"model=openai/m,api_key=a,{KEY}",
        f"model=openai/m,generation_parameters={{{KEY}:1}}",
    ],
)
def test_no_message_holds_what_could_be_a_key(arguments: str) -> None:
    with pytest.raises(UserError, match="model arguments") as caught:
        read(arguments)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"model: {{base_params: {{api_key: {KEY}, nope: 1}}}}",
        f"model: {{base_params: {{api_key: [{KEY}]}}}}",
        f"model: {{base_params: {{{KEY}: 1}}}}",
        f"{KEY}\n",
        f"model: '{KEY}",
    ],
)
def test_no_message_about_a_file_holds_what_could_be_a_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"config\.yaml") as caught:
        read(yaml_file(tmp_path, text))
    assert "canary" not in str(caught.value)
