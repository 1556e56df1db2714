"""One change of one place of the source at a time: do the tests notice? `make mutants`.

cosmic-ray proposes the changes (another operator, another number, `not`, a loop that never runs).
Of the places of three folders a sample is drawn with a stated seed, and of each place one change;
every mutant runs, in a copy of the repository, the test files that name its module, until one
fails; with --wider those that survive run all tests of its folder. What the cards of measures say
is left out (docs/measures.md is compared with them word by word), and so are annotations. Results
are kept one a line, so that a run goes on where it stopped.
"""

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[1]
FOLDERS = ("measures", "analysis", "training")
RESULTS = ROOT / "benchmarks" / "mutants.jsonl"
EXPLAINED = ROOT / "benchmarks" / "mutants-explained.json"
"""Of mutants that survived, by path and the changed line: why, or which test was added."""
PAGE = ROOT / "docs" / "mutants.md"
SLOW = 900
"""Seconds after which a mutant counts as noticed: its tests do not end."""
BESIDE = (
    "calibration",
    "oracles",
    "contract",
    "networks",
    "engine",
    "report",
    "cli",
    "study",
    "golden",
)
"""Folders of tests, besides a module's own, in which one that names it is looked for."""
MAX_FILES = 6
"""Test files that a mutant runs."""


def untouched(source: str) -> list[tuple[int, int]]:
    """First and last lines of what is not mutated: cards, annotations and docstrings."""
    found = []
    for node in ast.walk(ast.parse(source)):
        kept: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            kept += node.decorator_list
        if isinstance(node, ast.FunctionDef):
            kept += [
                node.returns,
                *(a.annotation for a in (*node.args.args, *node.args.kwonlyargs)),
            ]
        if isinstance(node, ast.AnnAssign):
            kept.append(node.annotation)
        found += [(n.lineno, n.end_lineno or n.lineno) for n in kept if isinstance(n, ast.expr)]
    return found


def places(path: Path) -> dict[tuple[int, int], list[tuple[str, int]]]:
    """By line and column: the operators that can change what stands there, and which time."""
    source = path.read_text(encoding="utf-8")
    tree, kept, found = get_ast(source), untouched(source), {}
    for name in sorted(operator_names()):
        kind = get_operator(name)
        if kind.arguments() or name.endswith("RemoveDecorator"):
            continue
        operator = kind()
        spots = (spot for node in ast_nodes(tree) for spot, _ in operator.mutation_positions(node))
        for occurrence, (line, column) in enumerate(spots):
            if not any(first <= line <= last for first, last in kept):
                found.setdefault((line, column), []).append((name, occurrence))
    return found


def sample(n: int, seed: int) -> tuple[list[dict], int]:
    """So many places and a change of each, and how many places there are in all."""
    every = [
        (path.relative_to(ROOT).as_posix(), spot, ways)
        for folder in FOLDERS
        for path in sorted((ROOT / "primacy" / folder).glob("*.py"))
        for spot, ways in sorted(places(path).items())
    ]
    draw = random.Random(seed)
    chosen = draw.sample(every, min(n, len(every)))
    found = []
    for path, (line, _), ways in chosen:
        name, occurrence = draw.choice(ways)
        found.append({"path": path, "line": line, "operator": name, "occurrence": occurrence})
    return found, len(every)


def tests_of(path: str) -> list[str]:
    """The test files that name a module, its own folder's first, then by length.

    Where they are few, also those that name a module which imports it.
    """
    _, folder, name = Path(path).with_suffix("").parts
    found = naming(folder, name)
    files = (ROOT / "primacy").glob("*/*.py"), (ROOT / "primacy").glob("*.py")
    for other in (*sorted(files[0]), *sorted(files[1])):
        if importing(folder, name).search(other.read_text(encoding="utf-8")):
            found += naming("" if other.parent.name == "primacy" else other.parent.name, other.stem)
    return list(dict.fromkeys(found))[:MAX_FILES]


def importing(folder: str, name: str) -> re.Pattern:
    """How a file names a module; one of the package itself has no folder."""
    if not folder:
        return re.compile(rf"primacy\.{name}\b")
    return re.compile(
        rf"primacy\.{folder}\.{name}\b|from primacy\.{folder} import (?:.*\b|\([^)]*\b){name}\b"
    )


def naming(folder: str, name: str) -> list[str]:
    """The test files that name a module."""
    found = []
    for place in dict.fromkeys((folder, *BESIDE)):
        files = sorted((ROOT / "tests" / place).glob("test_*.py"), key=lambda f: f.stat().st_size)
        own = [f for f in files if importing(folder, name).search(f.read_text(encoding="utf-8"))]
        own.sort(key=lambda f: f.stem != f"test_{name}")
        found += [f.relative_to(ROOT).as_posix() for f in own]
    return found


def changed(mutant: dict) -> tuple[str, str, str]:
    """The mutated source, and the changed line before and after."""
    source = (ROOT / mutant["path"]).read_text(encoding="utf-8")
    new = mutate_code(source, get_operator(mutant["operator"])(), mutant["occurrence"])
    if new is None:
        raise ValueError(f"no such change: {mutant}")
    pairs = zip(source.splitlines(), new.splitlines(), strict=False)
    before, after = next((a, b) for a, b in pairs if a != b)
    return new, before.strip(), after.strip()


def all_tests_of(path: str) -> list[str]:
    """Every test file of a module's folder that is not among its own tests."""
    own = set(tests_of(path))
    files = (ROOT / "tests" / Path(path).parts[1]).rglob("test_*.py")
    return sorted({f.relative_to(ROOT).as_posix() for f in files} - own)


def tried(mutant: dict, tree: Path, files: list[str]) -> dict:
    """A mutant with what became of it."""
    new, before, after = changed(mutant)
    place = tree / mutant["path"]
    kept, began = place.read_text(encoding="utf-8"), time.monotonic()
    place.write_text(new, encoding="utf-8")
    told = {**mutant, "before": before, "after": after, "tests": files}
    try:
        done = ran(tree, files) if files else None
    except subprocess.TimeoutExpired:
        return {**told, "outcome": "noticed", "by": "no end", "seconds": SLOW}
    finally:
        place.write_text(kept, encoding="utf-8")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout if done else "", re.MULTILINE)
    noticed = done is not None and done.returncode != 0
    return {
        **told,
        "outcome": "noticed" if noticed else "survived",
        "by": (failed or ["no import"])[0] if noticed else None,
        "seconds": round(time.monotonic() - began),
    }


def ran(tree: Path, files: list[str]) -> subprocess.CompletedProcess:
    """The tests in the copy; compiled programs that are as they were are not compiled again."""
    env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    env |= {
        "JAX_COMPILATION_CACHE_DIR": str(tree / ".compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no",
               "-rfE", *files]  # fmt: skip
    return subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, timeout=SLOW, check=False
    )


def copied(into: Path) -> Path:
    """The files of the repository that tests need."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return into


def page(results: list[dict], explained: dict[str, dict[str, str]]) -> str:
    """`docs/mutants.md`: how many were tried and noticed, and each that was not."""
    survivors = [r for r in results if r["outcome"] == "survived"]
    told = [(r, explained.get(f"{r['path']}: {r['after']}", {})) for r in survivors]
    open_ = sum(not why for _, why in told)
    same = sum("equivalent" in why for _, why in told)
    added = sum("added" in why.get("killed by", "") for _, why in told)
    others = len(told) - open_ - same - added
    hours = sum(r["seconds"] for r in results) / 3600
    lines = [
        "# Mutants",
        "",
        "One change of one place of the source at a time, proposed by cosmic-ray: do the tests "
        "notice? Written by `make mutants` from benchmarks/mutants.jsonl. The cards of measures "
        "and annotations are not changed. A mutant runs at most "
        f"{MAX_FILES} test files that name its module, and with `--wider`, where none of them "
        "fails, all those of its folder; tests of other folders may notice more.",
        "",
        f"{len(results)} mutants of {results[0]['places']:,} places, drawn with seed "
        f"{results[0]['seed']}, in {hours:.1f} hours; {len(survivors)} survived the first run. Of "
        f"these {same} change nothing, {others} are noticed by tests that were not tried first, "
        f"{added} by tests that were added for them, and {open_} are open.",
        "",
        "| folder | mutants | noticed | survived |",
        "| --- | --- | --- | --- |",
    ]
    for folder in FOLDERS:
        own = [r["outcome"] for r in results if r["path"].startswith(f"primacy/{folder}/")]
        counts = own.count("noticed"), own.count("survived")
        lines.append(f"| {folder} | {len(own)} | {counts[0]} | {counts[1]} |")
    if told:
        lines += ["", "## Survivors", "", "| place | change | what became of it |",
                  "| --- | --- | --- |"]  # fmt: skip
        for r, why in told:
            change = f"`{r['before']}` → `{r['after']}`".replace("|", "\\|")
            became = " ".join(f"{key}: {text}" for key, text in why.items()) or "open"
            lines.append(
                f"| {r['path'].removeprefix('primacy/')}:{r['line']} | {change} | {became} |"
            )
    return "\n".join(lines) + "\n"


def read() -> list[dict]:
    """The results so far."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def main() -> None:
    """Try the mutants that were not tried, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument(
        "--wider", action="store_true", help="then try survivors with all tests of their folder"
    )
    asked = parser.parse_args()
    mutants, every = sample(asked.sample, asked.seed)
    keys = ("path", "line", "operator", "occurrence")
    done = {tuple(m[k] for k in keys) for m in read()}
    stop = time.monotonic() + 60 * asked.minutes
    with tempfile.TemporaryDirectory() as folder:
        tree = copied(Path(folder))
        for i, mutant in enumerate(mutants):
            if tuple(mutant[k] for k in keys) in done or time.monotonic() > stop:
                continue
            result = tried(mutant, tree, tests_of(mutant["path"]))
            result |= {"number": i, "seed": asked.seed, "places": every}
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            print(
                f"{i + 1}/{len(mutants)} {result['outcome']}: {mutant['path']}:{mutant['line']} "
                f"{result['after']} ({result['seconds']} s)",
                flush=True,
            )
        if asked.wider:
            for result in (results := read()):
                if result["outcome"] == "survived" and time.monotonic() < stop:
                    again = tried(result, tree, all_tests_of(result["path"]))
                    result |= {key: again[key] for key in ("outcome", "by")}
                    print(f"{again['outcome']}: {again['path']}:{again['line']} {again['by']}")
            lines = [json.dumps(result) + "\n" for result in results]
            RESULTS.write_text("".join(lines), encoding="utf-8")
    explained = json.loads(EXPLAINED.read_text(encoding="utf-8")) if EXPLAINED.exists() else {}
    if results := read():
        PAGE.write_text(page(results, explained), encoding="utf-8")


if __name__ == "__main__":
    main()
