"""Finding benchmarks: by name, old id, group, glob, file; one file imported at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from saiten.benchmarks import find, names, select
from saiten.benchmarks.index import GROUPS, builtin, group, is_variant
from saiten.errors import Exit, UsageError, UserError

USER_FILE = """
from saiten.scoring.choice import ChoiceLetter
from saiten.scoring.metrics import mean
from saiten.types import Benchmark, Dataset, Document, Sampling

def document(row):
    return Document(id=row["id"], turns=(row["q"],), target=row["a"])

BENCHMARK = Benchmark(
    name="mine",
    task="mine",
    language="en",
    version=1,
    dataset=Dataset(path="data/mine.jsonl", split="test", local=True, columns=("id", "q", "a")),
    document=document,
    prompt="{q}",
    scorer=ChoiceLetter(language="en", choices=4),
    metrics=(mean("extractive_match"),),
    sampling=Sampling(temperature=0.0),
)
"""

OLD_TASKS = (
    "jemhopqa",
    "jemhopqa_cot",
    "swallow_gpqa_ja",
    "mifeval_ja",
    "wmt20",
    "math_100_japanese",
    "swallow_jmmlu",
    "mmlu_prox_japanese",
    "swallow_jhumaneval",
    "japanese_mt_bench",
    "japanese_mt_bench_truncate_6144",
    "hellaswag",
    "lcb",
    "mmlu_english",
    "mmlu_pro_english",
    "mmlu_prox_english",
    "gpqa",
    "math_500",
    "aime",
    "humaneval",
    "humanevalplus",
    "english_mt_bench",
    "japanese_mt_bench_gpt4o_judge",
    "english_mt_bench_gpt4o_judge",
    "jamcqa",
    "jamcqa_cot",
    "jgpqa",
    "polymath_japanese",
    "ifbench_singleturn",
)
"""Task ids of the old system, without suite, subset and few-shot number."""


@pytest.fixture
def user_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(USER_FILE)
    return path


def chosen(*selectors: str) -> list[tuple[str, int]]:
    return [(selected.benchmark.name, len(selected.subsets)) for selected in select(selectors)]


@pytest.mark.parametrize(
    ("selectors", "expected"),
    [
        (["jmmlu"], [("jmmlu", 53)]),
        (["swallow|swallow_jmmlu|0|0"], [("jmmlu", 53)]),
        (["swallow|swallow_jmmlu|0"], [("jmmlu", 53)]),
        (["swallow|swallow_jmmlu:anatomy|0|0"], [("jmmlu", 1)]),
        (["swallow_jmmlu:anatomy"], [("jmmlu", 1)]),
        (["jmmlu:college_*"], [("jmmlu", 6)]),
        (["jm*:anatomy"], [("jmmlu", 1)]),
        (["jmmlu:anatomy", "math_500", "jmmlu:virology", "jmmlu:anatomy"], [("jmmlu", 2), ("math_500", 1)]),
        (["math_500, jmmlu:anatomy"], [("math_500", 1), ("jmmlu", 1)]),
        (["math_500", "swallow|math_500|0|0"], [("math_500", 1)]),
        (["sample_*"], [("sample_choice_ja", 1), ("sample_math", 1)]),
    ],
)
def test_a_selector_names_benchmarks_and_subsets(selectors: list[str], expected: list[tuple[str, int]]) -> None:
    assert chosen(*selectors) == expected


def test_subsets_come_in_the_benchmarks_own_order() -> None:
    (selected,) = select(("jmmlu:virology", "jmmlu:anatomy"))
    assert selected.subsets == ("virology", "anatomy")
    assert [s for s in selected.benchmark.dataset.configs if s in selected.subsets] == list(selected.subsets)


@pytest.mark.parametrize("name", [*builtin()])
def test_each_benchmark_is_found_by_its_name_and_by_the_id_its_file_states(name: str) -> None:
    benchmark = find(name)
    entry = builtin()[name]
    assert (benchmark.name, benchmark.language, benchmark.task) == (name, entry.language, entry.task())
    assert find(f"swallow|{benchmark.task}|0|0").name == name


def test_names_and_task_ids_are_unique() -> None:
    files = [
        path.stem
        for language in ("ja", "en")
        for path in (builtin()["jmmlu"].path.parents[1] / language).glob("[!_]*.py")
    ]
    assert sorted(files) == sorted(builtin())
    tasks = [entry.task() for entry in builtin().values()]
    assert len(set(tasks)) == len(tasks)


def test_groups_leave_our_own_small_sets_to_the_demo() -> None:
    everything = {name for name in builtin() if not name.startswith("sample_") and not is_variant(name)}
    assert set(group("ja") or ()) | set(group("en") or ()) == set(group("all") or ()) == everything
    assert group("demo") == ["sample_choice_ja", "sample_math", "humaneval"]
    assert group("nothing") is None
    assert {selected.benchmark.name for selected in select(("all",))} == everything
    assert set(GROUPS) == {"ja", "en", "all", "demo"}


def test_variants_of_a_benchmark_are_chosen_by_name_only() -> None:
    assert chosen("mt_bench_*") == [("mt_bench_ja", 1), ("mt_bench_en", 1)]
    assert chosen("swallow|japanese_mt_bench_truncate_6144|0|0") == [("mt_bench_ja_truncate_6144", 1)]
    assert chosen("swallow|english_mt_bench_gpt4o_judge|0|0") == [("mt_bench_en_gpt4o_judge", 1)]


@pytest.mark.parametrize(
    ("selector", "message"),
    [
        ("jmlu", "no benchmark 'jmlu'; did you mean 'jmmlu' or 'mmlu'?"),
        ("", "an empty benchmark name"),
        ("zz*", "no benchmark matches 'zz*'"),
        ("jmmlu:anatomi", "jmmlu has no subset 'anatomi'; did you mean 'anatomy'?; there are: japanese_history"),
        ("math_500:x", "math_500 has no subset 'x'; it has none"),
        ("swallow|math_501|0|0", "no task 'math_501'; did you mean 'math_500'"),
        ("swallow|math_500|5|0", "few-shot examples are not supported"),
        ("leaderboard|math_500|0|0", "no suite 'leaderboard'; there is: swallow"),
        ("swallow|math_500|0|0|0", "not a task id"),
        ("swallow|math_500|zero|0", "few-shot"),
    ],
)
def test_a_wrong_selector_is_a_usage_error_that_helps(selector: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        select((selector,))
    assert message in str(error.value)
    assert error.value.exit == Exit.USAGE


@pytest.mark.parametrize("task", OLD_TASKS)
def test_every_task_of_the_old_system_is_here(task: str) -> None:
    assert select((f"swallow|{task}|0|0",))


def test_find_wants_one_benchmark() -> None:
    with pytest.raises(UsageError, match=r"'demo' names 3 benchmarks: .*humaneval; name one"):
        find("demo")


def test_a_users_file_is_loaded_with_its_data_beside_it(user_file: Path) -> None:
    (selected,) = select((str(user_file),))
    assert selected.benchmark.name == "mine"
    assert selected.benchmark.dataset.path == str(user_file.parent / "data" / "mine.jsonl")


def test_a_users_file_can_stand_beside_benchmarks_but_not_share_a_name(user_file: Path) -> None:
    assert chosen("math_500", str(user_file)) == [("math_500", 1), ("mine", 1)]
    user_file.write_text(USER_FILE.replace('"mine"', '"math_500"'))
    with pytest.raises(UsageError, match="two benchmarks are named 'math_500'"):
        select(("math_500", str(user_file)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("def document(row):", "def document(row)"), "mine.py:6: SyntaxError: expected ':'"),
        (("from saiten.types import", "from saiten.typos import"), "mine.py:4: ModuleNotFoundError"),
        (("    version=1,\n", ""), "mine.py:9: TypeError"),
        (("BENCHMARK =", "BENCHMARKS ="), "BENCHMARK must be a saiten.types.Benchmark, and there is none"),
        (("BENCHMARK = Benchmark(", "BENCHMARK = dict("), "and it is a dict"),
    ],
)
def test_what_is_wrong_with_a_users_file_is_told_with_its_line(
    change: tuple[str, str], message: str, user_file: Path
) -> None:
    user_file.write_text(USER_FILE.replace(*change))
    with pytest.raises(UserError) as error:
        select((str(user_file),))
    assert message in str(error.value)
    assert error.value.exit == Exit.CONFIGURATION


def test_a_benchmark_of_another_package_is_found_by_its_entry_point(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user_file.parent / "their_package.py").write_text(USER_FILE.replace('"mine"', '"theirs"'))
    info = user_file.parent / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[saiten.benchmarks]\ntheirs = their_package:BENCHMARK\nbroken = their_package:NOTHING\n"
    )
    monkeypatch.syspath_prepend(str(user_file.parent))
    assert "theirs" in names()
    assert find("theirs").dataset.path == str(user_file.parent / "data" / "mine.jsonl")
    with pytest.raises(UserError, match="benchmark 'broken' of the package 'their-package' cannot be loaded"):
        find("broken")


def test_finding_one_benchmark_imports_only_its_file_and_nothing_heavy() -> None:
    code = (
        "import sys; from saiten.benchmarks import find; find('jmmlu'); "
        "print(sorted(m for m in sys.modules if m.startswith(('saiten.benchmarks.ja.', 'saiten.benchmarks.en.'))), "
        "sorted({'pyarrow', 'huggingface_hub', 'sympy', 'yaml', 'aiohttp', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['saiten.benchmarks.ja.jmmlu'] []"


OLD_JOBS = {
    "gpqa_ja": "ja_gpqa",
    "jamcqa": "ja_jamcqa",
    "jamcqa_cot": "ja_jamcqa_cot",
    "jemhopqa": "ja_jemhopqa",
    "jemhopqa_cot": "ja_jemhopqa_cot",
    "jhumaneval": "ja_humaneval",
    "jmmlu": "ja_mmlu",
    "math_100_ja": "ja_math_100",
    "mifeval_ja": "ja_mifeval",
    "mmlu_prox_ja": "ja_mmlu_prox",
    "mt_bench_ja": "ja_mtbench",
    "wmt20_en_ja": "ja_wmt20_en_ja",
    "wmt20_ja_en": "ja_wmt20_ja_en",
    "aime": "en_aime_2024_2025",
    "gpqa_diamond": "en_gpqa_diamond",
    "hellaswag": "en_hellaswag",
    "humaneval": "en_humaneval",
    "humanevalplus": "en_humanevalplus",
    "livecodebench": "en_livecodebench_v5_v6",
    "math_500": "en_math_500",
    "mmlu": "en_mmlu",
    "mmlu_pro": "en_mmlu_pro",
    "mmlu_prox_en": "en_mmlu_prox",
    "mt_bench_en": "en_mtbench",
}
"""Names of the old scripts' jobs (scripts/qsub/conf/tasks_runtime.csv @807d53d3, and its fork of 2026 @07811478)."""
NEVER_A_JOB = {
    "jgpqa": "ja_jgpqa",
    "polymath_ja": "ja_polymath",
    "aime_26": "en_aime_26",
    "ifbench": "en_ifbench",
    "ifeval": "en_ifeval",
}


def test_jobs_are_called_as_in_the_old_scripts_and_these_names_select() -> None:
    assert {name: find(name).job_name for name in group("all") or ()} == OLD_JOBS | NEVER_A_JOB
    for name, job in OLD_JOBS.items():
        assert find(job).name == name
    assert find("ja_gpqa_ja").name == "gpqa_ja"
    assert find("en_livecodebench_v5_v6:v6").name == "livecodebench"
    with pytest.raises(UsageError, match="no benchmark 'en_gpqa'"):
        find("en_gpqa")


def test_no_two_benchmarks_share_the_name_of_a_job() -> None:
    jobs = [find(name).job_name for name in builtin()]
    assert len(set(jobs)) == len(jobs)
    assert jobs == [entry.job_name() for entry in builtin().values()]
    assert find("math_100_ja_N16").job_name == "ja_math_100_n16"
