"""The model as the old command line describes it: in arguments, or in a YAML file (`model: base_params, generation`).

Both forms are read into one tree and checked against one table of settings, so a mistake is told with its place and
the nearest known name, and all mistakes are told at once. No message shows a value that could be a key.

Source: HOWTOUSE.md of swallow-evaluation-instruct@3520211; reference/benchmarks.md §1.4.
Differs: `stop_tokens` are split at commas (the old program sent the whole text as one stop sequence, against its
documentation); `top_k`, `min_p` and `presence_penalty` are sent (it dropped them).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from saiten.errors import Exit, UserError, suggestion
from saiten.settings.arguments import BARE_KEY, parse_arguments
from saiten.settings.tree import Node, Table, Text, is_nothing
from saiten.settings.values import GENERATION, Read, whole_from
from saiten.settings.yamlfile import read_yaml
from saiten.types import Sampling
from saiten.values import replace

BASE = ("model", "model_name", "provider", "base_url", "api_key", "reasoning_parser")
PARAMETERS = "generation_parameters"
NEVER_SENT = ("early_stopping", "length_penalty", "min_new_tokens", "truncate_prompt", "response_format")
NOW_SENT = ("top_k", "min_p", "presence_penalty")
NO_SECRETS = frozenset({"", "EMPTY", "dummy", "none", "None"})


@dataclass(frozen=True, slots=True, kw_only=True)
class OldModel:
    """What an old command line says of its model."""

    name: str
    """Without the provider, as the server knows it."""
    provider: str
    sampling: Sampling = field(default_factory=Sampling)
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    reasoning_parser: str | None = None
    max_n: int | None = None
    warnings: tuple[str, ...] = ()


def read_model(argument: str, prefixes: Mapping[str, str]) -> OldModel:
    """Read MODEL_ARGS: the name of a YAML file, or the arguments themselves.

    `prefixes`: how a model's name begins (`hosted_vllm`) -> provider (`vllm`).
    """
    if argument.endswith((".yaml", ".yml")) and ("=" not in argument or Path(argument).exists()):
        return read_model_file(Path(argument), prefixes)
    return parse_model(argument, prefixes)


def parse_model(text: str, prefixes: Mapping[str, str]) -> OldModel:
    """Read model arguments. UsageError tells all that is wrong with them."""
    table = parse_arguments(text)
    reading = Reading()
    generation = reading.table(table.entries.pop(PARAMETERS, None), PARAMETERS)
    reading.known(table, (*BASE, PARAMETERS))
    model = reading.model(table, generation, prefixes)
    if model.api_key not in {None, *NO_SECRETS}:
        reading.warnings.append(
            "api_key stands on the command line, where every user of this node can read it (ps); "
            "put it into the environment instead, e.g. OPENAI_API_KEY"
        )
    return reading.finish(model, Exit.USAGE)


def read_model_file(path: Path, prefixes: Mapping[str, str]) -> OldModel:
    """Read a YAML file. UserError tells all that is wrong with it, with lines."""
    tree = read_yaml(path)
    reading = Reading()
    reading.known(tree, ("model",))
    table = reading.table(tree.entries.get("model"), "model") or Table({}, f"{path}:1")
    reading.known(table, ("base_params", "generation"), "model")
    base = reading.table(table.entries.get("base_params"), "base_params") or Table({}, table.where)
    reading.known(base, BASE, "base_params")
    model = reading.model(base, reading.table(table.entries.get("generation"), "generation"), prefixes)
    if model.api_key not in {None, *NO_SECRETS} and path.stat().st_mode & 0o077:
        reading.warnings.append(f"{path} holds a key and others can read it: chmod 600 {path}")
    return reading.finish(model, Exit.CONFIGURATION)


class Reading(msgspec.Struct):
    """Collects what is wrong while a tree is read."""

    errors: list[str] = msgspec.field(default_factory=list)
    warnings: list[str] = msgspec.field(default_factory=list)

    def finish(self, model: OldModel, status: Exit) -> OldModel:
        """Return the model with the warnings, or raise all errors."""
        if self.errors:
            raise UserError("\n".join(dict.fromkeys(self.errors)), exit_status=status)
        return replace(model, warnings=tuple(self.warnings))

    def wrong(self, node: Node, name: str, problem: str) -> None:
        """Note an error at a place."""
        self.errors.append(f"{node.where}: {name} {problem}")

    def known(self, table: Table, names: tuple[str, ...], section: str = "") -> None:
        """Note keys that are not known. `section`: what holds the table, where its place does not tell."""
        inside = f"{section}: " if section else ""
        for key, node in table.entries.items():
            if key not in names:
                shown = repr(key) if BARE_KEY.match(key) else "with that name"
                near = suggestion(key, names) or f"; there are: {', '.join(names)}"
                if key in SETTINGS and key not in names:
                    near = f"; it belongs into {PARAMETERS}={{{key}:…}} (in a file: generation)"
                self.errors.append(f"{node.where}: {inside}no setting {shown}{near}")

    def table(self, node: Node | None, name: str) -> Table | None:
        """Return a mapping; None where there is none."""
        if node is None or is_nothing(node):
            return None
        if not isinstance(node, Table):
            self.wrong(node, name, "must hold names and values")
            return None
        return node

    def text(self, table: Table, name: str) -> str | None:
        """Return a text; None where it is not given."""
        node = table.entries.get(name)
        if node is None or is_nothing(node):
            return None
        if not isinstance(node, Text):
            self.wrong(node, name, "must be one word or text")
            return None
        return node.text

    def model(self, base: Table, generation: Table | None, prefixes: Mapping[str, str]) -> OldModel:
        """Read all settings."""
        full = self.text(base, "model")
        other = self.text(base, "model_name")
        if full is not None and other is not None:
            self.wrong(base.entries["model_name"], "model_name", "and model are the same setting; give one")
        full = full or other
        if full is None:
            self.errors.append(f"{base.where}: no model; give it as model=openai/NAME (in a file: model_name)")
        provider, name = self.provider(base, full or "", prefixes)
        url = self.text(base, "base_url")
        if url is not None and not url.startswith(("http://", "https://")):
            self.wrong(base.entries["base_url"], "base_url", "must begin with http:// or https://")
        settings = generation or Table()
        values = self.generation(settings)
        max_n = values.pop("max_n", None)
        return OldModel(
            name=name,
            provider=provider,
            sampling=Sampling(**values),
            base_url=url,
            api_key=self.text(base, "api_key"),
            reasoning_parser=self.text(base, "reasoning_parser"),
            max_n=max_n,
        )

    def provider(self, base: Table, full: str, prefixes: Mapping[str, str]) -> tuple[str, str]:
        """Return the provider and the model's name without it."""
        stated = self.text(base, "provider")
        prefix, _, rest = full.partition("/")
        if stated is not None:
            provider = prefixes.get(stated, stated)
            if provider not in prefixes.values():
                known = ", ".join(prefixes)
                problem = f"is not known{suggestion(stated, prefixes)}; there are: {known}"
                self.wrong(base.entries["provider"], "provider", problem)
            return provider, rest if rest and prefixes.get(prefix) == provider else full
        if prefix in prefixes and rest:
            return prefixes[prefix], rest
        if full:
            node = base.entries.get("model") or base.entries["model_name"]
            known = ", ".join(f"{known}/…" for known in prefixes)
            near = suggestion(prefix, prefixes) if rest else ""
            self.wrong(node, "model", f"must begin with its provider{near}; there are: {known}")
        return "", full

    def generation(self, table: Table) -> dict[str, Any]:
        """Return the fields of Sampling, and max_n."""
        values: dict[str, Any] = {}
        self.known(table, (*SETTINGS, *NEVER_SENT), "generation parameters")
        for name, node in table.entries.items():
            if is_nothing(node):
                continue
            if name in NEVER_SENT:
                self.wrong(node, name, "is nothing that an API takes (the old program dropped it too); remove it")
            elif name in SETTINGS:
                target, read = SETTINGS[name]
                try:
                    values[target] = read(node)
                except ValueError as error:
                    self.wrong(node, name, str(error))
                if name in NOW_SENT:
                    self.warnings.append(f"{name} is sent to the server; the old program dropped it")
        return values


SETTINGS: Mapping[str, tuple[str, Read]] = {
    **GENERATION,
    "max_n": ("max_n", whole_from(1, "a whole number above 0")),
}
"""Old name of a generation parameter -> field of Sampling (max_n: of Access), and how it is read."""
