"""The command line: typed functions, nothing else."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from primacy.engine.interruption import Interruption
from primacy.errors import shown

# polars, scipy, jax and altair take seconds to import: each command imports what it needs.

app = App(
    name="primacy",
    help="Which features a neural network learns first, how strongly it represents each, and "
    "which it actually uses.",
    help_epilogue="Start with `primacy run complexity`. Exit codes: 0 done, 1 not finished or a "
    "check failed, 2 refused before any work, 130 and 143 interrupted (the same command resumes), "
    "141 the reader of the output is gone.",
    version_flags=["--version"],
    suppress_keyboard_interrupt=False,
)

Json = Annotated[bool, Parameter(name="--json", negative=())]
Flag = Parameter(negative=())
Plugins = Annotated[
    tuple[Path, ...],
    Parameter(
        name="--plugin",
        negative=(),
        help="A Python file of yours that registers tasks, models or measures: it is run. "
        "Repeatable; its SHA-256 is kept with the runs.",
    ),
]
RunFolder = Annotated[Path, Parameter(help="A run folder, such as runs/complexity.")]


class Refused(ValueError):
    """Bad input that has no type of its own; exit code 2."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with Interruption() as interruption:
        code = _called(words, interruption)
    sys.exit(code)


def _called(words: list[str], interruption: Interruption) -> int:
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()  # or what reads us may be found gone when nobody can be told
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except CycloptsError as error:
        return _fail(words, str(error).strip(), 2)
    except ValueError as error:
        # A study's mistakes come as a list (`mistakes.StudyError`), damage as what was found.
        problems = [_problem(p) for p in getattr(error, "problems", ())]
        return _fail(words, str(error), getattr(error, "exit_code", 2), problems)
    except OSError as error:
        what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        kept = ". Every committed block is kept; the same command resumes."
        return _fail(words, what + kept * (words[:1] == ["run"]), 1)
    except KeyboardInterrupt:
        return _fail(words, "interrupted", interruption.code)
    return code if isinstance(code, int) else 0


def _problem(problem: Any) -> dict[str, Any]:
    if isinstance(problem, str):
        return {"file": None, "line": None, "key": None, "message": problem, "choices": []}
    return {
        "file": problem.file, "line": problem.line, "key": problem.key,
        "message": problem.message, "choices": list(problem.choices or ()),
    }  # fmt: skip


def _fail(words: Sequence[str], message: str, code: int, problems: Sequence = ()) -> int:
    if "--json" in words:
        print(json.dumps({"error": message, "problems": list(problems)}))
    else:
        # A message may quote a file, which may hold what a terminal takes for a command.
        print("\n".join(map(shown, message.split("\n"))), file=sys.stderr)
    return code


def _load(plugins: Sequence[Path]) -> None:
    if plugins:
        from primacy.registry import load_plugin

        for file in plugins:
            load_plugin(file)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `_called`."""
        raise BrokenPipeError


def _console() -> Console:
    return _Console(highlight=False)


@app.command
def run(
    study: str | None = None,
    /,
    *,
    seeds: int | None = None,
    out: Path | None = None,
    controls: Literal["default", "full", "none"] | None = None,
    exact_solo: Annotated[bool, Flag] = False,
    overrides: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    dry_run: Annotated[bool, Flag] = False,
    fork: Annotated[bool, Flag] = False,
    allow_mixed: Annotated[bool, Flag] = False,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Train what is missing of a study, judge its hypotheses and write the page.

    The same command again resumes an interrupted run; more seeds train only the new ones.
    Without a study it lists the built-in ones.

    Args:
        study: A built-in study (`primacy list`) or a file that ends in .toml.
        seeds: Networks to train for each condition; 30 is the default, 10 is exploratory.
        out: The run folder; runs/NAME when left out.
        controls: Negative-control networks: about 20 % extra work (default), one per network
            (full), or none.
        exact_solo: Train every network in a program of its own, slower: bit for bit as if alone.
        overrides: Change a key of the study, such as training.learning_rate=3e-3. Repeatable.
        dry_run: Show conditions, programs, seconds, memory and disk, and run nothing.
        fork: If the folder holds runs of another study, start beside it (NAME-2).
        allow_mixed: Go on in a folder begun with other library versions or numbers of networks
            trained side by side.
        as_json: Print verdicts.json on stdout; progress goes to stderr.
    """
    if study is None:
        return list_()
    from primacy.study import file as studyfile

    _load(plugins)
    changes = [*overrides, *([] if seeds is None else [f"seeds={seeds}"])]
    changes += [] if controls is None else [f"controls={controls}"]
    changes += ["exact_solo=true"] if exact_solo else []
    asked = studyfile.read(study, overrides=changes)
    for note in asked.notes:
        print(shown(note), file=sys.stderr)
    from primacy.analysis.verdicts import CONFIRMATORY
    from primacy.cli.progress import TerminalProgress
    from primacy.engine.run import run as run_blocks
    from primacy.report.terminal import failed_controls, lines, verdict_table
    from primacy.training.block import Interrupted

    folder = out or Path("runs") / asked.name
    words = ["primacy", "run", study]
    words += [part for file in plugins for part in ("--plugin", str(file))]
    words += [] if controls is None else ["--controls", controls]
    words += ["--exact-solo"] if exact_solo else []
    words += [part for change in overrides for part in ("--set", change)]
    words += ["--allow-mixed"] if allow_mixed else []
    number = [] if seeds is None else ["--seeds", str(seeds)]
    if dry_run:
        return _dry_run(asked, folder, fork, allow_mixed, as_json)
    again = [*words, *number, "--out", str(folder), *(["--fork"] if fork else [])]
    resume = f"Every committed block is kept. This resumes:\n  {shlex.join(again)}"
    error_console = Console(stderr=True, highlight=False)
    with Interruption(polled=True, hint=resume) as interruption:
        try:
            with TerminalProgress(error_console) as progress:
                result = run_blocks(
                    asked,
                    folder,
                    progress=progress,
                    stop=interruption.stop,
                    fork=fork,
                    allow_mixed=allow_mixed,
                    command=[*words, *number],
                )
        except Interrupted:
            print(f"interrupted. {resume}", file=sys.stderr)
            return interruption.code
    page = result.report()
    if as_json:
        print((result.folder / "verdicts.json").read_text())
        return 0
    console = _console()
    console.print()
    if told := failed_controls(result.controls):
        console.print(told, style="bold red")
    console.print(lines(result.answer), style="bold")
    if result.verdicts:
        console.print(verdict_table(result.verdicts))
    if len(result.record.seeds) < CONFIRMATORY:
        words += ["--seeds", str(CONFIRMATORY)]
        words += ["--out", str(result.folder)] if out or fork else []
        console.print(
            f"Exploratory: {len(result.record.seeds)} seeds. This trains only the missing ones:\n"
            f"  {shlex.join(words)}",
            markup=False,
            soft_wrap=True,
        )
    console.print(f"The page: {page}", soft_wrap=True)
    return 0


def _dry_run(study: Any, folder: Path, fork: bool, allow_mixed: bool, as_json: bool) -> int:
    from primacy.engine import forecast
    from primacy.engine.plan import plan
    from primacy.engine.run import destination, holdings
    from primacy.report.terminal import plan_text

    place = destination(study, folder) if fork else folder
    facts = forecast.facts(plan(study, holdings(study, place), allow_mixed=allow_mixed))
    if as_json:
        print(json.dumps(facts))
    else:
        _console().print(plan_text(facts))
    return 2 if facts["refused"] else 0


@app.command(name="list")
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
    _load(plugins)
    rows: dict[str, str] = {}
    marked: set[str] = set()
    if what == "studies":
        from primacy.study import file as studyfile

        rows = dict(studyfile.builtin())
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
    for name, line in rows.items():
        table.add_row(f"{name} *" if name in marked else name, line)
    _console().print(table)
    if marked:
        _console().print("\n* only where a study names it, in `measures` or in a hypothesis")
    if what == "studies":
        _console().print("\n`primacy run NAME` runs one; `primacy init NAME` prints it as a file.")
    else:
        _console().print(f"\n`primacy explain NAME` says more about one of these {what}.")
    return 0


@app.command
def explain(name: str, *, plugins: Plugins = (), as_json: Json = False) -> int:
    """Show what a measure, an event, a task or a model is: formula, chance, keys, when it misleads.

    Args:
        name: Of a measure, of `time_to_learn` or `time_to_pick_up`, of a task or a model.
        as_json: Print it as a JSON object.
    """
    _load(plugins)
    from primacy.analysis.learning_times import EVENTS
    from primacy.records import certificate
    from primacy.records.curves import DERIVED
    from primacy.registry import closest, measures, models, tasks
    from primacy.report.page.methods import SUMMARY
    from primacy.report.terminal import card_text, entry_text
    from primacy.study import reference

    facts: dict[str, Any]
    if name in measures.load():
        card, held = measures[name].card(), certificate.read()
        checks = () if held is None else held.of_measure(name)
        facts = {**card, "calibration": certificate.rows(checks)}
        text = card_text(name, card, held)
    elif name in EVENTS:
        unit, means = SUMMARY[name]
        facts = {"unit": unit, "means": means}
        text = entry_text(name, facts)
    elif name in DERIVED:
        facts = {"formula": DERIVED[name], "computed": "from the curves, when it is asked for"}
        text = entry_text(name, facts)
    elif (found := reference.of(name)) is not None:
        keys = [
            dict(zip(("key", "value", "default", "means"), row, strict=True)) for row in found[1]
        ]
        facts = {"means": found[0], "keys": keys}
        text = entry_text(name, facts)
    else:
        known = [*EVENTS, *sorted({*measures, *DERIVED}), *sorted(tasks), *sorted(models)]
        raise Refused(
            f'nothing is called "{name}".{closest(name, known)} `primacy list measures`, `primacy '
            "list tasks` and `primacy list models` show what there is"
        )
    if as_json:
        print(json.dumps({"name": name, **facts}, ensure_ascii=False))
    else:
        _console().print(text)
    return 0


@app.command
def calibrate(
    *,
    full: Annotated[bool, Flag] = False,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Check this installation against results with known answers.

    Each row is one number that a formula or a paper gives. The outcome is kept in the user's data
    folder as calibration.json, which reports cite, and as calibration.html, which draws the
    courses of training over the formulas. Exit code 1 if an answer was missed.

    Args:
        full: Also the cases that take long.
        out: Write calibration.json to this file as well, and the page beside it.
        as_json: Print the rows as a JSON list and nothing else; progress goes to stderr.
    """
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
    console = _console()
    console.print(check_table(found.checks))
    console.print(
        f"{found.hits} of {len(found.checks)} known answers hit in {found.seconds:.0f} s on "
        f"{found.device}.",
        style="bold",
    )
    console.print(f"The page: {places[-1].with_suffix('.html')}", soft_wrap=True)
    return 1 if missed else 0


@app.command
def check(
    study: str,
    *,
    overrides: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Read a study file and list every mistake; nothing is run.

    Args:
        study: A file that ends in .toml, or a built-in study.
        overrides: Change a key of the study first. Repeatable.
        as_json: Print the problems as JSON.
    """
    _load(plugins)
    from primacy.study import file as studyfile

    read = studyfile.read(study, overrides=overrides)
    if as_json:
        print(json.dumps({"error": None, "problems": [], "notes": list(read.notes)}))
    else:
        conditions = sum(len(s.conditions) for s in read.studies)
        hypotheses = len(read.hypotheses) + sum(len(m.hypotheses) for m in read.members)
        print(
            f"{read.name}: {conditions} condition(s), {read.seeds} seeds, "
            f"{hypotheses} hypotheses. No mistakes."
        )
        print(*(shown(note) for note in read.notes), sep="\n", end="\n" if read.notes else "")
    return 0


@app.command
def init(
    study: str = "complexity",
    *,
    own_data: Path | None = None,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Print a built-in study as a commented file to start your own from.

    Args:
        study: A built-in study.
        own_data: A CSV, Parquet or npz file: write a study of its columns instead.
        out: Write it to this file (which must not exist) instead of stdout.
        as_json: Print a JSON object with the text, or with the file that was written.
    """
    from primacy.study import file as studyfile

    if own_data is None:
        text = studyfile.text(study)
    else:
        from primacy.tasks.arraydraft import draft

        if not own_data.is_file():
            raise Refused(f"{own_data}: no such file")
        if out is not None and out.resolve().parent != own_data.resolve().parent:
            raise Refused(f"{out}: must be in the folder of {own_data}, whose data it reads")
        try:
            text = draft(own_data)
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


@app.command
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
    from primacy.report.terminal import failed_controls, lines, verdict_table

    if seeds is not None:
        _console().print(f"The first {seeds} seeds only; nothing was written.")
    if told := failed_controls(result.controls):
        _console().print(told, style="bold red")
    _console().print(lines(result.answer), style="bold")
    if found:
        _console().print(verdict_table(found))
    return 0


@app.command
def report(run: RunFolder, *, out: Path | None = None, as_json: Json = False) -> int:
    """Write the page of a stored run again; needs no JAX.

    Args:
        run: A run folder.
        out: Where to write it; report.html in the run folder when left out.
        as_json: Print a JSON object with the file.
    """
    from primacy.result import open as open_run

    result = open_run(run)
    result.judge()
    page = str(result.report(out))
    print(json.dumps({"page": page}) if as_json else page)
    return 0


@app.command
def inspect(
    run: RunFolder,
    *,
    condition: str | None = None,
    seed: int = 0,
    out: Path | None = None,
    plugins: Plugins = (),
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
        out: Draw the function of a network of one or two inputs: an .svg, .png or .pdf.
        as_json: Print it all as a JSON object.
    """
    _load(plugins)
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
    spread = function = None
    try:
        from primacy.networks import stored

        trained = stored.network(result, own.name, seed)
        inputs = stored.examples_of(own, seed)
        spread = None if inputs is None else stored.spread_read(trained, inputs)
        function = stored.function(trained, inputs) if few else None
    except (ImportError, ValueError):
        # Without JAX, or a model that is not registered here, the stored numbers still are.
        if out is not None:
            raise
    if out is not None and function is not None:
        from primacy.report.page.function_plot import function_of_inputs

        function_of_inputs(own, seed, *function).save(out)
    rows, reads = parameters(weights), units(own, weights, spread)
    if as_json:
        from primacy.analysis.first_layer import to_json

        print(to_json(rows, reads, scaled=spread is not None))
        return 0
    from primacy.report import terminal

    console = _console()
    console.print(terminal.parameter_table(rows))
    if all("values" in row for row in rows):
        console.print(terminal.numbers(rows))
    if reads is not None:
        console.print(terminal.unit_table(reads, scaled=spread is not None))
    if function is not None and len(own.inputs) == 1:
        console.print(terminal.sketch(own, *function))
    if out is not None:
        console.print(f"The picture: {out}", markup=False, soft_wrap=True)
    return 0


@app.command
def evaluate(
    run: RunFolder,
    *,
    task: str | None = None,
    overrides: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
    measures: Annotated[tuple[str, ...], Parameter(name="--measure", negative=())] = (),
    condition: str | None = None,
    seed: int | None = None,
    out: Path | None = None,
    plugins: Plugins = (),
    as_json: Json = False,
) -> int:
    """Measure stored networks on another data set; nothing is trained.

    Every measure on held-out examples of the new task, drawn by each network's own seed. Prints
    medians over seeds with the 10 % and 90 % quantiles.

    Args:
        run: A run folder.
        task: A study file (or built-in study) whose [task] is meant; else each network's own.
        overrides: Change a key of the task, such as task.scale=2. Repeatable.
        measures: Show only this one (`primacy list measures`). Repeatable.
        condition: Only this one, by its display name.
        seed: Only this network of each condition.
        out: Write every number to this file: the rows of curves, as Parquet.
        as_json: Print the table as a JSON list, with all layers.
    """
    _load(plugins)
    import polars as pl

    from primacy.networks import evaluation
    from primacy.records.store import to_parquet, write
    from primacy.registry import closest
    from primacy.result import open as open_run

    result = open_run(run)
    rows = evaluation.evaluate(
        result, task=task, overrides=overrides, condition=condition, seed=seed
    )
    if out is not None:
        write(out, to_parquet(rows, "evaluation"))
    found = evaluation.spread(rows, result.record)
    there = found["measure"].unique().sort().to_list()
    for name in measures:
        if name not in there:
            near = closest(name, there)
            raise Refused(f'no measure "{name}" here.{near} There are: {", ".join(there)}')
    if measures:
        found = found.filter(pl.col("measure").is_in(list(measures)))
    if as_json:
        print(json.dumps(found.to_dicts(), ensure_ascii=False, allow_nan=False))
        return 0
    from primacy.report.terminal import spread_table

    console = _console()
    console.print(spread_table(result.record, found))
    if out is not None:
        console.print(f"Every number: {out}", markup=False, soft_wrap=True)
    return 0


@app.command
def export(
    run: RunFolder,
    *,
    to: Literal["tensorboard", "demo-csv", "latex"],
    condition: str | None = None,
    seeds: Annotated[bool, Flag] = False,
    out: Path | None = None,
    as_json: Json = False,
) -> int:
    """Write a run in another tool's format.

    Args:
        run: A run folder.
        to: tensorboard: event files, a run each for a condition's median, p10 and p90 over seeds.
            demo-csv: the table of the Lampinen et al. 2024 demo, with its exact columns.
            latex: tables of the verdicts and of what was first, represented and used (booktabs).
        condition: Of demo-csv: its display name; may be left out where there is only one.
        seeds: Of tensorboard: one more run for each seed.
        out: A file, and stdout when left out; for tensorboard a folder.
        as_json: Print a JSON object with the text, or with what was written.
    """
    from primacy.result import open as open_run

    result = open_run(run)
    if to == "tensorboard":
        from primacy.report.tensorboard import event_files

        if out is None:
            raise Refused("event files need a folder: give --out DIR")
        runs = event_files(result.record, result.curves, result.lanes, out, seeds=seeds)
        told = f"{len(runs)} runs; `tensorboard --logdir {shlex.quote(str(out))}` shows them"
        print(json.dumps({"folder": str(out), "runs": len(runs)}) if as_json else told)
        return 0
    from primacy.report.export import demo_csv, latex

    if to == "latex":
        text = latex(result.record, result.summary, result.verdicts)
    else:
        text = demo_csv(result.record, result.curves, condition)
    if out is None:
        print(json.dumps({"text": text}, ensure_ascii=False) if as_json else text.rstrip("\n"))
        return 0
    from primacy.records.store import write

    write(out, text.encode())
    if as_json:
        print(json.dumps({"file": str(out)}))
    return 0


@app.command
def doctor(
    study: str | None = None,
    /,
    *,
    seeds: int | None = None,
    overrides: Annotated[tuple[str, ...], Parameter(name="--set", negative=())] = (),
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
    _load(plugins)
    from primacy.cli.doctor import examined, told
    from primacy.study import file as studyfile

    changes = [*overrides, *([] if seeds is None else [f"seeds={seeds}"])]
    found = examined(None if study is None else studyfile.read(study, overrides=changes))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return 0
    _console().print(told(found))
    return 0


@app.command
def schema(*, plugins: Plugins = ()) -> int:
    """Print the JSON Schema of study files, by which editors complete and check them."""
    _load(plugins)
    from primacy.study.schema import study_schema

    print(json.dumps(study_schema(), ensure_ascii=False, indent=1))
    return 0


@app.command
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
        _console().print(runs_table(found))
    else:
        print(f"no run folder in {folder}. `primacy run STUDY` makes runs/STUDY")
    return 0


@app.command
def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """Print what lets a shell complete commands: `source <(primacy completion bash)`.

    Args:
        shell: Which one.
    """
    print(app.generate_completion(prog_name="primacy", shell=shell))
    return 0


@app.command
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
