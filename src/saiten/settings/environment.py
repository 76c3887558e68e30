"""The variables of `.env`: one class, of which the template, the checks and the reference page are read off.

A value that still is the template's, or empty, counts as not set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import msgspec

from saiten.errors import UserError, suggestion
from saiten.settings.dotenv import Setting, read_settings
from saiten.settings.options import field_docs

Kind = Literal["folder", "secret", "name", "number", "version"]
SECRET_SHOWN = "set"  # noqa: S105  # what stands in place of a secret
GAP = re.compile(r"\{\w+\}|\.\.\.\Z|iloveswallow\Z")
FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "folder": (re.compile(r"/.*"), "must be an absolute path"),
    "secret": (re.compile(r"[!-~]+"), "holds characters that no key has"),
    "name": (re.compile(r"[A-Za-z0-9._-]+"), "must be one word of letters, digits, . _ and -"),
    "group/name": (re.compile(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+"), "must be group/name, e.g. tga-lab/tanaka"),
    "number": (re.compile(r"0*[1-9]\d*(\.\d+)?"), "must be a number above 0"),
    "version": (re.compile(r"\d[\w.+-]*"), "must be a version, e.g. 0.12.0"),
}
"""Kind of a variable -> the form of its value, and the word about another form."""
HEADINGS = {
    "GROUP_AND_NAME": "Folders",
    "TSUBAME_GROUP": "Groups that jobs are charged to",
    "OPENAI_API_KEY": "Keys",
    "LITELLM_CONCURRENT_CALLS": "Others",
}
"""First variable of a part of the template -> its heading."""


OPTIONAL = ("number", "version")
"""Kinds that the template only mentions."""


def variable(kind: Kind, template: str) -> Any:
    """Return the field of a variable. `template`: what the template says, which no one may leave there."""
    return field(default=None, metadata={"kind": kind, "template": template})


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The variables. None: not set."""

    GROUP_AND_NAME: str | None = variable("name", "{group}/{your_name}")
    """Group and your name, a part of the folders below"""
    REPO_PATH: str | None = variable("folder", "/gs/fs/${GROUP_AND_NAME}/saiten")
    """This repository; custom_model_settings/ and providers.yaml are looked for here, too"""
    HUGGINGFACE_CACHE: str | None = variable("folder", "/gs/bs/${GROUP_AND_NAME}/cache/huggingface")
    """Datasets and models (HF_HOME goes before it)"""
    UV_CACHE: str | None = variable("folder", "/gs/bs/${GROUP_AND_NAME}/cache/uv")
    """Environments of the model servers, and what uv downloads"""
    VLLM_CACHE: str | None = variable("folder", "/gs/bs/${GROUP_AND_NAME}/cache/vllm")
    """Compiled kernels of vLLM"""
    STORE_PATH: str | None = variable("folder", "/gs/bs/${GROUP_AND_NAME}/store")
    """Results and outputs, where --output-dir does not say otherwise"""
    TSUBAME_GROUP: str | None = variable("name", "{tsubame_group}")
    """Group of jobs on TSUBAME"""
    ABCI_GROUP: str | None = variable("name", "{abci_group}")
    """Group of jobs on ABCI"""
    OPENAI_API_KEY: str | None = variable("secret", "sk-...")
    """OpenAI: models and the judge"""
    DEEPINFRA_API_KEY: str | None = variable("secret", "...")
    """DeepInfra"""
    HF_TOKEN: str | None = variable("secret", "hf_...")
    """Hugging Face: gated datasets and models"""
    LITELLM_CONCURRENT_CALLS: str | None = variable("number", "100")
    """Most choices in flight; adaptive without it"""
    REQUEST_TIMEOUT: str | None = variable("number", "600")
    """Seconds without a byte after which a request has stalled"""
    VLLM_VERSION: str | None = variable("version", "0.12.0")
    """Version of vLLM where nobody says another one"""


ALSO_KNOWN = frozenset(
    {
        *("SLURM_ACCOUNT", "SAITEN_LOCAL", "SAITEN_LOCAL_SLOTS"),
        *("SAITEN_CACHE", "SAITEN_DATA", "SAITEN_DATA_LOCK", "SAITEN_API_KEY", "LITELLM_API_KEY"),
        *("JUDGE_MODEL_NAME", "JUDGE_BASE_URL", "JUDGE_API_KEY", "JUDGE_REASONING_EFFORT", "JUDGE_CONCURRENT_CALLS"),
        *("HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES", "NO_COLOR"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_CACHE_DIR", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "PIP_INDEX_URL"),
    }
)
"""Variables that saiten or its libraries read and the template leaves out."""


class CheckedEnvironment(msgspec.Struct):
    """A `.env` file with everything that is wrong with it."""

    environment: Environment = msgspec.field(default_factory=Environment)
    errors: list[str] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)

    def summary(self) -> list[str]:
        """Return one line for each variable; secrets are not shown."""
        kinds = {item.name: item.metadata["kind"] for item in fields(Environment)}
        width = max(map(len, kinds))
        values = {name: getattr(self.environment, name) for name in kinds}
        told = {
            name: "-" if value is None else SECRET_SHOWN if kinds[name] == "secret" else value
            for name, value in values.items()
        }
        return [f"{name:<{width}}  {value}" for name, value in told.items()]


def env_template() -> str:
    """Return `.env_template`: every variable with its help, secrets and folders to be filled in."""
    docs = field_docs(Environment)
    lines = ["# Copy this file to .env, fill in what you need, remove the rest, and: chmod 600 .env"]
    lines += ["# saiten settings env checks it. Variables of the environment go before it."]
    for item in fields(Environment):
        if item.name in HEADINGS:
            lines += ["", f"# --- {HEADINGS[item.name]}"]
        unused = "# " if item.metadata["kind"] in OPTIONAL else ""
        lines += [f"# {docs[item.name]}.", f'{unused}{item.name}="{item.metadata["template"]}"']
    return "\n".join(lines) + "\n"


def check_dotenv(path: Path, known: frozenset[str] = frozenset()) -> CheckedEnvironment:
    """Check a `.env` file. All errors at once, each with its line; raises only where the file cannot be read.

    `known`: further variables that may stand there (keys of providers).
    """
    checked = CheckedEnvironment()
    settings, checked.errors = read_settings(path)
    descriptions = {item.name: item for item in fields(Environment)}
    names = descriptions.keys() | ALSO_KNOWN | known
    values: dict[str, str] = {}
    for setting in settings:
        where = f"{path}:{setting.line}"
        if setting.name not in names:
            near = suggestion(setting.name, names)
            (checked.errors if near else checked.warnings).append(f"{where}: no variable {setting.name}{near}")
        elif (item := descriptions.get(setting.name)) is not None and setting.value:
            problem = _problem(setting, item.metadata["kind"])
            if problem:
                checked.errors.append(f"{where}: {setting.name} {problem}")
            else:
                values[setting.name] = setting.value
    checked.environment = Environment(**values)
    checked.errors.sort(key=_line_of)
    return checked


def _line_of(error: str) -> int:
    match = re.match(r".*?:(\d+): ", error)
    return int(match[1]) if match else 0


def _problem(setting: Setting, kind: Kind) -> str:
    """Return what is wrong with a value, without showing it; empty where nothing is."""
    if value_has_gap(setting.value):
        return "still has the template's value: fill it in, or remove the line"
    form, wanted = FORMS["group/name" if setting.name == "GROUP_AND_NAME" else kind]
    return "" if form.fullmatch(setting.value) else wanted


def value_has_gap(value: str) -> bool:
    """Return whether a value has a gap of the template, the old one's included: `{your_name}`, `sk-...`."""
    return GAP.search(value) is not None


def load_dotenv(path: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Take what the environment lacks from a `.env` file; empty and template values are left out.

    UserError tells every line that cannot be read.
    """
    settings, errors = read_settings(path)
    if errors:
        raise UserError("\n".join(errors))
    for setting in settings:
        if setting.value and not value_has_gap(setting.value):
            environ.setdefault(setting.name, setting.value)


def default_output(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where results and outputs go where nobody says: STORE_PATH, else the working folder."""
    return Path(environ.get("STORE_PATH") or ".")
