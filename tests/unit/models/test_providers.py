from __future__ import annotations

import pytest

from saiten.errors import UserError
from saiten.models.provider_table import ALL, builtin_providers, find_provider
from saiten.models.providers import Endpoint, resolve_endpoint
from saiten.types import Access, RunSpec

SECRET = "sk-very-secret"


def spec(provider: str, model: str = "m") -> RunSpec:
    return RunSpec(model=model, benchmarks=("jmmlu",), provider=provider)


def test_run_directories_keep_the_paths_of_old_runs() -> None:
    assert find_provider("openai").path == ""
    assert find_provider("vllm").path == "hosted_vllm"
    assert find_provider("deepinfra").path == "deepinfra"
    assert {p.litellm_prefix for p in builtin_providers().values()} >= {"openai", "hosted_vllm", "deepinfra", "gemini"}


def test_paths_of_different_providers_differ() -> None:
    paths = [provider.path for provider in builtin_providers().values()]
    assert len(set(paths)) == len(paths)


@pytest.mark.parametrize(
    ("name", "found"), [("OpenAI", "openai"), ("hosted_vllm", "vllm"), ("together_ai", "together")]
)
def test_providers_are_found_by_the_names_people_use(name: str, found: str) -> None:
    assert find_provider(name).name == found


def test_an_unknown_provider_is_told_with_the_nearest_and_all() -> None:
    with pytest.raises(UserError, match=r"no provider named 'opena1'; did you mean 'openai'\?; there are: openai, "):
        find_provider("opena1")


def test_the_key_comes_from_access_first_and_from_the_environment_else() -> None:
    environ = {"OPENAI_API_KEY": "from-environment\n"}
    assert resolve_endpoint(spec("openai"), Access(), environ).api_key == "from-environment"
    assert resolve_endpoint(spec("openai"), Access(api_key="given"), environ).api_key == "given"


def test_a_missing_key_of_a_paid_provider_names_the_variable() -> None:
    with pytest.raises(UserError, match="DEEPINFRA_API_KEY"):
        resolve_endpoint(spec("deepinfra"), Access(), {})


@pytest.mark.parametrize("provider", ["vllm", "llamacpp"])
def test_own_servers_need_neither_key_nor_address(provider: str) -> None:
    endpoint = resolve_endpoint(spec(provider), Access(), {})
    assert endpoint.api_key is None
    assert endpoint.loopback
    assert not endpoint.paid


def test_another_address_needs_no_key() -> None:
    endpoint = resolve_endpoint(spec("openai"), Access(base_url="http://localhost:8000/v1"), {})
    assert endpoint.api_key is None


def test_custom_needs_an_address() -> None:
    with pytest.raises(UserError, match="--base-url"):
        resolve_endpoint(spec("custom"), Access(), {})


def test_a_key_with_a_typographic_quote_is_refused_without_repeating_it() -> None:
    with pytest.raises(UserError, match="holds characters") as caught:
        resolve_endpoint(spec("openai"), Access(api_key=f"“{SECRET}”"), {})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        (" http://localhost:8000/v1/chat/completions ", "http://localhost:8000/v1"),
        ("https://host/v1/models", "https://host/v1"),
        ("https://host/openai?api-version=1", "https://host/openai?api-version=1"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_addresses_are_read_as_people_paste_them(url: str, kept: str) -> None:
    assert resolve_endpoint(spec("custom"), Access(base_url=url), {}).base_url == kept


@pytest.mark.parametrize(
    "url",
    ["localhost:8000/v1", "ftp://host/v1", "http://", "http://host:99999/v1", "http://user:pass@host/v1", "http://:80"],
)
def test_addresses_that_cannot_be_are_refused_without_a_password(url: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve_endpoint(spec("custom"), Access(base_url=url), {})
    assert "pass@" not in str(caught.value)


def test_routes_stand_before_a_query_and_a_query_is_not_shown() -> None:
    endpoint = resolve_endpoint(spec("custom"), Access(base_url="https://host/openai?sig=hidden"), {})
    assert endpoint.url("/models") == "https://host/openai/models?sig=hidden"
    assert endpoint.shown == "https://host/openai"


def test_the_key_is_not_in_the_repr() -> None:
    endpoint = resolve_endpoint(spec("openai"), Access(api_key=SECRET), {})
    assert SECRET not in repr(endpoint)


@pytest.mark.parametrize(
    ("provider", "url", "paid"),
    [
        ("openai", None, True),
        ("openai", "http://node17:8000/v1", False),
        ("openai", "https://localhost:8000/v1", False),
        ("custom", "https://api.example.org/v1", True),
        ("vllm", "https://my-gpu.example.org/v1", False),
    ],
)
def test_what_costs_money(provider: str, url: str | None, paid: bool) -> None:
    endpoint = resolve_endpoint(spec(provider), Access(base_url=url, api_key="k"), {})
    assert endpoint.paid is paid


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("[::1]", True),
        ("127.8.9.1", True),
        ("10.0.0.1", False),
        ("localhost.com", False),
    ],
)
def test_what_is_on_this_machine(host: str, loopback: bool) -> None:
    assert (
        Endpoint(provider=builtin_providers()["custom"], base_url=f"http://{host}:1/v1", model="m").loopback is loopback
    )


@pytest.mark.parametrize(
    ("provider", "model", "fixed"),
    [
        ("openai", "o3-2025-04-16", True),
        ("openai", "gpt-5-mini", True),
        ("openai", "ft:o4-mini:me", True),
        ("openai", "gpt-4o", False),
        ("openai", "my-foo3-chat", False),
        ("vllm", "o1-like", False),
    ],
)
def test_reasoning_models_of_openai_take_no_generation_parameters(provider: str, model: str, fixed: bool) -> None:
    endpoint = resolve_endpoint(spec(provider, model), Access(api_key="k"), {})
    assert (ALL in endpoint.unsent) is fixed
