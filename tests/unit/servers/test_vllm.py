"""vLLM's command line and environment, and which of the installed versions is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from saiten.errors import UsageError, UserError
from saiten.servers.gpus import GIB, Gpu
from saiten.servers.plan import make_plan
from saiten.servers.versions import environments, find, installed, uv_settings
from saiten.servers.vllm import BASE_TEMPLATE, Serve, environment, log_name, program_of, sequences, split_arguments
from saiten.types import ServerSpec
from saiten.values import replace

GPUS = [Gpu(index=index, uuid=f"GPU-{index}", memory=94 * GIB) for index in ("2", "0")]


def serve(spec: ServerSpec, gpus: list[Gpu] | None = None) -> Serve:
    plan = make_plan(None, gpus or [], spec)
    return Serve(
        model="o/m", name="o/m", revision=None, program=("vllm", "serve"), plan=plan, spec=spec, reasoning_parser=None
    )


def options(command: list[str]) -> dict[str, str]:
    return {word: command[index + 1] for index, word in enumerate(command[:-1]) if word.startswith("--")}


def test_the_command_line_pins_what_could_move_a_result() -> None:
    command = serve(ServerSpec()).command(8000)
    assert command[:3] == ["vllm", "serve", "o/m"]
    told = options(command)
    assert told["--host"] == "127.0.0.1"
    assert told["--port"] == "8000"
    assert told["--served-model-name"] == "o/m"
    assert told["--dtype"] == "bfloat16"
    assert told["--generation-config"] == "vllm"
    assert "--api-key" not in told
    assert "--tensor-parallel-size" not in told, "no GPU: nothing to say of them"


def test_everything_that_the_user_says_is_on_the_command_line() -> None:
    spec = ServerSpec(
        max_model_length=4096,
        dtype="float16",
        data_parallel=2,
        gpu_memory=0.8,
        slots=64,
        chat_template="base",
        trust_remote_code=True,
        server_args="--enforce-eager --dtype auto",
    )
    command = replace(serve(spec, GPUS), revision="abc", reasoning_parser="qwen3").command(1)
    told = options(command)
    assert told["--max-model-len"] == "4096"
    assert told["--tensor-parallel-size"] == "1"
    assert told["--data-parallel-size"] == "2"
    assert told["--gpu-memory-utilization"] == "0.8"
    assert told["--max-num-seqs"] == "64"
    assert told["--chat-template"] == str(BASE_TEMPLATE)
    assert told["--reasoning-parser"] == "qwen3"
    assert told["--revision"] == "abc"
    assert "--trust-remote-code" in command
    assert command[-3:] == ["--enforce-eager", "--dtype", "auto"], "the last word is the user's"
    assert BASE_TEMPLATE.is_file()


@pytest.mark.parametrize("text", ["--api-key x", "--api-key=x", "--port 8000", "--host=::", "--served-model-name m"])
def test_what_saiten_decides_may_not_stand_among_the_arguments(text: str) -> None:
    with pytest.raises(UsageError, match=f"may not hold {text.replace('=', ' ').split()[0]}: "):
        split_arguments(text)


@pytest.mark.parametrize(
    ("spec", "known"),
    [
        (ServerSpec(), None),
        (ServerSpec(slots=16), 16),
        (ServerSpec(slots=16, data_parallel=2), 32),
        (ServerSpec(server_args="--enforce-eager --max-num-seqs 8"), 8),
        (ServerSpec(slots=16, server_args="--max_num_seqs=8 -O0"), 8),
        (ServerSpec(server_args="--max-num-seqs"), None),
    ],
)
def test_what_the_copies_work_on_at_once_is_known_where_it_is_said(spec: ServerSpec, known: int | None) -> None:
    assert sequences(spec, make_plan(None, [], spec)) == known


def test_programs_are_named_as_people_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert program_of("/opt/v/bin/vllm") == ("/opt/v/bin/vllm", "serve")
    assert program_of("/opt/v/bin/vllm serve") == ("/opt/v/bin/vllm", "serve")
    assert program_of("venv/bin/vllm")[0] == str(tmp_path / "venv/bin/vllm")
    assert program_of("uvx --from vllm==0.33.0 vllm")[-1] == "serve"
    with pytest.raises(UsageError, match="--server-command is empty"):
        program_of(" ")


def test_the_server_gets_the_gpus_and_caches_and_no_secret_but_the_hubs() -> None:
    environ = {
        "PATH": "/bin",
        "HF_TOKEN": "hf",
        "OPENAI_API_KEY": "sk",
        "MY_SECRET": "s",
        "AWS_SESSION_TOKEN": "t",
        "PYTHONPATH": "/ours",
        "VIRTUAL_ENV": "/ours",
        "HUGGINGFACE_CACHE": "/cache/hf",
        "VLLM_CACHE": "/cache/vllm",
        "CUDA_VISIBLE_DEVICES": "GPU-2,GPU-0",
        "NCCL_DEBUG": "INFO",
    }
    plan = make_plan(None, GPUS, ServerSpec(data_parallel=2))
    found = environment(environ, plan, local=True)
    assert found["CUDA_VISIBLE_DEVICES"] == "2,0"
    assert found["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert found["HF_HOME"] == "/cache/hf"
    assert found["VLLM_CACHE_ROOT"] == "/cache/vllm"
    assert found["HF_HUB_OFFLINE"] == "1"
    assert found["HF_TOKEN"] == "hf"
    assert found["NCCL_DEBUG"] == "INFO"
    assert not found.keys() & {"OPENAI_API_KEY", "MY_SECRET", "AWS_SESSION_TOKEN", "PYTHONPATH", "VIRTUAL_ENV"}
    assert "HF_HUB_OFFLINE" not in environment({}, plan, local=False)


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, "saiten.vllmX"),
        ({"JOB_NAME": "eval", "JOB_ID": "123"}, "eval.vllm123"),
        ({"PBS_JOBNAME": "eval", "PBS_JOBID": "77.pbs1"}, "eval.vllm77"),
        ({"SLURM_JOB_NAME": "../x y", "SLURM_JOB_ID": "5"}, "_x_y.vllm5"),
        ({"JOB_NAME": "no job of a scheduler"}, "saiten.vllmX"),
    ],
)
def test_the_log_is_named_after_the_job(environ: dict[str, str], name: str) -> None:
    assert log_name(environ, "X") == name


def make(folder: Path, *versions: str) -> dict[str, str]:
    for version in versions:
        (folder / "vllm" / version / "bin").mkdir(parents=True)
        (folder / "vllm" / version / "bin" / "python").touch()
    return {"UV_CACHE": str(folder)}


def test_the_newest_version_is_taken_and_any_other_can_be_named(tmp_path: Path) -> None:
    environ = make(tmp_path, "0.9.2", "0.33.0", "0.10.0")
    (tmp_path / "vllm" / ".building-x" / "bin").mkdir(parents=True)
    assert [found.version for found in installed(environ)] == ["0.9.2", "0.10.0", "0.33.0"]
    assert find(None, environ).version == "0.33.0"
    assert find("0.9.2", environ).version == "0.9.2"
    assert find(None, environ | {"VLLM_VERSION": "0.10.0"}).version == "0.10.0"
    with pytest.raises(
        UserError, match=r"there is no vLLM 0\.33\.1 in .*did you mean '0\.33\.0'.*setup --vllm 0\.33\.1"
    ):
        find("0.33.1", environ)


def test_where_nothing_is_installed_three_ways_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"saiten setup --vllm VERSION.*--server-command.*--attach URL"):
        find(None, {"UV_CACHE": str(tmp_path)})
    assert environments({"SAITEN_CACHE": str(tmp_path)}) == tmp_path / "vllm"


def test_uv_keeps_its_downloads_beside_the_environments() -> None:
    settings = uv_settings({"UV_CACHE": "/c", "VIRTUAL_ENV": "/ours", "UV_INDEX_URL": "u"})
    assert settings == {"UV_CACHE": "/c", "UV_CACHE_DIR": "/c/uv", "UV_INDEX_URL": "u"}
    assert uv_settings({"UV_CACHE": "/c", "UV_CACHE_DIR": "/d"})["UV_CACHE_DIR"] == "/d"
