"""The manual says what the program does: pages in both languages, links that lead somewhere, options that exist,
messages that are really printed, an example that works."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from saiten.cli import COMMANDS, Parser, main
from saiten.errors import Exit
from saiten.models.provider_table import builtin_providers
from saiten.types import Outcome
from tests.helpers.faultd import Fault, FaultServer

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "ja")
PAGES = (
    *COMMANDS,
    "index",
    "results",
    "own-benchmark",
    "reliability",
    "environment",
    "providers",
    "judge",
    "clusters",
    "manual",
)
BOTH = [(language, page) for language in LANGUAGES for page in PAGES]
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
LONGEST = 140


def text_of(language: str, page: str) -> str:
    return (ROOT / "docs" / language / f"{page}.md").read_text("utf-8")


def prose_of(text: str) -> str:
    """Return a page without its code blocks: a comment in one may look like a heading."""
    return BLOCK.sub("", text)


def blocks(text: str, kind: str) -> list[str]:
    return [body for found, body in BLOCK.findall(text) if found == kind]


def parser_of(command: str) -> Parser:
    parser = Parser(prog=f"saiten {command}", allow_abbrev=False)
    import_module(f"saiten.cli.{command}").configure(parser)
    return parser


def flags_of(parser: argparse.ArgumentParser, *, hidden: bool) -> set[str]:
    """Return a parser's flags and those of the commands below it. `hidden`: also those that the help leaves out."""
    found: set[str] = set()
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                found |= flags_of(child, hidden=hidden)
        elif hidden or action.help is not argparse.SUPPRESS:
            found |= {flag for flag in action.option_strings if flag.startswith("--")}
    return found - {"--help"}


def tabled_flags(text: str) -> set[str]:
    """Return the flags that a page's tables explain: those at the beginning of a row's first or second cell."""
    rows = [line.split(" | ")[:2] for line in prose_of(text).splitlines() if line.startswith("| ")]
    return {flag for row in rows for cell in row if cell.startswith(("`--", "| `--")) for flag in FLAG.findall(cell)}


def command_lines(text: str) -> Iterator[tuple[str, set[str]]]:
    """Yield (command, its flags) of every `saiten COMMAND …` in a page's shell blocks and inline code."""
    lines = [line for block in blocks(text, "sh") for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", prose_of(text))]:
        words = shlex.split(line, comments=True) if line.count("'") % 2 == 0 else line.split()
        if len(words) > 1 and words[0] == "saiten" and not words[1].startswith("-"):
            yield words[1], {word for word in words[2:] if FLAG.fullmatch(word)}


# ------------------------------------------------------------------------------------------------- pages and links


def test_every_page_exists_in_both_languages_and_there_is_no_other() -> None:
    for language in LANGUAGES:
        found = {path.stem for path in (ROOT / "docs" / language).glob("*.md")}
        assert found == set(PAGES), language


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_of_a_page_have_the_same_sections_blocks_and_tables(page: str) -> None:
    shapes = []
    for language in LANGUAGES:
        text = text_of(language, page)
        prose = prose_of(text).splitlines()
        shapes.append(
            {
                "sections": sum(line.startswith("## ") for line in prose),
                "rows": sum(line.startswith("|") for line in prose),
                "items": sum(bool(re.match(r"- |\d\. ", line)) for line in prose),
                "blocks": [kind for kind, _ in BLOCK.findall(text)],
            }
        )
    assert shapes[0] == shapes[1]
    assert shapes[0]["sections"]


@pytest.mark.parametrize(("language", "page"), BOTH)
def test_a_page_is_short_and_begins_with_what_the_user_types(language: str, page: str) -> None:
    text = text_of(language, page)
    assert len(text.splitlines()) <= LONGEST
    assert text.startswith("# ")
    first = BLOCK.search(text)
    assert first is not None
    assert first[1] == "sh"
    assert text[: first.start()].count("\n## ") <= (page == "index")


def test_every_relative_link_leads_somewhere() -> None:
    pages = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 2 * len(PAGES)
    lost = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in LINK.findall(BLOCK.sub("", page.read_text("utf-8")))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert lost == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_leads_to_every_page_of_its_language(language: str) -> None:
    assert {f"{page}.md" for page in PAGES} - {"index.md"} <= set(LINK.findall(text_of(language, "index")))


# ------------------------------------------------------------------------------------------------- options and names


@pytest.mark.parametrize(("language", "command"), [(language, c) for language in LANGUAGES for c in COMMANDS])
def test_the_option_tables_of_a_command_name_all_of_its_options_and_no_other(language: str, command: str) -> None:
    parser, text = parser_of(command), text_of(language, command)
    named = tabled_flags(text)
    assert flags_of(parser, hidden=False) - named == set()
    assert named - flags_of(parser, hidden=True) == set()


@pytest.mark.parametrize(("language", "page"), BOTH)
def test_every_option_in_a_page_exists(language: str, page: str) -> None:
    known = set.union(*(flags_of(parser_of(command), hidden=True) for command in COMMANDS))
    assert set(FLAG.findall(text_of(language, page))) - known == set()


@pytest.mark.parametrize("path", [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda p: p.name)
def test_every_command_line_names_a_command_and_options_that_it_has(path: Path) -> None:
    for command, flags in command_lines(path.read_text("utf-8")):
        if command.isupper():
            continue  # saiten COMMAND
        assert command in COMMANDS
        assert flags - flags_of(parser_of(command), hidden=True) == set(), command


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_of_run_names_every_provider_with_its_key_variable(language: str) -> None:
    rows = [line for line in text_of(language, "run").splitlines() if line.startswith("| `")]
    for provider in builtin_providers().values():
        row = next((line for line in rows if line.startswith(f"| `{provider.name}` |")), "")
        assert f"`{provider.key_variable}`" in row


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_is_explained(language: str) -> None:
    text = text_of(language, "results")
    assert [outcome for outcome in Outcome if f"| `{outcome}` |" not in text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_exit_status_is_explained(language: str) -> None:
    cells = re.findall(r"^\| ([\d, 、]+) \|", text_of(language, "reliability"), re.MULTILINE)
    assert {int(number) for cell in cells for number in re.findall(r"\d+", cell)} == {int(status) for status in Exit}


# ------------------------------------------------------------------------------------------------- messages

ASK = ("run", "--provider", "vllm", "--benchmarks", "sample_choice_ja", "--max-samples", "1")
MESSAGES = [
    ("run", ["run", "m", "--benchmarks", "jmlu"], Exit.USAGE),
    ("run", ["run", "m", "--benchmarks", "demo", "--provider", "opena"], Exit.CONFIGURATION),
    ("run", ["run", "m", "--benchmarks", "demo", "--provider", "custom"], Exit.CONFIGURATION),
    ("run", ["run", "m", "--benchmarks", "demo", "--base-url", "localhost:8000/v1"], Exit.CONFIGURATION),
    ("run", ["run", "m", "--benchmarks", "demo", "--temperature", "-1"], Exit.USAGE),
    ("score", ["score", "."], Exit.CONFIGURATION),
    ("aggregate", ["aggregate", "org/lost"], Exit.CONFIGURATION),
    ("aggregate", ["aggregate", "--from", "."], Exit.CONFIGURATION),
    ("prompts", ["prompts", "import", "--from", "."], Exit.CONFIGURATION),
    ("prompts", ["prompts", "show", "lost"], Exit.CONFIGURATION),
    ("tasks", ["tasks", "show", "jmlu"], Exit.USAGE),
    ("tasks", ["tasks", "show", "jmmlu:anatomi"], Exit.USAGE),
    ("tasks", ["tasks", "show", "ja"], Exit.CONFIGURATION),
    ("tasks", ["tasks", "check", "lost.py"], Exit.CONFIGURATION),
    ("tasks", ["tasks", "check", "my.py"], Exit.CONFIGURATION),
    ("data", ["data", "pull", "jmmlu"], Exit.USAGE),
    ("demo", ["demo", "--max-samples", "0"], Exit.USAGE),
    ("endpoint", ["endpoint", "vllm", "model=openai/m", "swallow|math_500|0|0"], Exit.USAGE),
    ("endpoint", ["endpoint", "litellm", "model=openai/m", "swallow|math_500|5|0"], Exit.USAGE),
    ("endpoint", ["endpoint", "litellm", "model=openai/m", "swallow|math_501|0|0"], Exit.USAGE),
    ("endpoint", ["endpoint", "litellm", "model=m", "swallow|math_500|0|0"], Exit.USAGE),
    ("endpoint", ["endpoint", "litellm", "model=openai/m,temperature=0", "swallow|math_500|0|0"], Exit.USAGE),
    (
        "endpoint",
        ["endpoint", "litellm", "model=openai/m,generation_parameters={temperatur:0}", "swallow|math_500|0|0"],
        Exit.USAGE,
    ),
    ("endpoint", ["endpoint", "litellm", "model=openai/m", "swallow|math_500|0|0", "--push-to-hub"], Exit.USAGE),
    ("serve", ["serve", "org/name"], Exit.USAGE),
    ("serve", ["serve", "gpt-4o", "--key-file", "key"], Exit.USAGE),
    ("serve", ["serve", "./lost", "--key-file", "key"], Exit.CONFIGURATION),
    ("setup", ["setup", "--vllm", "new est"], Exit.CONFIGURATION),
    ("vllm", ["vllm", "dtype=auto", "swallow|math_500|0|0"], Exit.USAGE),
    ("vllm", ["vllm", "pretrained=o/m,max_modl_length=1", "swallow|math_500|0|0"], Exit.USAGE),
    ("vllm", ["vllm", "pretrained=o/m,gpu_memory_utilization=2", "swallow|math_500|0|0"], Exit.USAGE),
]


def quoted(text: str) -> list[re.Pattern[str]]:
    """Return the messages in a page's lists as patterns; … is whatever differs from case to case."""
    found = re.findall(r"^- `(.+?)`(?:[:,( ]|$)", prose_of(text), re.MULTILINE)
    return [re.compile(".*".join(re.escape(part) for part in message.split("…")), re.DOTALL) for message in found]


@pytest.mark.parametrize(("page", "argv", "status"), MESSAGES, ids=[" ".join(argv) for _, argv, _ in MESSAGES])
def test_messages_are_printed_as_both_manuals_quote_them(
    page: str,
    argv: list[str],
    status: Exit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet_place(tmp_path, monkeypatch)
    (tmp_path / "my.py").write_text("x = 1\n")
    assert main(argv) == status
    said = capsys.readouterr().err.strip().removeprefix("saiten: ")
    for language in LANGUAGES:
        assert any(pattern.fullmatch(said) for pattern in quoted(text_of(language, page))), said


def test_a_missing_key_is_told_as_both_manuals_quote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet_place(tmp_path, monkeypatch)
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["run", "m", "--benchmarks", "demo"]) == Exit.CONFIGURATION
    said = capsys.readouterr().err.strip().removeprefix("saiten: ")
    for language in LANGUAGES:
        assert any(pattern.fullmatch(said) for pattern in quoted(text_of(language, "run"))), said


@pytest.mark.parametrize(
    ("model", "script", "status"),
    [
        ("othr-model", [], Exit.CONFIGURATION),
        ("test-model", [Fault(status=401)], Exit.CONFIGURATION),
        ("test-model", None, Exit.SERVER),
    ],
    ids=["another model", "a key that is refused", "no server"],
)
def test_what_a_server_refuses_is_told_as_both_manuals_quote_it(
    model: str,
    script: list[Fault] | None,
    status: Exit,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    quiet_place(tmp_path, monkeypatch)
    with FaultServer(script or []) as server:
        url = server.base_url
        if script is not None:
            assert main([*ASK, "--base-url", url, model]) == status
    if script is None:
        assert main([*ASK, "--base-url", url, model]) == status
    said = capsys.readouterr().err.strip().splitlines()[-1].removeprefix("saiten: ")
    for language in LANGUAGES:
        assert any(pattern.fullmatch(said) for pattern in quoted(text_of(language, "run"))), said


def quiet_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go where nothing is, with a key and without the tester's settings."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setenv("SAITEN_CACHE", str(folder / "cache"))
    for name in (
        "SAITEN_DATA",
        "SAITEN_DATA_LOCK",
        "LITELLM_CONCURRENT_CALLS",
        "REQUEST_TIMEOUT",
        "VLLM_API_KEY",
        "UV_CACHE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))


# ------------------------------------------------------------------------------------------------- the examples


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_python_lines_of_the_index_evaluate_a_model(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet_place(tmp_path, monkeypatch)
    (code,) = blocks(text_of(language, "index"), "python")
    with FaultServer() as server:
        given = {
            "http://127.0.0.1:8000/v1": server.base_url,
            '"jmmlu"': '"sample_choice_ja"',
            "Qwen/Qwen3-8B": "test-model",
        }
        for shown, here in given.items():
            assert shown in code
            code = code.replace(shown, here)
        exec(compile(code, "index.md", "exec"), {})
    assert capsys.readouterr().out.startswith("True [('extractive_match', Estimate(")


def write_example(folder: Path, language: str) -> tuple[Path, str]:
    """Write the files of the page into a folder; return the benchmark file and the page's own scorer."""
    text = text_of(language, "own-benchmark")
    (questions,) = blocks(text, "json")
    benchmark, scorer = blocks(text, "python")
    (folder / "capitals.jsonl").write_text(questions, "utf-8")
    (folder / "capitals.py").write_text(benchmark, "utf-8")
    return folder / "capitals.py", scorer


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_of_the_manual_is_well_formed(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet_place(tmp_path, monkeypatch)
    file, _ = write_example(tmp_path, language)
    assert main(["tasks", "check", str(file)]) == Exit.COMPLETE
    assert capsys.readouterr().out == f"{file}: well formed\n"
    assert main(["tasks", "show", str(file)]) == Exit.COMPLETE
    assert "A) 東京" in capsys.readouterr().out


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_scorer_of_the_manual_can_take_the_examples_scorers_place(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet_place(tmp_path, monkeypatch)
    file, scorer = write_example(tmp_path, language)
    head, mark, tail = file.read_text("utf-8").partition("BENCHMARK = ")
    tail = tail.replace('ChoiceLetter(language="ja", choices=4)', "Contains()")
    tail = tail.replace('(mean("extractive_match"), careful("accuracy"))', '(mean("contains"),)')
    tail = tail.replace('metric="extractive_match"', 'metric="contains"')
    file.write_text(f"{head}{scorer}\n\n{mark}{tail}", "utf-8")
    assert main(["tasks", "check", str(file)]) == Exit.COMPLETE
    assert capsys.readouterr().out == f"{file}: well formed\n"


def test_the_findings_that_the_manual_shows_are_what_check_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet_place(tmp_path, monkeypatch)
    file, _ = write_example(tmp_path, "en")
    good = file.read_text("utf-8")
    faults = {
        'target=row["answer"]': 'target=row["anser"]',
        ', metric="extractive_match")': ', metric="extractiv_match")',
    }
    for right, wrong in faults.items():
        assert right in good
        file.write_text(good.replace(right, wrong), "utf-8")
        assert main(["tasks", "check", "capitals.py"]) == Exit.CONFIGURATION
        said = capsys.readouterr().out.splitlines()[0].removeprefix(f"{tmp_path}/")
        for language in LANGUAGES:
            assert any(pattern.fullmatch(said) for pattern in quoted(text_of(language, "own-benchmark"))), said
