"""Commands about run folders: judge, report, cite, inspect, evaluate, export, verify and so on."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from primacy.cli.shared import (
    Flag,
    Json,
    Models,
    Overrides,
    Plugins,
    Refused,
    RunFolder,
    give,
    load,
    new_console,
    show_answer,
)
from primacy.errors import shown


def judge(run: RunFolder, *, seeds: int | None = None, as_json: Json = False) -> int:
    """Judge the hypotheses of a stored run again; needs no JAX.

    Args:
        run: A run folder.
        seeds: Judge only the first so many seeds: a labelled subset, nothing is written.
        as_json: Print verdicts.json on stdout.
    """
    from primacy.result import open as open_run

    result = open_run(run, seeds=seeds)
    found = result.verdicts if seeds is not None else result.judge()
    if as_json:
        from primacy.analysis.verdicts import to_json

        print(to_json(found, result.controls).decode())
        return 0
    if seeds is not None:
        new_console().print(f"The first {seeds} seeds only; nothing was written.")
    show_answer(result.answer, found, result.controls)
    return 0


def report(
    run: RunFolder,
    *,
    out: Path | None = None,
    figures: Literal["svg", "pdf", "png"] | None = None,
    condition: str | None = None,
    as_json: Json = False,
) -> int:
    """Write the page of a stored run again; needs no JAX.

    Args:
        run: A run folder.
        out: Where to write it; report.html in the run folder when left out.
        figures: Also write every figure as a file of this kind, into figures/ beside the page.
        condition: Of figures: whose, by its display name; the first one when left out.
        as_json: Print a JSON object with the files.
    """
    from primacy.result import open as open_run

    if condition is not None and figures is None:
        raise Refused("--condition says whose figures: give --figures svg, pdf or png")
    result = open_run(run)
    drawn = result.figures(condition) if figures else {}
    result.judge()
    page = result.report(out)
    folder = page.parent / "figures"
    files = [folder / f"{name}.{figures}" for name in drawn]
    for file, figure in zip(files, drawn.values(), strict=True):
        folder.mkdir(exist_ok=True)
        figure.save(file)
    if as_json:
        more = {"figures": [str(file) for file in files]} if figures else {}
        print(json.dumps({"page": str(page)} | more))
    else:
        print(page, *files, sep="\n")
    return 0


def cite(
    run: RunFolder,
    *,
    only: Literal["bibtex", "methods"] | None = None,
    as_json: Json = False,
) -> int:
    """Print the methods of a run as paragraphs to paste, and BibTeX to cite it.

    Args:
        run: A run folder.
        only: One of the two.
        as_json: Print both as a JSON object.
    """
    from primacy.report.page import citation, methods
    from primacy.result import open as open_run

    result = open_run(run)
    record, provenance = result.record, result.provenance
    said = methods.paragraphs(record, provenance, result.lanes, result.verdicts)
    entries = citation.bibtex(record, provenance)
    if as_json:
        told = {"methods": said, "bibtex": entries}
        wanted = {only: told[only]} if only else told
        print(json.dumps(wanted, ensure_ascii=False))
        return 0
    parts = [*(said if only != "bibtex" else ()), *([entries] if only != "methods" else ())]
    # A study may have been written by others, and a terminal takes some characters for commands.
    print("\n\n".join("\n".join(map(shown, part.rstrip("\n").split("\n"))) for part in parts))
    return 0


# Longer than 60 lines: options with their help, then each part of what is printed, in order.
def inspect(
    run: RunFolder,
    *,
    condition: str | None = None,
    seed: int = 0,
    every: Annotated[bool, Parameter(name="--all", negative=())] = False,
    out: Path | None = None,
    plugins: Plugins = (),
    models: Models = (),
    as_json: Json = False,
) -> int:
    """Show one trained network: its weights, what its first units read, its function.

    Weights themselves up to 200 numbers, else their mean, spread and range. For each unit of the
    first layer the feature with the largest share of its squared incoming weight, each weight
    times the SD of what it multiplies, where that is known.

    Args:
        run: A run folder.
        condition: Its display name; may be left out where there is only one.
        seed: Which network.
        every: Also show each unit of a first layer of more than 8.
        out: Draw the function of a network of one or two inputs: an .svg, .png or .pdf.
        as_json: Print it all as a JSON object.
    """
    load(plugins)
    give(models)
    from primacy.analysis.first_layer import parameters, units
    from primacy.report.export import one_condition
    from primacy.result import open as open_run

    result = open_run(run)
    own = one_condition(result.record, condition)
    weights = result.weights(own.name, seed)
    few = len(own.inputs) <= 2
    if out is not None and not few:
        raise Refused(
            f"a network of {len(own.inputs)} inputs cannot be drawn; one of one or two can"
        )
    spread, function = _rebuilt(result, own, seed, drawn=few, required=out is not None)
    if out is not None and function is not None:
        from primacy.report.page.function_plot import function_of_inputs

        function_of_inputs(own, seed, *function).save(out)
    rows, reads = parameters(weights), units(own, weights, spread)
    scaled = spread is not None
    if as_json:
        from primacy.analysis.first_layer import to_json

        print(to_json(rows, reads, scaled=scaled))
        return 0
    from primacy.report import terminal

    shown: list[Any] = [terminal.parameter_table(rows)]
    shown += [terminal.numbers(rows)] if all("values" in row for row in rows) else []
    if reads:
        shown.append(terminal.unit_summary(reads))
        if every or len(reads) <= terminal.FEW_UNITS:
            shown.append(terminal.unit_table(reads, scaled=scaled))
        else:
            shown.append(f"--all shows each of the {len(reads)} units.")
    if function is not None and len(own.inputs) == 1:
        shown.append(terminal.sketch(own, *function))
    console = new_console()
    for part in shown:
        console.print(part)
    if out is not None:
        console.print(f"The picture: {out}", markup=False, soft_wrap=True)
    return 0


def _rebuilt(
    result: Any, condition: Any, seed: int, *, drawn: bool, required: bool
) -> tuple[Any, Any]:
    """The spread of what the first layer reads and, if `drawn`, the function of a network.

    Two None where it cannot be rebuilt, unless that is `required`.
    """
    try:
        from primacy.networks import stored

        trained = stored.network(result, condition.name, seed)
        inputs = stored.examples_of(condition, seed)
        spread = None if inputs is None else stored.spread_read(trained, inputs)
        return spread, stored.function(trained, inputs) if drawn else None
    except (ImportError, ValueError):
        # Without JAX, or a model that is not registered here, the stored numbers still are.
        if required:
            raise
        return None, None


def evaluate(
    run: RunFolder,
    *,
    task: str | None = None,
    overrides: Overrides = (),
    measures: Annotated[tuple[str, ...], Parameter(name="--measure", negative=())] = (),
    condition: str | None = None,
    seed: int | None = None,
    out: Path | None = None,
    plugins: Plugins = (),
    models: Models = (),
    as_json: Json = False,
) -> int:
    """Measure stored networks on another data set; nothing is trained.

    The measures of the run on held-out examples of the new task, drawn by each network's own seed.
    Prints medians over seeds with the 10 % and 90 % quantiles.

    Args:
        run: A run folder.
        task: A study file (or built-in study) whose [task] is meant; else each network's own.
        overrides: Change a key of the task, such as task.scale=2. Repeatable.
        measures: Only this one, which the run need not have (`primacy list measures`).
            Repeatable.
        condition: Only this one, by its display name.
        seed: Only this network of each condition.
        out: Write every number to this file: the rows of curves, as Parquet.
        as_json: Print the table as a JSON list, with all layers.
    """
    load(plugins)
    give(models)
    from primacy.networks import evaluation
    from primacy.records.store import to_parquet, write
    from primacy.result import open as open_run

    result = open_run(run)
    rows = evaluation.evaluate(
        result, task=task, overrides=overrides, condition=condition, seed=seed, names=measures
    )
    if out is not None:
        write(out, to_parquet(rows, "evaluation"))
    found = evaluation.spread(rows, result.record)
    if as_json:
        print(json.dumps(found.to_dicts(), ensure_ascii=False, allow_nan=False))
        return 0
    from primacy.report.terminal import spread_table

    console = new_console()
    console.print(spread_table(result.record, found))
    if out is not None:
        console.print(f"Every number: {out}", markup=False, soft_wrap=True)
    return 0


def export(
    run: RunFolder,
    *,
    to: Literal["tensorboard", "wandb", "mlflow", "demo-csv", "latex"],
    condition: str | None = None,
    seeds: Annotated[bool, Flag] = False,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Write a run in another tool's format.

    Args:
        run: A run folder.
        to: tensorboard: event files, a run each for a condition's median, p10 and p90 over seeds.
            wandb: the same as offline runs of Weights & Biases; nothing is sent.
            mlflow: the same as a local data base of MLflow.
            demo-csv: the table of the Lampinen et al. 2024 demo, with its exact columns.
            latex: tables of the verdicts and of what was first, represented and used (booktabs).
        condition: Of demo-csv: its display name; may be left out where there is only one.
        seeds: Of the three trackers: one more run for each seed.
        out: A file, and stdout when left out; for a tracker a folder.
        as_json: Print a JSON object with the text, or with what was written.
    """
    from primacy.result import open as open_run

    result = open_run(run)
    if to not in ("demo-csv", "latex"):
        from primacy.report.exporters.offered import EXPORTERS, shown_by
        from primacy.report.exporters.series import series

        if out is None:
            raise Refused(f"an export to {to} needs a folder: give --out DIR")
        runs = EXPORTERS[to](series(result.record, result.rows, result.lanes, seeds=seeds), out)
        told = f"{len(runs)} runs; `{shown_by(to, out)}` shows them"
        print(json.dumps({"folder": str(out), "runs": len(runs)}) if as_json else told)
        return 0
    from primacy.report.export import demo_csv, latex

    if to == "latex":
        text = latex(result.record, result.summary, result.verdicts)
    else:
        text = demo_csv(result.record, result.rows, condition)
    if out is None:
        print(json.dumps({"text": text}, ensure_ascii=False) if as_json else text.rstrip("\n"))
        return 0
    from primacy.records.store import write

    write(out, text.encode())
    if as_json:
        print(json.dumps({"file": str(out)}))
    return 0


def verify(run: RunFolder, *, as_json: Json = False) -> int:
    """Check every file of a run folder against the manifest; writes nothing.

    Args:
        run: A run folder.
        as_json: Print what is good and what is damaged as JSON.
    """
    from primacy.result import open as open_run

    parts, bad = open_run(run).verified()
    if as_json:
        print(json.dumps({"good": sorted(set(parts) - set(bad)), "damaged": bad}))
    else:
        whole = f"all {len(parts)} parts intact"
        print(f"{len(bad)} of {len(parts)} parts damaged" if bad else whole)
        for problems in bad.values():
            print("\n".join(map(shown, problems)))
    return 1 if bad else 0


def compact(run: RunFolder, *, as_json: Json = False) -> int:
    """Rewrite a run's many small parts as a few large ones; the same rows, read faster.

    Worth it for runs of thousands of blocks, before they are archived or read often. Parts of about
    64 MB, sorted by condition and seed. Whatever happens on the way, the run stays whole: the same
    command again ends the work, and `primacy run` still adds seeds. Nothing is done to a run that
    is compact already.

    Args:
        run: A run folder.
        as_json: Print how many parts there were and are as JSON.
    """
    import contextlib
    import sys

    from primacy.records.compact import compact as compacted
    from primacy.records.held import controls_of
    from primacy.result import open as open_run

    result = open_run(run)
    before = after = 0
    with contextlib.ExitStack() as locks:
        for store in dict.fromkeys((result.store, *result.stores)):
            locks.enter_context(store.locked())
        for store in (s for own in result.stores for s in (own, controls_of(own))):
            if not store.begun():
                continue

            def told(done: int, of: int, folder: Path = store.folder) -> None:
                print(f"{shown(str(folder))}: {done} of {of} networks", file=sys.stderr)

            before += len(store.manifest())
            after += compacted(store, told if sys.stderr.isatty() else lambda done, of: None)
    told_of = f"{before} parts are now {after}" if after < before else f"{after} parts, as before"
    print(json.dumps({"before": before, "after": after}) if as_json else told_of)
    return 0


def runs(folder: Path = Path("runs"), /, *, as_json: Json = False) -> int:
    """List the run folders in a folder: study, state, networks, verdicts.

    Args:
        folder: Where they lie, or a run folder itself.
        as_json: Print a JSON list.
    """
    import dataclasses

    from primacy.records import run_folders
    from primacy.report.terminal import runs_table

    found = run_folders.found(folder)
    if as_json:
        print(json.dumps([dataclasses.asdict(own) for own in found], ensure_ascii=False))
    elif found:
        new_console().print(runs_table(found))
    else:
        print(f"no run folder in {folder}. `primacy run STUDY` makes runs/STUDY")
    return 0
