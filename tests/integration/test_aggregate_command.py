"""`saiten aggregate`: over real runs, over results of the old system, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.helpers.command import Saiten, questions
from tests.helpers.faultd import FaultServer
from tests.unit.results.test_old_rule import match, write


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def rows_of(saiten: Saiten, name: str) -> Path:
    """Write a benchmark with a row of its own name."""
    file = questions(saiten.folder, 4, name=name)
    text = file.read_text().replace("import Benchmark,", "import SummaryRow, Benchmark,")
    row = f'    summary=(SummaryRow(name="{name}_score", metric="extractive_match"),),\n    sampling='
    file.write_text(text.replace("    sampling=", row))
    return file


def test_all_starts_of_a_run_stand_in_one_file(saiten: Saiten) -> None:
    with FaultServer() as server:
        for name in ("first", "second"):
            assert saiten.run(server.base_url, [rows_of(saiten, name)]).returncode == 0
        told = saiten.aggregated()
        assert {"first_score", "second_score"} <= set(told["tasks"])
        assert told["status"]["first_score"] == told["status"]["second_score"] == "complete"
        trial = saiten.run(server.base_url, [rows_of(saiten, "third")], "--max-samples", "2")
        assert trial.returncode == 0
    before = saiten.aggregated()
    assert before["results"]["third_score"] == -1
    (saiten.directory / "aggregated_results.json").unlink()
    done = saiten("aggregate", "test-model")
    assert done.returncode == 0, done.stderr
    assert "first_score" in done.stdout
    assert "debug: the first 2 documents of each subset; not mixed with full results" in done.stdout
    assert saiten.aggregated() == before
    assert done.stdout.rstrip().endswith(saiten.aggregated()["overall"])
    assert saiten("aggregate", "test-model", "--allow-debug").returncode == 0
    assert saiten.aggregated()["results"]["third_score"] >= 0


def test_several_runs_make_one_sheet(saiten: Saiten) -> None:
    with FaultServer() as server:
        file = rows_of(saiten, "first")
        block = saiten.folder / "custom_model_settings/vllm/test-model.yaml"
        block.parent.mkdir(parents=True)
        block.write_text('hot:\n  temperature: 1.0\n  version: "1"\n')
        assert saiten.run(server.base_url, [file]).returncode == 0
        assert saiten.run(server.base_url, [file], "--settings", "hot").returncode == 0
    done = saiten("aggregate", "test-model", "--csv")
    assert done.returncode == 0
    lines = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [line["settings"] for line in lines] == ["", "hot"]
    assert [line["model"] for line in lines] == ["hosted_vllm/test-model"] * 2
    assert float(lines[0]["first_score"]) >= 0
    assert lines[0]["math_500"] == "-1"
    tabbed = saiten("aggregate", "test-model", "--settings", "hot", "--tsv").stdout
    assert tabbed.splitlines()[1].split("\t")[:3] == ["hosted_vllm/test-model", "hot", "True"]
    table = saiten("aggregate", "test-model").stdout
    assert "hosted_vllm/test-model hot" in table


def test_an_n_sample_form_is_exported_under_its_old_name(saiten: Saiten) -> None:
    with FaultServer() as server:
        assert saiten.run(server.base_url, ["sample_math_N4"], "--max-samples", "2").returncode == 0
    (path,) = saiten.folder.glob("outputs/results/**/results_*.json")
    data = json.loads(path.read_bytes())
    assert {"extractive_match_pass@2:4", "extractive_match_maj@4:4"} <= set(data["results"]["swallow|sample_math_N4|0"])
    assert saiten.aggregated()["status"]["sample_math_maj@4:4"].startswith("debug")
    assert saiten.aggregated()["n"]["sample_math_maj@4:4"] == 2


def test_results_of_the_old_system_are_read_and_written_out(saiten: Saiten) -> None:
    folder = saiten.folder / "old" / "hosted_vllm" / "org" / "model" / "greedy"
    folder.mkdir(parents=True)
    write(folder, {"swallow|math_500|0": match(0.5), "swallow|aime:24|0": match(0.1)})
    done = saiten("aggregate", "--from", str(folder))
    assert done.returncode == 0, done.stderr
    assert "partial: 1 of 2 subsets missing (25)" in done.stdout
    again = saiten(
        *("aggregate", "hosted_vllm/org/model", "--from", "old", "--settings", "greedy", "--output-dir", "new")
    )
    assert again.returncode == 0, again.stderr
    written = saiten.folder / "new/results/hosted_vllm/org/model/greedy/aggregated_results.json"
    told = json.loads(written.read_text())
    assert (told["model"], told["custom_settings"]["name"]) == ("hosted_vllm/org/model", "greedy")
    assert told["results"]["math_500"] == 0.5


def test_all_models_below_a_folder_of_old_results_make_one_sheet(saiten: Saiten) -> None:
    for name in ("hosted_vllm/org/a", "hosted_vllm/org/a/greedy", "openai/b"):
        (saiten.folder / "old" / name).mkdir(parents=True, exist_ok=True)
        model = name.removesuffix("/greedy")
        write(saiten.folder / "old" / name, {"swallow|math_500|0": match(0.5)}, model=model)
    done = saiten("aggregate", "--from", "old", "--csv", "--output-dir", "new")
    assert done.returncode == 0, done.stderr
    lines = [(line["model"], line["settings"]) for line in csv.DictReader(io.StringIO(done.stdout))]
    assert lines == [("hosted_vllm/org/a", ""), ("hosted_vllm/org/a", "greedy"), ("openai/b", "")]
    written = sorted(
        str(path.relative_to(saiten.folder)) for path in saiten.folder.glob("new/**/aggregated_results.json")
    )
    assert written == [
        "new/results/b/aggregated_results.json",
        "new/results/hosted_vllm/org/a/aggregated_results.json",
        "new/results/hosted_vllm/org/a/greedy/aggregated_results.json",
    ]


def test_a_models_name_is_no_formula_in_a_sheet(saiten: Saiten) -> None:
    folder = saiten.folder / "old"
    folder.mkdir()
    write(folder, {"swallow|math_500|0": match(0.5)}, model='=HYPERLINK("http://x")')
    lines = list(csv.reader(io.StringIO(saiten("aggregate", "--from", "old", "--csv").stdout)))
    assert lines[1][0].startswith("'=")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("aggregate",), 2, "name a model"),
        (("aggregate", "org/lost"), 4, "no run of org/lost below results"),
        (("aggregate", "--from", "lost"), 4, "lost: No such file or directory"),
        (("aggregate", "--from", "."), 4, "no results_{timestamp}.json"),
        (("aggregate", "m", "--csv", "--tsv"), 2, "not allowed with"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(saiten: Saiten, arguments: tuple[str, ...], status: int, says: str) -> None:
    done = saiten(*arguments)
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_that_no_run_has_are_answered_with_those_there_are(saiten: Saiten) -> None:
    with FaultServer() as server:
        saiten.run(server.base_url, [rows_of(saiten, "first")])
    done = saiten("aggregate", "test-model", "--settings", "cold")
    assert done.returncode == 4
    assert "there are: ''" in done.stderr
    old = saiten.folder / "old"
    old.mkdir()
    write(old, {"swallow|math_500|0": match(0.5)}, model="hosted_vllm/test-model")
    refused = saiten("aggregate", "--from", "old", "--output-dir", ".")
    assert refused.returncode == 4
    assert "is a run of saiten" in refused.stderr
