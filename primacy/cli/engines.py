"""What trains a run, as the command line names it."""

import dataclasses
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from primacy.cli.shared import Refused
from primacy.errors import closest

NAMES = ("threads", "dask")


@dataclasses.dataclass(frozen=True)
class Trainer:
    """An engine that is still to be made."""

    engine: str
    """Threads, dask, an address or a scheduler's file."""
    workers: int | None
    insecure: bool
    plugins: Sequence[Path]

    def check(self) -> None:
        """Refuse what cannot be, before anything is read or run.

        Raises:
            Refused: no such engine, no such file, Dask is not installed, or the flags do not fit.
            StoreError: the connection would be open.
        """
        if self._elsewhere:
            if self.engine.partition("://")[1] == "" and not self.engine.endswith(".json"):
                raise Refused(
                    f"no engine is called {self.engine!r}.{closest(self.engine, NAMES)} There are: "
                    "threads, dask, tls://HOST:PORT, and the .json file that `dask scheduler "
                    "--scheduler-file` wrote"
                )
            if self.workers is not None:
                raise Refused(
                    "--workers is for this machine; a cluster has the workers that were started"
                )
            from primacy.engine.addresses import refuse_open

            refuse_open(self.engine, self.insecure)
        if self.engine != "threads" and find_spec("distributed") is None:
            raise Refused(
                f"--engine {self.engine} needs Dask, which is not installed: "
                "pip install 'primacy[dask]'"
            )

    @property
    def _elsewhere(self) -> bool:
        return self.engine not in NAMES

    @property
    def words(self) -> list[str]:
        """The words of a command that asks for it."""
        found = [] if self.engine == "threads" else ["--engine", self.engine]
        found += [] if self.workers is None else ["--workers", str(self.workers)]
        return [*found, *(["--insecure"] if self.insecure else [])]

    def of(self, say: Callable[[str], None]) -> Callable[[int], Any]:
        """Makes the engine for a number of blocks.

        Args:
            say: told what a person should know.
        """

        def made(blocks: int) -> Any:
            from primacy.engine.threads import Threads

            if self.engine == "threads" or blocks == 0:
                return Threads(blocks, self.workers)
            from primacy.engine.dask import Dask

            return Dask(
                blocks,
                address=self.engine if self._elsewhere else None,
                workers=self.workers,
                plugins=self.plugins,
                insecure=self.insecure,
                say=say,
            )

        return made
