"""Who judges: names, parameters, addresses and keys."""

from __future__ import annotations

import pytest

from saiten.errors import UserError
from saiten.models.judges import judge_beside, judge_model, resolve_judge, with_judge_environment
from saiten.types import Access, RunSpec, Sampling
from tests.helpers.asking import endpoint

SPEC = RunSpec(model="m", benchmarks=("b",))
KEY = {"JUDGE_API_KEY": "sk-judge", "OPENAI_API_KEY": "sk-openai"}


def spec(**changes: str) -> RunSpec:
    return RunSpec(model="m", benchmarks=("b",), **changes)  # type: ignore[arg-type]  # names of text fields


@pytest.mark.parametrize(
    ("effort", "sampling"),
    [
        (None, Sampling(temperature=0.0, max_tokens=4096)),
        ("none", Sampling(temperature=0.0, max_tokens=4096, reasoning_effort="none")),
        ("high", Sampling(temperature=1.0, max_tokens=32768, reasoning_effort="high")),
    ],
)
def test_the_effort_decides_the_parameters(effort: str | None, sampling: Sampling) -> None:
    assert judge_model(RunSpec(model="m", benchmarks=(), judge_reasoning_effort=effort)).sampling == sampling


@pytest.mark.parametrize(
    ("name", "dated"),
    [
        ("gpt-4o-2024-08-06", True),
        ("gpt-5.2-2025-12-11", True),
        ("gpt-4-0613", True),
        ("claude-sonnet-4-5-20250929", True),
        ("gpt-4o", False),
        ("gpt-4.1-mini", False),
        ("chatgpt-4o-latest", False),
        ("gpt-4-32k", False),
    ],
)
def test_names_without_a_date_are_refused_at_openai_unless_told(name: str, dated: bool) -> None:
    model = judge_model(spec(judge_model=name))
    if dated:
        assert resolve_judge(model, Access(), KEY).model == name
    else:
        with pytest.raises(UserError, match="is a name without a date"):
            resolve_judge(model, Access(), KEY)
    assert resolve_judge(model, Access(judge_alias=True), KEY).model == name
    assert resolve_judge(model, Access(judge_base_url="http://127.0.0.1:8000/v1"), KEY).model == name


def test_the_default_is_openai_s_dated_model_with_every_parameter_sent() -> None:
    endpoint = resolve_judge(judge_model(SPEC), Access(), {"OPENAI_API_KEY": " sk-openai \n"})
    assert (endpoint.model, endpoint.base_url) == ("gpt-4o-2024-08-06", "https://api.openai.com/v1")
    assert endpoint.api_key == "sk-openai"
    assert endpoint.paid
    assert resolve_judge(judge_model(spec(judge_model="o3-2025-04-16")), Access(), KEY).unsent == frozenset()


def test_the_judge_s_key_goes_before_openai_s_which_goes_nowhere_else() -> None:
    model = judge_model(SPEC)
    assert resolve_judge(model, Access(), KEY).api_key == "sk-judge"
    elsewhere = Access(judge_base_url="https://judge.example/v1")
    assert resolve_judge(model, elsewhere, {"OPENAI_API_KEY": "sk-openai"}).api_key is None
    assert resolve_judge(model, elsewhere, KEY).api_key == "sk-judge"
    assert "sk-judge" not in repr(resolve_judge(model, elsewhere, KEY))


@pytest.mark.parametrize("environ", [{}, {"OPENAI_API_KEY": " "}, {"JUDGE_API_KEY": ""}])
def test_a_missing_key_is_told_with_what_to_do(environ: dict[str, str]) -> None:
    with pytest.raises(UserError, match="needs an API key: set the environment variable JUDGE_API_KEY"):
        resolve_judge(judge_model(SPEC), Access(), environ)


def test_the_models_own_server_judges_under_its_own_name_only() -> None:
    own = endpoint("http://127.0.0.1:9/v1", "llamacpp")
    named = judge_model(spec(judge_model="test-model"))
    assert judge_beside(named, own) == own
    with pytest.raises(UserError, match="that server has test-model, and the judge is gpt-4o-2024-08-06"):
        judge_beside(judge_model(SPEC), own)


def test_the_environment_fills_in_what_nothing_else_says() -> None:
    environ = {
        "JUDGE_MODEL_NAME": "judge-2026-01-01",
        "JUDGE_BASE_URL": "http://127.0.0.1:1/v1",
        "JUDGE_REASONING_EFFORT": "low",
        "JUDGE_CONCURRENT_CALLS": "7",
    }
    told, access = with_judge_environment(SPEC, Access(), environ)
    assert (told.judge_model, told.judge_reasoning_effort) == ("judge-2026-01-01", "low")
    assert (access.judge_base_url, access.judge_concurrency) == ("http://127.0.0.1:1/v1", 7)
    told, access = with_judge_environment(spec(judge_model="x"), Access(judge_concurrency=3), environ)
    assert (told.judge_model, access.judge_concurrency) == ("x", 3)
    empty = dict.fromkeys(environ, "")
    assert with_judge_environment(SPEC, Access(), empty) == (SPEC, Access())
