"""The README's section about clusters, typed word by word on a Grid Engine dressed as TSUBAME4.

Exchanged is what this machine cannot have: the model (the embedded one, a few short answers), vLLM (a wheel that only
says that it is vLLM) and TSUBAME's file systems (folders of the test, which a `services.yaml` names). Nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from saiten.servers.llamacpp import SMOLLM2_NAME
from tests.helpers.rigs import PROJECT, USER, Rig, install_embedded, open_rig, own
from tests.helpers.shared import ROOT
from tests.real.test_setup import wheel

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]
SECTIONS = {"README.md": "## On a cluster", "README.ja.md": "## クラスターで使う"}
SMALL = "--provider llamacpp --max-samples 2 --max-tokens 16"
EXCHANGED = {
    "Qwen/Qwen3-8B": SMOLLM2_NAME,
    "--benchmarks ja,en": f"--benchmarks sample_choice_ja,sample_math {SMALL}",
    "gpqa_ja": "sample_math",
}
SERVICES = """\
tsubame:
  file_systems: ["{folder}/gs/bs/", "{folder}/gs/fs/"]
  poll_seconds: 3
"""
PROGRAM = """\
#!{interpreter}
import sys
from saiten.cli import main
sys.exit(main())
"""
INSTALL_UV = """
import os
from saiten.servers.versions import find_uv
find_uv({**os.environ, "PATH": ""}, print)
"""


def typed(readme: str) -> list[str]:
    """The command lines of the section, with their comments."""
    section = (ROOT / readme).read_text("utf-8").partition(SECTIONS[readme])[2].partition("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]


def bare(line: str) -> str:
    """A command line without its comment."""
    return line.partition("  #")[0].rstrip()


def test_both_languages_type_the_same() -> None:
    assert [*map(bare, typed("README.md"))] == [*map(bare, typed("README.ja.md"))]


class Shell:
    """A person's shell on the login node, in a clone of the repository."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.clone = folder / "gs" / "fs" / PROJECT / USER / "saiten"
        shelf, programs, disk = folder / "shelf", folder / "bin", folder / "gs" / "bs"
        for made in (shelf, programs, self.clone, disk):
            made.mkdir(parents=True)
        for made in (self.clone, disk):
            own(made)
        shutil.copy(ROOT / ".env_template", self.clone)
        (self.clone / "services.yaml").write_text(SERVICES.format(folder=folder))
        wheel(shelf, "0.33.0", ["qwen3"])
        (folder / "uv.toml").write_text(f'no-index = true\nfind-links = ["{shelf}"]\n')
        (programs / "saiten").write_text(PROGRAM.format(interpreter=rig.interpreter))
        (programs / "saiten").chmod(0o755)
        self.environment: Mapping[str, str] = {
            "PATH": f"{programs}:{rig.environment['PATH']}",
            "UV_CONFIG_FILE": str(folder / "uv.toml"),
        }

    def type(self, line: str) -> str:
        """Type a line; return what it prints."""
        done = self.rig.run(["bash", "-c", line], self.clone, env=self.environment)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def fill_in(self, folder: Path) -> None:
        """Fill in .env: what is needed; the rest is removed."""
        path = self.clone / ".env"
        told = {"{group}/{your_name}": f"{PROJECT}/{USER}", "{tsubame_group}": PROJECT, '"/gs/': f'"{folder}/gs/'}
        text = path.read_text()
        for gap, value in told.items():
            text = text.replace(gap, value)
        kept = [line for line in text.splitlines() if "{abci_group}" not in line and '..."' not in line]
        path.write_text("\n".join(kept) + "\n")


@pytest.fixture(scope="module")
def rig() -> Rig:
    made = open_rig("tsubame")
    install_embedded(made)
    environment = {**os.environ, "SAITEN_CACHE": made.environment["SAITEN_CACHE"]}
    subprocess.run([str(made.interpreter), "-c", INSTALL_UV], env=environment, check=True, timeout=300)
    subprocess.run(["chmod", "-R", "a+rX", made.environment["SAITEN_CACHE"]], check=True)
    return made


def test_the_section_about_clusters_word_by_word(rig: Rig) -> None:
    folder = rig.folder("readme")
    shell = Shell(rig, folder)
    copy, setup, dry, submit, status, logs, aggregate = typed("README.md")
    shell.type(copy)
    shell.fill_in(folder)
    assert shell.type(setup).endswith("✅ Environment was successfully created!\n")
    assert shell.type(dry).endswith("nothing was submitted\n")  # as it stands, before anything is exchanged

    def exchanged(line: str) -> str:
        for word, other in EXCHANGED.items():
            line = line.replace(word, other)
        return line

    assert shell.type(exchanged(dry)).endswith("nothing was submitted\n")
    assert "submitted: all_2_benchmarks as job " in shell.type(exchanged(submit))
    watched = shell.type(exchanged(status))
    assert "all_2_benchmarks: done, 100% done" in watched
    assert watched.endswith("\n1 done\n")
    assert "sample_math" in shell.type(exchanged(logs))
    table = shell.type(exchanged(aggregate))
    assert re.search(r"^sample_math +[01]\.\d+ ", table, re.MULTILINE), table
