"""The old command line: what it asks for is done, or refused by name; a key is never shown."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from saiten.cli import Parser, main
from saiten.cli.endpoint import REFUSED, SWITCHES, check_options, configure, option_warnings, read_tasks, specification
from saiten.errors import Exit, UsageError
from saiten.settings.legacy import parse_model
from saiten.types import Sampling
from tests.helpers.faultd import FaultServer

KEY = "sk-canary-endpoint"
PREFIXES = {"openai": "openai", "hosted_vllm": "vllm"}
MODEL = "model=openai/m,base_url=http://127.0.0.1:9/v1"


def parse(*extra: str, tasks: str = "swallow|math_500|0|0", model: str = MODEL) -> argparse.Namespace:
    parser = Parser(prog="saiten endpoint", allow_abbrev=False)
    configure(parser)
    return parser.parse_args(["litellm", model, tasks, *extra])


def test_the_documented_command_becomes_a_specification() -> None:
    text = (
        f"model=openai/o3,api_key={KEY},base_url=https://x/v1,reasoning_parser=deepseek_r1_markup,"
        "generation_parameters={temperature:0.2,max_n:4}"
    )
    args = parse(
        *("--use-chat-template", "--system-prompt", "日本語で", "--output-dir", "D", "--output-subdir", "/greedy"),
        *("--max-samples", "5", "--save-details"),
        model=text,
    )
    check_options(args)
    spec, access = specification(args, read_tasks(args.tasks), parse_model(args.model_args, PREFIXES))
    assert (spec.model, spec.provider, spec.settings, spec.max_samples) == ("o3", "openai", "greedy", 5)
    assert spec.benchmarks == ("swallow|math_500|0|0",)
    assert spec.system_message == "日本語で"
    assert spec.sampling == Sampling(temperature=0.2)
    assert spec.reasoning_parser == "deepseek_r1_markup"
    assert (access.api_key, access.base_url, access.max_n) == (KEY, "https://x/v1", 4)
    assert (args.output_dir, args.save_details) == (Path("D"), True)
    assert KEY not in repr(spec) + repr(access)
    assert option_warnings(args) == []


def test_tasks_are_a_list_or_a_file(tmp_path: Path) -> None:
    both = ("swallow|swallow_jmmlu|0|0", "swallow|gpqa:diamond|0|1")
    assert read_tasks(" swallow|swallow_jmmlu|0|0, swallow|gpqa:diamond|0|1,swallow|swallow_jmmlu|0|0") == both
    path = tmp_path / "tasks.txt"
    path.write_text("# all\nswallow|swallow_jmmlu|0|0\n\nswallow|gpqa:diamond|0|1, # more\n")
    assert read_tasks(str(path)) == both


@pytest.mark.parametrize(
    ("tasks", "problem"),
    [
        ("swallow|math_500", "no task id"),
        ("swallow|math_500|0|0|0", "no task id"),
        ("swallow|math_500|5|0", "few-shot examples are not supported; write swallow|math_500|0|0"),
        ("swallow|math_500|0|2", "the last number must be 0 or 1"),
        ("swalow|math_500|0|0", "no suite 'swalow'; there is only swallow"),
        ("math_500", "no list of tasks (suite|task"),
        (",|,", "no task id"),
        ("", "no list of tasks"),
    ],
)
def test_wrong_tasks_are_told(tasks: str, problem: str) -> None:
    with pytest.raises(UsageError, match="swallow") as caught:
        read_tasks(tasks)
    assert problem in str(caught.value)


def test_a_wrong_line_of_a_task_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "tasks.txt"
    path.write_text("swallow|math_500|0|0\nswallow|math_500|3|0\n")
    with pytest.raises(UsageError, match=r"tasks\.txt:2: .*few-shot"):
        read_tasks(str(path))
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="not a text file"):
        read_tasks(str(path))
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="names no task"):
        read_tasks(str(path))


@pytest.mark.parametrize("name", REFUSED)
def test_options_without_a_meaning_are_refused_with_advice(name: str) -> None:
    args = parse(name) if name in SWITCHES else parse(name, "x")
    with pytest.raises(UsageError) as caught:
        check_options(args)
    assert str(caught.value) == f"{name} is not supported: {REFUSED[name]}"


@pytest.mark.parametrize(
    "options",
    [
        ("--no-use-chat-template",),
        ("--num-fewshot-seeds", "3"),
        ("--override-batch-size", "8"),
        ("--max-samples", "0"),
    ],
)
def test_options_that_would_change_the_measurement_are_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=options[0]):
        check_options(parse(*options))


def test_options_that_change_nothing_are_accepted() -> None:
    check_options(
        parse(
            *("--num-fewshot-seeds", "1", "--override-batch-size", "-1", "--dataset-loading-processes", "8"),
            *("--job-id", "7", "--no-push-to-hub", "--no-public-run", "--no-push-to-tensorboard", "--no-save-details"),
        )
    )


def test_bare_text_is_not_sent_without_a_word() -> None:
    assert "chat messages" in option_warnings(parse())[0]


def told(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    """Run the command; return its status and what it said on standard error."""
    status = main(["endpoint", *argv])
    captured = capsys.readouterr()
    assert captured.out == ""
    return status, captured.err


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (("vllm", MODEL, "swallow|math_500|0|0"), "there is only `endpoint litellm`"),
        (("litellm", MODEL), "required"),
        (("litellm", MODEL, "swallow|bfcl_v4:simple|0|0"), "no task 'bfcl_v4:simple'; see: saiten tasks list"),
        (("litellm", MODEL, "swallow|mat_500|0|0"), "did you mean 'math_500'?"),
        (("litellm", MODEL, "swallow|math_500|0|0", "--max-sample", "3"), "--max-sample"),
        (("litellm", f"api_key={KEY}", "swallow|math_500|0|0"), "no model"),
        (
            ("litellm", f"model=openai/m,api_key={KEY},top_p=1", "swallow|math_500|0|0"),
            "no setting 'top_p'; it belongs into generation_parameters",
        ),
        (("litellm", f"model=openai/m,api_key={KEY}{{", "swallow|math_500|9|0"), "few-shot"),
    ],
)
def test_a_wrong_command_is_told_in_one_line_without_the_key(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], problem: str
) -> None:
    status, text = told(capsys, *argv)
    assert status == Exit.USAGE
    assert problem in text
    assert len(text.splitlines()) == 1
    assert KEY not in text


def test_an_old_command_runs_and_its_key_is_in_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LITELLM_CONCURRENT_CALLS", "REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "160")
    with FaultServer() as server:
        arguments = (
            f"model=openai/org/m,api_key={KEY},base_url={server.base_url},generation_parameters={{temperature:0.0}}"
        )
        argv = ["endpoint", "litellm", arguments, "swallow|sample_math|0|0", "--use-chat-template", "--save-details"]
        status = main([*argv, "--max-samples", "3", "--output-dir", str(tmp_path), "--output-subdir", "/greedy"])
        assert [entry.headers["authorization"] for entry in server.ledger] == [f"Bearer {KEY}"] * 3
    captured = capsys.readouterr()
    assert status == Exit.COMPLETE, captured.err
    assert "sample_math" in captured.out
    assert "every user of this node can read it" in captured.err
    (exported,) = (tmp_path / "results/openai/org/m/greedy").glob("results_*.json")
    assert json.loads(exported.read_bytes())["config_general"]["model_name"] == "openai/org/m"
    assert len(list((tmp_path / "details/openai/org/m/greedy").rglob("details_swallow|sample_math*|0_*.parquet"))) == 1
    (manifest,) = (tmp_path / "runs").rglob("run.json")
    assert manifest.parent.parent == tmp_path / "runs/org/m"
    assert KEY not in captured.out + captured.err
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
