"""Shared rows that are kept in another shape than the hub's, put into the hub's.

mmlu        a CSV file for each subject, a column for each choice       -> lighteval/mmlu
mmlu_pro    one file                                                    -> a file for each of 91 subsets
hellaswag   context in one piece, so everything stands in `ctx_a`       -> Rowan/hellaswag
aime        two files of other publishers, the same problems            -> two repositories
jemhopqa    one list in a JSON file                                     -> tokyotech-llm/JEMHopQA
wmt20       a file for each direction                                   -> lighteval/sacrebleu_manual
mifeval_ja  one file                                                    -> tokyotech-llm/M-IFEval-Ja
mt_bench    questions, and the reference answers beside them            -> tokyotech-llm/swallow_…_mt_bench
ifeval      one file                                                    -> google/IFEval
livecodebench  one real row, and one of our own                         -> livecodebench/code_generation_lite
"""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.helpers.shared import shared_path

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
Files = dict[str, list[dict[str, Any]]]
"""Path in the repository -> rows."""


def _mmlu() -> dict[str, Files]:
    files: Files = {}
    for path in sorted(shared_path("data/mmlu/csv_export_of_hf_MLILAB-FedLLM/test").glob("*_test.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            files[f"{path.stem.removesuffix('_test')}/test.jsonl"] = [
                {
                    "question": row["question"],
                    "choices": [row[f"choice{number}"] for number in range(4)],
                    "answer": int(row["answer"]),
                }
                for row in csv.DictReader(file)
            ]
    return {"lighteval/mmlu": files}


def _mmlu_pro() -> dict[str, Files]:
    files: Files = defaultdict(list)
    for row in _lines(shared_path("data/mmlu_pro/derived/mmlu_pro_test_2024-late_from_jamba-1.5-large.jsonl.gz")):
        kept = {name: row[name] for name in ("question_id", "question", "options", "answer_index")}
        files[f"{row['src'].replace('-', '_')}/test.jsonl"].append(kept)
    return {"tokyotech-llm/MMLU-Pro-English": files}


def _hellaswag() -> dict[str, Files]:
    rows = [
        {**row, "ctx_a": row["ctx"], "ctx_b": "", "label": str(row["label"])}
        for row in _lines(shared_path("data/hellaswag/derived/hellaswag_val_partial_columns.jsonl.gz"))
    ]
    return {"Rowan/hellaswag": {"data/validation.jsonl": rows}}


def _aime() -> dict[str, Files]:
    years = {
        "HuggingFaceH4/aime_2024": "data/aime2024/Qwen2.5-Math_aime24_test.jsonl",
        "yentinglin/aime_2025": "data/aime2025/evalchemy_aime25.json",
    }
    return {
        repository: {
            "data/train.jsonl": [
                {"problem": row["problem"], "answer": row["answer"]} for row in _lines(shared_path(path))
            ]
        }
        for repository, path in years.items()
    }


def _jemhopqa() -> dict[str, Files]:
    rows = json.loads(shared_path("data/jemhopqa/corpus_ver1.2/dev_ver1.2.json").read_bytes())
    kept = [{name: row[name] for name in ("question", "answer")} for row in rows]
    return {"tokyotech-llm/JEMHopQA": {"v1.2/validation.jsonl": kept}}


def _wmt20() -> dict[str, Files]:
    directions = ("en-ja", "ja-en")
    files = {name: [*_lines(shared_path(f"data/wmt20/derived/{name}.jsonl"))] for name in directions}
    return {"lighteval/sacrebleu_manual": {f"wmt20_{name}/test.jsonl": rows for name, rows in files.items()}}


def _mifeval_ja() -> dict[str, Files]:
    rows = [*_lines(shared_path("data/m_ifeval_ja/ja_input_data.jsonl"))]
    return {"tokyotech-llm/M-IFEval-Ja": {"data/test.jsonl": rows}}


def _mt_bench_en() -> dict[str, Files]:
    folder = shared_path("data/mt_bench/data/mt_bench")
    return _conversations("english", folder / "question.jsonl", folder / "reference_answer/gpt-4.jsonl")


def _mt_bench_ja() -> dict[str, Files]:
    folder = shared_path("data/japanese_mt_bench/data/japanese_mt_bench")
    answers = folder / "reference_answer/base-gpt4o-with-human-annotation.jsonl"
    return _conversations("japanese", folder / "question_full.jsonl", answers)


def _conversations(language: str, questions: Path, answers: Path) -> dict[str, Files]:
    references = {row["question_id"]: row["choices"][0]["turns"] for row in _lines(answers)}
    rows = [
        {
            **{name: row[name] for name in ("question_id", "category", "turns")},
            "reference": [{"turns": references[row["question_id"]]}] if row["question_id"] in references else [],
        }
        for row in _lines(questions)
    ]
    return {f"tokyotech-llm/swallow_{language}_mt_bench": {"data/train.jsonl": rows}}


def _ifeval() -> dict[str, Files]:
    return {"google/IFEval": {"ifeval_input_data.jsonl": [*_lines(shared_path("data/ifeval/input_data.jsonl"))]}}


def _livecodebench() -> dict[str, Files]:
    rows = [*_lines(shared_path("data/livecodebench/sample_1873_A_upstream_columns.jsonl"))]
    own = json.loads((GOLDEN / "rows" / "livecodebench.json").read_bytes())
    return {"livecodebench/code_generation_lite": {"test5.jsonl": rows, "test6.jsonl": [own]}}


DERIVED: Mapping[str, Callable[[], dict[str, Files]]] = {
    "mmlu": _mmlu,
    "mmlu_pro": _mmlu_pro,
    "hellaswag": _hellaswag,
    "aime": _aime,
    "jemhopqa": _jemhopqa,
    "jemhopqa_cot": _jemhopqa,
    "wmt20_en_ja": _wmt20,
    "wmt20_ja_en": _wmt20,
    "mifeval_ja": _mifeval_ja,
    "mt_bench_en": _mt_bench_en,
    "mt_bench_ja": _mt_bench_ja,
    "ifeval": _ifeval,
    "livecodebench": _livecodebench,
}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def derived_repositories(benchmark: str, folder: Path) -> dict[str, dict[str, Path]]:
    """Write the benchmark's rows below `folder`; return repository -> path in it -> file. Skips without shared rows."""
    written: dict[str, dict[str, Path]] = {}
    for repository, files in DERIVED[benchmark]().items():
        written[repository] = {path: folder / repository / path for path in files}
        for path, rows in files.items():
            write_rows(folder / repository / path, rows)
    return written


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
