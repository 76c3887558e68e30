"""Names become parts of paths, and never more than that."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saiten.errors import UserError
from saiten.results.layout import Layout, contained, model_parts, safe_part, timestamp
from saiten.types import RunSpec, Sampling, ServerSpec
from saiten.values import replace
from tests.unit.results.made import benchmark

SAFE = re.compile(r"(?![-.])[A-Za-z0-9._%-]{1,120}(?<!\.)\Z")
HOSTILE = [
    "../../x", "/etc/x", "..", ".", "a//b", "a\0b", "-rf", "~", "con", "a.", "a ", "n" * 300, "é", "e\u0301", "Foo",
    "%2e%2e", "foo\n", "$(id)", ";", "*", "日本語" * 60, "\ud800", ".hidden", "a/../b", "/", "//", "./..", "~/", "a\\b",
]  # fmt: skip


def spec(model: str = "org/model", **changes: object) -> RunSpec:
    return replace(RunSpec(model=model, benchmarks=("jmmlu",)), **changes)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_one_safe_part(name: str) -> None:
    assert SAFE.match(safe_part(name))


@given(st.text(st.characters(), min_size=1))
def test_any_name_becomes_one_safe_part(name: str) -> None:
    assert SAFE.match(safe_part(name))


@given(st.sets(st.text(st.characters(), max_size=150), min_size=2, max_size=8))
def test_different_names_are_different_parts(names: set[str]) -> None:
    assert len({safe_part(name) for name in names}) == len(names)


def test_long_names_with_the_same_beginning_stay_apart() -> None:
    first, second = safe_part("m" * 200 + "1"), safe_part("m" * 200 + "2")
    assert first != second
    assert first.startswith("m" * 100)


def test_ordinary_names_stay_readable() -> None:
    assert safe_part("Llama-3.1-Swallow-8B-Instruct-v0.5") == "Llama-3.1-Swallow-8B-Instruct-v0.5"


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        ("org/model", ("org", "model")),
        ("gpt-4o", ("gpt-4o",)),
        ("accounts/fireworks/models/x", ("accounts", "fireworks/models/x")),
        ("/gs/fs/group/models/org/model", ("org", "model")),
        ("./ckpt/iter_100", ("ckpt", "iter_100")),
        ("~/models/m", ("models", "m")),
        ("../../x", ("x",)),
    ],
)
def test_a_model_has_a_publisher_and_a_name(model: str, parts: tuple[str, ...]) -> None:
    assert model_parts(model) == parts


@pytest.mark.parametrize("model", ["/", "//", "../..", "~", "", "./"])
def test_a_name_without_anything_in_it_is_refused(model: str) -> None:
    with pytest.raises(UserError, match="does not name a model"):
        Layout.of(Path(), spec(model), provider_path="", litellm_prefix="openai")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("where", ["model", "settings", "subdir"])
def test_no_name_leaves_the_output_folder(tmp_path: Path, name: str, where: str) -> None:
    wanted = spec(f"org/{name}" if where == "model" else "org/m", settings=name if where == "settings" else "")
    layouts = [
        Layout.of(tmp_path, wanted, provider_path="", litellm_prefix="openai"),
        Layout.legacy(
            tmp_path, wanted, provider_path="", litellm_prefix="openai", subdir=name if where == "subdir" else ""
        ),
    ]
    for layout in layouts:
        for path in (layout.run, layout.results, layout.details):
            assert ".." not in path.relative_to(tmp_path).parts
            assert len(path.relative_to(tmp_path).parts) >= 2


def test_the_folders_are_the_documented_ones() -> None:
    wanted = spec(settings="greedy")
    layout = Layout.of(Path("out"), wanted, provider_path="hosted_vllm", litellm_prefix="hosted_vllm")
    jmmlu = benchmark("jmmlu", task="swallow_jmmlu", subsets=("anatomy",))
    assert layout.run == Path("out/results/hosted_vllm/org/model/greedy")
    assert layout.results_file("T") == Path("out/outputs/results/hosted_vllm/org/model/greedy/results_T.json")
    assert layout.details_file(jmmlu, "anatomy", "T") == Path(
        "out/outputs/details/hosted_vllm/org/model/greedy/T/details_swallow|swallow_jmmlu:anatomy|0_T.parquet"
    )
    assert layout.scores(jmmlu) == layout.run / "ja/jmmlu/scores.parquet"
    assert layout.generations(jmmlu) == layout.run / "ja/jmmlu/generations"
    assert layout.judgements(jmmlu) == layout.run / "ja/jmmlu/judgements"
    assert (layout.manifest.name, layout.aggregated.name) == ("run.json", "aggregated_results.json")
    assert layout.progress == layout.run / "progress.json"
    assert layout.model_name == "hosted_vllm/org/model"


def test_empty_parts_are_left_out() -> None:
    layout = Layout.of(Path(), spec("gpt-4o"), provider_path="", litellm_prefix="openai")
    assert layout.run == Path("results/gpt-4o")
    assert layout.results == Path("outputs/results/openai/gpt-4o")


def test_settings_named_like_a_language_have_a_folder_of_their_own() -> None:
    layout = Layout.of(Path(), spec(settings="ja"), provider_path="", litellm_prefix="openai")
    assert layout.run == Path("results/org/model/%6Aa")


def test_an_absolute_model_path_does_not_lose_the_output_folder() -> None:
    layout = Layout.of(Path("out"), spec("/data/org/m"), provider_path="hosted_vllm", litellm_prefix="hosted_vllm")
    assert layout.run == Path("out/results/hosted_vllm/org/m")
    assert layout.results == Path("out/outputs/results/hosted_vllm/org/m")
    assert layout.model_name == "hosted_vllm/org/m"


def test_the_old_command_line_has_its_two_trees_at_the_top() -> None:
    wanted = spec(settings="greedy")
    layout = Layout.legacy(Path("D"), wanted, provider_path="", litellm_prefix="openai", subdir="greedy")
    assert layout.results == Path("D/results/openai/org/model/greedy")
    assert layout.details == Path("D/details/openai/org/model/greedy")
    assert layout.run.parent == Path("D/runs/org/model")
    assert re.fullmatch("greedy-[0-9a-f]{8}", layout.run.name)


def test_old_commands_with_other_sampling_share_outputs_but_not_answers() -> None:
    def layout(**changes: object) -> Layout:
        return Layout.legacy(Path("D"), spec(**changes), provider_path="", litellm_prefix="openai")  # type: ignore[arg-type]

    first, second = layout(sampling=Sampling(temperature=0.0)), layout(sampling=Sampling(temperature=0.2))
    assert first.results == second.results
    assert first.run != second.run
    assert layout(server=ServerSpec(no_chat_template=True)).run != layout().run, "asked by another route"
    assert layout(max_samples=5).run == layout().run == layout(benchmarks=("math_500",)).run


def test_a_link_below_the_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "org").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="symbolic link"):
        Layout.of(tmp_path, spec(), provider_path="", litellm_prefix="openai")


def test_the_output_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "bulk").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "bulk")
    assert contained(tmp_path / "results", ["org", "m"]) == tmp_path / "results" / "org" / "m"


def test_the_time_always_has_microseconds() -> None:
    assert timestamp(datetime(2025, 8, 18, 10, 20, 30)) == "2025-08-18T10-20-30.000000"  # noqa: DTZ001  # local time
    assert datetime.strptime(f"results_{timestamp()}.json", "results_%Y-%m-%dT%H-%M-%S.%f.json")  # noqa: DTZ007
