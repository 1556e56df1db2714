"""Commands about this installation: doctor, calibrate."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from primacy.cli.shared import Flag, Json, Overrides, Plugins, load, new_console, seeds_override


def doctor(
    study: str | None = None,
    /,
    *,
    seeds: int | None = None,
    overrides: Overrides = (),
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Show the machine, its speed, what a run would do on it, and what bits depend on here.

    With a study, its networks are the ones that are tried for what their bits depend on.

    Args:
        study: A built-in study or a file that ends in .toml; left out: no plan.
        seeds: As in `primacy run`.
        overrides: Change a key of the study first. Repeatable.
        as_json: Print it all as a JSON object.
    """
    load(plugins)
    from primacy.cli.doctor import examined, told
    from primacy.study import file as studyfile

    changes = [*overrides, *seeds_override(seeds)]
    found = examined(None if study is None else studyfile.read(study, overrides=changes))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    new_console().print(told(found))
    return 0


def calibrate(
    *,
    full: Annotated[bool, Flag] = False,
    mutants: Annotated[bool, Flag] = False,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Check this installation against results with known answers.

    Each row is one number that a formula or a paper gives. The outcome is kept in the user's data
    folder as calibration.json, which reports cite, and as calibration.html, which draws the
    learning curves over the formulas. Exit code 1 if an answer was missed.

    Args:
        full: Also the cases that take long.
        mutants: Instead, break one part of the instrument after the other, each in a process of
            its own, and show which known answer notices. Exit code 1 if one goes unnoticed.
        out: Write calibration.json to this file as well, and the page beside it.
        as_json: Print the rows as a JSON list and nothing else; progress goes to stderr.
    """
    if mutants:
        return _mutants(as_json)
    from primacy import calibration
    from primacy.records import certificate
    from primacy.records.store import write
    from primacy.report.page.certificate import page
    from primacy.report.terminal import check_table

    errors = Console(stderr=True, highlight=False)

    def told(case: calibration.Case, checks: Sequence[Any], seconds: float) -> None:
        hits = sum(check.passed for check in checks)
        line = f"{case.title}: {hits} of {len(checks)} ({seconds:.1f} s)"
        errors.print(line, markup=False, soft_wrap=True)

    found, curves = calibration.calibrate(full=full, told=told)
    places = [certificate.place(), *([] if out is None else [out])]
    html = page(found, curves).encode()
    for place in places:
        write(place, certificate.to_json(found))
        write(place.with_suffix(".html"), html)
    missed = len(found.checks) - found.hits
    if as_json:
        print(json.dumps(certificate.rows(found.checks), ensure_ascii=False, allow_nan=False))
        return 1 if missed else 0
    console = new_console()
    console.print(check_table(found.checks))
    console.print(
        f"{found.hits} of {len(found.checks)} known answers reproduced in {found.seconds:.0f} s on "
        f"{found.device}.",
        style="bold",
    )
    console.print(f"The page: {places[-1].with_suffix('.html')}", soft_wrap=True)
    return 1 if missed else 0


def _mutants(as_json: bool) -> int:
    """Which known answer notices each mutant."""
    import dataclasses

    from rich.table import Table

    from primacy.calibration.mutants import Outcome, known, outcomes

    errors = Console(stderr=True, highlight=False)

    def told(outcome: Outcome) -> None:
        state = "noticed" if outcome.case else "NOT NOTICED"
        errors.print(f"{state}: {outcome.mutant}", markup=False, soft_wrap=True)

    errors.print(f"{len(known())} mutants, two at a time: minutes", markup=False)
    found = outcomes(told)
    unnoticed = [o for o in found if o.case is None]
    if as_json:
        print(json.dumps([dataclasses.asdict(o) for o in found], ensure_ascii=False))
        return 1 if unnoticed else 0
    table = Table(box=None, pad_edge=False)
    for name in ("what is broken", "noticed by", "the answer that was missed"):
        table.add_column(name)
    for o in found:
        table.add_row(o.mutant, o.case or "nothing", o.quantity or "-")
    console = new_console()
    console.print(table)
    console.print(f"{len(found) - len(unnoticed)} of {len(found)} mutants noticed.", style="bold")
    return 1 if unnoticed else 0
