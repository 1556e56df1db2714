"""Imports point one way: the order of docs/design.md, checked on the source."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "primacy"

DESIGN = (ROOT / "docs" / "design.md").read_text()


def order(title: str) -> list[list[str]]:
    """The rooms of one line of the design's order, `|` separating rooms that are on a par."""
    (line,) = re.findall(rf"^{title}: +(.+)$", DESIGN, re.M)
    return [[room.strip() for room in step.split("|")] for step in line.split("<")]


LINES = [order(title) for title in ("ground", "the experiment", "the analysis", "joined")]
GROUND, JOINED = 0, 3
ANALYSIS = {room for step in LINES[2] for room in step}


def room(module: str) -> str:
    return module.split(".")[0]


def places() -> dict[str, tuple[int, int]]:
    found = {}
    for line, steps in enumerate(LINES):
        for position, rooms in enumerate(steps):
            found |= dict.fromkeys(rooms, (line, position))
    return found


PLACES = places()
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def imported(path: Path) -> set[str]:
    """Modules of the package that a file imports anywhere, functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "primacy":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("primacy."):
            names.add(node.module.removeprefix("primacy."))
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.removeprefix("primacy.")
                for alias in node.names
                if alias.name.startswith("primacy.")
            }
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
    return names


def test_every_file_has_a_place_in_the_order():
    rooms = {room(str(p.relative_to(PACKAGE).with_suffix("")).replace("/", ".")) for p in FILES}
    assert rooms == set(PLACES)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_left(path):
    own = room(str(path.relative_to(PACKAGE).with_suffix("")).replace("/", "."))
    line, position = PLACES[own]
    for module in imported(path):
        other = room(module)
        if other == own:
            continue
        their_line, their_position = PLACES[other]
        left = their_line == line and their_position < position
        below = their_line == GROUND < line or line == JOINED > their_line
        assert left or below, f"{own} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_the_analysis_never_imports_jax(path):
    own = room(str(path.relative_to(PACKAGE).with_suffix("")).replace("/", "."))
    text = path.read_text()
    if own in ANALYSIS:
        assert not re.search(r"^\s*(import|from) (jax|optax)\b", text, re.M)
    assert "from __future__ import annotations" not in text


HEAVY = ("jax", "jaxlib", "optax", "polars", "pandas", "scipy", "altair", "torch", "vl_convert")
"""Each takes longer to import than everything else that a command needs."""


@pytest.mark.parametrize("words", ["import primacy", "import primacy.cli", "--help", "--version"])
def test_starting_up_imports_nothing_heavy(words):
    """`primacy --help` answers at once: half a second of CPU is what a person takes for that."""
    if words.startswith("import"):
        code = words
    else:
        code = f"from primacy import cli\ntry:\n cli.main([{words!r}])\nexcept SystemExit: pass"
    code += "\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "primacy" in loaded
    assert not [name for name in HEAVY if name in loaded]
    if words == "import primacy":
        assert not [name for name in ("numpy", "rich", "pydantic") if name in loaded]


def test_a_run_does_not_import_what_only_some_studies_need():
    """`scipy.stats` takes a second of CPU, as much as many a study: special functions do."""
    code = "import primacy.blocks, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "scipy.special" in loaded
    assert not [name for name in ("scipy.stats", "altair", "pandas", "torch") if name in loaded]
