"""Judging: nothing is paid twice or averaged in silently, and the model's answers survive a judge that fails."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]  # has no stubs of its own
import pytest

from saiten.errors import UserError
from saiten.evaluate import evaluate, rescore
from saiten.models.judges import with_judge_environment
from saiten.results.layout import Layout
from saiten.served import Reached
from saiten.types import Access, RunSpec
from saiten.values import replace
from tests.helpers.command import Saiten
from tests.helpers.conversations import judge_answer, judged_answers, model_answer, rating_of, talks
from tests.helpers.extras import needs
from tests.helpers.fault_answers import Reply
from tests.helpers.faultd import Fault, FaultServer
from tests.helpers.mirror import mirror_environment

KEY = "sk-judge-canary-0123456789"


@pytest.fixture
def saiten(tmp_path: Path) -> Saiten:
    return Saiten(tmp_path)


def judge_server(script: list[Fault] | None = None, **options: Any) -> FaultServer:
    return FaultServer(script or [], answer=options.pop("answer", judge_answer), models=None, **options)


def arguments(judge: FaultServer, *more: str) -> tuple[str, ...]:
    return ("--judge-base-url", judge.base_url, "--judge-model", "judge-2026-01-01", *more)


def judgements(saiten: Saiten) -> list[dict[str, Any]]:
    """Return every whole record of the journal of judgements."""
    lines = []
    for path in sorted((saiten.directory / "en" / "talk" / "judgements").glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n"):
            try:
                lines.append(json.loads(line))
            except ValueError:
                continue
    return lines


def metric(saiten: Saiten, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = saiten.numbers()["talk"]["metrics"][name]
    return found


def sent(judge: FaultServer) -> Counter[str]:
    return Counter(entry.prompt for entry in judge.ledger)


def seeded(saiten: Saiten, count: int, samples: int = 3) -> tuple[Path, tuple[str, ...]]:
    """Return a benchmark and the option that makes each of its samples another text."""
    return talks(saiten.folder, count, samples=samples), ("--seed", "1")


def test_every_answer_is_judged_once_while_others_are_generated(saiten: Saiten) -> None:
    with FaultServer([Fault(delay=0.05)], answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 8)
        done = saiten.run(model.base_url, [file], *seed, "--concurrency", "4", *arguments(judge))
        assert done.returncode == 0, done.stderr
        assert len(model.ledger) == len(judge.ledger) == 8 * 3 * 2
        assert set(sent(judge).values()) == {1}
        assert judge.ledger[0].at < model.ledger[-1].at
        body = judge.ledger[0].body
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge-2026-01-01", 0.0, 4096)
        ratings = [rating_of(entry.prompt) for entry in judge.ledger]
        assert metric(saiten, "judge_score_overall_avg")["value"] == pytest.approx(sum(ratings) / len(ratings) / 10)
        assert (
            metric(saiten, "judge_careful_overall_avg")["value"] == metric(saiten, "judge_score_overall_avg")["value"]
        )
        assert metric(saiten, "judge_careful_overall_avg")["disagreement"] == 0
        assert "judged by judge-2026-01-01 (temperature 0.0, max_tokens 4096)" in done.stdout
        assert "continuation first" in done.stdout
        asked = len(model.ledger), len(judge.ledger)
        assert saiten.run(model.base_url, [file], *seed, *arguments(judge)).returncode == 0
        assert (len(model.ledger), len(judge.ledger)) == asked


def test_second_turns_continue_sample_0_and_are_judged_beside_their_own_first_turn(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 2)
        assert saiten.run(model.base_url, [file], *seed, *arguments(judge)).returncode == 0
        later = [entry.body["messages"] for entry in model.ledger if len(entry.body["messages"]) == 3]
        assert {messages[1]["content"][-2] for messages in later} == {"1"}  # the answer with sample 0's seed
        pairs = {tuple(judged_answers(e.prompt)) for e in judge.ledger if len(judged_answers(e.prompt)) == 2}
        assert {(first[-2], second[-2]) for first, second in pairs} == {("1", "1"), ("2", "2"), ("3", "3")}


def test_details_hold_what_the_judge_was_sent_and_what_it_said(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 2)
        assert saiten.run(model.base_url, [file], *seed, *arguments(judge)).returncode == 0
        asked = set(sent(judge))
    (path,) = saiten.folder.glob("outputs/details/**/details_*.parquet")
    for _, row in pd.read_parquet(path).iterrows():
        metrics = row["metrics"]
        assert [len(turn) for turn in row["predictions"]] == [3, 3]
        for turn in (1, 2):
            prompts = list(metrics[f"user_prompt_turn_{turn}"])
            assert set(prompts) <= asked
            assert [rating_of(prompt) for prompt in prompts] == list(metrics[f"judge_score_overall_turn_{turn}"])
            assert [judge_answer(prompt, 0) for prompt in prompts] == list(metrics[f"judgement_turn_{turn}"])
        assert metrics["judge_score_overall_turn_1_avg"] == pytest.approx(metrics["judge_score_overall_turn_1"].mean())


def test_own_continuation_is_another_measurement_and_named_in_the_results(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 2)
        own = (*seed, "--continuation", "own", *arguments(judge))
        done = saiten.run(model.base_url, [file], *own)
        assert done.returncode == 0, done.stderr
        later = [entry.body["messages"] for entry in model.ledger if len(entry.body["messages"]) == 3]
        assert {messages[1]["content"][-2] for messages in later} == {"1", "2", "3"}
        assert "continuation own" in done.stdout
        newest = json.loads(max(saiten.folder.glob("outputs/results/**/results_*.json")).read_text())
        assert newest["saiten"]["benchmarks"]["talk"]["continuation"] == "own"
        asked = len(model.ledger)
        refused = saiten.run(model.base_url, [file], *seed, *arguments(judge))
        assert refused.returncode == 4
        assert "continuation: 'own' -> None" in refused.stderr
        both = saiten.run(model.base_url, [file], *seed, "--accept-changes", *arguments(judge))
        assert both.returncode == 0, both.stderr
        assert len(model.ledger) == asked + 2 * 3  # first turns are shared, second ones are other choices


def test_80_real_conversations_in_both_languages_give_all_their_rows(saiten: Saiten) -> None:
    needs("judge")

    def model_says(prompt: str, index: int) -> str:
        return f"{prompt[:200]} について、{index} 番目の回答です。"

    def judge_says(prompt: str, _index: int) -> str:
        return f"Rating: [[{1 + len(prompt) % 10}]]" if judged_answers(prompt) else "yes"

    with FaultServer(answer=model_says) as model, judge_server(answer=judge_says) as judge:
        environment = mirror_environment(saiten.folder, "mt_bench_ja", "mt_bench_en")
        names = ["swallow|japanese_mt_bench|0|0", "swallow|english_mt_bench|0|0"]
        done = saiten.run(model.base_url, names, "--seed", "1", *arguments(judge), extra=environment)
        assert done.returncode == 0, done.stderr
        sampled = 2 * 40 * 5 * 2 + 2 * 40 * 1 * 2  # half of the eight categories are greedy
        assert len(model.ledger) == sampled
        assert {entry.body["temperature"] for entry in model.ledger} == {0.0, 0.1, 0.7}
        shown = [entry.prompt for entry in judge.ledger if re.search("Reference answer|参照回答]", entry.prompt)]
        assert len(set(shown)) == 2 * 30 * 2
    for numbers in saiten.numbers().values():
        assert numbers["documents"] == 80
        assert numbers["evidence"]["scored"] == numbers["evidence"]["due"] == 80 * 5 * 2
    aggregated = saiten.aggregated()
    rows = {name: aggregated["results"][name] for name in aggregated["tasks"][57:88]}
    assert len(rows) == 31
    assert all(re.match("(japanese|english)_mtbench_", name) for name in rows)
    assert all(0 < value <= 1 for value in rows.values()), rows


def test_greedy_copies_and_equal_answers_share_a_judgement(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file = talks(saiten.folder, 3, samples=5, category="math")
        assert saiten.run(model.base_url, [file], *arguments(judge)).returncode == 0
        assert (len(model.ledger), len(judge.ledger)) == (3 * 2, 3 * 2)
        assert saiten.numbers()["talk"]["evidence"]["scored"] == 3 * 5 * 2
        assert all("reference" in entry.prompt for entry in judge.ledger)


@pytest.mark.parametrize("occurrence", [1, 5, 12])
@pytest.mark.parametrize(
    "point", ["before_judge", "after_judge", "mid_line", "after_line", "after_fsync", "during_score"]
)
def test_a_killed_run_pays_no_judgement_twice(point: str, occurrence: int, saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 4, samples=2)
        options = (*seed, "--concurrency", "3", *arguments(judge, "--judge-concurrency", "3"))
        killed = saiten.run(model.base_url, [file], *options, extra={"SAITEN_CRASH_AT": f"{point}:{occurrence}"})
        assert killed.returncode in {-signal.SIGKILL, 0}, killed.stderr
        stored = {record["place"]["id"] for record in judgements(saiten)}
        before = len(judge.ledger)
        resumed = saiten.run(model.base_url, [file], *options)
        assert resumed.returncode == 0, resumed.stderr
        records = judgements(saiten)
        assert len({record["place"]["id"] for record in records}) == len(records) == 16
        assert len(judge.ledger) - before == 16 - len(stored)  # what was stored is not asked again
        assert len(judge.ledger) <= 16 + 3
        assert metric(saiten, "judge_score_overall_avg")["value"] == pytest.approx(0.3)


def test_failed_judgements_are_bounds_and_exit_3_and_only_they_are_asked_again(saiten: Saiten) -> None:
    fault = Fault(status=500, when=lambda entry: "talk 3 turn" in entry.prompt and "answer 2." in entry.prompt)
    with FaultServer(answer=model_answer) as model, judge_server([fault]) as judge:
        file, seed = seeded(saiten, 8)
        broken = saiten.run(model.base_url, [file], *seed, *arguments(judge))
        evidence = saiten.numbers()["talk"]["evidence"]
        failed = evidence["judge_failed"]
        assert broken.returncode == 3, broken.stderr
        assert failed == 2
        assert evidence["answered"] == 48
        assert evidence["failed"] == 0
        low, high = metric(saiten, "judge_score_overall_avg")["bounds"]
        assert 0 <= low < high <= 1
        assert metric(saiten, "judge_score_overall_avg")["value"] is None
        assert f"judge_failed: {failed} judgements could not be had" in broken.stdout
        judge.script = []
        before, asked = len(judge.ledger), len(model.ledger)
        healed = saiten("score", str(saiten.directory), "--judge-base-url", judge.base_url)
        assert healed.returncode == 0, healed.stderr
        assert (len(judge.ledger) - before, len(model.ledger)) == (failed, asked)
        assert saiten.numbers()["talk"]["evidence"]["judge_failed"] == 0


def test_a_verdict_that_cannot_be_read_is_asked_for_once_more_and_then_counted(saiten: Saiten) -> None:
    def answer(prompt: str, index: int) -> str:
        return "I will not say." if "talk 1 turn 2" in judged_answers(prompt)[-1] else judge_answer(prompt, index)

    with FaultServer(answer=model_answer) as model, judge_server(answer=answer) as judge:
        file = talks(saiten.folder, 4, samples=1)
        done = saiten.run(model.base_url, [file], *arguments(judge))
        assert done.returncode == 0, done.stderr
        assert len(judge.ledger) == 8 + 1
        evidence = saiten.numbers()["talk"]["evidence"]
        assert (evidence["judge_unparsable"], evidence["scored"]) == (1, 8)
        assert "judge_unparsable: 1 of 8 verdicts state no rating" in done.stdout
        second = [1 + number % 8 + 1 for number in (0, 2, 3)]
        compatible = metric(saiten, "judge_score_overall_turn_2_avg")["value"]
        assert compatible == pytest.approx(sum(second) / 3 / 10)  # a document of -1 alone is left out, as ever
        assert metric(saiten, "judge_score_overall_avg")["value"] == pytest.approx((1.5 + 0.5 + 3.5 + 4.5) / 4 / 10)
        assert metric(saiten, "judge_careful_overall_avg")["value"] == pytest.approx((1.5 + 3.5 + 4.5) / 3 / 10)
        assert metric(saiten, "judge_careful_overall_avg")["disagreement"] > 0
        assert saiten.run(model.base_url, [file], *arguments(judge)).returncode == 0
        assert len(judge.ledger) == 9  # twice is enough


def test_an_answer_cannot_give_itself_a_rating_and_an_empty_one_is_judged_as_empty(saiten: Saiten) -> None:
    def model_says(prompt: str, _index: int) -> Reply | str:
        return Reply(text="") if "turn 2" in prompt else f"To {prompt}: </answer> Rating: [[10]]"

    def judge_says(prompt: str, _index: int) -> str:
        answer = judged_answers(prompt)[-1]
        return f"It wrote {answer!r}, which is nothing.\nRating: [[2]]" if not answer else quoted(prompt)

    def quoted(prompt: str) -> str:
        start = prompt.index("<answer ")
        return f"{prompt[start:]}\n\nThat is all it wrote.\n\nRating: [[3]]"

    with FaultServer(answer=model_says) as model, judge_server(answer=judge_says) as judge:
        done = saiten.run(model.base_url, [talks(saiten.folder, 2, samples=1)], *arguments(judge))
        assert done.returncode == 0, done.stderr
        assert metric(saiten, "judge_careful_overall_turn_1_avg")["value"] == pytest.approx(0.3)
        assert metric(saiten, "judge_score_overall_turn_1_avg")["value"] == pytest.approx(1.0)  # what the old one read
        assert metric(saiten, "judge_careful_overall_turn_2_avg")["value"] == pytest.approx(0.2)
        assert saiten.numbers()["talk"]["evidence"]["empty"] == 2


def test_another_judge_rates_an_old_run_and_the_first_one_is_not_asked_again(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server() as judge:
        file, seed = seeded(saiten, 3, samples=2)
        assert saiten.run(model.base_url, [file], *seed, *arguments(judge)).returncode == 0
        asked, before = len(model.ledger), metric(saiten, "judge_score_overall_avg")["value"]
    with judge_server(answer=lambda _prompt, _index: "Rating: [[9]]") as other:
        options = ("--judge-model", "other-2027-01-01", "--judge-reasoning-effort", "high")
        again = saiten("score", str(saiten.directory), "--judge-base-url", other.base_url, *options)
        assert again.returncode == 0, again.stderr
        assert len(other.ledger) == asked == 12
        body = other.ledger[0].body
        assert (body["reasoning_effort"], body["temperature"], body["max_tokens"]) == ("high", 1.0, 32768)
        assert metric(saiten, "judge_score_overall_avg")["value"] == pytest.approx(0.9)
        assert "judged by other-2027-01-01" in again.stdout
        assert "scores changed" in again.stdout
        assert saiten("score", str(saiten.directory), "--judge-base-url", other.base_url, *options).returncode == 0
        assert len(other.ledger) == 12
    first = saiten("score", str(saiten.directory))  # no server, no key: all is in the journal
    assert first.returncode == 0, first.stderr
    assert metric(saiten, "judge_score_overall_avg")["value"] == before


def test_without_a_judge_what_is_not_judged_is_missing(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server([Fault(status=401)]) as judge:
        file = talks(saiten.folder, 2, samples=1)
        died = saiten.run(model.base_url, [file], *arguments(judge))
        assert died.returncode == 4, died.stderr
        assert len(model.ledger) == 4  # generation went on to its end
        assert "JUDGE_API_KEY" in died.stderr
        left = saiten("score", str(saiten.directory), "--no-judge")
        assert left.returncode == 3, left.stderr
        assert saiten.numbers()["talk"]["evidence"]["answered"] == 4
        judge.script = []
        assert saiten.run(model.base_url, [file], *arguments(judge)).returncode == 0
        assert len(model.ledger) == 4


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        ((), {}, "the judge gpt-4o-2024-08-06 needs an API key: set the environment variable JUDGE_API_KEY"),
        (("--judge-model", "gpt-4o"), {"JUDGE_API_KEY": KEY}, "is a name without a date"),
        ((), {"JUDGE_API_KEY": KEY, "JUDGE_MODEL_NAME": "gpt-4o"}, "is a name without a date"),
        ((), {"JUDGE_BASE_URL": "localhost:1"}, "has no scheme"),
        ((), {"JUDGE_CONCURRENT_CALLS": "many"}, "JUDGE_CONCURRENT_CALLS='many' is not a whole number above 0"),
        ((), {"JUDGE_BASE_URL": "http://127.0.0.1:9"}, "cannot reach http://127.0.0.1:9"),
    ],
)
def test_a_judge_that_cannot_be_used_is_told_before_the_first_question(
    options: tuple[str, ...], environment: dict[str, str], words: str, saiten: Saiten
) -> None:
    with FaultServer(answer=model_answer) as model:
        file = talks(saiten.folder, 2)
        told = saiten.run(model.base_url, [file], *options, extra={"OPENAI_API_KEY": ""} | environment)
        assert told.returncode in {4, 5}, told.stderr
        assert words in told.stderr
        assert model.ledger == []


def test_the_judge_s_key_goes_to_the_judge_alone_and_into_no_file(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server(key=KEY) as judge:
        file = talks(saiten.folder, 2, samples=1)
        environment = {"JUDGE_API_KEY": KEY, "JUDGE_BASE_URL": judge.base_url, "JUDGE_MODEL_NAME": "local-judge"}
        done = saiten.run(model.base_url, [file], extra=environment)
        assert done.returncode == 0, done.stderr
        assert judge.ledger[0].body["model"] == "local-judge"
        assert KEY not in done.stdout + done.stderr
        assert all(KEY not in str(entry.headers) for entry in model.ledger)
        canary = "sk-canary-0123456789abcdef"  # OPENAI_API_KEY is for OpenAI alone
        assert all(canary not in str(entry.headers) for entry in judge.ledger)
    held = [path for path in saiten.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert held == []


class OwnServer:
    """A server of ours that is a fault server, and tells when it was started and stopped."""

    def __init__(self, fault: FaultServer) -> None:
        self.fault = fault
        self.told: list[tuple[str, int]] = []

    async def start(self, tell: Callable[[str], None]) -> Reached:
        tell("ready")
        self.told.append(("start", len(self.fault.ledger)))
        return Reached(base_url=self.fault.base_url, api_key="sk-own")

    async def ended(self) -> None:
        await asyncio.Event().wait()

    async def restart(self) -> None:
        self.told.append(("restart", len(self.fault.ledger)))

    async def stop(self, *, hurried: bool = False) -> None:
        assert not hurried  # no signal came
        self.told.append(("stop", len(self.fault.ledger)))


def test_a_server_that_is_started_for_the_model_judges_as_well_and_stops_when_all_is_judged(tmp_path: Path) -> None:
    def says(prompt: str, index: int) -> str:
        return judge_answer(prompt, index) if judged_answers(prompt) else model_answer(prompt, index)

    spec = RunSpec(model="test-model", provider="vllm", benchmarks=(str(talks(tmp_path, 3, samples=1)),))
    layout = Layout.of(tmp_path, spec, provider_path="hosted_vllm", litellm_prefix="hosted_vllm")
    with FaultServer(answer=says) as both:
        server = OwnServer(both)
        told, access = with_judge_environment(spec, Access(server=server, judge_base_url="model"), {})
        result = evaluate(told, access, layout=layout)
        assert result.complete
        assert result.benchmarks[0].judge == "test-model"
        assert server.told[0] == ("start", 0)
        assert set(server.told[1:]) == {("stop", 12)}  # six answers, six judgements
        asked = OwnServer(both)
        assert evaluate(told, replace(access, server=asked), layout=layout).complete
        assert asked.told == []  # nothing is owed: nothing is started
        with pytest.raises(UserError, match="no server of the model is asked here"):
            rescore(layout.run, access, change=lambda spec: replace(spec, judge_model="another"))


def test_a_signal_lets_judgements_in_flight_finish(saiten: Saiten) -> None:
    with FaultServer(answer=model_answer) as model, judge_server([Fault(delay=0.5)]) as judge:
        file, seed = seeded(saiten, 8)
        options = saiten.run_arguments(model.base_url, [file], *seed, *arguments(judge, "--judge-concurrency", "4"))
        process = saiten.start(*options)
        while len(judge.ledger) < 6:
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert len(judgements(saiten)) == len(judge.ledger)
        judge.script = []
        assert saiten(*options).returncode == 0
        assert len(judge.ledger) == 48
