from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from saiten.errors import EndpointError, UserError
from saiten.servers import llamacpp_main
from saiten.servers.llamacpp import Embedded, start_embedded
from saiten.values import replace


def start_and_stop(what: Embedded, directory: Path) -> None:
    async def scenario() -> None:
        await (await start_embedded(what, python=Path(sys.executable), directory=directory)).stop()

    asyncio.run(scenario())


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the model .*absent\.gguf: No such file"):
        start_and_stop(Embedded(model=tmp_path / "absent.gguf", name="absent"), tmp_path)


def test_a_file_that_is_not_gguf_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"{}")
    with pytest.raises(UserError, match=r"model\.safetensors is not a GGUF file"):
        start_and_stop(Embedded(model=model, name="other"), tmp_path)
    assert list(tmp_path.glob("*.log")) == []


MODEL = Embedded(model=Path("model.gguf"), name="model")


@pytest.mark.parametrize(
    ("embedded", "size"),
    [
        (replace(MODEL, slots=0), "slots is 0"),
        (replace(MODEL, context=-1), "context is -1"),
        (replace(MODEL, threads=0), "threads is 0"),
    ],
)
def test_sizes_must_be_positive(tmp_path: Path, embedded: Embedded, size: str) -> None:
    with pytest.raises(UserError, match=f"{size}; it must be at least 1"):
        start_and_stop(embedded, tmp_path)


def test_an_interpreter_without_llamacpp_is_told_by_its_own_words(tmp_path: Path) -> None:
    model = tmp_path / "model.gguf"
    model.write_bytes(b"GGUF")
    with pytest.raises(EndpointError, match=r"(?s)the model server ended with status 1 .*No module named 'xllamacpp'"):
        start_and_stop(Embedded(model=model, name="model"), tmp_path)


def test_the_program_refuses_to_serve_without_a_key() -> None:
    options = ["x.gguf", "--port", "1", "--name", "x", "--slots", "1", "--context", "1", "--threads", "1"]
    command = [sys.executable, "-I", llamacpp_main.__file__, *options]
    done = subprocess.run(command, capture_output=True, check=False, env={})
    assert done.returncode == 2
    assert done.stderr == b"no key: set SAITEN_SERVER_KEY\n"
