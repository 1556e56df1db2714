"""What the page shows of the inside of networks."""

import dataclasses

import numpy as np
import polars as pl

from primacy.report.page import figures
from primacy.report.page.inside import inside
from tests.support.pages import made

DECLARED = ["linear", "xor_xor_xor"]


def measured(study, value, *, null=True):
    """The study with made-up erasure measures: `value(layer, feature, target, seed)` at the end."""
    record = study.record
    (c,), card = record.conditions, record.measures[0]
    names = ["erasure_loss", *(["erasure_loss_null"] if null else [])]
    cards = [
        dataclasses.replace(
            card,
            name=n,
            axes=("feature", "target"),
            by_layer=True,
            chance=0.25,
            control_of="erasure_loss" if n.endswith("null") else None,
        )
        for n in names
    ]
    rows = [
        {"condition": c.name, "seed": seed, "step": step, "split": "test", "layer": layer,
         "feature": feature, "target": target, "measure": name,
         "value": (-1.0 if step != end else 0.125 if name.endswith("null")
                   else value(layer, feature, target, seed))}
        for seed, end in study.lanes.select("seed", "end_step").rows()
        for step in {c.steps[0], end}
        for layer in c.layers for feature in DECLARED for target in DECLARED for name in names
    ]  # fmt: skip
    record = dataclasses.replace(record, measures=(*record.measures, *cards))
    return record, c, pl.DataFrame(rows), study.lanes


def drawn(record, c, curves, lanes):
    return inside(record, c, curves, lanes, DECLARED, figures.colors(record))


def test_ends_of_own_targets_are_drawn_with_their_nulls():
    # Oracle: NumPy's quantiles of the numbers put in.
    study = made(6)
    value = lambda layer, feature, target, seed: seed**2 if feature == target else 99.0  # noqa: E731
    figure = drawn(*measured(study, value))
    assert figure is not None and set(figure.frame["measure"]) == {"erasure_loss"}
    assert figure.frame.height == len(DECLARED) * len(study.record.conditions[0].layers)
    squares = np.arange(6) ** 2
    for row in figure.frame.iter_rows(named=True):
        assert row["networks"] == 6 and row["null"] == 0.125
        assert row["median"] == np.median(squares)
        np.testing.assert_allclose([row["low"], row["high"]], np.quantile(squares, [0.1, 0.9]))
    assert "Dashed: what random directions" in figure.caption and "Dotted" in figure.caption


def test_what_diverged_has_no_end():
    study = made(6, diverged=(0, 1))
    figure = drawn(*measured(study, lambda *at: float(at[-1])))
    assert figure is not None and set(figure.frame["networks"]) == {4}
    assert set(figure.frame["median"]) == {3.5}


def test_without_such_measures_there_is_no_figure():
    study = made(3)
    c = study.record.conditions[0]
    assert drawn(study.record, c, study.curves, study.lanes) is None


def test_nothing_is_said_of_what_is_not_drawn():
    record, c, curves, lanes = measured(made(3), lambda *at: 1.0, null=False)
    figure = drawn(record, c, curves, lanes)
    assert figure is not None and "Dashed" not in figure.caption


def test_its_specification_is_valid_vega_lite():
    # Oracle: Altair's copy of the Vega-Lite schema.
    figure = drawn(*measured(made(3), lambda *at: 1.0))
    assert figure is not None
    assert len(figure.chart.to_dict()["concat"]) == 1
    assert "<svg" in figure.svg()
