"""The examples of networks of one's own, run from end to end with fewer examples and steps.

Oracles: what was built into the data: a region in which nothing is drawn, a color that tells the
class, a word that decides.
"""

import importlib.util
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest

import primacy
from tests.support.trainings import quiet

EXAMPLES = Path(__file__).parent.parent / "examples"


def script(name, monkeypatch):
    """An example as a module."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    found = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    made = importlib.util.module_from_spec(found)
    monkeypatch.setitem(sys.modules, name, made)
    found.loader.exec_module(made)
    return made


def at_end(result, measure, **where):
    """Values of a measure at the last step, by feature."""
    rows = result.curves.filter(pl.col("measure") == measure, pl.col("split") == "test")
    rows = rows.filter(pl.col("step") == pl.col("step").max())
    for column, value in where.items():
        rows = rows.filter(pl.col(column) == value)
    return rows.group_by(pl.col("feature").cast(pl.String)).agg(pl.col("value").mean())


def test_digits_in_a_plain_loop(monkeypatch, tmp_path, capsys):
    text = (EXAMPLES / "track_digits.py").read_text()
    assert text.count("# primacy\n") == 5  # the import, the data, and three lines of the loop
    digits = script("track_digits", monkeypatch)
    digits.train(0, tmp_path / "run", steps=200)
    result = primacy.open(tmp_path / "run")
    relied = dict(at_end(result, "reliance").iter_rows())
    assert set(relied) == {"top", "middle", "bottom", "corner"}
    assert relied["corner"] < 0.02 < min(relied["top"], relied["middle"], relied["bottom"])
    accuracy = result.curves.filter(pl.col("measure") == "accuracy").sort("step")["value"]
    assert accuracy[0] < 0.3 and accuracy[-1] > 0.85
    assert "kept in" in capsys.readouterr().err
    assert "corner" in result.report().read_text()


def test_colored_shapes_in_lightning(monkeypatch, tmp_path):
    with quiet():
        shapes = script("track_shapes", monkeypatch)
        for share in (shapes.LINKED, shapes.BROKEN):
            shapes.run(0, share, tmp_path / "run", steps=60, evaluations=4, quiet=True)
    result = primacy.open(tmp_path / "run")
    assert [c.factors for c in result.record.conditions] == [{"tells": 0.95}, {"tells": 0.33}]
    relied = dict(at_end(result, "reliance", condition="color tells 95%").iter_rows())
    assert relied["corner"] < 0.05 < relied["color"] and relied["shape"] < relied["color"]
    assert abs(relied["corner"] - relied["other corner"]) < 0.05
    follows = dict(at_end(result, "conflict_index", condition="color tells 95%").iter_rows())
    assert follows["color"] > 0.5 > follows["shape"]
    ids = ["color-first", "shortcut", "excess", "conflict", "corner"]
    assert [v.id for v in result.verdicts] == ids


def test_reviews_in_the_hugging_face_trainer(monkeypatch, tmp_path):
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reviews = script("track_reviews", monkeypatch)
        reviews.run(0, tmp_path / "run", steps=80, evaluations=5, quiet=True)
    result = primacy.open(tmp_path / "run")
    relied = dict(at_end(result, "reliance").iter_rows())
    assert relied["verdict"] > 0.3
    layers = result.record.conditions[0].layers
    assert "classifier.input" in layers and any("encoder.layer.1" in name for name in layers)


@pytest.mark.parametrize("name", ["track_digits", "track_shapes", "track_reviews", "own_model"])
def test_examples_say_how_to_run_them(name):
    assert f"examples/{name}.py" in (EXAMPLES / f"{name}.py").read_text()
