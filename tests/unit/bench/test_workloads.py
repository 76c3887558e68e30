"""The synthetic benchmarks: their answers, and so their scores, are known beforehand."""

from __future__ import annotations

import json
from pathlib import Path

from bench import workloads
from bench.mock_replies import question, reply


def test_the_mocks_letters_earn_the_score_that_is_expected(tmp_path: Path) -> None:
    workload = workloads.Workload(name="small", documents=50)
    file = workloads.write(workload, tmp_path)
    rows = [json.loads(line) for line in file.with_suffix(".jsonl").read_text().splitlines()]
    right = 0
    for row in rows:
        answer = json.loads(b'"' + reply(question([("user", row["turns"][0])])).answer + b'"')
        right += answer.endswith(f"回答: {row['target']}")
    assert workload.expected_score() == ("extractive_match", right / len(rows)) == ("extractive_match", 0.7)


def test_every_workload_has_a_name_and_tags_of_its_own() -> None:
    suite = workloads.suite()
    tags = [tag for one in suite for tag in range(one.first_tag, one.first_tag + one.documents)]
    assert len({one.name for one in suite}) == len(suite) == 10
    assert len(set(tags)) == len(tags)
    assert all(one.expected_tokens > 0 for one in suite)
