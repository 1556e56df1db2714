"""Charts, the courses and places they draw, and the small drawings."""

import dataclasses
import itertools
import json
import re

import lifelines
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from primacy.report.page import (
    charts,
    figure_list,
    figures,
    inline_svg,
    learning_curves,
    ranks,
    sketches,
    stages,
)
from tests.support.pages import HOSTILE, Made, arrays, copied, made

STEPS = st.lists(st.one_of(st.none(), st.integers(0, 40)), min_size=1, max_size=30)


@settings(max_examples=40)
@given(STEPS, st.sampled_from([0.25, 0.5, 0.75]))
def test_quantile_of_times_is_kaplan_meiers(found, q):
    # Oracle: lifelines; every censored lane is censored at the same tau, later than any time.
    times = np.array([50 if t is None else t for t in found], float)
    fitted = lifelines.KaplanMeierFitter().fit(times, [t is not None for t in found])
    curve = fitted.survival_function_["KM_estimate"]
    reached = curve.index[curve <= 1 - q + 1e-12]
    assert ranks.quantile(found, q) == (reached[0] if len(reached) else None)


def test_quantile_of_three_of_ten_needs_three():
    assert ranks.quantile([1, 2, 3, *[None] * 7], 0.3) == 3  # .3 x 10 is above 3 in floats
    assert ranks.quantile([1, 2, *[None] * 8], 0.3) is None
    with pytest.raises(ValueError, match="between 0 and 1"):
        ranks.quantile([1], 1.5)


def test_standings_count_diverged_and_unlearned_lanes_as_later_than_any_step():
    study = made(6, diverged=(0, 1), never=(2, 3))
    first, last = ranks.standings(study.record, study.summary)["default"]
    assert (first["feature"], first["place"], first["learned"]) == ("linear", 1, 4)
    assert (last["feature"], last["place"], last["learned"], last["steps"]) == (
        "xor_xor_xor", None, 2, None,
    )  # fmt: skip
    assert first["diverged"] == 2 and first["seeds"] == 6


def test_of_many_networks_some_have_lines_and_all_count(monkeypatch):
    study = made(5)
    monkeypatch.setattr(charts, "MAX_SEEDS_DRAWN", 3)
    drawn = figure_list.drawings(study.record, study.curves, study.lanes, study.summary)
    figure = drawn["race-seeds"]
    assert figure.data["seeds"]["seed"].unique().sort().to_list() == [0, 1, 2]
    assert figure.frame["seed"].n_unique() == 5
    assert figure.data["medians"]["seeds"].max() == 5
    assert "the first 3 of 5 networks" in figure.caption


def test_wins_count_a_time_that_never_came_as_the_latest():
    table = {0: {"a": 3, "b": None}, 1: {"a": 3, "b": 2}, 2: {"a": None, "b": None}}
    assert ranks.wins(table, "a", "b", time=True) == ([0], [1], [2])
    assert ranks.wins(table, "a", "b", time=False) == ([1], [], [])


def test_bands_are_numpys_quantiles():
    study = made(12)
    c = study.record.conditions[0]
    course = learning_curves.path(c, study.curves, study.lanes, "accuracy", ["linear"])
    values = course.filter(pl.col("step") == 8)["value"].to_numpy()
    row = learning_curves.bands(course).filter(pl.col("step") == 8).row(0, named=True)
    expected = np.quantile(values, [0.1, 0.5, 0.9])  # oracle: NumPy
    assert np.allclose([row["low"], row["median"], row["high"]], expected, atol=1e-12)
    few = learning_curves.bands(course.filter(pl.col("seed") < 4)).filter(pl.col("step") == 8)
    assert few["low"][0] == values[:4].min() and few["high"][0] == values[:4].max()


def test_course_of_a_stopped_lane_carries_on_and_that_of_a_diverged_one_ends():
    stopped, broken = made(2, stop="learned"), made(2, diverged=(1,))
    c = stopped.record.conditions[0]
    course = learning_curves.path(c, stopped.curves, stopped.lanes, "accuracy", ["linear"])
    end = stopped.lanes["end_step"][0]
    assert end < c.budget and course["step"].max() == c.budget
    own = course.filter(pl.col("seed") == 0)
    assert own.filter(pl.col("step") >= end)["value"].n_unique() == 1
    c = broken.record.conditions[0]
    course = learning_curves.path(c, broken.curves, broken.lanes, "accuracy", ["linear"])
    assert course.filter(pl.col("seed") == 1)["step"].max() < c.budget // 2 + 8


def test_course_takes_the_last_layer_and_the_features_own_target():
    study = made(2)
    c = study.record.conditions[0]
    for measure, extra in (
        ("reliance", pl.col("target") == "linear"),
        ("variance_explained", pl.col("layer") == "hidden4"),
    ):
        course = learning_curves.path(c, study.curves, study.lanes, measure, ["linear"])
        rows = study.curves.filter(
            extra, pl.col("measure") == measure, pl.col("feature") == "linear",
            pl.col("split") == "test",
        ).sort("seed", "step")  # fmt: skip
        assert course["value"].cast(pl.Float32).to_list() == rows["value"].to_list()


def test_courses_of_several_conditions_are_those_of_each():
    study = made(3, rates=(1e-3, 3e-4), stop="learned")
    conditions = study.record.conditions
    names = {c.name: ["linear", "xor_xor_xor"][: i + 1] for i, c in enumerate(conditions)}
    for measure in ("accuracy", "variance_absolute"):
        whole = learning_curves.paths(conditions, study.curves, study.lanes, measure, names)
        parts, drawn = (
            learning_curves.by_condition(whole),
            learning_curves.by_condition(learning_curves.bands(whole)),
        )
        for c in conditions:
            alone = learning_curves.path(c, study.curves, study.lanes, measure, names[c.name])
            assert alone.height and parts[c.name].drop("condition").equals(alone)
            assert drawn[c.name].drop("condition").equals(learning_curves.bands(alone))


def test_medians_at_the_end_always_stand_in_one_order():
    study = made(6)
    c, palette = study.record.conditions[0], figures.colors(study.record)
    for _ in range(20):  # in another order each time, the page had other bytes
        figure = charts.at_the_end(c, study.summary, ranks.declared(c), palette)
        assert figure is not None
        assert figure.data["medians"]["feature"].to_list() == ["linear", "xor_xor_xor"]


def test_thinned_keeps_both_ends_and_the_early_evaluations():
    table = pl.DataFrame({"step": range(0, 808, 8)})
    kept = learning_curves.thinned(table, 30)["step"].to_list()
    assert len(kept) <= 30 and kept[:4] == [0, 8, 16, 24] and kept[-1] == 800
    assert max(np.diff(kept)) <= 64
    assert learning_curves.thinned(table, 101).equals(table)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 280), min_size=1, max_size=10))
def test_labels_never_overlap(wanted):
    placed = sorted(figures.spread(wanted, 15, 4, 280))
    assert all(b - a >= 15 - 1e-9 for a, b in itertools.pairwise(placed))
    assert placed[-1] <= 280 + 1e-9


def contrast(a: str, b: str) -> float:
    """Contrast ratio as WCAG 2.2 defines it (relative luminance of sRGB)."""

    def luminance(color):
        channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_color_of_a_drawing_has_one_on_the_dark_page_and_all_are_readable():
    from primacy.report.page import document

    style = (document.HERE / "page.css").read_text()
    hues = [re.findall(rf"--hue{i + 1}: (#\w+)", style) for i in range(len(figures.PALETTE))]
    assert [light for light, _ in hues] == list(figures.PALETTE)
    (_, dark_ground) = re.findall(r"--ground: (#\w+)", style)
    for light, dark in hues:
        assert contrast(light, "#ffffff") >= 4.5 and contrast(dark, dark_ground) >= 4.5
        assert f'[fill="{light}"]' in style and f'[stroke="{light}"]' in style


def test_features_keep_their_color_and_ten_of_them_differ():
    looks = figures.colors(copied(made(2), *(f"f{i}" for i in range(10))).record)
    assert len(set(looks.values())) == 10


def oklab(color: str, severe: bool) -> np.ndarray:
    """A color in OKLab, as deuteranopes see it where `severe`.

    Oracle: Machado et al. 2009 (their matrix of severity 1, on linear sRGB), Ottosson 2020.
    """
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    if severe:
        deuteranopia = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                        [-0.01182, 0.04294, 0.968881]]  # fmt: skip
        linear = np.clip(np.array(deuteranopia) @ linear, 0, 1)
    lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                    [0.2119034982, 0.6806995451, 0.1073969566],
                    [0.0883024619, 0.2817188376, 0.6299787005]]) @ linear  # fmt: skip
    return np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                     [1.9779984951, -2.4285922050, 0.4505937099],
                     [0.0259040371, 0.7827717662, -0.8086757660]]) @ np.cbrt(lms)  # fmt: skip


def test_lines_whose_colors_look_alike_have_other_dashes():
    looks = [figures.look(i) for i in range(8)]
    near = [
        (i, j)
        for i, j in itertools.combinations(range(8), 2)
        if 100 * np.linalg.norm(oklab(looks[i][0], True) - oklab(looks[j][0], True)) < 5
    ]
    assert (3, 7) in near  # colors 4 and 8, as found on the page
    assert all(looks[i][1] != looks[j][1] for i, j in near)
    assert all(dash for _, dash in looks[2:])  # from the third on, no line needs its color
    assert len({figures.look(i) for i in range(32)}) == 32


def test_tick_labels_stay_at_their_ticks():
    figure = drawn(made(4))["race-log"]
    svg = figure.svg()
    # Oracle: vl-convert's drawing. A label at the end of the axis is centered, as all others.
    for text in ("0", "500"):
        found = re.findall(rf'<text text-anchor="(\w+)"[^>]*>{text}</text>', svg)
        assert found and set(found) == {"middle"}  # the counts below are centered too


def test_few_seeds_do_not_flatten_the_absolute_variance():
    def with_total(of_first: float) -> Made:
        """Every seed has a total variance of 100 throughout, the first another one."""
        total = pl.when(pl.col("seed") == 0).then(of_first).otherwise(100.0)
        value = pl.when(pl.col("measure") == "total_variance").then(total).otherwise("value")
        return dataclasses.replace(made(6), curves=made(6).curves.with_columns(value=value))

    study, wild = with_total(100.0), with_total(5000.0)
    usual, flat = (drawn(s)["variance-absolute"] for s in (study, wild))

    def top(figure):
        return figure.spec["layer"][0]["encoding"]["y"]["scale"]["domain"][1]

    assert top(flat) < 2 * top(usual) and "Beyond the top" not in usual.caption
    assert flat.frame["value"].max() > 10 * top(flat)  # the table and the CSV have every number
    assert "Beyond the top of the axis: linear in seed 0 (up to" in flat.caption
    page = wild.page()
    assert "Beyond the drawn axis" in page and "absolute variance, linear: seed 0 (1 of 6)" in page
    assert "Beyond the drawn axis" not in study.page()


def test_ticks_are_round_and_hold_the_start():
    c = made(2).record.conditions[0]
    assert figures.ticks(c, log=True) == [0, 10, 20, 50, 100, 200, 500]
    assert figures.ticks(c, log=False) == [0, 100, 200, 300, 400, 500, 600, 700, 800]


def test_slopes_are_shares_of_the_best():
    row = {"timed": True, "complexity": None, "seeds": 4, "learned": 4}
    rows = [
        row | {"feature": "a", "steps": 10, "variance_explained": 0.2, "reliance": -0.1},
        row | {"feature": "b", "steps": 40, "variance_explained": 0.4, "reliance": 0.5},
        row | {"feature": "c", "steps": None, "variance_explained": 0.1, "reliance": 0.25},
    ]
    looks = dict.fromkeys("abc", (figures.PALETTE[0], ()))
    table = stages.slopes(rows, looks).frame
    got = {n: t["share"].to_list() for (n,), t in table.group_by("feature", maintain_order=True)}
    assert got == {"a": [1.0, 0.5, 0.0], "b": [0.25, 1.0, 1.0], "c": [0.0, 0.25, 0.5]}


def drawn(study, **options):
    return figure_list.drawings(study.record, study.curves, study.lanes, study.summary, **options)


def test_drawings_of_a_study_are_those_there_is_data_for():
    base = {"race-log", "race-linear", "race-seeds"}
    strong = {"variance-explained", "variance-absolute", "at-the-end"}
    assert set(drawn(made(4))) == base | strong | {"slopes"}
    assert set(drawn(copied(made(4), "a", "b", "c"))) == base | strong | {"slopes", "strength"}
    assert set(drawn(arrays(made(4)))) == base | {"task", "slopes"}
    with pytest.raises(ValueError, match="no condition 'x'"):
        drawn(made(4), condition="x")


def test_every_specification_is_valid_vega_lite():
    # Oracle: Altair's copy of the Vega-Lite schema.
    study = copied(made(2, evaluations=12), *(f"f{i}" for i in range(9)))
    for figure in drawn(study).values():
        content = figure.chart.to_dict()
        assert content["datasets"] == json.loads(json.dumps(figure.spec["datasets"]))


def test_counts_below_the_race_are_the_summarys():
    study = made(6, diverged=(1,), never=(2,))
    figure = drawn(study)["race-log"]
    own = study.summary.filter(pl.col("learned") & ~pl.col("diverged"))
    for feature, step, learned in figure.data["so far"].select("feature", "step", "learned").rows():
        # Oracle: the summary, counted.
        of = own.filter(
            pl.col("feature").cast(pl.String) == feature, pl.col("time_to_learn") <= step
        )
        assert learned == of.height
    assert figure.data["so far"]["learned"].max() == 5
    assert figure.data["so far title"]["text"].to_list() == ["learned so far, of 6 networks"]
    # The median time is a bar from the evaluation before it.
    (mark,) = figure.data["marks"].filter(pl.col("feature") == "linear").to_dicts()
    (low,) = own.filter(pl.col("time_to_learn") == mark["step"])["low_step"].unique()
    assert mark["low"] == low < mark["step"]


def test_drawn_features_are_known_by_their_position():
    study = copied(made(2, evaluations=12), *(f"f{i}" for i in range(9)))
    looks = figures.colors(study.record)
    svg = inline_svg.inline(drawn(study)["variance-explained"].svg(), "a", "b", looks)
    lines = re.findall(r'<path[^>]* stroke="(#\w+)"[^>]*data-feature="(\d)"', svg)
    # Two features share the first color: their dashes tell them apart.
    assert {(list(looks.values())[int(i)][0], i) for _, i in lines} == {(c, i) for c, i in lines}
    assert {"0", "8"} <= {i for _, i in lines}


def test_race_marks_half_with_a_dot_and_fewer_with_an_open_mark_at_the_edge():
    study = made(6, never=(0, 1, 2, 3))
    marks = drawn(study)["race-log"].data["marks"].rows_by_key("feature", named=True)
    assert marks["linear"][0]["kind"] == "half" and marks["linear"][0]["y"] == pytest.approx(0.95)
    assert marks["xor_xor_xor"][0]["kind"] == "never"
    assert marks["xor_xor_xor"][0]["step"] == 800
    labels = drawn(study)["race-log"].data["labels"]["label"].to_list()
    assert "xor_xor_xor · learned by 2 of 6" in labels


def test_figure_shows_and_saves_itself_offline(tmp_path):
    figure = drawn(copied(made(2, evaluations=12), HOSTILE, "b\u202egnp"))["race-log"]
    bundle = figure._repr_mimebundle_()
    assert set(bundle) == {
        "image/svg+xml", "application/vnd.vegalite.v6+json", "text/plain",
    }  # fmt: skip
    assert "<img" not in bundle["image/svg+xml"] and "\u202e" not in bundle["image/svg+xml"]
    assert "\\u202e" in bundle["image/svg+xml"]
    for ending, magic in (("svg", b"<svg"), ("pdf", b"%PDF"), ("png", b"\x89PNG")):
        figure.save(tmp_path / f"race.{ending}")
        assert (tmp_path / f"race.{ending}").read_bytes().startswith(magic)
    with pytest.raises(ValueError, match=r"\.svg, \.pdf or \.png"):
        figure.save(tmp_path / "race.gif")


def test_specification_holds_no_number_that_json_does_not_know():
    table = pl.DataFrame({"x": [1.0, float("nan"), float("inf"), None]})
    figure = figures.Figure(
        name="n", title="t", caption="c", frame=table, specification={}, data={"d": table}
    )
    assert [r["x"] for r in figure.spec["datasets"]["d"]] == [1.0, None, None, None]


def interval(value=0.5, low=0.25, high=1.0, **options):
    given = {"null": 1.0, "band": (0.5, 2.0), "ratio": True, "label": "words & <more>"} | options
    return sketches.interval(value, low, high, **given)


def test_interval_of_a_ratio_is_drawn_on_a_logarithmic_axis():
    svg = interval(null=1.0, band=(0.25, 4.0))
    (x,) = re.findall(r'cx="([\d.]+)"', svg)
    left, width = re.search(r'<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"', svg).groups()
    # 1/2 lies a quarter of the way from 1/4 to 4 in logarithms.
    assert float(x) == pytest.approx(float(left) + float(width) / 4, abs=0.1)
    assert 'aria-label="words &amp; &lt;more&gt;"' in svg


def test_interval_that_runs_to_infinity_or_lacks_a_value_is_still_drawn():
    assert interval(high=float("inf")).count('class="arrow"') == 1
    assert interval(low=0.0, high=float("inf")).count('class="arrow"') == 2
    nothing = interval(None, None, None, band=None)
    assert "circle" not in nothing and 'class="null"' in nothing


def test_small_race_clips_what_is_beyond_and_draws_a_pixel_once():
    line = sketches.Line("#0072b2", [(0, 0.5), (0, 0.5), (8, 9.0), (800, 1.0)])
    svg = sketches.race([line], levels=[0.95], x=(8, 800), y=(0.0, 1.0), label="a")
    (path,) = re.findall(r'class="line" stroke="#0072b2" d="([^"]+)"', svg)
    points = [tuple(map(float, p.split())) for p in path[1:].split("L")]
    assert len(points) == 3 and min(y for _, y in points) == 5  # the top edge


def test_axes_of_a_small_race_are_round_and_do_not_overlap():
    assert sketches.y_ticks(0.46, 1.02) == [0.6, 0.8, 1.0]
    assert sketches.y_ticks(-31, 1.2) == [-30, -20, -10, 0]
    assert sketches.y_ticks(0, 640) == [0, 200, 400, 600]
    for last in (3, 84, 800, 16_000, 2_000_000):
        svg = sketches.race([], levels=[], x=(1, last), y=(0, 1), label="a")
        found = re.findall(r'x="(\d+)" y="101" text-anchor="(\w+)">([\d,]+)<', svg)
        ends = []
        for x, anchor, text in found:  # 6.8 a character at this size
            half = 3.4 * len(text)
            ends.append((float(x) - half * (2 if anchor == "end" else 1), float(x) + half))
        assert all(b[0] >= a[1] - 1 for a, b in itertools.pairwise(ends)), (last, found)
        assert found[0][2] == "0" and found[-1][2] == f"{last:,}"


def test_drawings_do_not_depend_on_where_the_condition_stands():
    study = made(3, rates=(1e-3, 3e-4), hypotheses=())
    name = study.record.conditions[1].name
    alone = dataclasses.replace(study.record, conditions=study.record.conditions[1:])
    one = drawn(study, condition=name)["race-log"].frame
    other = figure_list.drawings(
        alone,
        study.curves.filter(pl.col("condition") == name),
        study.lanes.filter(pl.col("condition") == name),
        study.summary.filter(pl.col("condition") == name),
    )["race-log"].frame
    assert one.equals(other)
