"""Made-up curves of a study like `complexity`: plausible shapes, every measure, no training.

`linear` is learned within the first evaluations and `xor_xor_xor` around epoch 42 of 100; the
linear feature's share of the representation falls as the other's grows. Deterministic by seed.
"""

import dataclasses
import math

import numpy as np
import polars as pl

from primacy.records import curves as curves_module
from primacy.records.study import (
    ConditionRecord,
    Contrast,
    Criterion,
    FeatureRecord,
    Hypothesis,
    MeasureRecord,
    StudyRecord,
    TargetRecord,
    completed,
)

FEATURES = ("linear", "xor_xor_xor")
LAYERS = ("hidden1", "hidden2", "hidden3", "hidden4")
AXES = {
    "accuracy": ("target",),
    "loss": ("target",),
    "variance_explained": ("feature",),
    "variance_explained_unit_mean": ("feature",),
    "variance_explained_example_mean": ("feature",),
    "variance_explained_unique": ("feature",),
    "variance_explained_joint": (),
    "total_variance": (),
    "dead_units": (),
    "participation_ratio": (),
    "reliance": ("site", "target"),
    "reliance_loss": ("site", "target"),
    "input_gradient": ("site", "target"),
}
OF_LAYER = tuple(m for m in AXES if "variance" in m or m in ("dead_units", "participation_ratio"))
UNITS = {"loss": "nats", "reliance_loss": "nats", "total_variance": "activation²",
         "dead_units": "units", "participation_ratio": "dimensions",
         "input_gradient": "output per input"}  # fmt: skip

LINEAR, XOR = {"feature": "linear"}, {"feature": "xor_xor_xor"}
HYPOTHESES = (
    Hypothesis(id="simple-first", claim="the linear feature is learned before the parity feature",
        contrast=Contrast(measure="time_to_learn", of=LINEAR, minus=XOR, scale="ratio"),
        expect="less", margin=0.25),
    Hypothesis(id="simple-stronger", claim="the linear feature is represented more strongly",
        contrast=Contrast(measure="variance_explained", of=LINEAR, minus=XOR),
        expect="greater", margin=0.05),
    Hypothesis(id="simple-stronger-matched", claim="and so when each has just been learned",
        contrast=Contrast(measure="variance_explained", of=LINEAR, minus=XOR, at="learned"),
        expect="greater", margin=0.05, control_for="simple-stronger"),
    Hypothesis(id="used-equally", claim="both features are used equally",
        contrast=Contrast(measure="reliance", of=LINEAR, minus=XOR),
        expect="equal", margin=0.05),
    Hypothesis(id="linear-falls", claim="the linear feature's variance falls from epoch 10 to 30",
        contrast=Contrast(measure="variance_absolute", of={**LINEAR, "at": 240},
                          minus={**LINEAR, "at": 80}),
        expect="less", margin=0.0),
    Hypothesis(id="linear-grows-again", claim="and grows again from epoch 30 to the end",
        contrast=Contrast(measure="variance_absolute", of={**LINEAR, "at": "end"},
                          minus={**LINEAR, "at": 240}),
        expect="greater", margin=0.0),
)  # fmt: skip


def card(name: str) -> MeasureRecord:
    """A measure's card with made-up text."""
    given = MeasureRecord(
        name=name, axes=AXES[name], by_layer=name in OF_LAYER, unit=UNITS.get(name, "share"),
        direction="higher is more", low=None, high=1.0, chance=0.5 if name == "accuracy" else None,
        formula=f"the formula of {name}", invariance="none stated",
        misleads="when it is read without its card", reference="",
    )  # fmt: skip
    return completed(given)  # as if read from an earlier study


def condition(name: str, rate: float, *, stop: str = "budget", evaluations: int = 101):
    """One condition as its record: two boolean features, their null columns, four layers."""

    def feature(i: int, f: str, null: bool) -> FeatureRecord:
        first = 16 * i + (4 if null else 0)
        return FeatureRecord(
            name=f"{f} null" if null else f,
            columns=tuple(range(first, first + (1 if f == "linear" and not null else 4))),
            target=f,
            predictivity=None if null else 1.0,
            complexity=None if null else (1.0 if f == "linear" else 4.0),
            criterion=None if null else Criterion(measure="accuracy", chance=0.5, ceiling=1.0),
            reason="null columns" if null else None,
            null_of=f if null else None,
        )

    return ConditionRecord(
        key=f"{round(rate * 1e9):012x}", name=name,
        factors={} if name == "default" else {"training.learning_rate": rate},
        spec={"training": {"learning_rate": rate}},
        features=(*(feature(i, f, False) for i, f in enumerate(FEATURES)),
                  *(feature(i, f, True) for i, f in enumerate(FEATURES))),
        targets=tuple(TargetRecord(name=f, kind="binary", chance=0.5, ceiling=1.0,
                                   ceiling_known=True) for f in FEATURES),
        inputs=tuple(f"bit{i}" for i in range(32)), layers=LAYERS,
        steps=tuple(range(0, 8 * evaluations, 8)), steps_per_epoch=8, theta=0.9, confirm=3,
        stop=stop, parameters=53_570,
    )  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def complexity(
    seeds: int = 10,
    *,
    rates: tuple[float, ...] = (1e-3,),
    stop: str = "budget",
    evaluations: int = 101,
    diverged: tuple[int, ...] = (),
    never: tuple[int, ...] = (),
    hypotheses: tuple[Hypothesis, ...] = HYPOTHESES,
) -> tuple[StudyRecord, pl.DataFrame, pl.DataFrame]:
    """A record, its curves and its lanes, as they are used in memory (display names, Enums).

    With several learning `rates` each is a condition (a factor), learned sooner at higher rates.
    Seeds in `diverged` end diverged at half the budget, those in `never` never learn the xor.
    """
    names = ["default"] if len(rates) == 1 else [f"learning_rate={r:g}" for r in rates]
    conditions = [
        condition(n, r, stop=stop, evaluations=evaluations)
        for n, r in zip(names, rates, strict=True)
    ]
    record = StudyRecord(
        name="complexity",
        question="Is a simple feature learned sooner, and represented more strongly, than an "
        "equally useful complex one?",
        study_hash="0" * 64, seeds=tuple(range(seeds)), conditions=tuple(conditions),
        measures=tuple(card(m) for m in AXES), hypotheses=hypotheses,
        versions={"primacy": "0.1.0"}, device="cpu", block_widths={c.key: 8 for c in conditions},
    )  # fmt: skip
    tables, lanes = [], []
    for c in conditions:
        for seed in record.seeds:
            rows, ended, end = lane(c, seed, diverged=seed in diverged, never=seed in never)
            tables.append(rows)
            lanes.append((c.key, seed, ended, end))
    table = curves_module.nulled(pl.concat(tables))
    curves_module.check(table)
    lane_table = pl.DataFrame(lanes, schema=dict(curves_module.LANES), orient="row")
    return record, curves_module.named(table, record), curves_module.named(lane_table, record)


def lane(
    c: ConditionRecord, seed: int, *, diverged: bool = False, never: bool = False
) -> tuple[pl.DataFrame, str, int]:
    """One lane's rows on disk's form, how it ended, and its last step."""
    rng = np.random.default_rng([seed, round(c.spec["training"]["learning_rate"] * 1e9)])
    steps = np.array(c.steps)
    t = steps / 8 * (c.spec["training"]["learning_rate"] / 1e-3)  # epochs at the demo's rate
    middle = {"linear": 0.7 + 0.2 * rng.random(), "xor_xor_xor": 34 + 6 * rng.standard_normal()}
    width = {"linear": 0.12, "xor_xor_xor": 3.0}
    grown = {f: sigmoid((t - middle[f]) / width[f]) for f in FEATURES}
    if never:
        grown["xor_xor_xor"] = 0.1 * grown["xor_xor_xor"]
    hard, rich = grown["xor_xor_xor"], 1 + 3 * (rng.random() < 1 / 3)
    total = 0.2 + 130 * grown["linear"] * (1 - 0.35 * np.exp(-(((t - 30) / 9) ** 2)))
    total = total + 130 * rich * hard * t / t[-1]
    hard_share = 0.33 / rich**1.2 + 0.03 * rng.standard_normal()
    share = {
        "linear": grown["linear"] * (0.8 - (hard_share + 0.05) * hard),
        "xor_xor_xor": hard_share * hard,
    }

    def noise(scale: float):
        return scale * rng.standard_normal(len(steps))

    series: list[tuple[str, str, str | None, str | None, str | None, np.ndarray]] = []
    for f in FEATURES:
        for split in ("train", "test"):
            accuracy = np.clip(0.5 + 0.5 * grown[f] + noise(0.008) * (1 - grown[f]), 0, 1)
            loss = math.log(2) * (1 - grown[f]) + 1e-4
            series += [("accuracy", split, None, f, f, accuracy), ("loss", split, None, f, f, loss)]
    for depth, layer in enumerate(c.layers):
        scale = 0.4 + 0.2 * depth
        series += [
            ("total_variance", "test", layer, None, None, total * scale),
            ("dead_units", "test", layer, None, None, np.full(len(t), float(3 - depth))),
            ("participation_ratio", "test", layer, None, None, 1 + 3 * hard + 8 / (1 + t)),
            ("variance_explained_joint", "test", layer, None, None, scale * sum(share.values())),
        ]
        for f in FEATURES:
            v = scale * share[f] + noise(0.004)
            forms = {"": v, "_unit_mean": 0.85 * v + 0.02, "_example_mean": 0.9 * v - 0.01,
                     "_unique": 0.98 * v}  # fmt: skip
            series += [
                (f"variance_explained{form}", "test", layer, f, None, x)
                for form, x in forms.items()
            ]
    for f in (*FEATURES, *(f"{f} null" for f in FEATURES)):
        for target in FEATURES:
            own = grown[target] if f == target else 0.01 * grown[target]
            series += [
                ("reliance", "test", None, f, target, np.abs(own + noise(0.01))),
                ("reliance_loss", "test", None, f, target, 4 * own + noise(0.01)),
                ("input_gradient", "test", None, f, target, np.abs(9 * own + noise(0.05))),
            ]
    ended, last = "budget", len(steps) - 1
    if c.stop == "learned":
        at = np.logical_and.reduce([grown[f] >= 0.93 for f in FEATURES])
        if at[-c.confirm :].all():
            ended, last = "learned", min(last, int(np.flatnonzero(~at).max()) + c.confirm)
    if diverged:
        ended, last, half = "diverged", len(steps) - 1, len(steps) // 2
        for s in series:
            s[-1][half:] = np.nan
    names = zip(*(x[:-1] for x in series), strict=True)
    columns = dict(zip(("measure", "split", "layer", "feature", "target"), names, strict=True))
    e = last + 1
    rows = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)).with_columns(
        condition=pl.lit(c.key),
        seed=pl.lit(seed, dtype=pl.Int64),
        step=pl.Series([steps[:e]] * len(series)),
        value=pl.Series([x[-1][:e].astype(np.float32) for x in series]),
    )
    table = rows.explode("step", "value").select(list(curves_module.SCHEMA))
    return table, ended, int(steps[last])


def with_hypotheses(record: StudyRecord, *hypotheses: Hypothesis) -> StudyRecord:
    """The record with other hypotheses."""
    return dataclasses.replace(record, hypotheses=hypotheses)
