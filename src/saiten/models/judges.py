"""Who judges: the judge model with its parameters, and the endpoint it is asked at, from settings and environment.

The model and its parameters decide what a judgement is; where it is asked and with which key does not.

Source: swallow-evaluation-instruct (parameters that reached the API; with reasoning effort: reference §7.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from saiten.errors import UserError
from saiten.models.provider_table import find_provider
from saiten.models.providers import JUDGE, Endpoint, checked_key, checked_url
from saiten.types import Access, RunSpec, Sampling
from saiten.values import replace

DEFAULT_MODEL = "gpt-4o-2024-08-06"
KEY = "JUDGE_API_KEY"
FALLBACK_KEY = "OPENAI_API_KEY"
MODEL_SERVER = "model"
"""In place of a base URL: the server that answers the questions judges as well."""
DATED = re.compile(r"(?:^|\D)(?:20\d\d-\d\d-\d\d|20\d{6}|\d{4})(?:\D|$)")
MAX_TOKENS, THINKING_MAX_TOKENS = 4096, 32768


class JudgeModel(Struct, frozen=True, kw_only=True):
    """All of a judge that can move a rating."""

    name: str
    sampling: Sampling


def judge_model(spec: RunSpec) -> JudgeModel:
    """Return the judge of a run: temperature 0, or 1 where it thinks (with an effort other than `none`)."""
    effort = spec.judge_reasoning_effort
    thinks = effort is not None and effort != "none"
    sampling = Sampling(
        temperature=1.0 if thinks else 0.0,
        max_tokens=THINKING_MAX_TOKENS if thinks else MAX_TOKENS,
        reasoning_effort=effort,
    )
    return JudgeModel(name=spec.judge_model or DEFAULT_MODEL, sampling=sampling)


def with_judge_environment(spec: RunSpec, access: Access, environ: Mapping[str, str]) -> tuple[RunSpec, Access]:
    """Fill in what the JUDGE_… variables say, where nothing else does. Raises UserError for a bad number."""
    concurrency = access.judge_concurrency
    if concurrency is None and (text := environ.get("JUDGE_CONCURRENT_CALLS")):
        if not text.isdecimal() or int(text) < 1:
            raise UserError(f"JUDGE_CONCURRENT_CALLS={text!r} is not a whole number above 0; correct or unset it")
        concurrency = int(text)
    spec = replace(
        spec,
        judge_model=spec.judge_model or environ.get("JUDGE_MODEL_NAME") or None,
        judge_reasoning_effort=spec.judge_reasoning_effort or environ.get("JUDGE_REASONING_EFFORT") or None,
    )
    url = access.judge_base_url or environ.get("JUDGE_BASE_URL") or None
    if url == MODEL_SERVER and spec.judge_model is None:
        spec = replace(spec, judge_model=spec.model)
    return spec, replace(access, judge_base_url=url, judge_concurrency=concurrency)


def judge_beside(model: JudgeModel, endpoint: Endpoint | None) -> Endpoint:
    """Return the judge at the model's own server. Raises UserError where there is none, or the judge is another model.

    llama.cpp answers to any name: its verdicts would be recorded as those of the judge that was named.
    """
    if endpoint is None:
        raise UserError(
            f"--judge-base-url {MODEL_SERVER}: no server of the model is asked here; give the judge's address"
        )
    if model.name != endpoint.model:
        raise UserError(
            f"--judge-base-url {MODEL_SERVER}: that server has {endpoint.model}, and the judge is {model.name}; "
            f"say --judge-model {endpoint.model}, or give the judge's address"
        )
    return endpoint


def resolve_judge(model: JudgeModel, access: Access, environ: Mapping[str, str]) -> Endpoint:
    """Return where judgements are asked. Raises UserError for a missing key, a bad URL or a name without a date.

    The key of OpenAI is only ever sent to OpenAI.
    """
    official = find_provider("openai")
    assert official.base_url is not None
    url = checked_url(access.judge_base_url) if access.judge_base_url else official.base_url
    openai = urlsplit(url).hostname == urlsplit(official.base_url).hostname
    if openai and not access.judge_alias and not DATED.search(model.name):
        raise UserError(
            f"the judge {model.name!r} is a name without a date: its model may change between two runs; give a dated "
            f"name, such as {DEFAULT_MODEL}, with --judge-model or JUDGE_MODEL_NAME, or say --judge-alias"
        )
    key = access.judge_api_key or environ.get(KEY) or (environ.get(FALLBACK_KEY) if openai else None)
    if openai and not (key or "").strip():
        raise UserError(
            f"the judge {model.name} needs an API key: set the environment variable {KEY} (or {FALLBACK_KEY}), "
            "give another judge with --judge-base-url and --judge-model, or name --benchmarks without mt_bench"
        )
    provider = replace(official, refuses={}) if openai else find_provider("custom")
    return Endpoint(
        provider=replace(provider, name=JUDGE, key_variable=KEY),
        base_url=url,
        model=model.name,
        api_key=checked_key(key),
    )
