"""A run of a foreign network, written into an ordinary run folder beside those that are there."""

import contextlib
import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl

from primacy.networks import crashed
from primacy.networks.declared import Declared
from primacy.networks.frameworks.network import Network
from primacy.records import curves
from primacy.records.files import InUse
from primacy.records.store import Store, StoreError
from primacy.records.study import ConditionRecord, Hypothesis, Level, StudyRecord
from primacy.registry import Measure, canonical
from primacy.result import Result
from primacy.study import describe
from primacy.training.lane import Ending, Lane
from primacy.training.rows import Names, table
from primacy.types import Batch, Draws, Feature, LossName, Target, Task

MAX_KEPT_BYTES = 64 << 20
"""Final weights up to this size are kept in the run folder."""

WAIT_SECONDS = 600.0
"""How long to wait for another process that writes to the same run folder."""

PAUSE_SECONDS = 0.2

LENGTH_OF_HASH = 64
LONGEST_SHOWN = 60

MIN_USE = 0.05
"""Interchange of a feature must cost this share of the score in the end, or it is not used."""

SOURCE = "# Runs of networks that were trained elsewhere (primacy.track); nothing to run here.\n"


@dataclasses.dataclass(frozen=True, eq=False)
class _Data:
    """Declared data as a task, as far as records need one: examples are not drawn, they are there.

    `describe` turns it into what is recorded of features and targets.
    """

    declared: tuple[Feature, ...]
    targets: tuple[Target, ...]
    loss: LossName
    input_names: tuple[str, ...] = ()
    sizes: Mapping[str, int] | None = None

    def draw(self, split: str, rng: Any, n: int) -> Draws:
        """Nothing is drawn."""
        raise TypeError("declared examples are not drawn: they are there")

    def build(self, draws: Draws) -> Batch:
        """Nothing is built."""
        raise TypeError("declared examples are not built: they are there")


def _task(declared: Declared) -> Task:
    return cast("Task", _Data(declared.features, declared.targets, declared.loss))


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """One run, as far as it is known before its end."""

    condition: str
    settings: dict[str, Level]
    seed: int
    planned: tuple[int, ...]
    """Steps after which evaluations are due."""
    theta: float
    confirm: int
    hypotheses: tuple[Hypothesis, ...]
    question: str
    declared: Declared
    measures: tuple[Measure, ...]
    network: Network

    @property
    def spec(self) -> dict[str, Any]:
        """What decides the run, as JSON; its hash is the condition's key."""
        data = self.declared
        return {
            "task": {
                "kind": "own data",
                "name": data.name,
                "sha256": data.sha256,
                "loss": data.loss,
                "fit_examples": len(data.fit),
                "test_examples": len(data.test),
            },
            "model": {"kind": "own network", **self.network.structure()},
            "training": {"kind": "own training", **self.settings},
            "evaluations": {
                "planned": list(self.planned),
                "theta": self.theta,
                "confirm": self.confirm,
            },
        }

    @property
    def key(self) -> str:
        """Twelve hex digits, as of any condition."""
        text = json.dumps(self.spec, sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def condition_record(self, steps: Sequence[int]) -> ConditionRecord:
        """How the condition is recorded, with the evaluations that were made."""
        task = _task(self.declared)
        return ConditionRecord(
            key=self.key,
            name=self.condition,
            factors=dict(self.settings),
            spec=self.spec,
            features=tuple(_judged_by_use(f) for f in describe.features(task)),
            targets=describe.targets(task),
            inputs=(),
            layers=tuple(layer.name for layer in self.network.layers),
            steps=tuple(steps),
            steps_per_epoch=None,
            theta=self.theta,
            confirm=self.confirm,
            stop="budget",
            parameters=self.network.count(),
        )

    def study_record(self, name: str, steps: Sequence[int]) -> StudyRecord:
        """A study of this run alone."""
        cards = tuple(describe.card(measure) for measure in self.measures)
        fixed = {
            "name": name,
            "question": self.question,
            "measures": [card.name for card in cards],
            "hypotheses": [dataclasses.asdict(h) for h in self.hypotheses],
        }
        text = json.dumps(fixed, sort_keys=True, default=str)
        asked = f"What do the networks of {name} learn first, represent and use?"
        return StudyRecord(
            name=name,
            question=self.question or asked,
            study_hash=hashlib.sha256(text.encode()).hexdigest(),
            seeds=(self.seed,),
            seed_axes=(),  # what differs between seeds is up to the user's script
            conditions=(self.condition_record(steps),),
            measures=cards,
            hypotheses=self.hypotheses,
            versions=describe.versions() | self.network.versions(),
            device=self.network.device(),
            block_widths={self.key: 1},
        )


def needed(declared: Declared, names: Sequence[str]) -> set[str]:
    """Names of the measures without which no time could be told, beside those asked for, if any."""
    own = describe.features(_task(declared))
    found = {f.criterion.measure for f in own if f.criterion is not None}
    wide = any(len(f.columns) > 1 for f in declared.features)
    wide = wide and (not names or "variance_explained" in names)
    score = {describe.score_of(target.kind) for target in declared.targets}
    return found | score | ({"variance_explained_group"} if wide else set())


def _judged_by_use(feature: Any) -> Any:
    """A feature whose best use nobody knows is used if interchange costs `MIN_USE` at the end."""
    own = feature.criterion
    if own is None or own.ceiling is not None or own.amount is not None:
        return feature
    return dataclasses.replace(feature, criterion=dataclasses.replace(own, floor=MIN_USE))


def conflicts(old: StudyRecord, run: Run, steps: Sequence[int]) -> list[str]:
    """What keeps a run out of a folder with these others; empty: nothing."""
    if old.members or any(_kind(c) != "own network" for c in old.conditions):
        return ["it holds runs that were not tracked (a study of `primacy run`)"]
    wrong = []
    for c in old.conditions:
        if c.name != run.condition:
            continue
        wrong += [f"condition {c.name}: {line}" for line in differences(c.spec, run.spec)]
        n = min(len(c.steps), len(steps))
        if c.steps[:n] != tuple(steps[:n]):
            wrong.append(
                f"condition {c.name}: its other runs were evaluated after other steps "
                f"({', '.join(map(str, c.steps[:5]))}, ...)"
            )
    ours, theirs = {m.name for m in run.measures}, {m.name for m in old.measures}
    if ours != theirs:
        wrong.append(f"measures: {', '.join(sorted(ours ^ theirs))} only in one of them")
    return wrong


def _kind(condition: ConditionRecord) -> Any:
    return (condition.spec.get("model") or {}).get("kind")


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two specs differ, by dotted key."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = dict.fromkeys((*old, *new))
        return [
            line
            for key in keys
            for line in differences(old.get(key), new.get(key), f"{path}.{key}".strip("."))
        ]
    as_json = [json.loads(json.dumps(x)) for x in (old, new)]
    if as_json[0] == as_json[1]:
        return []
    return [f"{path}: {_brief(old)} there, {_brief(new)} here"]


def _brief(value: Any) -> str:
    """A value of a spec in a message; of a hash, or of anything long, the beginning."""
    if isinstance(value, str) and len(value) == LENGTH_OF_HASH:
        return f"{value[:12]}..."
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


def unlike(old: ConditionRecord, data: Declared, structure: Mapping[str, Any]) -> list[str]:
    """Where a recorded run is of other data, or of a network of other parameters."""
    there = {"data": old.spec["task"]["sha256"], "parameters": old.spec["model"]["parameters"]}
    here = {"data": data.sha256, "parameters": structure["parameters"]}
    return differences(there, here)


def merged(old: StudyRecord | None, run: Run, name: str, steps: Sequence[int]) -> StudyRecord:
    """The record of a folder with this run's condition and seed."""
    fresh = run.study_record(name, steps)
    if old is None:
        return fresh
    own = fresh.conditions[0]
    conditions = [
        dataclasses.replace(c, steps=max(c.steps, own.steps, key=len)) if c.key == own.key else c
        for c in old.conditions
    ]
    if own.key not in {c.key for c in conditions}:
        conditions.append(own)
    earlier, post_hoc = old.earlier_hashes, old.post_hoc
    if old.study_hash != fresh.study_hash:
        earlier = (*earlier, old.study_hash)
        known = {h.id: canonical(h) for h in old.hypotheses}
        post_hoc = tuple(
            h.id
            for h in fresh.hypotheses
            if known.get(h.id) != canonical(h) or h.id in old.post_hoc
        )
    return dataclasses.replace(
        fresh,
        seeds=tuple(sorted({*old.seeds, run.seed})),
        conditions=tuple(conditions),
        block_widths={c.key: 1 for c in conditions},
        earlier_hashes=earlier,
        post_hoc=post_hoc,
    )


@contextlib.contextmanager
def held(store: Store, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """The folder's lock, waiting for another process that has it.

    Raises:
        StoreError: the other one did not let go in time, or the folder cannot be written to.
    """
    end = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(store.locked())
                break
            except InUse:
                if time.monotonic() > end:
                    raise
                time.sleep(PAUSE_SECONDS)
        yield


def commit(
    folder: Path,
    run: Run,
    seen: Sequence[dict[str, np.ndarray]],
    steps: Sequence[int],
    ended: str,
    facts: Mapping[str, Any],
) -> tuple[Store, list[str]]:
    """Add a finished run to a folder; to the next free one if it does not fit this one.

    Returns the store, and what did not fit.
    """
    wrong: list[str] = []
    for number in range(1, 1000):
        place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        store = Store(place)
        with held(store):
            old = store.record() if store.begun() else None
            if crashed.whole(store, run.condition, run.seed):
                return store, [f"{run.condition}, seed {run.seed} was added by another process"]
            found = conflicts(old, run, steps) if old is not None else []
            if found:
                wrong = wrong or found
                continue
            if crashed.cut_short(store, run.condition, run.seed):
                crashed.removed(store, (run.key, run.seed))
            _write(store, merged(old, run, place.name, steps), run, seen, steps, ended, facts)
            Result(place).judge()  # while nobody else writes
            return store, wrong
    raise StoreError(f"{folder} and a thousand others like it hold other runs")


def _write(
    store: Store,
    record: StudyRecord,
    run: Run,
    seen: Sequence[dict[str, np.ndarray]],
    steps: Sequence[int],
    ended: str,
    facts: Mapping[str, Any],
) -> None:
    own = run.condition_record(steps)
    end = Ending(Lane(cast("Any", None), own, run.seed))
    end.ended, end.step = ended, steps[-1]
    features = run.declared.features
    names = Names(
        features, [t.name for t in run.declared.targets], [f.name for f in features], own.layers
    )
    stacked = [{name: value[None] for name, value in values.items()} for values in seen]
    asked = [m for m in run.measures if f"{m.name}/test" in stacked[0]]
    rows = table([end.lane], [end], stacked, asked, names)
    lane = (own.key, run.seed, ended, end.step)
    lanes = pl.DataFrame([lane], schema=dict(curves.LANES), orient="row")
    weights = run.network.weights()
    if sum(w.nbytes for w in weights.values()) > MAX_KEPT_BYTES:
        weights = {}
    named = {f"{own.key}/{run.seed}/{name}": value for name, value in weights.items()}
    store.begin(record, SOURCE)
    origin = {
        "block_width": 1,
        "study_hash": record.study_hash,
        "versions": record.versions,
        "device": record.device,
    }
    store.commit(rows, lanes, named, origin)
    total, done = len(record.seeds) * len(record.conditions), len(store.stored())
    store.status(state="complete" if done >= total else "running", lanes=total, done=done, **facts)
