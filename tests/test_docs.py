"""Every code block of README.md and docs/ runs, or is read by the code it is about.

The Python blocks of a page run as one program in a temporary folder, with fewer examples, epochs
and seeds than are printed. In shell blocks every `primacy` line is parsed by the command line
itself, and every `make` line names a target. TOML is read as part of a complete study. Any other
block must be known here, by how it begins.
"""

import itertools
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from primacy.cli.app import app
from primacy.study import file

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))

BLOCK = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.M | re.S)
BLOCKS = [
    pytest.param(language, text, id=f"{page.name}-{page.read_text()[:start].count(chr(10)) + 1}")
    for page in PAGES
    for language, text, start in ((m[1], m[2], m.start()) for m in BLOCK.finditer(page.read_text()))
    if language != "python"
]
PROGRAMS = [
    pytest.param("\n".join(blocks), id=page.name)
    for page in PAGES
    if (blocks := re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.M | re.S))
]

SMALLER = """
import primacy
_study = primacy.Study
def smaller(**given):
    given["task"] = {**given["task"], "units_per_feature": 4}
    given["model"] = {**given["model"], "widths": [8]}
    given["training"] = {**given["training"], "epochs": 2, "examples": 64, "batch_size": 32}
    return _study(**given, controls="none")
primacy.Study = smaller
_run = primacy.run
FEW = ["training.test_examples=64", "training.fit_examples=64"]
LESS = ["model.widths=[8]", "controls=none", *FEW]
def run(study, seeds):
    if isinstance(study, str):
        from primacy.study import file
        study = file.read(study, overrides=LESS)
    return _run(study, seeds=2)
primacy.run = run
"""
"""Goes before a program: what it builds and trains is the same, but takes seconds."""

REST = {
    "task": '[task]\nkind = "boolean"\n',
    "model": '[model]\nkind = "mlp"\n',
    "training": "[training]\nepochs = 2\n",
}
"""Tables that a TOML block may leave out."""


def commands(text: str) -> list[list[str]]:
    """The words of each `primacy` line of a shell block, without comments, prompt, NAME=VALUE."""
    lines = [shlex.split(line.removeprefix("$ "), comments=True) for line in text.splitlines()]
    parts = [part for words in lines for part in _chain(words)]
    named = re.compile(r"[A-Z_]+=\S*")
    parts = [list(itertools.dropwhile(named.fullmatch, part)) for part in parts]
    return [words[1:] for words in parts if words and Path(words[0]).name == "primacy"]


def _chain(words: list[str]) -> list[list[str]]:
    """A line's commands that `&&` joins."""
    found: list[list[str]] = [[]]
    for word in words:
        if word == "&&":
            found.append([])
        else:
            found[-1].append(word)
    return found


@pytest.mark.parametrize("text", PROGRAMS)
def test_program(text, tmp_path):
    runs(text, tmp_path)


@pytest.mark.parametrize(("language", "text"), BLOCKS)
def test_block(language, text, tmp_path):
    if language == "sh":
        asked = commands(text)
        targets = re.findall(r"^make ([a-z]+)", text, re.M)
        assert asked or targets
        assert set(targets) <= TARGETS
        for words in asked:
            parses(words)
    elif language == "toml":
        for example in ("cancer.parquet", "iris.csv", "digits.npz"):
            if example in text:
                made(example.split(".")[0], tmp_path)
        (tmp_path / "study.toml").write_text(whole(text))
        assert file.read(str(tmp_path / "study.toml")).conditions
    elif text.startswith("$ primacy "):  # a session: its commands, then what they print
        for words in commands("\n".join(x for x in text.splitlines() if x.startswith("$ "))):
            parses(words)
    else:  # the order of imports, which test_imports.py reads
        assert text.startswith("ground:"), "a block that nothing checks: name its language"


def made(example: str, folder: Path) -> None:
    """The data of an example, which the tutorial on own data uses."""
    words = [sys.executable, str(ROOT / "examples" / f"make_{example}.py"), str(folder)]
    subprocess.run(words, check=True, capture_output=True)


def runs(text: str, folder: Path) -> None:
    """Run a program in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", SMALLER + text],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def parses(words: list[str]) -> None:
    """The command exists and takes these arguments."""
    app.parse_args(words, exit_on_error=False, print_error=False)


def whole(text: str) -> str:
    """A TOML block with the tables that every study has."""
    missing = [table for name, table in REST.items() if f"[{name}]" not in text]
    return text + "\n" + "\n".join(missing)


def test_a_command_that_does_not_exist_is_found():
    assert commands("make run\n.venv/bin/primacy run x --seeds 2  # so\n$ primacy runs") == [
        ["run", "x", "--seeds", "2"],
        ["runs"],
    ]
    for words in (["trane", "complexity"], ["run", "complexity", "--sedes", "3"]):
        with pytest.raises(Exception, match=r"trane|sedes"):
            parses(words)


def test_pages_link_to_files_that_exist():
    for page in (*PAGES, ROOT / "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_name_tests_that_exist():
    named = {
        found
        for page in PAGES
        for found in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    }
    assert len(named) > 100
    for place, name in named:
        made = re.search(rf"(def|class) {name}\b", (ROOT / place).read_text())
        assert made, f"{place}::{name}"
