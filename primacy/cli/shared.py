"""What several commands share: parameter types, refusals, plugins, the console."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.console import Console

Json = Annotated[bool, Parameter(name="--json", negative=())]
Flag = Parameter(negative=())
Overrides = Annotated[tuple[str, ...], Parameter(name="--set", negative=())]
Plugins = Annotated[
    tuple[Path, ...],
    Parameter(
        name="--plugin",
        negative=(),
        help="A Python file of yours that registers tasks, models or measures: it is run. "
        "Repeatable; its SHA-256 is kept with the runs.",
    ),
]
Models = Annotated[
    tuple[str, ...],
    Parameter(
        name="--model",
        negative=(),
        help='FILE.py:FUNCTION that makes the networks of `kind = "own"`: a PyTorch, flax or '
        "equinox module. It is run; its SHA-256 is kept with the runs. NAME=FILE.py:FUNCTION for "
        "several, which a study calls by `name`. Repeatable.",
    ),
]
RunFolder = Annotated[Path, Parameter(help="A run folder, such as runs/complexity.")]


class Refused(ValueError):
    """Bad input that has no type of its own; exit code 2."""


def load(plugins: Sequence[Path]) -> None:
    """Run the files that register more tasks, models or measures."""
    if plugins:
        from primacy.registry import load_plugin

        for file in plugins:
            load_plugin(file)


def give(models: Sequence[str]) -> None:
    """Let studies use functions that make networks: `my.py:make` or `name=my.py:make`."""
    if models:
        from primacy.networks import own_model, user_code

        for model in models:
            name, _, place = model.rpartition("=")
            own_model.give(name or "own", user_code.function(place)[0])


def seeds_override(seeds: int | None) -> list[str]:
    """`--seeds` as a change of the study's key."""
    return [] if seeds is None else [f"seeds={seeds}"]


def show_answer(answer: str, verdicts: Sequence[Any], controls: Sequence[Any] = ()) -> None:
    """Print the controls that failed, if any, the answer of a run and its verdicts."""
    from primacy.report.terminal import failed_controls, lines, verdict_table

    console = new_console()
    if failed := failed_controls(controls):
        console.print(failed, style="bold red")
    console.print(lines(answer), style="bold")
    if verdicts:
        console.print(verdict_table(verdicts))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `app.main`."""
        raise BrokenPipeError


def new_console() -> Console:
    """A console on stdout that colors nothing by itself."""
    return _Console(highlight=False)
