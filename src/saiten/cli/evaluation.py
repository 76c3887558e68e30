"""`evaluation.yaml`: several models, each with its settings and node kind. Its keys are the options of the command."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from saiten.errors import UserError, suggestion
from saiten.settings.tree import Items, Node, Table, Text, is_nothing
from saiten.settings.yamlfile import read_yaml

if TYPE_CHECKING:
    from saiten.cli import Parser

EXAMPLE = """\
# saiten submit evaluation.yaml
# Each key is an option of saiten submit without its hyphens; those of a model go before those of the file.
service: tsubame
node_kind: node_q
benchmarks: [ja, en]
priority: -5

models:
  - model: Qwen/Qwen3-8B
    reasoning_parser: qwen3
    # settings: think    # a block of scripts/generation_settings/custom_model_settings/Qwen/Qwen3-8B.yaml
  - model: tokyotech-llm/Llama-3.3-Swallow-70B-Instruct-v0.4
    node_kind: node_f
    shards: 2
  - model: gpt-4.1-2025-04-14
    provider: openai
    node_kind: cpu_16
    benchmarks: [mmlu_pro, jmmlu]
"""
MODELS, MODEL = "models", "model"


def read_evaluation(path: Path, args: argparse.Namespace) -> Iterator[argparse.Namespace]:
    """Yield the arguments of each model of a file, with `where` it stands; the command line goes before the file.

    UserError tells all that is wrong with the file, each with its line.
    """
    from saiten.cli import Parser
    from saiten.cli.run import DEFAULT_BENCHMARKS
    from saiten.cli.submit import configure

    parser = Parser(prog=str(path), allow_abbrev=False)
    configure(parser)
    reading = Reading(parser)
    tree = read_yaml(path)
    shared = {key: node for key, node in tree.entries.items() if key != MODELS}
    models = tree.entries.get(MODELS)
    if not isinstance(models, Items) or not models.items:
        reading.errors.append(f"{path}: no models: a list of `- model: NAME` (see saiten submit --example)")
    found = []
    for node in models.items if isinstance(models, Items) else ():
        words = reading.words(node, shared)
        if words is None:
            continue
        name, arguments = words
        one, defaults = parser.parse_args(arguments), parser.parse_args([])
        for dest, value in vars(args).items():
            if value != getattr(defaults, dest, None):
                setattr(one, dest, value)
        one.model, one.benchmarks = name, one.benchmarks or DEFAULT_BENCHMARKS
        one.where = node.where
        reading.check(one, shared | node.entries if isinstance(node, Table) else shared)
        found.append(one)
    if reading.errors:
        raise UserError("\n".join(dict.fromkeys(reading.errors)))
    yield from found


class Reading:
    """Turns entries of the file into words of the command line, and collects what is wrong."""

    def __init__(self, parser: Parser) -> None:
        self.errors: list[str] = []
        self._parser = parser
        self._flags = {action.dest: action for action in parser.options() if action.option_strings}

    def words(self, node: Node, shared: dict[str, Node]) -> tuple[str, list[str]] | None:
        """Return a model's name, and those of its options that can be read, as words."""
        if not isinstance(node, Table) or not isinstance(name := node.entries.get(MODEL), Text) or not name.text:
            self.errors.append(f"{node.where}: an entry of models needs `model: NAME`")
            return None
        words: list[str] = []
        for key, value in (shared | node.entries).items():
            if key != MODEL:
                words += self._readable(self._option(key, value), value.where)
        return name.text, words

    def _readable(self, words: list[str], where: str) -> list[str]:
        with self._told_at(where):
            self._parser.parse_args(words)
            return words
        return []

    def check(self, one: argparse.Namespace, entries: dict[str, Node]) -> None:
        """Collect what is wrong with names, priority and walltime that a file chose."""
        from saiten.benchmarks import select
        from saiten.cli.run import default_provider
        from saiten.clusters.scheduler import in_time, offered
        from saiten.clusters.sites import find_service
        from saiten.models.provider_table import find_provider
        from saiten.settings.model_settings import NONE, find_block, roots

        service = None
        if "service" in entries:
            with self._told_at(entries["service"].where):
                service = find_service(one.service)
        if service is not None and "node_kind" in entries and one.node_kind:
            with self._told_at(entries["node_kind"].where):
                service.node_kind(one.node_kind)
        if service is not None and "priority" in entries and service.scheduler != "local":
            with self._told_at(entries["priority"].where):
                offered(service, one.group or "any", one.priority)
        if service is not None and "walltime" in entries and one.walltime:
            with self._told_at(entries["walltime"].where):
                in_time(service, one.group or os.environ.get(service.group_variable, ""), one.walltime)
        if one.provider is not None and "provider" in entries:
            with self._told_at(entries["provider"].where):
                find_provider(one.provider)
        if one.settings not in {None, NONE} and "settings" in entries:
            with self._told_at(entries["settings"].where):
                name = one.provider or default_provider(one.model, one.attach, one.base_url)
                find_block(one.model, one.settings, find_provider(name).names, roots(os.environ))
        if "benchmarks" in entries:
            with self._told_at(entries["benchmarks"].where):
                select(tuple(part.strip() for part in one.benchmarks.split(",") if part.strip()))

    @contextlib.contextmanager
    def _told_at(self, where: str) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.errors.append(f"{where}: {str(error).partition(' (see ')[0]}")

    def _option(self, key: str, node: Node) -> list[str]:
        action = self._flags.get(key)
        if action is None or key in {"help", "example", "yes", "dry_run"}:
            self.errors.append(f"{node.where}: no option {key!r}{suggestion(key, self._flags)}")
            return []
        if is_nothing(node):
            return []
        flag = action.option_strings[0]
        listed = node.items if isinstance(node, Items) else (node,)
        texts = [item.text for item in listed if isinstance(item, Text)]
        if not texts or len(texts) < len(listed):
            self.errors.append(f"{node.where}: {key} must be a word, a number or a list of words")
            return []
        if action.nargs == 0:
            return self._switch(key, action, texts[0], node.where)
        return [f"{flag}={','.join(texts)}"]

    def _switch(self, key: str, action: argparse.Action, text: str, where: str) -> list[str]:
        told = {"true": True, "yes": True, "false": False, "no": False}.get(text.lower())
        if told is None:
            self.errors.append(f"{where}: {key} must be true or false")
            return []
        return [action.option_strings[0 if told else -1]] if told or len(action.option_strings) > 1 else []
