"""What people type wrong gets one line that says what, where, and what instead."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.faultd import Fault, FaultServer, Reply


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def one_line(text: str, *, after_progress: bool = False) -> str:
    """Return the only line of an error output; progress lines are no errors."""
    lines = [line for line in text.splitlines() if "choices, " not in line]
    assert len(lines) == 1, text
    assert lines[0].startswith("saiten: ")
    assert "Traceback" not in text
    return lines[0]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_an_address_where_nothing_listens(saiten: Saiten) -> None:
    done = saiten.run(f"http://127.0.0.1:{free_port()}/v1", [questions(saiten.folder, 2)])
    assert done.returncode == 5
    said = one_line(done.stderr)
    assert "cannot reach http://127.0.0.1" in said
    assert "--base-url" in said


def test_an_attached_server_that_is_not_there(saiten: Saiten) -> None:
    attach = ("--attach", f"http://127.0.0.1:{free_port()}/v1")
    done = saiten("run", "m", *attach, "--benchmarks", str(questions(saiten.folder, 2)))
    assert done.returncode == 5
    assert "check --attach (or --base-url) and the network" in one_line(done.stderr)


@pytest.mark.parametrize("wanted", ["abc", "../x", "0.33.0/..", "latest", "=0.33", "0.33.0 --pre"])
def test_what_is_no_version_of_vllm_is_told_before_anything_is_installed(saiten: Saiten, wanted: str) -> None:
    done = saiten("setup", "--vllm", "0.33.0", f"--vllm={wanted}")
    assert done.returncode == 4
    said = one_line(done.stderr)
    assert said == f"saiten: --vllm {wanted!r} is no version; give it as the package index names it, e.g. 0.33.0"
    assert not (saiten.folder / "cache").exists()


def test_a_gguf_file_that_is_not_there_is_told_before_llama_cpp_is_installed(saiten: Saiten) -> None:
    done = saiten("run", "lost.gguf", "--benchmarks", str(questions(saiten.folder, 2)))
    assert done.returncode == 4
    assert one_line(done.stderr) == "saiten: cannot read the model lost.gguf: No such file or directory"
    assert not (saiten.folder / "cache").exists()


def test_a_wrong_key(saiten: Saiten) -> None:
    with FaultServer([Fault(status=401)], models=None) as server:
        done = saiten(
            *("run", "m", "--provider", "openai", "--base-url", server.base_url),
            *("--benchmarks", str(questions(saiten.folder, 2))),
        )
    assert done.returncode == 4
    said = one_line(done.stderr)
    assert "OPENAI_API_KEY" in said
    assert "sk-canary" not in said


def test_a_model_that_the_server_does_not_serve(saiten: Saiten) -> None:
    with FaultServer(models=["Qwen/Qwen3-8B"]) as server:
        done = saiten.run(server.base_url, [questions(saiten.folder, 2)])
        assert done.returncode == 4
        assert "'Qwen/Qwen3-8B'" in one_line(done.stderr)
        assert server.ledger == []


def test_thoughts_that_nobody_took_out_are_told(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 2)
    with FaultServer(answer=lambda *_: Reply(text="<think>hm</think>A")) as server:
        assert "say --reasoning-parser tags" in saiten.run(server.base_url, [quiz]).stderr
        for number, meant in enumerate(("ignore", "tags")):
            options = ("--reasoning-parser", meant, "--output-dir", str(number))
            assert "thoughts" not in saiten.run(server.base_url, [quiz], *options).stderr


def test_a_missing_key_names_its_variable(saiten: Saiten) -> None:
    done = saiten("run", "m", "--provider", "deepinfra", "--benchmarks", str(questions(saiten.folder, 2)))
    assert done.returncode == 4
    assert "DEEPINFRA_API_KEY" in one_line(done.stderr)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("run", "m", "--benchmarks", "jmlu"), 2, "did you mean 'jmmlu'"),
        (("run", "m", "--benchmarks", "no/such/file.py"), 4, "file.py"),
        (("run", "m", "--benchmarks", ","), 2, "names no benchmark"),
        (("run", "m"), 2, "--benchmarks"),
        (("run", "m", "--benchmarks", "jmmlu", "--provider", "opnai"), 4, "'openai'"),
        (("run", "https://h.example/o/m", "--benchmarks", "jmmlu"), 2, "neither org/name, nor a folder"),
        (("serve", "./m", "--key-file", "no/such/folder/key"), 4, "cannot write --key-file no/such"),
        (("run", "org/model/", "--benchmarks", "jmmlu"), 2, "say who serves it with --provider"),
        (("run", "m", "--benchmarks", "jmmlu", "--samples", "0"), 2, "--samples 0: must be at least 1"),
        (("run", "m", "--benchmarks", "jmmlu", "--temperature", "warm"), 2, "'warm' is not a number"),
        (("run", "m", "--benchmarks", "jmmlu", "--top-p", "1.5"), 2, "--top-p 1.5"),
        (("run", "m", "--benchmarks", "jmmlu", "--max-sample", "3"), 2, "--max-sample"),
        (("run", "m", "--benchmarks", "jmmlu", "--chat-template-kwargs", "{x"), 2, "not JSON"),
        (("score", "nowhere"), 4, "nowhere is not a run directory"),
        (("rum",), 2, "did you mean 'run'"),
    ],
)
def test_what_is_typed_wrong(arguments: tuple[str, ...], status: int, says: str, saiten: Saiten) -> None:
    done = saiten(*arguments)
    assert done.returncode == status, done.stderr
    assert says in one_line(done.stderr)
    assert list(saiten.folder.glob("results/*")) == []


@pytest.mark.parametrize(("name", "value"), [("LITELLM_CONCURRENT_CALLS", "many"), ("REQUEST_TIMEOUT", "-1")])
def test_a_variable_that_cannot_be_meant(name: str, value: str, saiten: Saiten) -> None:
    quiz = str(questions(saiten.folder, 2))
    done = saiten("run", "m", "--provider", "vllm", "--benchmarks", quiz, extra={name: value})
    assert done.returncode == 4
    assert f"{name}='{value}'" in one_line(done.stderr)


def test_the_old_variables_set_ceiling_and_timeout(saiten: Saiten) -> None:
    with FaultServer([Fault(hang=True, times=1)]) as server:
        quiz = questions(saiten.folder, 6)
        done = saiten.run(server.base_url, [quiz], extra={"LITELLM_CONCURRENT_CALLS": "2", "REQUEST_TIMEOUT": "0.5"})
        assert done.returncode == 0, done.stderr
        assert server.connections <= 4
        assert len(server.ledger) == 7  # the one that said nothing for half a second was asked again


def test_a_dot_env_file_gives_the_key_and_the_environment_goes_first(saiten: Saiten) -> None:
    file = saiten.folder / ".env"
    file.write_text("DEEPINFRA_API_KEY=from-file\n")
    file.chmod(0o600)
    quiz = str(questions(saiten.folder, 1))
    with FaultServer() as server:
        arguments = ("run", "m", "--provider", "deepinfra", "--base-url", server.base_url, "--benchmarks", quiz)
        assert saiten(*arguments).returncode == 0
        assert saiten(*arguments, "--output-dir", "b", extra={"DEEPINFRA_API_KEY": "set"}).returncode == 0
        keys = [entry.headers["authorization"] for entry in server.ledger]
    assert keys == ["Bearer from-file", "Bearer set"]


def test_an_error_in_a_dot_env_file_is_told_with_its_line(saiten: Saiten) -> None:
    file = saiten.folder / ".env"
    file.write_text("A=1\nnot an assignment\n")
    file.chmod(0o600)
    done = saiten("run", "m", "--provider", "vllm", "--benchmarks", str(questions(saiten.folder, 1)))
    assert done.returncode == 4
    assert ".env" in done.stderr
    assert "2" in done.stderr


def test_a_missing_library_is_told_before_anything_is_asked(saiten: Saiten) -> None:
    (saiten.folder / "sitecustomize.py").write_text("import sys\nsys.modules['sacrebleu'] = None\n")
    quiz = str(questions(saiten.folder, 2))
    with FaultServer() as server:
        done = saiten.run(server.base_url, [quiz, "wmt20_ja_en"], extra={"PYTHONPATH": str(saiten.folder)})
        assert server.ledger == []
    assert done.returncode == 4
    assert "pip install 'saiten[translation]'" in one_line(done.stderr)
    assert list(saiten.folder.glob("results/*")) == []
