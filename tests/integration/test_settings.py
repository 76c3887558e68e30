"""`saiten settings` and `saiten run --settings`: what is shown is what is sent, and what was used is in the results."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.faultd import FaultServer

BLOCKS = """\
warm:
  system_message: 丁寧に答えてください。
  temperature: 0.6
  top_p: 0.95
  max_new_tokens: 512
  reasoning_effort: low
  chat_template_kwargs: {enable_thinking: false}
  version: "3"
broken_elsewhere:
  version: 1
"""


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def settings_file(saiten: Saiten, name: str = "custom_model_settings/vllm/test-model.yaml", text: str = BLOCKS) -> Path:
    path = saiten.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def rows(out: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Return (benchmark, setting) -> (value, origin) of what `settings show` prints."""
    found = {}
    lines = out.splitlines()
    heading = next(line for line in lines if line.startswith("benchmark "))
    starts = [heading.index(word) for word in ("benchmark", "setting", "value", "from")]
    for line in lines[lines.index(heading) + 2 :]:
        cells = [line[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
        found[cells[0], cells[1]] = (cells[2], cells[3])
    return found


def test_what_is_shown_is_what_is_sent_and_what_was_used_is_recorded(saiten: Saiten) -> None:
    settings_file(saiten)
    quiz = questions(saiten.folder, 2, temperature=0.2)
    options = ("--settings", "warm", "--max-tokens", "99")
    shown = saiten(*("settings", "show", "test-model", "--provider", "vllm", "--benchmarks", str(quiz)), *options)
    assert shown.returncode == 0, shown.stderr
    told = rows(shown.stdout)
    file = "custom_model_settings/vllm/test-model.yaml"
    assert told["quiz", "temperature"] == ("0.6", f"{file}:3")
    assert told["quiz", "max_tokens"] == ("99", "command line")
    assert told["(all)", "system_message"][1] == f"{file}:2"
    warning = f"saiten: warning: temperature 0.6 ({file}:3) replaces quiz's own of 0.2"
    assert warning in shown.stderr

    with FaultServer() as server:
        done = saiten.run(server.base_url, [quiz], *options)
    assert done.returncode == 0, done.stderr
    assert warning in done.stderr
    sent = server.ledger[0].body
    for (_, setting), (value, _) in told.items():
        if setting in {"temperature", "top_p", "max_tokens", "reasoning_effort", "chat_template_kwargs"}:
            assert json.dumps(sent[setting]).strip('"') == value, setting
    assert sent["messages"][0] == {"role": "system", "content": "丁寧に答えてください。"}

    run = saiten.folder / "results" / "hosted_vllm" / "test-model" / "warm"
    used = json.loads((run / "run.json").read_text())["spec"]["settings_used"]
    assert (used["path"], used["name"], used["version"]) == (file, "warm", "3")
    assert used["origins"]["temperature"] == f"{file}:3"
    assert used["origins"]["max_tokens"] == "command line"
    aggregated = json.loads((run / "aggregated_results.json").read_text())
    assert aggregated["custom_settings"] == {"path": file, "name": "warm", "version": "3"}


def test_a_benchmark_made_for_another_temperature_is_named_by_show_run_and_submit(saiten: Saiten) -> None:
    settings_file(saiten, text="cold:\n  temperature: 0.2\n  version: 1\n")
    place = "(custom_model_settings/vllm/test-model.yaml:2)"
    warning = f"saiten: warning: temperature 0.2 {place} replaces livecodebench's own of 0.6\n"
    options = ("test-model", "--provider", "vllm", "--settings", "cold", "--benchmarks", "livecodebench,math_500")
    submit = ("submit", *options, "--service", "local", "--node-kind", "cpu", "--dry-run")
    for command in (("settings", "show", *options), ("run", *options, "--base-url", "http://127.0.0.1:9/v1"), submit):
        done = saiten(*command)
        assert warning in done.stderr, done.stderr
        assert "math_500's own" not in done.stderr
    same = saiten("settings", "show", *options, "--temperature", "0.6")
    assert "warning" not in same.stderr


def test_settings_that_changed_are_another_specification(saiten: Saiten) -> None:
    file = settings_file(saiten)
    quiz = questions(saiten.folder, 1)
    with FaultServer() as server:
        assert saiten.run(server.base_url, [quiz], "--settings", "warm").returncode == 0
        file.write_text(BLOCKS.replace("top_p: 0.95", "top_p: 0.9"))
        done = saiten.run(server.base_url, [quiz], "--settings", "warm")
    assert done.returncode == 4
    assert "top_p: 0.95 -> 0.9" in done.stderr


def test_settings_that_are_not_there_are_never_passed_over(saiten: Saiten) -> None:
    quiz = questions(saiten.folder, 1)
    done = saiten.run("http://127.0.0.1:9/v1", [quiz], "--settings", "warm")
    assert done.returncode == 4
    assert "no settings 'warm' for test-model: there is no folder custom_model_settings here" in done.stderr
    settings_file(saiten)
    done = saiten.run("http://127.0.0.1:9/v1", [quiz], "--settings", "warn")
    assert done.returncode == 4
    assert "did you mean 'warm'?" in done.stderr


def test_the_repository_of_dot_env_is_looked_into_and_results_go_to_its_store(saiten: Saiten) -> None:
    repository = saiten.folder / "repository"
    settings_file(saiten, "repository/custom_model_settings/vllm/test-model.yaml")
    env = saiten.folder / ".env"
    env.write_text(f'REPO_PATH="{repository}"\nSTORE_PATH="{saiten.folder}/store"\n')
    env.chmod(0o600)
    with FaultServer() as server:
        done = saiten.run(server.base_url, [questions(saiten.folder, 1)], "--settings", "warm")
    assert done.returncode == 0, done.stderr
    assert (saiten.folder / "store/results/hosted_vllm/test-model/warm/run.json").exists()
    assert server.ledger[0].body["top_p"] == 0.95


DEFAULT = "default:\n  top_p: 0.8\n  version: 5\n"


def test_the_block_default_needs_no_name_and_is_the_same_run_as_named(saiten: Saiten) -> None:
    file = settings_file(saiten, text=DEFAULT + BLOCKS)
    quiz = questions(saiten.folder, 2)
    with FaultServer() as server:
        done = saiten.run(server.base_url, [quiz])
        named = saiten.run(server.base_url, [quiz], "--settings", "default")
        without = saiten.run(server.base_url, [quiz], "--settings", "none")
    assert done.returncode == named.returncode == without.returncode == 0, done.stderr
    line = "saiten: settings 'default' of custom_model_settings/vllm/test-model.yaml are used (--settings none goes"
    assert line in done.stderr
    assert line not in named.stderr + without.stderr
    completions = [asked.body for asked in server.ledger if asked.body.get("messages")]
    assert [body.get("top_p") for body in completions] == [0.8, 0.8, None, None], "the named one asked nothing again"
    run = saiten.directory / "default"
    assert json.loads((run / "run.json").read_text())["spec"]["settings_used"]["version"] == "5"
    assert json.loads((saiten.directory / "run.json").read_text())["spec"]["settings_used"] is None
    file.write_text(DEFAULT.replace("0.8", "8"))
    done = saiten.run(server.base_url, [quiz])
    assert done.returncode == 4
    assert "test-model.yaml:2: default: top_p must be" in done.stderr
    assert "say --settings none to go without" in done.stderr


def test_blocks_that_could_be_chosen_are_named_and_not_used(saiten: Saiten) -> None:
    settings_file(saiten)
    settings_file(saiten, "custom_model_settings/common_settings.yaml", DEFAULT)
    quiz = questions(saiten.folder, 1)
    with FaultServer() as server:
        done = saiten.run(server.base_url, [quiz])
    assert done.returncode == 0, done.stderr
    assert (
        "saiten: no settings are used; custom_model_settings/vllm/test-model.yaml has warm, broken_elsewhere: choose "
        "with --settings NAME\n"
    ) in done.stderr
    assert "top_p" not in server.ledger[0].body
    assert (saiten.directory / "run.json").exists()


def test_what_the_models_own_generation_config_says_is_shown_and_not_applied(saiten: Saiten) -> None:
    model = saiten.folder / "org" / "model"
    model.mkdir(parents=True)
    (model / "generation_config.json").write_text('{"temperature": 0.6, "top_k": 20, "eos_token_id": [1, 2]}')
    show = ("settings", "show", str(model), "--benchmarks", str(questions(saiten.folder, 1)))
    shown = saiten(*show)
    assert shown.returncode == 0, shown.stderr
    named = "generation_config.json of the model (temperature 0.6, top_k 20)"
    assert f"{named}: not applied (saiten starts vLLM with --generation-config vllm)" in shown.stdout
    assert rows(shown.stdout)["quiz", "temperature"] == ("0", "benchmark quiz")
    attached = saiten(*show, "--attach", "http://127.0.0.1:9/v1")
    assert f"{named}: fills in what is not shown here, unless" in attached.stdout
    unknown = saiten("settings", "show", "org/not-here", *show[3:])
    assert "generation_config.json of the model: not applied" in unknown.stdout


def test_check_tells_all_errors_of_all_files(saiten: Saiten) -> None:
    settings_file(saiten)
    settings_file(saiten, "custom_model_settings/common_settings.yaml", "a:\n  tempratur: 1\n  top_p: 3\n")
    settings_file(saiten, "providers.yaml", "mine:\n  max_n: 0\n  base_url: example.org\nopenai:\n  prices: 3\n")
    done = saiten("settings", "check")
    assert done.returncode == 4
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == [
        "providers.yaml:2",
        "providers.yaml:3",
        "providers.yaml:5",
        "custom_model_settings/common_settings.yaml:2",
        "custom_model_settings/common_settings.yaml:3",
    ]
    assert lines[-1] == "3 files checked, 5 errors"
    good = saiten("settings", "check", "custom_model_settings/vllm/test-model.yaml")
    assert (good.returncode, good.stdout) == (0, "1 files checked, 0 errors\n")


def test_env_tells_everything_that_is_wrong_with_the_file(saiten: Saiten) -> None:
    template = saiten("settings", "env", "--template")
    env = saiten.folder / ".env"
    env.write_text(template.stdout + "OPENAI_API_KEI=canary\nX=$(canary)\n")
    env.chmod(0o600)
    done = saiten("settings", "env")
    assert done.returncode == 4
    assert ".env:6: GROUP_AND_NAME still has the template's value" in done.stdout
    assert "did you mean 'OPENAI_API_KEY'" in done.stdout
    assert "X: only ${NAME} of a line above is replaced" in done.stdout
    assert "canary" not in done.stdout + done.stderr


def test_a_key_that_is_still_the_templates_is_no_key(saiten: Saiten) -> None:
    env = saiten.folder / ".env"
    env.write_text('DEEPINFRA_API_KEY="..."\n')
    env.chmod(0o600)
    quiz = str(questions(saiten.folder, 1))
    done = saiten("run", "m", "--provider", "deepinfra", "--benchmarks", quiz)
    assert done.returncode == 4
    assert "needs an API key: set the environment variable DEEPINFRA_API_KEY" in done.stderr
