"""MT-Bench as the reference recorded it: settings, conversations, ratings, scores, the share of Japanese."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from saiten.benchmarks import find
from saiten.datasets import DataContext
from saiten.engine.plan import ANSWERED, BenchmarkPlan, SubsetPlan, plan_benchmark
from saiten.engine.queue import Item, WorkQueue
from saiten.engine.record import GenerationRecord, Place
from saiten.models.options import WIDE
from saiten.scoring.japanese_share import counts, reader, share
from saiten.scoring.judge import NoLiteralError, compatible_rating
from saiten.scoring.mt_bench import MtBenchScorer, mt_bench_metrics
from saiten.types import (
    Benchmark,
    Choice,
    ChoiceScore,
    Dataset,
    Document,
    Generation,
    Metric,
    Outcome,
    RunSpec,
    Verdict,
)
from saiten.values import replace
from tests.helpers.extras import needs
from tests.parity.records import Compared, records

Record = dict[str, Any]


def compared_mt_settings() -> Iterator[Compared]:
    """Temperature, N, where answers are cut and whether a reference is shown, by category."""
    names = {("en", "default"): "mt_bench_en", ("ja", "default"): "mt_bench_ja"}
    names["ja", "truncate_6144"] = "mt_bench_ja_truncate_6144"
    for record in records("mt_settings"):
        given = record["input"]
        benchmark = find(names[given["lang"], given["variant"]])
        document = benchmark.document(row(given["category"], ("1", "2")))
        assert document.sampling is not None
        assert benchmark.judge is not None
        told = benchmark.judge.request(document, ("A",))[-1].content
        got = {
            "temperature": document.sampling.temperature,
            "num_samples": benchmark.samples,
            "max_gen_text_length": benchmark.answer_characters,
            "needs_reference": "REFERENCE 1" in told,
        }
        yield record["id"], record["expected"], got


def compared_mt_rating() -> Iterator[Compared]:
    """What is read from a judge's text; what ends the reference's run."""
    for record in records("mt_rating"):
        try:
            rating = compatible_rating(record["input"]["text"])
        except NoLiteralError:
            yield record["id"], record["expected"], {"error": "SyntaxError"}
        else:
            yield record["id"], record["expected"], {"rating": rating, "type": type(rating).__name__}


# --------------------------------------------------------------------------------------------- scores


def compared_mt_aggregate() -> Iterator[Compared]:
    """All averages, of the corpus and of each document, to the last bit."""
    metrics = [metric for metric in mt_bench_metrics(japanese=False) if metric.compatible]
    for record in records("mt_aggregate"):
        items = [(document(given), choices(given)) for given in record["input"]["docs"]]
        scored = [
            (one, scores) for (one, _), scores in zip(items, MtBenchScorer(characters=9).score(items), strict=True)
        ]
        of_documents = [
            {metric.name: value for metric in metrics for value in _values(metric, [one])} for one in scored
        ]
        corpus: Record = {}
        for metric in metrics:
            if values := list(_values(metric, scored)):
                value = metric.corpus([values]).value
                corpus[metric.name] = {"error": "ValueError"} if value is None else value
        yield record["id"], record["expected"], {"metrics": corpus, "per_doc": of_documents}


def _values(metric: Metric, scored: Sequence[tuple[Document, tuple[ChoiceScore, ...]]]) -> Iterator[float]:
    for one, scores in scored:
        if metric.where is None or metric.where(one):
            names = (metric.value,) if isinstance(metric.value, str) else metric.value
            read = [tuple(score.values[name] for name in names) for score in scores]
            yield metric.reduce([numbers[0] for numbers in read] if isinstance(metric.value, str) else read)


def document(given: Record) -> Document:
    return Document(id="1", turns=("1", "2"), extra={"category": given["category"]})


def choices(given: Record) -> tuple[Choice, ...]:
    """Return choices whose verdicts state the given ratings; a verdict without one is -1."""
    answer = Generation(outcome=Outcome.OK, text="answer")
    pairs = zip(given["scores_turn_1"], given["scores_turn_2"], strict=True)
    return tuple(
        Choice(repetition=number, turns=(answer, answer), verdicts=tuple(map(verdict, pair)))
        for number, pair in enumerate(pairs)
    )


def verdict(rating: float) -> Verdict:
    text = "none" if rating == -1 else f"Rating: [[{rating}]]"
    return Verdict(kind="judgement", status="rated", value=None if rating == -1 else rating, detail=text)


def compared_mt_japanese_ratio() -> Iterator[Compared]:
    """Characters of the text that is seen, Japanese ones among them, and their share over all documents."""
    needs("judge")
    seen = reader()
    for record in records("mt_japanese_ratio"):
        found = [[counts(seen("".join(turns))) for turns in samples] for samples in record["input"]["docs"]]
        got = {
            "ratio": share([one for samples in found for one in samples]),
            "plain_text_lengths": [[everything for _, everything in samples] for samples in found],
            "japanese_chars": [[japanese for japanese, _ in samples] for samples in found],
        }
        yield record["id"], record["expected"], got


# --------------------------------------------------------------------------------------------- conversations


def compared_mt_generation() -> Iterator[Compared]:
    """Each request of both turns, and the answers as they are judged."""
    for record in records("mt_generation"):
        given = record["input"]
        with TemporaryDirectory() as folder, closing(planned(Path(folder), given)) as plan:
            yield record["id"], record["expected"], conversation(plan, given)


def row(category: str, turns: Sequence[str]) -> Record:
    return {
        "question_id": 1,
        "category": category,
        "turns": list(turns),
        "reference": [{"turns": ["REFERENCE 1", "REFERENCE 2"]}],
    }


def planned(folder: Path, given: Record) -> BenchmarkPlan:
    """Return the plan of a run over one document."""
    (folder / "rows.jsonl").write_text(json.dumps(row(given["category"], given["turns"])) + "\n")
    dataset = Dataset(path=str(folder / "rows.jsonl"), split="test", local=True)
    benchmark: Benchmark = replace(find("mt_bench_ja"), dataset=dataset, answer_characters=given["limit"])
    spec = RunSpec(model="m", benchmarks=("mt_bench_ja",), system_message=given["system_prompt"])
    return plan_benchmark(spec, benchmark, [""], folder / "run", DataContext(cache=folder / "cache"), "w")


def conversation(plan: BenchmarkPlan, given: Record) -> Record:
    """Run the engine's queue over the document, with the recorded replies.

    Two things are not saiten's doing: a question that holds `model_response` ends the reference, whose assistant
    message is a format string; and a request that failed for good (null) is continued there as the word None, where
    saiten asks again.
    """
    if any("model_response" in turn for turn in given["turns"]):
        return {"error": "IndexError"}
    subset = plan.subsets[0]
    queue = WorkQueue([plan], WIDE)
    calls: list[Record] = []
    while (item := queue.pop()) is not None:
        messages = subset.messages(item.document, item.answers)
        calls.append(
            {
                "n": len(item.repetitions),
                "temperature": subset.sampling_of(item.document).temperature,
                "messages": [{"role": message.role, "content": message.content} for message in messages],
            }
        )
        replies = given["replies"][item.turn][: len(item.repetitions)]
        texts = {number: store(item, number, reply) for number, reply in enumerate(replies)}
        queue.answered(item, {n: "None" if replies[n] is None else text for n, text in texts.items()})
    if len(calls) < len(given["turns"]):
        return {"error": "IndexError"}  # nothing to continue: owed, and asked again
    return {"calls": calls, "results": [judged(plan, subset, turn) for turn in range(subset.turns)]}


def store(item: Item, repetition: int, reply: str | None) -> str:
    """Store a reply as the generator does; return what is continued."""
    generation = Generation(outcome=Outcome.OK if reply else Outcome.EMPTY, text=reply)
    place = Place(
        id=item.subset.choice_id(item.document, item.answers, repetition),
        subset="",
        document=item.document.id,
        index=0,
        repetition=repetition,
        turn=item.turn,
    )
    location = item.plan.generations.append(GenerationRecord(place=place, generation=generation))
    assert location is not None
    slot = item.subset.slot(0, repetition, item.turn)
    item.subset.locations[slot], item.subset.states[slot] = location, ANSWERED
    return item.subset.continued(generation)


def judged(plan: BenchmarkPlan, subset: SubsetPlan, turn: int) -> list[str | None]:
    """Return a turn's answers as they are judged, copies included."""
    found: list[str | None] = []
    for repetition in range(subset.generated(0)):
        location = subset.locations[subset.slot(0, repetition, turn)]
        if location >= 0:
            generation = plan.generations.read(location).generation
            found.append(None if generation.text is None else subset.continued(generation))
    return found * subset.samples if subset.generated(0) == 1 else found
