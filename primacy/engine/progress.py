"""What a run tells while it works."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from primacy.engine.plan import Plan


class Progress:
    """What a run tells while it works; the plain class stays silent."""

    def planned(self, plan: Plan) -> None:
        """Before anything is trained."""

    def set_aside(self, folder: Path, problems: Sequence[str]) -> None:
        """Parts of a folder were damaged, each file as `problems` says, and were moved aside."""

    def adopted(self, blocks: int, staying: Sequence[str]) -> None:
        """So many blocks of the inbox are committed; why others stay there, a sentence each."""

    def advanced(self, seed_steps: int) -> None:
        """So many training steps, summed over seeds, were just taken."""

    def stalled(self, seconds: float, allowed: float, waits: Sequence[str]) -> None:
        """Nothing has advanced for some seconds, more than the forecast allows.

        Args:
            seconds: since the last step or commit.
            allowed: by the forecast.
            waits: what the threads are in.
        """

    def committed(self, lanes: pl.DataFrame, summary: Callable[[], pl.DataFrame]) -> None:
        """A block is on disk: how its lanes ended; `summary()` is their `analysis.summary.summary`.

        It takes a while, so it is made for who asks; training waits for the answer.
        """
