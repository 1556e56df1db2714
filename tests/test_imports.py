"""Imports point one way, checked on the source.

The order of the folders is in docs/design.md, the order within a folder in its `__init__`.
"""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "primacy"
DESIGN = (ROOT / "docs" / "design.md").read_text()

MAX_FILES_AT_THE_TOP = 7
MAX_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_LONGER_FUNCTIONS = 5
REASON = f"# Longer than {MAX_FUNCTION_LINES} lines: "
"""How the comment begins that stands above a longer function."""

OPAQUE = {
    *("cohort", "common", "core", "courses", "embedding", "gallery", "helpers", "inclusion"),
    *("landscape", "linkage", "manager", "misc", "sanity", "selection", "sharing", "standing"),
    *("streams", "utils"),
}
"""Names of files that mislead, or tell nothing of what is in them."""

FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
FOLDERS = sorted(p.parent for p in PACKAGE.rglob("__init__.py") if p.parent != PACKAGE)


def steps(line: str) -> dict[str, int]:
    """The position of each name of an order; `|` separates names that may not import each other."""
    return {
        name.strip(): position
        for position, names in enumerate(line.split("<"))
        for name in names.split("|")
    }


def order(title: str) -> dict[str, int]:
    (line,) = re.findall(rf"^{title}: +(.+)$", DESIGN, re.M)
    return steps(line)


TITLES = ("ground", "the experiment", "the analysis", "joined")
PLACES = {name: (i, at) for i, title in enumerate(TITLES) for name, at in order(title).items()}
GROUND, EXPERIMENT, ANALYSIS, JOINED = range(4)


def parts(path: Path) -> tuple[str, ...]:
    """The module of a file below the package, such as `("records", "store")`."""
    found = path.relative_to(PACKAGE).with_suffix("").parts
    return found[:-1] if found[-1] == "__init__" else found


MODULES = {parts(path) for path in FILES}


def imported(path: Path) -> set[tuple[str, ...]]:
    """Modules of the package that a file imports anywhere, functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "primacy":
            base = tuple(node.module.split(".")[1:])
            for alias in node.names:
                own = (*base, alias.name)
                names.add(own if own in MODULES else base)
        elif isinstance(node, ast.Import):
            names |= {
                tuple(alias.name.split(".")[1:])
                for alias in node.names
                if alias.name.startswith("primacy.")
            }
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
    return {name for name in names if name}


def test_the_top_shows_the_method():
    assert {parts(path)[0] for path in FILES} | {"studies"} == {*PLACES, "__main__", "studies"}
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_FILES_AT_THE_TOP


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_left(path):
    own = parts(path)[0]
    if own == "__main__":
        return
    line, position = PLACES[own]
    for module in imported(path):
        if module[0] == own:
            continue
        their_line, their_position = PLACES[module[0]]
        left = their_line == line and their_position < position
        below = their_line == GROUND < line or line == JOINED > their_line
        assert left or below, f"{own} imports {'.'.join(module)}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_within_a_folder_point_left(folder):
    stated = re.search(
        r"^Order: (.+?)(?=\n\n|\"\"\")", (folder / "__init__.py").read_text(), re.M | re.S
    )
    inside = {p.stem for p in folder.glob("*.py") if p.stem != "__init__"}
    inside |= {p.parent.name for p in folder.glob("*/__init__.py")}
    here = parts(folder / "__init__.py")
    arrows = {
        (parts(path)[len(here)], module[len(here)])
        for path in folder.rglob("*.py")
        if len(parts(path)) > len(here)
        for module in imported(path)
        if module[: len(here)] == here and len(module) > len(here)
    }
    arrows = {(a, b) for a, b in arrows if a != b}
    if stated is None:  # a set that grows: no order, and no circle
        while arrows:
            ends = {a for a, _ in arrows}
            fewer = {(a, b) for a, b in arrows if b in ends}
            assert fewer != arrows, f"a circle among {sorted(arrows)}"
            arrows = fewer
        return
    places = steps(" ".join(stated[1].split()))
    assert set(places) == inside
    for a, b in arrows:
        assert places[b] < places[a], f"{a} imports {b}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_one_room_and_the_analysis_never_imports_jax(path):
    text = path.read_text()
    if PLACES.get(parts(path)[0], (JOINED,))[0] == ANALYSIS:
        assert not re.search(r"^\s*(import|from) (jax|optax)\b", text, re.M)
    assert "from __future__ import annotations" not in text
    assert text.count("\n") <= MAX_LINES


def test_longer_functions_are_few_and_each_has_a_reason():
    longer = {}
    for path in FILES:
        lines = path.read_text().splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES:
                first = min(place.lineno for place in (node, *node.decorator_list))
                longer[f"{'.'.join(parts(path))}.{node.name}"] = lines[first - 2].strip()
    assert len(longer) <= MAX_LONGER_FUNCTIONS, sorted(longer)
    assert not [name for name, above in longer.items() if not above.startswith(REASON)]


def test_the_name_of_a_file_says_what_is_in_it():
    assert not OPAQUE & {name for module in MODULES for name in module}


HEAVY = ("jax", "jaxlib", "optax", "polars", "pandas", "scipy", "altair", "torch", "vl_convert")
"""Each takes longer to import than everything else that a command needs."""


@pytest.mark.parametrize(
    "words", ["import primacy", "import primacy.cli.app", "--help", "--version"]
)
def test_starting_up_imports_nothing_heavy(words):
    """`primacy --help` answers at once: half a second of CPU is what a person takes for that."""
    if words.startswith("import"):
        code = words
    else:
        code = (
            f"from primacy.cli.app import main\ntry:\n main([{words!r}])\nexcept SystemExit: pass"
        )
    code += "\nimport sys\nprint(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.splitlines()[-1].split()
    assert "primacy" in loaded
    assert not [name for name in HEAVY if name in loaded]
    if words == "import primacy":
        assert not [name for name in ("numpy", "rich", "pydantic") if name in loaded]


def test_a_run_does_not_import_what_only_some_studies_need():
    """`scipy.stats` takes a second of CPU, as much as many a study: special functions do."""
    code = "import primacy.engine.run, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "scipy.special" in loaded
    assert not [name for name in ("scipy.stats", "altair", "pandas", "torch") if name in loaded]
