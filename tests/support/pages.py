"""Made-up studies of any shape for the tests of charts and page, from `synthetic`'s curves."""

import dataclasses
import functools

import polars as pl

from primacy.analysis import summary as summaries
from primacy.analysis import verdicts
from primacy.records import curves as tables
from primacy.records.study import Contrast, Criterion, Hypothesis, StudyRecord, TargetRecord
from primacy.report import html as report
from tests.support import synthetic

HOSTILE = "</script><img src=x onerror=alert(1)>"
PROVENANCE = {
    "command": "primacy run complexity --seeds 6",
    "versions": {"primacy": "0.1.0"},
    "device": "cpu",
    "seconds": {"train": 3.5, "compile": 1.25},
    "complete": True,
    "hash": "ab" * 32,
    "block_widths": {"a": 8},
}


@dataclasses.dataclass(frozen=True)
class Made:
    """A study with all that the page asks for."""

    record: StudyRecord
    curves: pl.DataFrame
    lanes: pl.DataFrame

    @functools.cached_property
    def summary(self) -> pl.DataFrame:
        return summaries.summary(self.curves, self.lanes, self.record)

    @functools.cached_property
    def verdicts(self) -> list[verdicts.Verdict]:
        return verdicts.judge(self.curves, self.lanes, self.record)

    @property
    def answer(self) -> str:
        return report.answer(self.record, self.summary, self.verdicts, self.curves)

    def page(self, **provenance) -> str:
        return report.page(
            self.record, self.curves, self.lanes, self.summary, self.verdicts,
            PROVENANCE | provenance,
        )  # fmt: skip


@functools.cache
def made(seeds: int = 6, evaluations: int = 101, **options) -> Made:
    """Such a study as `synthetic.complexity` gives it."""
    return Made(*synthetic.complexity(seeds, evaluations=evaluations, **options))


def untold(study: Made) -> Made:
    """The same without hypotheses."""
    return dataclasses.replace(study, record=synthetic.with_hypotheses(study.record))


def copied(study: Made, *names: str) -> Made:
    """A study of these features, each a copy of `linear` or `xor_xor_xor` by turns; no claims."""
    source = {name: synthetic.FEATURES[i % 2] for i, name in enumerate(names)}

    def condition(c):
        features, targets = [], []
        for i, (name, of) in enumerate(source.items()):
            for f in c.features:
                if of in (f.name, f.null_of):
                    null = f.null_of and name
                    features.append(
                        dataclasses.replace(
                            f,
                            name=f"{name} null" if null else name,
                            target=name,
                            null_of=null,
                            complexity=None if null else 1.0 + i,
                        )
                    )
            targets.append(dataclasses.replace(c.targets[0], name=name))
        return dataclasses.replace(c, features=tuple(features), targets=tuple(targets))

    conditions = tuple(condition(c) for c in study.record.conditions)
    text = study.curves.with_columns(pl.col(tables.NAMES).cast(pl.String))
    whole = text.filter(pl.col("feature").is_null() & pl.col("target").is_null())
    parts = [whole]
    for name, of in source.items():
        names_of = {of: name, f"{of} null": f"{name} null"}
        own = pl.col("feature").is_in(list(names_of)) & (
            pl.col("target").is_null() | (pl.col("target") == of)
        )
        parts.append(
            text.filter(own).with_columns(
                pl.col("feature").replace(names_of), pl.col("target").replace({of: name})
            )
        )
    record = dataclasses.replace(study.record, conditions=conditions, hypotheses=())
    keys = {c.name: c.key for c in conditions}
    curves = pl.concat(parts).with_columns(pl.col("condition").replace(keys))
    return Made(record, tables.named(curves, record), study.lanes)


def arrays(study: Made) -> Made:
    """As with a user's own data: one target, times relative to each run's own final reliance."""
    criterion = Criterion(measure="reliance", chance=0.0, ceiling=None, floor=0.01)
    target = TargetRecord(name="y", kind="binary", chance=0.6, ceiling=1.0, ceiling_known=False)
    conditions = tuple(
        dataclasses.replace(
            c,
            targets=(target,),
            features=tuple(
                dataclasses.replace(f, target=None, criterion=criterion)
                for f in c.features
                if f.null_of is None
            ),
        )
        for c in study.record.conditions
    )
    text = study.curves.with_columns(pl.col(tables.NAMES).cast(pl.String))
    used = text.filter((pl.col("measure") == "reliance") & (pl.col("feature") == pl.col("target")))
    task = text.filter((pl.col("measure") == "accuracy") & (pl.col("feature") == "xor_xor_xor"))
    curves = pl.concat([used, task.with_columns(feature=pl.lit(None, pl.String))])
    record = dataclasses.replace(study.record, conditions=conditions, hypotheses=())
    keys = {c.name: c.key for c in conditions}
    curves = curves.with_columns(pl.col("condition").replace(keys), target=pl.lit("y"))
    return Made(record, tables.named(curves, record), study.lanes)


def joined(never: tuple[str, ...] = ()) -> Made:
    """A study of studies: `size`, a grid of 2 x 2, and `other`; its claims answer H1A and H1.

    In the conditions named in `never` no feature is learned.
    """
    study = made(6, rates=(1e-3, 2e-3, 3e-3, 4e-3, 5e-3))
    told = [("size", {"task.scale": s, "task.shift": t}) for s in (0.1, 1.0) for t in (0.0, 5.0)]
    told.append(("other", {}))
    names = ["size/a", "size/b", "size/c", "size/d", "other/default"]
    conditions = tuple(
        dataclasses.replace(c, name=name, factors={"study": member} | factors)
        for c, name, (member, factors) in zip(study.record.conditions, names, told, strict=True)
    )
    keys = {c.name: c.key for c in study.record.conditions}
    own = {c.name: name for c, name in zip(study.record.conditions, names, strict=True)}
    text = study.curves.with_columns(pl.col(tables.NAMES).cast(pl.String))
    flat = pl.col("condition").replace(own).is_in(never) & (pl.col("measure") == "accuracy")
    text = text.with_columns(value=pl.when(flat).then(0.5).otherwise("value"))
    first, control, main, *_ = study.record.hypotheses
    base = {"of": {"condition": "size/a", "feature": "linear"}}
    base["minus"] = base["of"] | {"feature": "xor_xor_xor"}
    claims = []
    for h, name, answers, of in (
        (main, "size/equal", "H1A", None),
        (first, "early", "H1", None),
        (control, "late", "H1", "early"),
    ):
        contrast = dataclasses.replace(
            first.contrast, **base, measure="time_to_learn", scale="ratio", at="end"
        )
        claims.append(
            dataclasses.replace(h, id=name, answers=answers, control_for=of, contrast=contrast)
        )
    record = dataclasses.replace(
        study.record, conditions=conditions, hypotheses=tuple(claims), members=("size", "other")
    )
    curves = tables.named(text.with_columns(pl.col("condition").replace(keys)), record)
    lanes = study.lanes.with_columns(pl.col("condition").cast(pl.String).replace(own))
    return Made(record, curves, lanes)


def asked(n: int = 12) -> Made:
    """The study of studies with so many questions, each with a claim and a control of it."""
    study = joined()
    claim, control = study.record.hypotheses[1:]
    told = [
        dataclasses.replace(
            h, id=f"{h.id}{i}", answers=f"H{i}: a question of some words", control_for=of
        )
        for i in range(n)
        for h, of in ((claim, None), (control, f"{claim.id}{i}"))
    ]
    return dataclasses.replace(study, record=synthetic.with_hypotheses(study.record, *told))


def grid(seeds: int = 6, evaluations: int = 16) -> Made:
    """48 conditions, 4 x 4 x 3, of the study that `synthetic.complexity` gives."""
    study = made(seeds, evaluations=evaluations, rates=tuple(4e-4 + 4e-4 * i for i in range(48)))
    levels = [(a, b, c) for a in (1, 2, 4, 8) for b in ("relu", "tanh", "gelu", "sine")
              for c in (32, 128, 512)]  # fmt: skip
    conditions = tuple(
        dataclasses.replace(
            c, factors={"task.scale": a, "model.activation": b, "training.batch_size": n}
        )
        for c, (a, b, n) in zip(study.record.conditions, levels, strict=True)
    )
    record = dataclasses.replace(study.record, conditions=conditions, hypotheses=())
    return dataclasses.replace(study, record=record)


SWITCH = 600
"""The step from which the features of `reported` have changed places."""
REPORTED = "Someone 2024"


def reported(seeds: int = 6, **changes) -> Made:
    """A claim that depends on when it is read, another on the definition, both reported before.

    Last layer, every seed alike: pooled, `linear` is .5 and `xor_xor_xor` .1 until step `SWITCH`
    (the latter is learned before), then .2 and .4. In the unit mean both keep .3 and .1 always.
    """
    study = made(seeds, **{"rates": (1e-3, 2e-3), **changes})
    late, feature = pl.col("step") >= SWITCH, pl.col("feature").cast(pl.String)
    pooled = (
        pl.when(feature == "linear")
        .then(pl.when(late).then(0.2).otherwise(0.5))
        .otherwise(pl.when(late).then(0.4).otherwise(0.1))
    )
    unit = pl.when(feature == "linear").then(0.3).otherwise(0.1)
    measure = pl.col("measure").cast(pl.String)
    value = (
        pl.when(measure == "variance_explained")
        .then(pooled)
        .when(measure == "variance_explained_unit_mean")
        .then(unit)
        .otherwise(pl.col("value"))
    )
    curves = study.curves.with_columns(value=value.cast(pl.Float32))
    names = [c.name for c in study.record.conditions]
    linear = {"condition": names[0], "feature": "linear"}
    xor = {**linear, "feature": "xor_xor_xor"}
    contrast = Contrast(measure="variance_explained", of=linear, minus=xor)
    at = {"learned": "xor_xor_xor"}
    claims = (
        Hypothesis(id="early", claim="linear explains more when both are learned", margin=0.05,
            contrast=dataclasses.replace(contrast, at=at), expect="greater", reported_by=REPORTED),
        Hypothesis(id="late", claim="and still at the end", margin=0.05, contrast=contrast,
            expect="greater"),
        Hypothesis(id="trend", claim="the gap is the larger, the larger the rate", expect="greater",
            contrast=Contrast(measure="variance_explained", of={"feature": "linear"},
                relative_to={"feature": "xor_xor_xor"}, over="training.learning_rate")),
        Hypothesis(id="first", claim="linear is first", expect="less",
            contrast=Contrast(measure="time_to_learn", of=linear, minus=xor)),
        Hypothesis(id="falls", claim="linear falls", expect="less", margin=0.05,
            contrast=Contrast(measure="variance_explained", of={**linear, "at": "end"},
                minus={**linear, "at": 400})),
    )  # fmt: skip
    return Made(synthetic.with_hypotheses(study.record, *claims), curves, study.lanes)
