"""What several commands share: parameter types, refusals, plugins, the console."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

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
RunFolder = Annotated[Path, Parameter(help="A run folder, such as runs/complexity.")]


class Refused(ValueError):
    """Bad input that has no type of its own; exit code 2."""


def load(plugins: Sequence[Path]) -> None:
    """Run the files that register more tasks, models or measures."""
    if plugins:
        from primacy.registry import load_plugin

        for file in plugins:
            load_plugin(file)


def seeds_override(seeds: int | None) -> list[str]:
    """`--seeds` as a change of the study's key."""
    return [] if seeds is None else [f"seeds={seeds}"]


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to `app.main`."""
        raise BrokenPipeError


def new_console() -> Console:
    """A console on stdout that colors nothing by itself."""
    return _Console(highlight=False)
