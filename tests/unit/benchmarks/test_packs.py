"""Prompt packs: read from source by its syntax alone, equal to what the source's functions would render."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from saiten.benchmarks import find
from saiten.benchmarks.index import SAMPLE, builtin
from saiten.benchmarks.packs.importing import import_pack
from saiten.benchmarks.packs.pack import Pack, naming_pack, read_pack, with_prompts, write_pack
from saiten.benchmarks.prompt import PLACEHOLDER
from saiten.cli import main
from saiten.engine.identity import Identities
from saiten.errors import UsageError, UserError
from saiten.types import Document, Message, RunSpec, Sampling
from tests.unit.benchmarks.golden import ROWS, own_document

TASKS = "lighteval/src/lighteval/tasks/swallow"
SOURCES = {
    "letters.py": r'''
from lighteval.tasks.lighteval_task import LightevalTaskConfig
open("executed", "w")

QUERY = """
Which one? ANSWER {{A}} or so: $\\boxed{{x}}$

{Question}

(A) {A} / (B) {B} / (C) {C} / (D) {D}
""".lstrip()

def letters(line, task_name: str = None):
    """Build it."""
    gold = "ABCD".index(line["answer"])
    choices = [line["A"], line["B"], line["C"], line["D"]]
    query = QUERY.format(A=choices[0], B=choices[1], C=choices[2], D=choices[3], Question=line["question"])
    return Doc(task_name=task_name, query=query, choices=choices, gold_index=gold)

TABLE = [LightevalTaskConfig(name=f"swallow_jmmlu:{subset}", prompt_function=letters) for subset in ("anatomy",)]
''',
    "numbered.py": r"""
from lighteval.tasks.default_prompts import LETTERS, wrapped as outer

TEMPLATE = "Choose of {choices}.\n\n{Question}\n\n{choice_contents}\n"

def numbered(line, task_name=None):
    contents = []
    for i in range(10):
        if line[f"option_{i}"] is not None:
            contents.append(line[f"option_{i}"])
    choices = LETTERS[: len(contents)]
    question = line["question"]
    query = TEMPLATE.format(
        choices=", ".join(choices),
        Question=question,
        choice_contents="\n".join([f"{letter}) {content}" for letter, content in zip(choices, contents)]),
    )
    return Doc(query=query)

for subset in ("a", "b"):
    name = f"mmlu_prox_japanese:{subset}"
    tasks = LightevalTaskConfig(name=name, prompt_function=decorated(numbered))
""",
    "maths.py": r"""
import lighteval.tasks.default_prompts as prompt
from string import Template

T = Template("Work on this for $$1: ${problem} - now")

def japanese(line, task_name=None):
    return Doc(query=Template("数学: ${q}。$$ で囲む。").substitute(q=line["ja"]), choices=[line["answer"]])

a = LightevalTaskConfig(name="math_500", prompt_function=prompt.maths)
b = LightevalTaskConfig(name="math_100_japanese", prompt_function=japanese)
""",
    "pieces.py": r"""
HEAD = "Translate" + " this.\n"

def start():
    return HEAD

def whole(line, task_name=None):
    pair = line["translation"]
    if isinstance(pair, str):
        pair = eval(pair)
    query = start()
    query += f"Japanese: {pair['ja']}\n" f"{{literal}}"
    query += "English:"
    return Doc(query=query)

def plus(line, task_name=None):
    doc = plain(line, task_name=task_name)
    doc.specific["timeout"] = 600
    return doc

def plain(line, task_name=None):
    return Doc(query="Finish:\n```\n" + line["prompt"] + "\n```\n\n", specific={})

def made(line):
    query = "A problem.\n\n"
    query += f"Question: {line['question_content']}\n\n"
    if starter_code := line.get("starter_code", None):
        query += f"Begin so:\n{starter_code}\n"
    else:
        query += "Read stdin."
    return query

def contest(line, task_name=None):
    query = made(line)
    return Doc(query=query, choices=[""])

for subset in ("v6",):
    name = f"lcb:codegeneration_{subset}"
    task = LightevalTaskConfig(name=name, prompt_function=contest)
LightevalTaskConfig(name="wmt20:ja-en", prompt_function=whole)
LightevalTaskConfig(name="humaneval", prompt_function=plain)
LightevalTaskConfig(name="humanevalplus", prompt_function=plus)
""",
    "cannot.py": r"""
def counted(line, task_name=None):
    query = "There are %d questions: {question}".format(question=line["question"].upper() + str(len(line)))
    return Doc(query=query)

def computed(line, task_name=None):
    query = make_query(line)
    return Doc(query=PREFIXES[0].format(Question=line["question"]))

def clashing(line, task_name=None):
    return Doc(query=f"Write {{answer}} for {line['prompt']}")

def many(line, task_name=None):
    if line["a"]:
        query = "one " + line["problem"]
    elif line["b"]:
        query = "two " + line["problem"]
    else:
        query = f"{line['problem']!r}"
    return Doc(query=query)

def three(line, task_name=None):
    if line["a"]:
        return Doc(query="one " + line["Question"])
    if line["b"]:
        return Doc(query="two " + line["Question"])
    return Doc(query="three " + line["Question"])

LightevalTaskConfig(name="jamcqa", prompt_function=computed)
LightevalTaskConfig(name="jamcqa_cot", prompt_function=missing_function)
LightevalTaskConfig(name="mifeval_ja", prompt_function=clashing)
LightevalTaskConfig(name="aime:24", prompt_function=many)
LightevalTaskConfig(name="swallow_gpqa_ja", prompt_function=three)
""",
}
JUDGED = r"""
from lighteval.tasks.swallow.english_mt_bench.judge_prompt_templates import (
    gpt_judge_prompt_mt_bench_for_single_v1,
    gpt_judge_prompt_mt_bench_for_single_v1_with_ref,
    gpt_judge_prompt_mt_bench_for_single_v1_multi_turn,
    gpt_judge_prompt_mt_bench_for_single_v1_with_ref_multi_turn,
)

def mt_bench_prompt(line, task_name: str = ""):
    return Doc(query=f"{line['turns'][0]}", choices=[], instruction=None)

one = LightevalTaskConfig(name="english_mt_bench", prompt_function=mt_bench_prompt)
"""
JUDGES = r'''
def gpt_judge_prompt_mt_bench_for_single_v1(question, options, answer, gold):
    return [
        {"role": "system", "content": "Judge well."},
        {"role": "user", "content": f"""[Task]
Rate it. Write \"[[rating]]\".

[Question]
{question}

[Answer]
{answer}
"""},
    ]


def gpt_judge_prompt_mt_bench_for_single_v1_with_ref(question, options, answer, gold):
    return [{"role": "user", "content": f"Q {question} R {gold} A {answer}"}]


def gpt_judge_prompt_mt_bench_for_single_v1_multi_turn(question, options, answer, gold):
    question_1, question_2 = question
    answer_1, answer_2 = answer
    return [
        {"role": "system", "content": """"Please rate the second.

"""},
        {"role": "user", "content": f"{question_1}|{answer_1}|{question_2}|{answer_2} {{X}}"},
    ]


def gpt_judge_prompt_mt_bench_for_single_v1_with_ref_multi_turn(question, options, answer, gold):
    question_1, question_2 = question
    answer_1, answer_2 = answer
    ref_answer_1, ref_answer_2 = gold
    return [
        {"role": "system", "content": "S"},
        {"role": "user", "content": f"{ref_answer_1}{ref_answer_2}{question_1}{question_2}{answer_1}" f"{answer_2}"},
    ]


def flow_judge_prompt_mt_bench_without_ref(question, options, answer, gold):
    return [{"role": "user", "content": "another judge"}]
'''
DEFAULT = r'''
LETTERS = list("ABCDEFGHIJ")

def maths(line, task_name=None):
    TEMPLATE = """
Solve: {Question}

End with \\boxed{{ANSWER}}.
""".strip()
    return Doc(query=TEMPLATE.format(Question=line["problem"]), choices=[line["solution"]])
'''
FUNCTIONS = {
    "jmmlu": ("letters.py", "letters"),
    "mmlu_prox_ja": ("numbered.py", "numbered"),
    "math_100_ja": ("maths.py", "japanese"),
    "math_500": ("", "maths"),
    "wmt20_ja_en": ("pieces.py", "whole"),
    "livecodebench": ("pieces.py", "contest"),
    "humaneval": ("pieces.py", "plain"),
    "humanevalplus": ("pieces.py", "plus"),
}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write sources of the shapes that the old system's have, with texts of our own."""
    root = tmp_path / "checkout"
    (root / TASKS).mkdir(parents=True)
    for name, text in SOURCES.items():
        (root / TASKS / name).write_text(text)
    (root / TASKS).with_name("default_prompts.py").write_text(DEFAULT)
    (root / TASKS / "english_mt_bench").mkdir()
    (root / TASKS / "english_mt_bench/main.py").write_text(JUDGED)
    (root / TASKS / "english_mt_bench/judge_prompt_templates.py").write_text(JUDGES)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def pack(checkout: Path) -> Pack:
    made = import_pack(checkout, "mine")
    write_pack(made)
    return made


def row(name: str) -> dict[str, Any]:
    from tests.unit.benchmarks.golden import OWN_ROWS

    found = OWN_ROWS.get(name) or json.loads((ROWS / f"{name}.json").read_bytes())
    return copy.deepcopy(dict(found))


def rendered(name: str) -> str:
    """Run the source's own function: what a pack must equal."""
    file, function = FUNCTIONS[name]
    text = SOURCES[file] if file else DEFAULT
    lines = [line for line in text.splitlines() if not line.startswith(("from light", "import light", "open("))]
    names: dict[str, Any] = {
        "Doc": lambda **fields: SimpleNamespace(**({"specific": {}} | fields)),
        "LightevalTaskConfig": lambda **_: None,
        "prompt": SimpleNamespace(maths=None),
        "LETTERS": list("ABCDEFGHIJ"),
        "decorated": lambda function: function,
    }
    exec("\n".join(lines), names)  # our own text above
    query: str = names[function](row(name)).query
    return query


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_prompt_is_what_the_old_function_renders(name: str, pack: Pack) -> None:
    document = pack.applied(find(name)).document(row(name))
    assert document.turns == (rendered(name),)
    own = find(name).document(row(name))
    assert (document.id, document.target, document.extra) == (own.id, own.target, own.extra)


@pytest.mark.parametrize("category", ["writing", "math"])
def test_a_judges_prompts_are_what_the_old_functions_render(category: str, pack: Pack) -> None:
    benchmark = pack.applied(find("mt_bench_en"))
    document = benchmark.document(
        {"question_id": 1, "category": category, "turns": ["Q1 {answer}", "Q2"], "reference": [{"turns": ["R1", "R2"]}]}
    )
    assert document.turns == ("Q1 {answer}", "Q2")
    names: dict[str, Any] = {}
    exec(JUDGES, names)  # our own text above
    kind, gold = ("_with_ref", ("R1", "R2")) if category == "math" else ("", ("", ""))
    for turn, question, answer, wanted in (
        (1, "Q1 {answer}", "A1", gold[0]),
        (2, ("Q1 {answer}", "Q2"), ("A1", "A2"), gold),
    ):
        function = f"gpt_judge_prompt_mt_bench_for_single_v1{kind}{'_multi_turn' if turn == 2 else ''}"
        old = names[function](question, category, answer, wanted)
        assert benchmark.judge is not None
        asked = benchmark.judge.request(document, ("A1", "A2")[:turn])
        assert [{"role": message.role, "content": message.content} for message in asked] == old


def test_a_judged_benchmark_without_the_judges_prompts_is_not_imported(checkout: Path) -> None:
    path = checkout / TASKS / "english_mt_bench/judge_prompt_templates.py"
    path.write_text(JUDGES.replace('f"Q {question} R {gold} A {answer}"', '"Q" + question.upper()'))
    missing = import_pack(checkout, "x").missing["mt_bench_en"]
    assert missing == f"{path.relative_to(checkout)}:18: nothing is known of question.upper()"


def test_nothing_is_executed(pack: Pack, tmp_path: Path) -> None:
    assert pack.prompts
    assert not list(tmp_path.rglob("executed"))


def test_what_cannot_be_imported_is_named_with_file_and_line(pack: Pack) -> None:
    assert pack.missing["jamcqa"] == f"{TASKS}/cannot.py:8: a template that is not a constant"
    assert "formats its value" in pack.missing["aime"]
    assert pack.missing["aime"].startswith(f"{TASKS}/cannot.py:")
    assert "one of 3 texts" in pack.missing["gpqa_ja"]
    assert pack.prompts["mifeval_ja"].templates[0].text == "Write {answer} for {prompt}"
    assert pack.missing["jamcqa_cot"].endswith(": its prompt function is not found")
    assert pack.missing["hellaswag"] == "no task hellaswag in checkout"
    assert set(pack.prompts) | set(pack.missing) == {name for name in builtin() if not name.startswith(SAMPLE)}


def test_the_old_benchmarks_documents_tell_all_that_a_prompt_may_have() -> None:
    """Whatever a benchmark's own prompt has, a pack's prompt can have too."""
    for name in builtin():
        if name.startswith(SAMPLE):
            continue
        document = own_document(name)
        places = set(PLACEHOLDER.findall(find(name).prompt)) & set(document.fields)
        assert document.fields, name
        assert all(isinstance(value, str) for value in document.fields.values())
        assert places or document.turns[0] in document.fields.values(), name


def test_what_the_source_makes_by_calling_functions_is_told(checkout: Path) -> None:
    (checkout / TASKS / "strip.py").write_text(
        "def made(line):\n"
        "    question = line['question']\n"
        "    question = question.strip()\n"
        "    return Doc(query='Q: {q}'.format(q=question))\n"
        "LightevalTaskConfig(name='jemhopqa', prompt_function=made)\n"
    )
    prompt = import_pack(checkout, "x").prompts["jemhopqa"]
    assert prompt.templates[0].text == "Q: {question}"
    assert prompt.notes == ("{question} is saiten's own; the source makes it by line['question'].strip()",)


@pytest.mark.parametrize("starter", ["", "class Solution:\n    pass"])
def test_a_condition_chooses_between_two_prompts(starter: str, pack: Pack) -> None:
    problem = row("livecodebench") | {"starter_code": starter}
    names: dict[str, Any] = {"Doc": SimpleNamespace, "LightevalTaskConfig": lambda **_: None}
    exec(SOURCES["pieces.py"], names)  # our own text above
    assert pack.applied(find("livecodebench")).document(problem).turns == (names["contest"](problem).query,)


def test_two_columns_are_not_taken_for_one_text(checkout: Path) -> None:
    (checkout / TASKS / "two.py").write_text(
        "def two(line, task_name=None):\n"
        '    return Doc(query=f\'{line["problem"]} {line["hint"]}\')\n'
        "LightevalTaskConfig(name='math_500', prompt_function=two)\n"
    )
    (checkout / TASKS / "maths.py").unlink()
    assert import_pack(checkout, "x").missing["math_500"].endswith("no one text that is the column 'hint'")


# ------------------------------------------------------------------------------------------------- files and names


def test_a_pack_is_named_by_its_texts(pack: Pack, checkout: Path) -> None:
    assert read_pack("mine").reference == pack.reference
    assert read_pack(pack.reference).reference == pack.reference
    file = checkout / TASKS / "letters.py"
    file.write_text("# moved down a line\n" + file.read_text())
    assert import_pack(checkout, "mine").reference == pack.reference
    file.write_text(file.read_text().replace("Which one?", "Which?"))
    changed = import_pack(checkout, "mine")
    assert changed.reference != pack.reference
    write_pack(changed)
    with pytest.raises(UserError, match="texts have changed since"):
        read_pack(pack.reference)


def test_a_packs_source_names_its_commit_where_it_is_known(checkout: Path) -> None:
    assert import_pack(checkout, "x").source == "checkout"
    git = checkout / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text(f"# pack-refs\n{'a' * 40} refs/heads/main\n")
    assert import_pack(checkout, "x").source == f"checkout@{'a' * 12}"
    (git / "refs/heads/main").write_text("b" * 40 + "\n")
    assert import_pack(checkout, "x").source == f"checkout@{'b' * 12}"
    (git / "HEAD").write_text("c" * 40 + "\n")
    assert import_pack(checkout, "x").source == f"checkout@{'c' * 12}"


def test_another_pack_is_another_choice(pack: Pack) -> None:
    spec = naming_pack(RunSpec(model="m", benchmarks=("jmmlu",), prompts="mine"))
    assert spec.prompts == pack.reference
    messages, sampling = (Message(role="user", content="q"),), Sampling()
    plain = Identities(RunSpec(model="m", benchmarks=("jmmlu",))).conversation(messages, sampling).choice(0, 0)
    assert Identities(spec).conversation(messages, sampling).choice(0, 0) != plain


def test_a_benchmark_that_a_pack_lacks_is_refused(pack: Pack) -> None:
    from saiten.benchmarks import select

    with pytest.raises(UserError, match=r"no prompt for jamcqa \(.*cannot.py:8.*run it without --prompts"):
        with_prompts(select(["jamcqa"]), pack.reference)
    (form,) = with_prompts(select(["math_500_N4"]), pack.reference)
    assert form.benchmark.prompt == pack.prompts["math_500"].templates[0].text


def test_a_document_without_its_fields_says_so(pack: Pack) -> None:
    from saiten.values import replace

    bare = replace(find("math_500"), document=lambda _row: Document(id="1", turns=("q",)))
    with pytest.raises(KeyError, match="problem"):
        pack.applied(bare).document({})


@pytest.mark.parametrize("name", ["", "../x", "a b", ".x", "x" * 65, "a/b"])
def test_names_that_are_no_names_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name for a prompt pack"):
        read_pack(name)


DAMAGED = ["", "{", "[]", '{"name": "x"}', '{"name": "x", "prompts": {"jmmlu": {"templates": 3}}}']


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_pack_is_named(pack: Pack, tmp_path: Path, text: str) -> None:
    (tmp_path / "config/saiten/prompts/mine.json").write_text(text)
    with pytest.raises(UserError, match=r"mine.json: not a prompt pack"):
        read_pack("mine")


# ------------------------------------------------------------------------------------------------- the command


def test_import_show_and_diff(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "import", "--from", str(checkout)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("swallow@")
    assert "not imported: jamcqa: " in err
    assert main(["prompts", "show", "swallow"]) == 0
    assert f"{TASKS}/letters.py:13" in capsys.readouterr().out
    assert main(["prompts", "show", "swallow", "math_500"]) == 0
    assert "Solve: {problem}\n\nEnd with \\boxed{ANSWER}." in capsys.readouterr().out
    assert main(["prompts", "diff", "swallow"]) == 0
    told = capsys.readouterr().out
    assert "+Solve: {problem}" in told
    assert "10 of 10 prompts differ" in told
    assert main(["prompts", "diff", "swallow", "swallow"]) == 0
    assert "0 of 10 prompts differ" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        (["import", "--from", "."], 4, "no checkout of swallow-evaluation-instruct"),
        (["import", "--from", ".", "--name", "a/b"], 2, "no name for a prompt pack"),
        (["import"], 2, "--from"),
        (["show", "lost"], 4, "no prompt pack 'lost'"),
        (["diff", "lost"], 4, "there are none"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    argv: list[str],
    status: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert main(["prompts", *argv]) == status
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1


def test_a_source_that_is_no_python_is_named_with_its_line(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (checkout / TASKS / "broken.py").write_text("x = 1\ndef (\n")
    assert main(["prompts", "import", "--from", str(checkout)]) == 4
    assert "broken.py:2: cannot be read as Python" in capsys.readouterr().err
