"""`primacy.run`: a study by name or made in Python, with progress where a notebook shows it."""

import contextlib
import sys
import threading
from pathlib import Path
from typing import Any

from rich.console import Console

from primacy.cli.progress import TerminalProgress
from primacy.engine import run as blocks
from primacy.engine.progress import Progress
from primacy.result import Result
from primacy.study import python
from primacy.study.spec import Study


class NotebookProgress(TerminalProgress):
    """One line below the cell, rewritten once a second."""

    every = 1.0

    def __init__(self) -> None:
        super().__init__(Console(quiet=True, force_terminal=False))
        self._handle: Any = None

    def say(self, line: str) -> None:
        """Show a line in place of the one before."""
        from IPython.display import display  # pyright: ignore[reportMissingImports]

        content = {"text/plain": line}
        if self._handle is None:
            self._handle = display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def run(
    study: Study | str,
    out: str | Path | None = None,
    *,
    seeds: int | None = None,
    progress: Progress | bool | None = None,
    stop: threading.Event | None = None,
    fork: bool = False,
    allow_mixed: bool = False,
) -> Result:
    """Train what is missing of a study, commit it block by block, and judge the whole.

    Args:
        study: a built-in study by name, a file (its name ends in `.toml`), or what `primacy.Study`
            or `primacy.read` made.
        out: the run folder; `runs/NAME` when left out. The same folder again resumes.
        seeds: networks for each condition, instead of the study's.
        progress: a `Progress`; True: a bar or lines; False: nothing. Left out: in a notebook a
            line below the cell, elsewhere nothing.
        stop: when set, blocks in progress are dropped and `Interrupted` is raised.
        fork: if the folder holds another study's runs, start in the next free `OUT-2`, `OUT-3`...
        allow_mixed: go on in a folder that other library versions began; parts say which.

    Raises:
        StudyError: something is wrong with the study; it lists all that is.
        TypeError: it is no study.
        StoreError: nothing was run: the folder is in use or holds runs of another study.
        Interrupted: somebody asked to stop; committed blocks stay.
    """
    wanted = asked(study)
    if seeds is not None:
        members = tuple(member.replace(seeds=seeds) for member in wanted.members)
        wanted = wanted.replace(seeds=seeds, members=members)
    with _progress(progress) as shown:
        return blocks.run(
            wanted, out, progress=shown, stop=stop, fork=fork, allow_mixed=allow_mixed
        )


def asked(study: Any) -> python.Study:
    """The study that a name, a file or a `Study` stands for, checked.

    Raises:
        StudyError: something is wrong with the study; it lists all that is.
        TypeError: it is none of them.
    """
    if isinstance(study, str | Path):
        return python.read(str(study))
    if isinstance(study, Study):
        return python.Study.of(study)
    what = type(study).__name__
    raise TypeError(
        f'expected a study, not {what}: the name of a built-in one ("complexity"), a file '
        '("mine.toml"), or primacy.Study(name=..., task=..., model=..., training=...)'
    )


def _progress(
    wanted: Progress | bool | None,
) -> contextlib.AbstractContextManager[Progress]:
    if isinstance(wanted, Progress):
        return contextlib.nullcontext(wanted)
    if wanted is not False and in_notebook():
        return NotebookProgress()
    if wanted:
        return TerminalProgress(Console(stderr=True, highlight=False))
    return contextlib.nullcontext(Progress())


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook: IPython with something to display to."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None
