"""`primacy run`: train what is missing of a study, judge it and write the page."""

import contextlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console

from primacy.cli import studies
from primacy.cli import watch as watching
from primacy.cli.engines import Trainer
from primacy.cli.shared import (
    Flag,
    Json,
    Models,
    Overrides,
    Plugins,
    Refused,
    give,
    load,
    new_console,
    seeds_override,
    show_answer,
)
from primacy.engine.interruption import Interruption
from primacy.errors import shown


# Longer than 60 lines: an option is a line of the signature and one or two of its help.
def run(
    study: str | None = None,
    /,
    *,
    seeds: int | None = None,
    out: Path | None = None,
    controls: Literal["default", "full", "none"] | None = None,
    exact_solo: Annotated[bool, Flag] = False,
    overrides: Overrides = (),
    dry_run: Annotated[bool, Flag] = False,
    fork: Annotated[bool, Flag] = False,
    allow_mixed: Annotated[bool, Flag] = False,
    engine: str = "threads",
    workers: Annotated[int | None, Parameter(validator=Number(gte=1))] = None,
    insecure: Annotated[bool, Flag] = False,
    plugins: Plugins = (),
    models: Models = (),
    watch: Annotated[bool, Flag] = False,
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
        watch: Also show the page while the run trains, at an address that is printed; `primacy
            watch RUN` does so for any run.
        engine: What trains: threads of this process (threads), processes of this machine (dask),
            or a Dask cluster: tls://HOST:PORT, or the file that `dask scheduler` wrote.
        workers: Blocks trained at the same time on this machine; one per core when left out.
        insecure: Allow a cluster on another machine without encryption (tcp://).
        as_json: Print verdicts.json on stdout; progress goes to stderr.
    """
    if study is None:
        return studies.list_()
    from primacy.analysis.verdicts import CONFIRMATORY
    from primacy.study import file as studyfile

    load(plugins)
    if models and engine != "threads":
        raise Refused("--model runs your code in this process: leave out --engine")
    give(models)
    changes = [*overrides, *seeds_override(seeds)]
    changes += [] if controls is None else [f"controls={controls}"]
    changes += ["exact_solo=true"] if exact_solo else []
    requested = studyfile.read(study, overrides=changes)
    for note in requested.notes:
        print(shown(note), file=sys.stderr)
    folder = out or Path("runs") / requested.name
    trainer = Trainer(engine, workers, insecure, plugins)
    trainer.check()
    if dry_run:
        return _dry_run(requested, folder, fork, allow_mixed, as_json)
    command = ["primacy", "run", study]
    for flag, given in (("--plugin", plugins), ("--model", models), ("--set", overrides)):
        command += [part for value in given for part in (flag, str(value))]
    command += [] if controls is None else ["--controls", controls]
    command += ["--exact-solo"] if exact_solo else []
    command += ["--allow-mixed"] if allow_mixed else []
    number = [] if seeds is None else ["--seeds", str(seeds)]
    if watch and fork:
        from primacy.engine.run import destination

        folder, fork = destination(requested, folder), False
    with watching.serving(folder) if watch else contextlib.nullcontext():
        result = _train(requested, folder, [*command, *number], fork, allow_mixed, trainer)
        if isinstance(result, int):
            return result
        # Before the page: hours of training have their answer, whatever becomes of the drawings.
        if as_json:
            print((result.folder / "verdicts.json").read_text())
        else:
            place = ["--out", str(result.folder)] if out or fork else []
            _show(result, [*command, "--seeds", str(CONFIRMATORY), *place])
        page = result.report()
        if not as_json:
            new_console().print(f"The page: {page}", soft_wrap=True)
        if watch:
            time.sleep(watching.LAST_SECONDS)
    return 0


def _train(
    study: Any,
    folder: Path,
    command: Sequence[str],
    fork: bool,
    allow_mixed: bool,
    trainer: "Trainer",
) -> Any:
    """The finished run, or the exit code if it was interrupted."""
    from primacy.cli.progress import TerminalProgress
    from primacy.engine.jobs import NotFinished
    from primacy.engine.run import run as run_blocks
    from primacy.training.block import Interrupted

    again = [*command, "--out", str(folder), *(["--fork"] if fork else []), *trainer.words]
    resume = f"Every committed block is kept. This resumes:\n  {shlex.join(again)}"
    error_console = Console(stderr=True, highlight=False)
    with Interruption(polled=True, hint=resume) as interruption:
        try:
            with TerminalProgress(error_console) as progress:
                return run_blocks(
                    study,
                    folder,
                    progress=progress,
                    stop=interruption.stop,
                    fork=fork,
                    allow_mixed=allow_mixed,
                    command=command,
                    engine=trainer.of(progress.say),
                )
        except NotFinished as error:
            raise NotFinished(f"{error}\n{resume}") from None
        except Interrupted:
            print(f"interrupted. {resume}", file=sys.stderr)
            return interruption.code


def _show(result: Any, more: Sequence[str]) -> None:
    """The answer and the verdicts; `more` is the command that trains the missing seeds."""
    from primacy.analysis.verdicts import CONFIRMATORY

    console = new_console()
    console.print()
    show_answer(result.answer, result.verdicts, result.controls)
    if len(result.record.seeds) < CONFIRMATORY:
        console.print(
            f"Exploratory: {len(result.record.seeds)} seeds. This trains only the missing ones:\n"
            f"  {shlex.join(more)}",
            markup=False,
            soft_wrap=True,
        )
    if before := result.provenance["judged_before"]:
        console.print(
            f"Judged before with {', '.join(map(str, before))} seeds: to look, add seeds and look "
            "again makes false verdicts more frequent (docs/statistics.md, table 9)."
        )


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
        new_console().print(plan_text(facts))
    return 2 if facts["refused"] else 0
