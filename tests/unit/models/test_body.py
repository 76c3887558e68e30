from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.models.body import (
    PLAIN,
    REPEATING,
    RESERVED,
    Form,
    check_extra_body,
    dropped,
    encode_body,
    request_fields,
    sampling_fields,
)
from saiten.models.provider_table import find_provider
from saiten.models.providers import Endpoint
from saiten.served import Reached, ServerSpec
from saiten.types import Message, Sampling

MESSAGES = (Message(role="system", content="s"), Message(role="user", content="u"))
FULL = Sampling(
    temperature=0.0,
    top_p=0.9,
    top_k=5,
    min_p=0.1,
    max_tokens=7,
    seed=1,
    stop=("\n",),
    frequency_penalty=0.1,
    presence_penalty=0.2,
    repetition_penalty=1.1,
    reasoning_effort="high",
    chat_template_kwargs={"enable_thinking": True},
    extra_body={"guided_regex": "[A-D]"},
)


def endpoint(provider: str, model: str = "m") -> Endpoint:
    return Endpoint(provider=find_provider(provider), base_url="http://h/v1", model=model)


def body(
    provider: str, sampling: Sampling, *, n: int = 1, form: Form | None = None, model: str = "m"
) -> dict[str, object]:
    form = form or Form()
    where = endpoint(provider, model)
    found: dict[str, object] = json.loads(
        encode_body(MESSAGES, sampling_fields(sampling, where, form), model=model, n=n, form=form)
    )
    return found


def test_nothing_that_was_not_specified_is_sent() -> None:
    assert body("vllm", Sampling(), form=Form(stream=False)) == {
        "model": "m",
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
    }


def test_everything_that_was_specified_is_sent() -> None:
    sent = body("vllm", FULL, n=3)
    assert sent.keys() - RESERVED == {*PLAIN, "max_tokens", "stop", "guided_regex"}
    assert sent["temperature"] == 0.0
    assert sent["stop"] == ["\n"]
    assert sent["n"] == 3
    assert sent["stream_options"] == {"include_usage": True}


@given(st.sampled_from(["vllm", "llamacpp", "custom", "deepinfra", "openrouter", "mistral"]), st.integers(1, 4))
def test_no_provider_drops_a_setting(provider: str, n: int) -> None:
    assert len(body(provider, FULL, n=n).keys() - RESERVED) == len(PLAIN) + 3
    assert dropped(FULL, endpoint(provider)) == []


def test_settings_go_by_the_names_of_the_provider() -> None:
    assert body("llamacpp", FULL)["repeat_penalty"] == 1.1
    assert body("mistral", FULL)["random_seed"] == 1
    assert body("custom", FULL, form=Form(max_tokens_field="max_completion_tokens"))["max_completion_tokens"] == 7


def test_reasoning_models_of_openai_get_the_effort_and_n_only_and_the_rest_is_reported() -> None:
    sent = body("openai", FULL, n=2, model="o3-mini")
    assert sent.keys() == {"model", "messages", "n", "stream", "stream_options", "reasoning_effort"}
    missing = dropped(FULL, endpoint("openai", "o3-mini"))
    assert set(missing) == {*PLAIN, "max_tokens", "stop", "extra_body"} - {"reasoning_effort"}


def test_the_completions_route_has_a_prompt_and_no_messages() -> None:
    sent = body("vllm", Sampling(max_tokens=3), form=Form(completions=True, max_tokens_field="max_completion_tokens"))
    assert sent["prompt"] == "s\n\nu"
    assert sent["max_tokens"] == 3
    assert "messages" not in sent


def test_extra_body_may_not_take_over() -> None:
    with pytest.raises(UserError, match="messages, n"):
        check_extra_body(Sampling(extra_body={"n": 2, "messages": []}))
    check_extra_body(FULL)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_text_can_be_asked(text: str) -> None:
    encoded = encode_body((Message(role="user", content=text),), {}, model="m", n=1, form=Form())
    assert json.loads(encoded)["messages"][0]["content"] == text


def test_an_effort_that_the_template_reads_stands_there_too() -> None:
    form = Form(effort_in_template=True)
    sent = body("vllm", Sampling(reasoning_effort="high", chat_template_kwargs={"a": 1}), form=form)
    assert sent["reasoning_effort"] == "high"
    assert sent["chat_template_kwargs"] == {"reasoning_effort": "high", "a": 1}
    own_word = body("vllm", Sampling(reasoning_effort="ultra"), form=form)
    assert "reasoning_effort" not in own_word
    assert own_word["chat_template_kwargs"] == {"reasoning_effort": "ultra"}
    assert "chat_template_kwargs" not in body("vllm", Sampling(reasoning_effort="high"))


def test_what_a_server_of_ours_needs_beside_the_question() -> None:
    reached = Reached(base_url="u", api_key="k", repetition_detection=False)
    assert request_fields(ServerSpec(), None) == {}
    assert request_fields(ServerSpec(chat_template="base"), None) == {"add_special_tokens": True}
    wanted = ServerSpec(repetition_detection=True)
    assert request_fields(wanted, reached) == {}, "this vLLM is too old for it"
    assert request_fields(wanted, None) == {"repetition_detection": REPEATING}
    sent = body(
        "vllm", Sampling(extra_body={"add_special_tokens": False}), form=Form(fields={"add_special_tokens": True})
    )
    assert sent["add_special_tokens"] is False
