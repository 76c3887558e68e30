"""vLLM's environments: one for each version, side by side, made by `saiten setup` with uv and never touched again.

    UV_CACHE/vllm/<version>/                  a virtual environment that has vLLM of this version
    UV_CACHE/vllm/<version>/saiten.json       what was asked of it once: its reasoning parsers, and what it can
    UV_CACHE/uv/                              what uv downloaded

They are apart from saiten's own environment and from each other, because every vLLM pins torch and fifty others.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from saiten.errors import UserError, suggestion
from saiten.servers.environment import REQUIREMENTS, cache_directory, environment_python

FACTS = "saiten.json"
VERSION = re.compile(r"\d+(\.\d+)*((a|b|rc|\.post|\.dev)\d+)*(\+[a-z0-9.]+)?\Z")
"""What a package index can have. Source: PEP 440, normal form."""
NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*\Z")
INSTALL_SECONDS = 7200.0
ASK_SECONDS = 300.0
QUESTION = """
import importlib.metadata, json, pathlib, sys
import vllm
from vllm.reasoning import ReasoningParserManager as manager
listed = manager.list_registered() if hasattr(manager, "list_registered") else sorted(manager.reasoning_parsers)
source = (pathlib.Path(vllm.__file__).parent / "sampling_params.py").read_text()
facts = {"version": vllm.__version__, "parsers": listed, "repetition_detection": "repetition_detection" in source}
pathlib.Path(sys.argv[1]).write_text(json.dumps(facts))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an installed vLLM says of itself."""

    version: str
    parsers: tuple[str, ...]
    """Names of its reasoning parsers."""
    repetition_detection: bool
    """Whether it can end answers that repeat themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """One installed vLLM."""

    version: str
    """Name of its folder."""
    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"


def environments(environ: Mapping[str, str]) -> Path:
    """Return where the environments are: below UV_CACHE, else below saiten's cache."""
    chosen = environ.get("UV_CACHE")
    return (Path(chosen).expanduser().absolute() if chosen else cache_directory(environ)) / "vllm"


def installed(environ: Mapping[str, str]) -> list[Environment]:
    """Return the environments there are, newest version last."""
    cache = environments(environ)
    found = cache.iterdir() if cache.is_dir() else ()
    folders = [folder for folder in found if NAME.match(folder.name) and (folder / "bin" / "python").exists()]
    return [Environment(version=folder.name, folder=folder) for folder in sorted(folders, key=_order)]


def _order(folder: Path) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", folder.name)], folder.name


def find(version: str | None, environ: Mapping[str, str]) -> Environment:
    """Return the environment of a version; the one that VLLM_VERSION names, or the newest, where none is given."""
    known = {environment.version: environment for environment in installed(environ)}
    wanted = version or environ.get("VLLM_VERSION")
    if wanted is None and known:
        return known[list(known)[-1]]
    if wanted in known:
        return known[wanted]
    cache = environments(environ)
    if wanted is None:
        raise UserError(
            f"there is no vLLM in {cache}: make it once with `saiten setup --vllm VERSION`, name a program with "
            "--server-command, or use a running server with --attach URL"
        )
    there = f"; there are: {', '.join(known)}" if known else ""
    make = wanted if VERSION.match(wanted) else "VERSION"
    raise UserError(
        f"there is no vLLM {wanted} in {cache}{suggestion(wanted, known)}{there}; make it once with "
        f"`saiten setup --vllm {make}`"
    )


def check_version(version: str) -> None:
    """Raise UserError for what no package index can have."""
    if not VERSION.match(version):
        raise UserError(f"--vllm {version!r} is no version; give it as the package index names it, e.g. 0.33.0")


def make(version: str, *, python: str | None, environ: Mapping[str, str], tell: Callable[[str], None]) -> Environment:
    """Return the environment of a version; install it with uv where it is missing. UserError where it cannot be."""
    check_version(version)
    cache = environments(environ)
    made = Environment(version=version, folder=cache / version)
    if made.python.exists():
        return made
    uv = find_uv(environ, tell)
    settings = uv_settings(environ)
    tell(f"installing vllm {version} into {made.folder} (once; several GB)")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=cache, ignore_cleanup_errors=True) as place:
            built = Path(place) / version
            interpreter = python or environ.get("UV_PYTHON") or _own_python()
            _uv([uv, "venv", "--quiet", "--relocatable", "--python", interpreter, str(built)], settings)
            target = ["--python", str(built / "bin" / "python")]
            _uv([uv, "pip", "install", "--quiet", *target, f"vllm=={version}"], settings)
            built.rename(made.folder)
    except OSError as error:
        if not made.python.exists():  # somebody else may have been first
            raise UserError(f"cannot write {error.filename or cache}: {error.strerror}; set UV_CACHE") from error
    return made


def _own_python() -> str:
    import sys

    return str(Path(sys.executable).resolve())


def find_uv(environ: Mapping[str, str], tell: Callable[[str], None]) -> str:
    """Return the uv program: the user's, or one that is installed into saiten's cache."""
    if found := shutil.which("uv", path=environ.get("PATH")):
        return found
    python = environment_python("uv", REQUIREMENTS / "uv.txt", cache=cache_directory(environ), tell=tell)
    return str(python.with_name("uv"))


def uv_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return uv's environment: as it is, with the old system's UV_CACHE as its cache, and not ours to build in."""
    kept = {name: value for name, value in environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}}
    if environ.get("UV_CACHE") and not environ.get("UV_CACHE_DIR"):
        kept["UV_CACHE_DIR"] = str(Path(environ["UV_CACHE"]).expanduser().absolute() / "uv")
    return kept


def _uv(command: list[str], environ: Mapping[str, str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # made above, no shell
            command, env=dict(environ), capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"uv {command[1]}: no end after {INSTALL_SECONDS:g} s") from error
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())
        raise UserError(f"cannot make the environment: uv says: {words[-600:]}")


def facts_of(environment: Environment) -> Facts:
    """Return what an installed vLLM says of itself; asked once (it imports vLLM, half a minute) and then kept."""
    kept = environment.folder / FACTS
    found = _read(kept)
    if found is None:
        found = _ask(environment.python)
        with contextlib.suppress(OSError):  # an environment of somebody else's: asked again next time
            kept.write_text(json.dumps(asdict(found)))
    return found


def _read(path: Path) -> Facts | None:
    try:
        told = json.loads(path.read_bytes())
        return Facts(
            version=str(told["version"]),
            parsers=tuple(told["parsers"]),
            repetition_detection=bool(told["repetition_detection"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _ask(python: Path) -> Facts:
    environ = uv_settings(os.environ) | {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as place:
        answer = Path(place) / "facts"
        try:
            done = subprocess.run(  # noqa: S603  # an interpreter that saiten installed, a question of ours
                [str(python), "-c", QUESTION, str(answer)],
                env=environ,
                capture_output=True,
                text=True,
                timeout=ASK_SECONDS,
                check=False,
                cwd=place,
            )
        except subprocess.TimeoutExpired as error:
            raise UserError(f"{python}: vllm was not imported within {ASK_SECONDS:g} s") from error
        found = _read(answer)
    if found is None:
        words = " ".join(done.stderr.split())[-400:]
        raise UserError(f"{python} cannot import vllm ({words}); remove its folder and run saiten setup again")
    return found
