"""Commands about what can be run: list, explain, check, init, schema."""

import difflib
import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from primacy.cli.shared import (
    Json,
    Models,
    Overrides,
    Plugins,
    Refused,
    give,
    load,
    new_console,
    seeds_override,
)
from primacy.errors import shown


def list_(
    what: Literal["studies", "tasks", "models", "measures"] = "studies",
    *,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Show what there is: built-in studies, or registered tasks, models, measures.

    Args:
        what: Which list.
        as_json: Print a JSON object of names and one line about each.
    """
    load(plugins)
    rows: dict[str, str] = {}
    marked: set[str] = set()
    apart: set[str] = set()
    if what == "studies":
        from primacy.study import file as studyfile

        about = studyfile.builtin()
        grouped = studyfile.groups()
        rows = {name: about[name] for names in grouped.values() for name in names}
        apart = {names[0] for group, names in grouped.items() if group}
    else:
        from primacy import registry

        offered = getattr(registry, what).load()
        for name, thing in sorted(offered.items()):
            text = thing.function.__doc__ if what == "measures" else thing.__doc__
            rows[name] = (text or "").strip().splitlines()[0]
        marked = {name for name in rows if what == "measures" and not offered[name].by_default}
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return 0
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    member = False
    for name, line in rows.items():
        if name in apart:  # a study of studies, with its members below it
            table.add_row()
            member = False
        table.add_row(f"{name} *" if name in marked else f"{'  ' * member}{name}", line)
        member = member or name in apart
    new_console().print(table)
    if marked:
        new_console().print("\n* only where a study names it, in `measures` or in a hypothesis")
    if what == "studies":
        new_console().print(
            "\n`primacy run NAME` runs one; `primacy init NAME` prints it as a file."
        )
    else:
        new_console().print(f"\n`primacy explain NAME` says more about one of these {what}.")
    return 0


def explain(name: str, *, plugins: Plugins = (), as_json: Json = False) -> int:
    """Show what a measure, an event, a task or a model is: formula, chance, keys, when it misleads.

    Args:
        name: Of a measure, of an event such as `time_to_learn`, of a task or a model.
        as_json: Print it as a JSON object.
    """
    load(plugins)
    facts, text = _entry(name)
    if as_json:
        print(json.dumps({"name": name, **facts}, ensure_ascii=False))
    else:
        new_console().print(text)
    return 0


def _entry(name: str) -> tuple[dict[str, Any], Any]:
    """What is known about a name, as JSON values and as text."""
    from primacy.analysis.learning_times import EVENTS
    from primacy.records import certificate
    from primacy.records.curves import DERIVED
    from primacy.registry import measures, models, tasks
    from primacy.report.page.methods import AREAS, SUMMARY
    from primacy.report.terminal import card_text, entry_text
    from primacy.study import reference
    from primacy.types import EVIDENCE

    facts: dict[str, Any]
    if name in measures.load():
        card, held = measures[name].card(), certificate.read()
        checks = () if held is None else held.of_measure(name)
        return {**card, "calibration": certificate.rows(checks)}, card_text(name, card, held)
    if name in EVENTS:
        unit, means = SUMMARY[name]
        facts = {"unit": unit, "means": means}
    elif name in AREAS:
        unit, means = AREAS[name]
        facts = {"unit": unit, "means": means, "evidence": EVIDENCE["measured"]}
        facts["computed"] = "from the curves: `primacy.open(RUN).areas`"
    elif name in DERIVED:
        facts = {"formula": DERIVED[name], "computed": "from the curves, when it is asked for"}
    elif (found := reference.of(name)) is not None:
        keys = [
            dict(zip(("key", "value", "default", "means"), row, strict=True)) for row in found[1]
        ]
        facts = {"means": found[0], "keys": keys}
    else:
        known = [*EVENTS, *sorted({*measures, *DERIVED}), *sorted(tasks), *sorted(models)]
        raise Refused(
            f'nothing is called "{name}".{_near(name, known)} `primacy list measures`, `primacy '
            "list tasks` and `primacy list models` show what there is"
        )
    return facts, entry_text(name, facts)


def _near(name: str, known: Sequence[str]) -> str:
    """What was perhaps meant: spelled nearly so, or with this word in its name."""
    words = {word for word in re.split(r"\W+|_", name.lower()) if len(word) > 2}
    alike = [k for k in known if words & set(k.split("_"))]
    found = list(dict.fromkeys([*difflib.get_close_matches(name.lower(), known, n=3), *alike]))[:5]
    if not found:
        return ""
    return f" Did you mean {' or '.join(json.dumps(k) for k in found)}?"


def check(
    study: str,
    *,
    seeds: int | None = None,
    overrides: Overrides = (),
    plugins: Plugins = (),
    models: Models = (),
    as_json: Json = False,
) -> int:
    """Read a study file and list every mistake; nothing is run.

    Args:
        study: A file that ends in .toml, or a built-in study.
        seeds: Networks of each condition, as `primacy run --seeds` would train.
        overrides: Change a key of the study first. Repeatable.
        as_json: Print the problems as JSON.
    """
    load(plugins)
    give(models)
    from primacy.study import file as studyfile

    read = studyfile.read(study, overrides=[*overrides, *seeds_override(seeds)])
    if as_json:
        print(json.dumps({"error": None, "problems": [], "notes": list(read.notes)}))
    else:
        from primacy.errors import counted

        conditions = sum(len(s.conditions) for s in read.studies)
        hypotheses = len(read.hypotheses) + sum(len(m.hypotheses) for m in read.members)
        print(
            f"{read.name}: {counted(conditions, 'condition')}, {counted(read.seeds, 'seed')}, "
            f"{'1 hypothesis' if hypotheses == 1 else f'{hypotheses} hypotheses'}. No mistakes."
        )
        print(*(shown(note) for note in read.notes), sep="\n", end="\n" if read.notes else "")
    return 0


def init(
    study: str = "complexity",
    *,
    own_data: Path | None = None,
    target: str | None = None,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Print a commented study to start from: a built-in one, or one of your own data.

    Args:
        study: A built-in study.
        own_data: A CSV, Parquet or npz file: write a study of its columns instead.
        target: The column of it to predict. Without it, one is proposed: the last that is 0/1, else
            of classes, else of numbers.
        out: Write it to this file (which must not exist) instead of stdout.
        as_json: Print a JSON object with the text, or with the file that was written.
    """
    from primacy.study import file as studyfile

    if own_data is None:
        if target is not None:
            raise Refused("--target is a column of --own-data FILE; a built-in study has its own")
        text = studyfile.text(study)
        if out is not None:
            # Without a name the study is called after its file, and has a run folder of its own.
            text = re.sub(r"^name = .*\n", "", text, count=1, flags=re.MULTILINE)
    else:
        from primacy.tasks.arraydraft import draft

        if not own_data.is_file():
            raise Refused(f"{own_data}: no such file")
        if out is not None and out.resolve().parent != own_data.resolve().parent:
            raise Refused(f"{out}: must be in the folder of {own_data}, whose data it reads")
        try:
            text = draft(own_data, target)
        except ValueError as problem:
            raise Refused(f"{own_data}: {problem}") from None
    if out is None:
        print(json.dumps({"text": text}, ensure_ascii=False) if as_json else text.rstrip("\n"))
        return 0
    if out.exists():
        raise Refused(f"{out} exists; give another --out")
    out.write_text(text, encoding="utf-8")
    name = shlex.quote(str(out))
    told = f"wrote {out}; `primacy check {name}` reads it, `primacy run {name}` runs it"
    print(json.dumps({"file": str(out)}) if as_json else told)
    return 0


def schema(*, plugins: Plugins = ()) -> int:
    """Print the JSON Schema of study files, by which editors complete and check them."""
    load(plugins)
    from primacy.study.schema import study_schema

    print(json.dumps(study_schema(), ensure_ascii=False, indent=1))
    return 0
