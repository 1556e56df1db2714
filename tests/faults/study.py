"""A study whose training takes no time: its files are real, its numbers are made up by seed."""

import numpy as np
import polars as pl

from primacy.engine import threads
from primacy.engine.hardware import workers
from primacy.records import curves
from primacy.training.block import Trained
from primacy.training.programs import Programs
from tests.support import tiny


def study(seeds: int):
    """One block a network, so that every network is a commit of its own."""
    return tiny.study(
        seeds=seeds, measures=("accuracy",), hypotheses=(), controls="none", exact_solo=True
    )


def made_up(lane) -> Trained:
    """What a network leaves: the same for the same seed."""
    key, seed, steps = lane.record.key, lane.seed, lane.record.steps
    rows = [
        (key, seed, step, split, None, t.name, t.name, "accuracy", (1 + step) / (9 + seed + step))
        for step in steps
        for split in ("train", "test")
        for t in lane.record.targets
    ]
    ends = pl.DataFrame([(key, seed, "budget", steps[-1])], dict(curves.LANES), orient="row")
    return Trained(
        curves.frame(rows), ends, {f"{key}/{seed}/output/bias": np.full(2, seed, np.float32)}
    )


class NoPrograms(Programs):
    seconds = 0.0

    def __init__(self, *_) -> None:
        pass


class Trainer:
    """Stands in for training; notes which seeds it was asked for."""

    def __init__(self, monkeypatch) -> None:
        self.seeds: list[int] = []
        monkeypatch.setattr(threads, "train_block", self._train)
        monkeypatch.setattr(threads, "Programs", NoPrograms)
        monkeypatch.setattr(threads, "workers", lambda: workers()[:1])  # one order of operations

    def _train(self, programs, lanes, axes, watch) -> Trained:
        (lane,) = lanes
        self.seeds.append(lane.seed)
        return made_up(lane)

    def asked(self) -> list[int]:
        """Seeds trained since the last call."""
        found, self.seeds = self.seeds, []
        return found
