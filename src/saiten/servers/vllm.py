"""vLLM as a process of ours: its command line and its environment. What it needs to know is in `Prepared`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from saiten.errors import UsageError
from saiten.servers.plan import Plan
from saiten.servers.source import hub_home
from saiten.types import ServerSpec

BASE_TEMPLATE = Path(__file__).parent.parent / "resources" / "chat_template_base_model.jinja"
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
KEPT_SECRETS = frozenset({"HF_TOKEN"})
OURS_ONLY = frozenset({"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"})
DECIDED = {
    "--api-key": "saiten makes a key for each start",
    "--host": "the server listens on this machine only",
    "--port": "saiten takes a free port for each start",
    "--served-model-name": "requests say the model's own name",
}
"""Options that would make saiten wait for a server that is somewhere else."""
STOP_STRINGS = 64
"""Most stop strings in a request; vLLM's own default of 4 refuses some benchmarks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serve:
    """One model as vLLM is to serve it."""

    model: str
    """Folder, or name on the hub."""
    name: str
    """Name in requests."""
    revision: str | None
    program: tuple[str, ...]
    """What to run: it takes the model and the options of `vllm serve`."""
    plan: Plan
    spec: ServerSpec
    reasoning_parser: str | None

    def command(self, port: int) -> list[str]:
        """Return the whole command line. The key is not on it: any user of the node could read it."""
        plan, spec = self.plan, self.spec
        options: list[str] = ["--host", "127.0.0.1", "--port", str(port), "--served-model-name", self.name]
        options += ["--dtype", plan.dtype, "--seed", "0"]
        # What a request does not say must not be decided by the model's generation_config.json.
        options += ["--generation-config", "vllm", "--disable-uvicorn-access-log"]
        if plan.context:
            options += ["--max-model-len", str(plan.context)]
        if plan.gpus or plan.tensor > 1:
            options += ["--tensor-parallel-size", str(plan.tensor)]
        if plan.data > 1:
            options += ["--data-parallel-size", str(plan.data)]
        if plan.gpus:
            options += ["--gpu-memory-utilization", f"{plan.gpu_memory:g}"]
        if spec.slots:
            options += ["--max-num-seqs", str(spec.slots)]
        if self.revision:
            options += ["--revision", self.revision]
        if spec.chat_template:
            options += ["--chat-template", str(template_path(spec.chat_template))]
        if self.reasoning_parser:
            options += ["--reasoning-parser", self.reasoning_parser]
        if spec.trust_remote_code:
            options.append("--trust-remote-code")
        return [*self.program, self.model, *options, *split_arguments(spec.server_args)]


def template_path(name: str) -> Path:
    """Return a chat template's file: `base` is the plain one that saiten brings."""
    return BASE_TEMPLATE if name == "base" else Path(name).expanduser().absolute()


def split_arguments(text: str | None) -> list[str]:
    """Split what a person typed as a shell would. UsageError where a quote does not end, or an option is saiten's."""
    try:
        words = shlex.split(text or "")
    except ValueError as error:
        raise UsageError(f"--server-args {text!r} cannot be read: {error}") from error
    for word in words:
        if (reason := DECIDED.get(word.split("=")[0])) is not None:
            raise UsageError(f"--server-args may not hold {word.split('=')[0]}: {reason}")
    return words


def sequences(spec: ServerSpec, plan: Plan) -> int | None:
    """Return how many choices all copies of the model work on at the same time; None where vLLM decides."""
    known = spec.slots
    for word, following in pairwise([*split_arguments(spec.server_args), ""]):
        name, _, value = word.replace("_", "-").partition("=")
        if name == "--max-num-seqs" and (value or following).isdecimal():
            known = int(value or following)
    return known and known * plan.data


def program_of(command: str) -> tuple[str, ...]:
    """Return a program that serves, as the user names it; `vllm` alone means `vllm serve`."""
    words = shlex.split(command)
    if not words:
        raise UsageError("--server-command is empty: name a program, e.g. /opt/vllm/bin/vllm")
    program = Path(words[0]).expanduser()
    words[0] = str(program.absolute()) if "/" in words[0] else words[0]
    return (*words, "serve") if Path(words[-1]).name == "vllm" else tuple(words)


def environment(environ: Mapping[str, str], plan: Plan, *, local: bool) -> dict[str, str]:
    """Return the server's environment: the user's, without keys and without what belongs to saiten's own Python."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in KEPT_SECRETS or (name not in OURS_ONLY and not SECRET.search(name))
    }
    kept |= {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1"}
    kept.setdefault("VLLM_HTTP_TIMEOUT_KEEP_ALIVE", "300")
    kept.setdefault("VLLM_MAX_STOP_STRINGS", str(STOP_STRINGS))
    if environ.get("VLLM_CACHE"):
        kept.setdefault("VLLM_CACHE_ROOT", environ["VLLM_CACHE"])  # a cluster's home folder is too small for it
    if home := hub_home(environ):
        kept["HF_HOME"] = home
    if local:
        kept["HF_HUB_OFFLINE"] = "1"
    if plan.gpus:
        kept["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        kept["CUDA_VISIBLE_DEVICES"] = ",".join(gpu.index for gpu in plan.gpus)
    return kept


def log_name(environ: Mapping[str, str], fallback: str) -> str:
    """Return the log's file name: `{job}.vllm{id}` in a job of a scheduler, otherwise with a time."""
    for job, number in (("SLURM_JOB_NAME", "SLURM_JOB_ID"), ("PBS_JOBNAME", "PBS_JOBID"), ("JOB_NAME", "JOB_ID")):
        if environ.get(number):
            name = re.sub(r"[^A-Za-z0-9._-]", "_", environ.get(job) or "saiten").lstrip(".-") or "saiten"
            return f"{name}.vllm{re.sub(r'[^0-9A-Za-z_-].*', '', environ[number])}"
    return f"saiten.vllm{fallback}"


def shown(command: Sequence[str]) -> str:
    """Return a command as one would type it."""
    return shlex.join(command)
