"""Which figures a study has: only what there is data for."""

import dataclasses

import polars as pl

from primacy.analysis.runs import GROUP, is_group
from primacy.records.curves import Rows
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import charts, figures, findings, learning_curves, stages
from primacy.report.page import ranks as places
from primacy.report.page.figures import Figure
from primacy.report.page.inside import inside
from primacy.report.page.wording import listed, number, ranges


def drawings(
    record: StudyRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    summary: pl.DataFrame,
    condition: str | None = None,
) -> dict[str, Figure]:
    """Every figure of one condition (the first unless named), by name; only what there is data for.

    Raises:
        ValueError: the study has no such condition.
    """
    known = [c.name for c in record.conditions]
    if condition is not None and condition not in known:
        raise ValueError(f"no condition {condition!r}: {', '.join(known)}")
    c = record.condition(condition if condition is not None else known[0])
    rows = places.standings(record, summary, curves)[c.name]
    palette = figures.colors(record)
    gone = learning_curves.diverged(c, lanes)
    left = f" Curves of networks that diverged ({gone}) end where they did." if gone else ""
    found = [*_races(c, curves, lanes, rows, palette), *_strong(c, curves, lanes, summary, palette)]
    if len(rows) > 1:
        pairs = findings.disagreeing(c, rows, summary)
        slopes = stages.slopes(rows, palette, [(a["feature"], b["feature"]) for a, b, _ in pairs])
        found += [slopes] if slopes.frame["stage"].n_unique() > 1 else []
    more = (
        charts.strength(c, summary, rows, palette),
        inside(record, c, curves, lanes, places.declared(c), palette),
    )
    return {f.name: _captioned(f, left) for f in (*found, *filter(None, more))}


def _captioned(figure: Figure, more: str) -> Figure:
    if "step" not in figure.frame.columns:
        return figure
    return dataclasses.replace(figure, caption=figure.caption + more)


def _races(
    c: ConditionRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    rows: list,
    palette: charts.Palette,
) -> list[Figure]:
    timed = [r["feature"] for r in rows if r["timed"]]
    measure = charts.measured(c)
    split = places.split(c)
    course = learning_curves.path(c, curves, lanes, measure, timed, split=split)
    found = []
    if not course.is_empty():
        found = [charts.race(c, course, rows, palette, log=log) for log in (True, False)]
        found.append(
            charts.every_seed(
                c,
                course,
                timed,
                palette,
                name="race-seeds",
                title="The race, every seed",
                axis=charts.called(measure, split),
                caption="Thin: a network. Thick: the median over seeds. Dashed: the criterion.",
                levels={n: places.level(c, n) for n in timed},
                ends=charts.extent(learning_curves.bands(course), c, measure, course),
            )
        )
    targets = [t.name for t in c.targets]
    if places.by_use(c) and targets:
        score = "accuracy" if all(t.score == "accuracy" for t in c.targets) else "r_squared"
        task = learning_curves.task_path(c, curves, lanes, score)
        looks = {n: (figures.PALETTE[i % len(figures.PALETTE)], ()) for i, n in enumerate(targets)}
        if not task.is_empty():
            found.append(
                charts.every_seed(
                    c,
                    task,
                    targets,
                    looks,
                    name="task",
                    title="How well the task itself is learned",
                    axis=f"held-out {score.replace('_', ' ')}",
                    caption=f"Of each target. Thin: a network. Thick: the median. {_chances(c)}",
                    ends=charts.extent(learning_curves.bands(task), c, score, task),
                )
            )
    return found


def _chances(c: ConditionRecord) -> str:
    told = [f"{number(t.chance)} ({t.name})" for t in c.targets]
    return f"A constant guess scores {listed(told)}."


def _strong(
    c: ConditionRecord,
    curves: Rows,
    lanes: pl.DataFrame,
    summary: pl.DataFrame,
    palette: charts.Palette,
) -> list[Figure]:
    names = places.declared(c)
    found = []
    for measure, title, axis, caption in (
        (
            "variance_explained",
            "Represented: share of the layer's variance",
            "variance explained",
            "Thin: a network. Thick: the median over seeds.",
        ),
        (
            "variance_absolute",
            "Represented: absolute variance",
            "variance explained × total variance",
            "The share times the layer's total variance: a share can fall while the amount grows. "
            "Thin: a network. Thick: the median over seeds.",
        ),
    ):
        course = learning_curves.path(c, curves, lanes, measure, names)
        if measure == "variance_explained":
            wide = [f.name for f in c.features if is_group(f)]
            joint = learning_curves.path(c, curves, lanes, GROUP, wide)
            # A class has a row of either measure: the one that the summary takes stands.
            once = course.filter(~pl.col("feature").is_in(joint["feature"].unique().to_list()))
            course = pl.concat([once, joint])
        if course.is_empty():
            continue
        over = learning_curves.beyond(course)
        kept = course.join(over, on=["feature", "seed"], how="anti")["value"]
        ends = None
        if over.height:
            high, low = float(kept.max()), min(0.0, float(kept.min()))  # type: ignore[arg-type]
            ends = (low - 0.02 * (high - low), high + 0.04 * (high - low))
            caption += f" {_leaving(over)}"
        found.append(
            charts.every_seed(
                c,
                course,
                names,
                palette,
                name=measure.replace("_", "-"),
                title=title,
                axis=axis,
                caption=caption,
                ends=ends,
            )
        )
    end = charts.at_the_end(c, summary, names, palette)
    return [*found, *([end] if end else [])]


def _leaving(over: pl.DataFrame) -> str:
    """Which lines leave a drawing at the top, and how far they go."""
    told = []
    for (name,), own in over.group_by("feature", maintain_order=True):
        noun = "seed" if own.height == 1 else "seeds"
        top = number(float(own["peak"].max()))  # type: ignore[arg-type]
        told.append(f"{name} in {noun} {ranges(own['seed'].to_list())} (up to {top})")
    return f"Beyond the top of the axis: {listed(told)}, which would flatten the others."
