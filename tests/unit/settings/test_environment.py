"""The variables of `.env`: the template, the checks and the manual say the same."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from saiten.errors import UserError
from saiten.settings.dotenv import parse_dotenv
from saiten.settings.environment import (
    Environment,
    check_dotenv,
    default_output,
    env_template,
    load_dotenv,
    value_has_gap,
)
from saiten.settings.options import field_docs

ROOT = Path(__file__).parents[3]
NAMES = [item.name for item in fields(Environment)]
GOOD = """\
GROUP_AND_NAME="tga-lab/tanaka"
REPO_PATH="/gs/fs/${GROUP_AND_NAME}/saiten"
STORE_PATH=/gs/bs/$GROUP_AND_NAME/store
TSUBAME_GROUP=tga-lab
OPENAI_API_KEY='sk-abc$def'
LITELLM_CONCURRENT_CALLS=200
DEEPINFRA_API_KEY=
"""


def env_file(folder: Path, text: str) -> Path:
    path = folder / ".env"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


def test_the_template_in_the_repository_is_the_one_that_the_class_gives() -> None:
    assert (ROOT / ".env_template").read_text("utf-8") == env_template()


def test_the_template_names_every_variable_with_its_help_and_can_be_read() -> None:
    text = env_template()
    docs = field_docs(Environment)
    for name in NAMES:
        assert f'{name}="' in text
        assert f"# {docs[name]}.\n" in text
    assert parse_dotenv(text, "t")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_manual_explains_every_variable(language: str) -> None:
    page = (ROOT / "docs" / language / "environment.md").read_text("utf-8")
    assert [name for name in NAMES if f"| `{name}` |" not in page] == []


def test_an_untouched_template_is_told_line_by_line(tmp_path: Path) -> None:
    text = env_template()
    checked = check_dotenv(env_file(tmp_path, text))
    told = {error.split()[1] for error in checked.errors}
    assert told == {name for name in NAMES if f'\n{name}="' in text}
    assert all("still has the template's value" in error for error in checked.errors)


def test_a_good_file_gives_typed_values_and_hides_secrets(tmp_path: Path) -> None:
    checked = check_dotenv(env_file(tmp_path, GOOD))
    assert (checked.errors, checked.warnings) == ([], [])
    found = checked.environment
    assert found.REPO_PATH == "/gs/fs/tga-lab/tanaka/saiten"
    assert found.STORE_PATH == "/gs/bs/tga-lab/tanaka/store"
    assert found.OPENAI_API_KEY == "sk-abc$def"
    assert found.DEEPINFRA_API_KEY is None
    assert "sk-abc" not in "\n".join(checked.summary())


def test_everything_wrong_is_told_at_once_with_lines_and_without_values(tmp_path: Path) -> None:
    lines = [
        "GROUP_AND_NAME=canary",
        "REPO_PATH=canary/relative",
        "OPENAI_API_KEI=canary",
        "HF_TOKEN=hf_...",
        "DEEPINFRA_API_KEY='can ary'",
        "LITELLM_CONCURRENT_CALLS=canary",
        "TSUBAME_GROUP={tsubame_group}",
        "HF_TOKEN=canary",
        "STORE_PATH=$CANARY",
        "MY_OWN=canary",
        "ABCI_GROUP='can ary'",
        "VLLM_VERSION=newest-canary",
    ]
    checked = check_dotenv(env_file(tmp_path, "\n".join(lines)))
    found = [int(error.split(":")[1]) for error in checked.errors]
    assert found == [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12]
    assert "did you mean 'OPENAI_API_KEY'" in checked.errors[2]
    assert [warning.split(": ")[1] for warning in checked.warnings] == ["no variable MY_OWN"]
    assert "canary" not in "".join(checked.errors + checked.warnings)


def test_keys_of_further_providers_are_known(tmp_path: Path) -> None:
    checked = check_dotenv(env_file(tmp_path, "MY_OWN=x\n"), frozenset({"MY_OWN"}))
    assert checked.warnings == []


@pytest.mark.parametrize("value", ["{your_name}", "/gs/{group}/x", "sk-...", "...", "hf_...", "sk-iloveswallow"])
def test_values_of_the_old_and_the_new_template_are_gaps(value: str) -> None:
    assert value_has_gap(value)


def test_loading_keeps_the_environment_and_leaves_gaps_out(tmp_path: Path) -> None:
    environ = {"TSUBAME_GROUP": "mine"}
    load_dotenv(env_file(tmp_path, GOOD + "HF_TOKEN=hf_...\n"), environ)
    assert environ["TSUBAME_GROUP"] == "mine"
    assert environ["REPO_PATH"] == "/gs/fs/tga-lab/tanaka/saiten"
    assert not environ.keys() & {"HF_TOKEN", "DEEPINFRA_API_KEY"}
    with pytest.raises(UserError, match="stands already"):
        load_dotenv(env_file(tmp_path, "A=1\nA=2\n"), environ)


def test_results_go_to_the_store_where_there_is_one() -> None:
    assert default_output({"STORE_PATH": "/store"}) == Path("/store")
    assert default_output({}) == Path()
