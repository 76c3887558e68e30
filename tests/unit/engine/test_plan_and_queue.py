"""What is owed, in which order it is asked, and how answers of an earlier start are found again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from saiten.datasets import DataContext
from saiten.engine import lengths
from saiten.engine.plan import ANSWERED, BenchmarkPlan, plan_benchmark
from saiten.engine.queue import Item, WorkQueue
from saiten.engine.record import GenerationRecord, Place
from saiten.errors import UserError
from saiten.types import Benchmark, Generation, Outcome, RunSpec, Sampling, Usage
from tests.helpers.small import benchmark, rows


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAITEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


def plan(folder: Path, what: Benchmark, *, writer: str = "w", spec: RunSpec | None = None) -> BenchmarkPlan:
    context = DataContext.from_environment({"HF_HOME": str(folder / "hub"), "HOME": str(folder)})
    spec = spec or RunSpec(model="m", benchmarks=(what.name,))
    return plan_benchmark(spec, what, tuple(what.dataset.configs), folder / "run", context, writer)


def popped(queue: WorkQueue) -> Iterator[Item]:
    while (item := queue.pop()) is not None:
        yield item


def answer(item: Item, text: str = "answer", *, outcome: Outcome = Outcome.OK) -> dict[int, str]:
    """Store an answer for each repetition of an item, as the generator does."""
    texts = {}
    for repetition in item.repetitions:
        place = Place(
            id=item.subset.choice_id(item.document, item.answers, repetition),
            subset=item.subset.subset,
            document=item.document.id,
            index=item.index,
            repetition=repetition,
            turn=item.turn,
        )
        generation = Generation(outcome=outcome, text=f"{text} {repetition}", usage=Usage(output_tokens=1))
        location = item.plan.generations.append(GenerationRecord(place=place, generation=generation))
        assert location is not None
        if outcome is not Outcome.REQUEST_FAILED:
            item.subset.locations[item.subset.slot(item.index, repetition, item.turn)] = location
            item.subset.states[item.subset.slot(item.index, repetition, item.turn)] = ANSWERED
            texts[repetition] = f"{text} {repetition}"
    return texts


def test_every_document_is_asked_once(tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, rows(20)))
    items = list(popped(WorkQueue([one], 1)))
    assert sorted(item.document.id for item in items) == sorted(str(number) for number in range(20))
    assert all(item.repetitions == (0,) for item in items)


def test_greedy_decoding_generates_once_however_many_samples_are_due(tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, rows(3), samples=10))
    items = list(popped(WorkQueue([one], 4)))
    assert [item.repetitions for item in items] == [(0,)] * 3
    assert one.due == 30


@pytest.mark.parametrize(("width", "groups"), [(1, [(0,), (1,), (2,)]), (2, [(0, 1), (2,)]), (8, [(0, 1, 2)])])
def test_repetitions_share_requests_up_to_the_width(width: int, groups: list[tuple[int, ...]], tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, rows(1), samples=3, sampling=Sampling(temperature=0.7)))
    assert [item.repetitions for item in popped(WorkQueue([one], width))] == groups


def test_benchmarks_with_longer_answers_go_first(tmp_path: Path) -> None:
    short = plan(tmp_path, benchmark(tmp_path, rows(3), name="short", expected_tokens=10))
    long = plan(tmp_path, benchmark(tmp_path, rows(3), name="long", expected_tokens=1000))
    names = [item.plan.benchmark.name for item in popped(WorkQueue([short, long], 1))]
    assert names == ["long"] * 3 + ["short"] * 3


def test_documents_that_were_long_before_go_first(tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, rows(5)))
    learner = lengths.Learner(one)
    for index in range(5):
        learner.learn(one.subsets[0], index, one.subsets[0].document(index).id, 100 * (index + 1))
    learner.save()
    again = plan(tmp_path, benchmark(tmp_path, rows(5)))
    assert [item.index for item in popped(WorkQueue([again], 1))] == [4, 3, 2, 1, 0]


def test_a_later_turn_becomes_ready_when_its_answer_is_stored_and_goes_first(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(2, turns=2), samples=2, sampling=Sampling(temperature=0.7))
    one = plan(tmp_path, what)
    queue = WorkQueue([one], 1)
    first = queue.pop()
    assert first is not None
    queue.answered(first, answer(first, "hello"))
    following = [item for item in popped(queue) if item.turn == 1]
    assert [(item.repetitions, item.answers) for item in following] == [((0,), ("hello 0",)), ((1,), ("hello 0",))]
    messages = following[0].subset.messages(following[0].document, following[0].answers)
    assert [message.role for message in messages] == ["user", "assistant", "user"]


def test_repetition_0_goes_first_where_later_turns_wait_for_it(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(3, turns=2), samples=3, sampling=Sampling(temperature=0.7))
    queue = WorkQueue([plan(tmp_path, what)], 1)
    assert [item.repetitions[0] for item in popped(queue)] == [0, 0, 0, 1, 2, 1, 2, 1, 2]


def test_a_turn_may_continue_its_own_sample_instead(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(1, turns=2), samples=2, sampling=Sampling(temperature=0.7), continuation="own")
    queue = WorkQueue([plan(tmp_path, what)], 4)
    first = queue.pop()
    assert first is not None
    assert first.repetitions == (0, 1)
    queue.answered(first, answer(first))
    assert [(item.repetitions, item.answers) for item in popped(queue)] == [
        ((0,), ("answer 0",)),
        ((1,), ("answer 1",)),
    ]


def test_a_later_start_asks_only_what_is_missing(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(6, turns=2), samples=2, sampling=Sampling(temperature=0.7))
    one = plan(tmp_path, what)
    queue = WorkQueue([one], 1)
    done = 0
    while done < 9 and (item := queue.pop()) is not None:
        queue.answered(item, answer(item))
        done += 1
    one.close()
    again = plan(tmp_path, what, writer="later")
    assert sum(subset.answered() for subset in again.subsets) == 9
    left = WorkQueue([again], 1)
    asked = 0
    while (item := left.pop()) is not None:
        asked += 1
        left.answered(item, answer(item))
    assert asked == 6 * 2 * 2 - 9


def test_failed_choices_are_owed_again(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(2))
    one = plan(tmp_path, what)
    for item in popped(WorkQueue([one], 1)):
        answer(item, outcome=Outcome.REQUEST_FAILED)
    one.close()
    assert len(list(popped(WorkQueue([plan(tmp_path, what, writer="later")], 1)))) == 2


def test_raising_the_number_of_samples_costs_only_the_new_ones(tmp_path: Path) -> None:
    sampled = Sampling(temperature=0.7)
    one = plan(tmp_path, benchmark(tmp_path, rows(3), samples=4, sampling=sampled))
    for item in popped(WorkQueue([one], 1)):
        answer(item)
    one.close()
    more = plan(tmp_path, benchmark(tmp_path, rows(3), samples=16, sampling=sampled), writer="later")
    assert sum(len(item.repetitions) for item in popped(WorkQueue([more], 1))) == 3 * 12


def test_a_reordered_dataset_keeps_its_answers_and_an_edited_question_loses_its_own(tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, rows(8)))
    for item in popped(WorkQueue([one], 1)):
        answer(item)
    one.close()
    changed = list(reversed(rows(8)))
    changed[3] |= {"question": "edited"}
    again = plan(tmp_path, benchmark(tmp_path, changed), writer="later")
    assert [item.document.turns for item in popped(WorkQueue([again], 1))] == [("edited",)]


@pytest.mark.parametrize(
    "spec",
    [
        RunSpec(model="other", benchmarks=("small",)),
        RunSpec(model="m", benchmarks=("small",), model_revision="r"),
        RunSpec(model="m", benchmarks=("small",), system_message="Be brief."),
        RunSpec(model="m", benchmarks=("small",), sampling=Sampling(top_p=0.9)),
        RunSpec(model="m", benchmarks=("small",), sampling=Sampling(seed=1)),
        RunSpec(model="m", benchmarks=("small",), reasoning_parser="deepseek_r1_markup"),
        RunSpec(model="m", benchmarks=("small",), prompts="pack"),
    ],
)
def test_whatever_can_change_an_answer_is_another_identity(spec: RunSpec, tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(2))
    one = plan(tmp_path, what)
    for item in popped(WorkQueue([one], 1)):
        answer(item)
    one.close()
    assert len(list(popped(WorkQueue([plan(tmp_path, what, writer="later", spec=spec)], 1)))) == 2


def test_the_same_sampling_spelled_differently_is_the_same_identity(tmp_path: Path) -> None:
    what = benchmark(tmp_path, rows(2))
    one = plan(tmp_path, what)
    for item in popped(WorkQueue([one], 1)):
        answer(item)
    one.close()
    spec = RunSpec(model="m", benchmarks=("small",), sampling=Sampling(temperature=0))
    assert list(popped(WorkQueue([plan(tmp_path, what, writer="later", spec=spec)], 1))) == []


def test_a_row_that_makes_no_document_is_named(tmp_path: Path) -> None:
    one = plan(tmp_path, benchmark(tmp_path, [*rows(2), {"id": 9, "question": "no answer here"}]))
    with pytest.raises(UserError, match=r"row 2 of .*small.jsonl .*KeyError: 'answer'.*columns id, question"):
        list(popped(WorkQueue([one], 1)))
