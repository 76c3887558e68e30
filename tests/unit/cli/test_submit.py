"""What can be wrong with a submission is told before anything is submitted, in one line, or in one for each mistake."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from saiten.cli import Parser, main, run
from saiten.cli.evaluation import EXAMPLE, read_evaluation
from saiten.cli.submit import agreed, configure, each_model, order_of
from saiten.clusters.scheduler import JobStatus
from saiten.errors import UsageError, UserError

WHERE = ["--service", "local", "--node-kind", "cpu"]
DEMO = ["m", "--provider", "vllm", "--base-url", "http://127.0.0.1:9/v1", "--benchmarks", "sample_math"]


def arguments(*words: str) -> argparse.Namespace:
    parser = Parser(prog="saiten submit", allow_abbrev=False)
    configure(parser)
    return parser.parse_args(list(words))


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SAITEN_LOCAL", str(tmp_path / "queue"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name in ("STORE_PATH", "TSUBAME_GROUP", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["submit"], 2, "MODEL is missing"),
        (["submit", "m"], 2, "--service is missing"),
        (["submit", "m", "--service", "local"], 2, "--node-kind is missing"),
        (["submit", "m", "--service", "tsubami", "--node-kind", "node_q"], 4, "did you mean 'tsubame'"),
        (["submit", "m", "--service", "tsubame", "--node-kind", "node_x"], 4, "did you mean"),
        (["submit", *DEMO, "--service", "local", "--node-kind", "gpu_9", "--dry-run"], 4, "needs 9 GPUs and this"),
        (["submit", *DEMO, "--service", "slurm", "--node-kind", "cpu", "--output-dir", "a b"], 4, "blanks in a path"),
        (["submit", *DEMO, *WHERE, "--walltime", "4h"], 2, "H:MM:SS"),
        (["submit", *DEMO, *WHERE, "--walltime", "0:00:00"], 2, "a job needs some time"),
        (["submit", *DEMO, *WHERE, "--shards", "0"], 2, "not a whole number above 0"),
        (["submit", *DEMO, *WHERE], 2, "say --yes"),
        (["submit", *DEMO, *WHERE, "--benchmark=jmmlu"], 2, "did you mean '--benchmarks'"),
        (["submit", "m", *WHERE, "--provider", "vllm", "--base-url", "http://x", "--benchmarks", "jmlu"], 2, "jmmlu"),
        (["submit", "lost.yaml", *WHERE], 4, "lost.yaml"),
        (["cancel"], 2, "say --all"),
        (["cancel", "12"], 4, "no submission is called '12'"),
        (["resubmit"], 4, "has no submissions"),
        (["run", "--job", "lost.json"], 4, "cannot read the job file lost.json"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == status
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert "Traceback" not in error


def test_a_dry_run_shows_the_plan_and_submits_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", *DEMO, *WHERE, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "en_sample_math: m on local cpu" in shown
    assert "nothing was submitted" in shown
    assert not (tmp_path / "submissions").exists()


def test_a_key_that_only_the_shell_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    words = ["submit", "gpt-4o", *WHERE, "--provider", "openai", "--benchmarks", "sample_math", "--dry-run"]
    assert main(words) == 4
    error = capsys.readouterr().err
    assert "OPENAI_API_KEY is set in this shell" in error
    assert "canary" not in error
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-canary-0123456789\n")
    (tmp_path / ".env").chmod(0o600)
    assert main(words) == 0


def test_a_judges_key_that_only_the_shell_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JUDGE_API_KEY", raising=False)
    monkeypatch.delenv("JUDGE_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    words = ["submit", "org/m", "--service", "local", "--node-kind", "cpu", "--provider", "vllm", "--dry-run"]
    assert main([*words, "--benchmarks", "mt_bench_ja"]) == 4
    assert "OPENAI_API_KEY is set in this shell" in capsys.readouterr().err
    assert main([*words, "--benchmarks", "sample_math"]) == 0


def test_the_plan_tells_what_a_provider_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-canary-0123456789\n")
    (tmp_path / ".env").chmod(0o600)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    words = ["submit", "gpt-4o", *WHERE, "--provider", "openai", "--benchmarks", "sample_math", "--dry-run"]
    assert main(words) == 0
    assert "answers of gpt-4o: the cost is not known" in capsys.readouterr().out
    (tmp_path / "providers.yaml").write_text("openai:\n  prices: {gpt-4o: {input: 2.5, output: 1000000}}\n")
    monkeypatch.setenv("REPO_PATH", str(tmp_path))
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert "at openai's price" in shown
    assert "answers of providers: about " in shown


def test_nobody_is_asked_where_nobody_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--yes"):
        agreed(lambda _: "y")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert agreed(lambda _: " Yes ")
    assert not agreed(lambda _: "")


def test_the_example_is_a_valid_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TSUBAME_GROUP", "tga-lab")
    path = tmp_path / "evaluation.yaml"
    path.write_text(EXAMPLE)
    first, second, third = read_evaluation(path, arguments("evaluation.yaml"))
    assert (first.model, first.service, first.node_kind) == ("Qwen/Qwen3-8B", "tsubame", "node_q")
    assert (first.reasoning_parser, first.settings) == ("qwen3", None)
    assert (second.node_kind, second.shards, second.priority, second.benchmarks) == ("node_f", 2, -5, "ja,en")
    assert (third.provider, third.benchmarks) == ("openai", "mmlu_pro,jmmlu")
    assert order_of(third).group == "tga-lab"


def test_the_printed_example_can_be_tried_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--example"]) == 0
    (tmp_path / "evaluation.yaml").write_text(capsys.readouterr().out)
    assert main(["submit", "evaluation.yaml", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "Llama-3.3-Swallow-70B-Instruct-v0.4 on tsubame node_f" in shown
    assert "nothing was submitted" in shown


def test_a_settings_name_of_a_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "e.yaml").write_text(
        "service: local\nnode_kind: cpu\nprovider: vllm\nbenchmarks: [sample_math]\nmodels:\n"
        "  - model: a/b\n    settings: think\n  - model: c/d\n    temperature: -1\n"
    )
    words = ["submit", "e.yaml", "--dry-run"]
    monkeypatch.setenv("REPO_PATH", str(tmp_path))
    assert main(words) == 4
    first, *rest = capsys.readouterr().err.splitlines()
    assert "e.yaml:7: no settings 'think' for a/b: there is no folder" in first
    assert rest == []
    folder = tmp_path / "scripts/generation_settings/custom_model_settings/a"
    folder.mkdir(parents=True)
    (folder / "b.yaml").write_text("thinking:\n  temperature: 0.6\n")
    assert main(words) == 4
    assert "e.yaml:7: no settings 'think' for a/b; did you mean 'thinking'?" in capsys.readouterr().err
    (folder / "b.yaml").write_text("think:\n  temperature: 0.6\n  top_q: 1\n")
    assert main(words) == 4
    assert "b.yaml:3: " in (told := capsys.readouterr().err)
    assert "e.yaml:7: " in told
    (folder / "b.yaml").write_text("think:\n  temperature: 0.6\n")
    assert main(words) == 4  # the next mistake: only the value of an option, at its model
    assert "e.yaml:8: " in (told := capsys.readouterr().err)
    assert "temperature" in told


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("service: local\nnode_kind: gpu_1\nno_details: true\npredownload: no\nmodels:\n  - model: a/b\n")
    (one,) = each_model(arguments("e.yaml", "--node-kind", "cpu", "--max-samples", "3"))
    assert (one.node_kind, one.max_samples, one.no_details, one.predownload) == ("cpu", 3, True, False)


def test_all_mistakes_of_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "service: local\nnode_kid: cpu\nmodels:\n  - model: a/b\n    shards: many\n  - settings: x\n"
        "  - model: c/d\n    no_details: perhaps\n"
    )
    with pytest.raises(UserError) as error:
        list(read_evaluation(path, arguments("e.yaml")))
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert "e.yaml:2: no option 'node_kid'; did you mean 'node_kind'?" in lines[0]
    assert "e.yaml:5: argument --shards: 'many' is not a whole number above 0" in lines[1]
    assert "e.yaml:6: an entry of models needs `model: NAME`" in lines[2]
    assert "e.yaml:8: no_details must be true or false" in lines[3]


def test_names_and_values_of_a_file_are_looked_up_before_anything_is_done(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "service: abci\nnode_kind: rt_HG\npriority: -5\nwalltime: 4h\nmodels:\n  - model: a/b\n    node_kind: rt_HX\n"
        "    shards: 0\n    temperature: hot\n  - model: c/d\n    benchmarks: [jmmlux]\n    service: abcd\n"
    )
    with pytest.raises(UserError) as error:
        list(read_evaluation(path, arguments("e.yaml")))
    told = str(error.value).splitlines()
    assert sorted(int(line.split(":")[1]) for line in told) == [3, 4, 7, 8, 9, 11, 12]
    assert any("e.yaml:7: service abci has no node kind 'rt_HX'; did you mean" in line for line in told)
    assert any("e.yaml:12: no service 'abcd'; did you mean 'abci'?" in line for line in told)


def test_every_model_of_a_file_is_checked_for_its_provider_its_walltime_and_lists_of_words(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(
        "service: tsubame\nnode_kind: node_q\ngroup: g\nmodels:\n  - model: a/b\n    walltime: 48:00:00\n"
        "  - model: c/d\n    provider: opnai\n    reasoning_parser: [qwen3, {x: y}]\n"
        "  - model: e/f\n    walltime: 24:00:00\n    provider: openai\n"
    )
    with pytest.raises(UserError) as error:
        list(read_evaluation(path, arguments("e.yaml")))
    told = sorted(str(error.value).splitlines())
    assert [int(line.split(":")[1]) for line in told] == [6, 8, 9]
    assert told[0].endswith("e.yaml:6: walltime 48:00:00: tsubame takes at most 24:00:00")
    assert "'opnai'" in told[1]
    assert told[2].endswith("reasoning_parser must be a word, a number or a list of words")


def test_what_a_site_does_not_take_is_told_before_anything_is_fetched(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ABCI_GROUP", raising=False)
    words = ["submit", *DEMO, "--service", "abci", "--node-kind", "rt_HG", "--dry-run"]
    assert main(words) == 4
    assert "abci needs a group to charge: set ABCI_GROUP in .env" in capsys.readouterr().err
    assert main([*words, "--group", "g", "--priority=-5"]) == 4
    assert "priority -5: abci offers none" in capsys.readouterr().err
    assert main([*words, "--group", "g", "--walltime", "200:00:00"]) == 4
    shown = capsys.readouterr()
    assert "walltime 200:00:00: abci takes at most 168:00:00" in shown.err
    assert "expected" not in shown.out


def test_nothing_is_fetched_before_the_plan_was_agreed_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("saiten.cli.predownload.predownload", lambda spec, **_: asked.append(spec.model))
    monkeypatch.setattr("saiten.clusters.submit.submit", lambda *_, **__: [])
    words = ["submit", *DEMO, *WHERE, "--predownload"]
    assert main(words) == 2
    assert "en_sample_math: m on local cpu" in capsys.readouterr().out
    assert asked == []
    assert main([*words, "--yes"]) == 0
    assert asked == ["m"]


def test_each_scheduler_is_asked_once_about_all_new_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    from saiten.clusters.local import LocalScheduler

    asked: list[int] = []

    def poll(_scheduler: LocalScheduler, ids: Sequence[str]) -> dict[str, JobStatus]:
        asked.append(len(ids))
        return {}

    monkeypatch.setattr(LocalScheduler, "submit", lambda _self, request: request.name)
    monkeypatch.setattr(LocalScheduler, "poll", poll)
    words = ["submit", "m", "n", *DEMO[1:-1], "sample_math,sample_choice_ja", *WHERE]
    assert main([*words, "--one-job-per-benchmark", "--no-predownload", "--yes"]) == 0
    assert asked == [4]


def test_a_plan_without_a_group_says_that_it_is_a_trial(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", *DEMO, "--service", "tsubame", "--node-kind", "node_q", "--dry-run"]) == 0
    assert "(a trial: no TSUBAME_GROUP)" in capsys.readouterr().out


def test_a_file_without_models_says_so(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text("service: local\n")
    with pytest.raises(UserError, match="no models"):
        list(read_evaluation(path, arguments("e.yaml")))


def test_what_was_learnt_is_used_for_the_next_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from saiten.clusters.record import JobReport, folder_of, write_report, write_submission
    from tests.unit.clusters.test_record import submission

    folder = folder_of(tmp_path)
    write_submission(folder, submission("a", model="m", node_kind="cpu", service="local", refused="x"))
    told = {"asking_seconds": 50.0, "output_tokens": {"sample_math": 1000}, "choices": {"sample_math": 10}}
    report = JobReport(job_id="1", host="h", pid=1, started=0.0, ends=9.0, **told)  # type: ignore[arg-type]
    write_report(folder, "a", report)
    assert main(["submit", *DEMO, *WHERE, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "learnt: 20 tokens/s of m on cpu" in shown
    assert json.loads((folder / "a.report.json").read_text())["asking_seconds"] == 50.0


def test_an_open_model_is_measured_by_everything_where_nobody_says_what() -> None:
    parser = Parser(prog="saiten run", allow_abbrev=False)
    run.add_run_options(parser)
    assert run.specification(parser.parse_args(["org/model"])).benchmarks == ("ja", "en")
    assert run.specification(parser.parse_args(["small.gguf"])).benchmarks == ("ja", "en")
    with pytest.raises(UsageError, match="--benchmarks is missing"):
        run.specification(parser.parse_args(["gpt-4o"]))
