"""How a run in progress looks in a terminal; all of it goes to stderr."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.text import Text

from primacy.engine.plan import Plan
from primacy.engine.progress import Progress
from primacy.records.store import DAMAGED
from primacy.report.terminal import plain

PLAIN_EVERY = 10.0
"""Seconds between two progress lines where there is no terminal."""

ORDER_SHARE = 0.05
"""Of the run's time that the provisional order of the features may take."""


class TerminalProgress(Progress):
    """A progress bar, or a line every ten seconds where stderr is not a terminal."""

    every = PLAIN_EVERY

    def __init__(self, console: Console) -> None:
        self._console, self._live = console, console.is_terminal
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._ranks: dict[str, list[float]] = {}
        self._raced: set[frozenset[str]] = set()  # the features of each block
        self._done = self._lanes = self._steps = self._diverged = 0
        self._began = self._told = self._ask_again = 0.0
        self._plan: Plan | None = None

    def __enter__(self) -> "TerminalProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._live and self._plan and self._plan.lanes:
            self._bar.stop()

    def planned(self, plan: Plan) -> None:
        """Say what will be done, and start the bar."""
        self._plan, self._began, self._told = plan, time.monotonic(), time.monotonic()
        record = plan.record
        say = f"{record.name}: {len(record.conditions)} condition(s) x {len(record.seeds)} seeds"
        if plan.stored:
            say += f"; {plan.stored} already trained"
        self.say(f"{say}; {plan.lanes} networks to train")
        if plan.lanes and self._live:
            self._task = self._bar.add_task("compiling", total=plan.seed_steps, rate="")
            self._bar.start()
        elif plan.lanes:
            self.say("compiling; programs that an earlier run left in the cache take no time")

    def set_aside(self, folder: Path, problems: Sequence[str]) -> None:
        """Name the damaged files, and say where the parts are now."""
        told = f"{len(problems)} damaged: {'; '.join(problems)}. The parts are in "
        self._console.print(plain(f"{told}{folder / DAMAGED}; their networks are trained again."))

    def adopted(self, blocks: int, staying: Sequence[str]) -> None:
        """Say how much of the inbox is now in the run folder, and why the rest is not."""
        self.say(f"{blocks} blocks adopted from the inbox")
        for line in staying:
            self._console.print(plain(f"left in the inbox: {line}"))

    def advanced(self, seed_steps: int) -> None:
        """Move the bar; the clock of the rate starts when the first program is compiled."""
        now = time.monotonic()
        if not self._steps:
            self._began = now
        self._steps += seed_steps
        if self._live:
            rate = self._rate(now)
            self._bar.update(
                self._task,
                completed=self._steps,
                rate=f"{rate:,.0f} seed-steps/s",
                description=self._standing(),
            )
        elif now - max(self._told, self._began) >= self.every and self._plan:
            self._told = now
            left = (self._plan.seed_steps - self._steps) / max(self._rate(now), 1e-9)
            self.say(
                f"{self._steps:,} of {self._plan.seed_steps:,} seed-steps, "
                f"about {left:.0f} s left; {self._standing()}"
            )

    def stalled(self, seconds: float, allowed: float, waits: Sequence[str]) -> None:
        """Report that nothing advances, where the threads wait, and what to do."""
        self.say(
            f"Nothing has advanced for {seconds:.0f} s; the forecast allows {allowed:.0f} s. "
            f"Waiting: {'; '.join(waits)}. Ctrl-C stops the run; every committed block is kept, "
            "and the same command resumes. If it stalls again at the same place, try --exact-solo, "
            "and please report it."
        )

    def say(self, line: str) -> None:
        """Show a line."""
        self._console.print(Text(line))

    def committed(self, lanes: pl.DataFrame, summary: Callable[[], pl.DataFrame]) -> None:
        """Count; and now and then, take a block into the provisional order of the features."""
        self._lanes += lanes.height
        self._diverged += lanes.filter(pl.col("ended") == "diverged").height
        now = time.monotonic()
        if now < self._ask_again:
            return
        seen = summary()
        self._raced.add(frozenset(seen["feature"]))
        last = seen.height + 1.0
        for feature, rank in seen.select("feature", "rank").rows():
            if rank is None and str(feature) not in self._ranks:
                continue  # it may be one that is never learned, such as a watched feature
            self._ranks.setdefault(str(feature), []).append(last if rank is None else rank)
        then = time.monotonic()
        self._ask_again = then + (then - now) / ORDER_SHARE

    def _rate(self, now: float) -> float:
        return self._steps / max(now - self._began, 1e-3)

    def _standing(self) -> str:
        if not self._lanes:
            return "training"
        total = self._plan.lanes if self._plan else 0
        order = sorted(self._ranks, key=lambda f: sum(self._ranks[f]) / len(self._ranks[f]))
        said = f"{self._lanes}/{total} networks"
        if self._diverged:
            said += f", {self._diverged} diverged"
        if len(self._raced) > 1:
            return said  # parts with other features have no order in common
        return f"{said}, so far: {plain(' < '.join(order[:4])).plain}"
