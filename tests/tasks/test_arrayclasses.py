"""Own data with classes and images: text, regions of images, and mistakes with their cure."""

import numpy as np
import polars as pl
import pydantic
import pytest

from primacy.rng import streams
from primacy.study import file as studyfile
from primacy.study.describe import described
from primacy.tasks import arrays
from primacy.tasks.arraydraft import draft

ROWS = 90


def frame():
    rng = np.random.default_rng(0)
    kind = np.resize(["cat", "ant", "bee"], ROWS)
    return pl.DataFrame(
        {
            "size": rng.normal(size=ROWS) + (kind == "cat"),
            "color": rng.choice(["red", "green", "blue"], ROWS),
            "still": np.ones(ROWS),
            "kind": kind,
            "label": np.resize([0, 1, 2], ROWS),
        }
    )


GIVEN = {
    "file": "data.csv",
    "target": ["kind"],
    "as_class": ["color"],
    "features": {"size": ["size"], "color": ["color"]},
}


@pytest.fixture
def folder(tmp_path):
    frame().write_csv(tmp_path / "data.csv")
    return tmp_path


def drawn(task, split="train", n=None):
    return task.draw(split, streams(0, "data"), n or task.sizes[split])


def test_text_is_a_class_and_its_levels_are_inputs(folder):
    """Oracle: polars' own to_dummies, and the order of the rows of the same split."""
    task = arrays.load(folder, GIVEN | {"standardize": False})
    assert task.loss == "softmax_cross_entropy"
    (target,) = task.targets
    assert (target.kind, target.classes, target.width) == ("class", ("ant", "bee", "cat"), 3)
    assert target.chance == pytest.approx(1 / 3)
    assert task.input_names == ("size", "color=blue", "color=green", "color=red")
    size, color = task.declared
    assert size.levels == () and color.levels == ("blue", "green", "red")
    assert color.columns == (1, 2, 3)
    plain = arrays.load(folder, GIVEN)  # standardized: the level is still read
    rows = streams(0, "data")("split").permutation(ROWS)[36:]
    dummies = frame().select("color").to_dummies().to_numpy()[rows]
    for own in (task, plain):
        batch = own.build(drawn(own))
        assert np.asarray(batch.features)[:, 1].tolist() == dummies.argmax(axis=1).tolist()
        kinds = ["ant", "bee", "cat"]
        wanted = [kinds.index(k) for k in frame()["kind"].to_numpy()[rows]]
        assert np.asarray(batch.targets)[:, 0].tolist() == wanted
    np.testing.assert_array_equal(drawn(task)["inputs"][:, 1:], dummies)


def test_facts_of_a_class_are_correlation_ratios(folder):
    """Oracle: one-way analysis of variance by SciPy, eta^2 = F (k - 1) / (F (k - 1) + n - k)."""
    stats = pytest.importorskip("scipy.stats")
    task = arrays.load(folder, GIVEN)
    data = frame()
    groups = [data.filter(pl.col("kind") == k)["size"].to_numpy() for k in ("ant", "bee", "cat")]
    f = stats.f_oneway(*groups).statistic
    eta = np.sqrt(f * 2 / (f * 2 + ROWS - 3))
    assert task.declared[0].facts["target_correlations"]["kind"][0] == pytest.approx(eta, rel=1e-5)


def test_a_shortcut_of_a_class_predicts_as_well_as_least_squares_on_its_levels(folder):
    """Oracle: scikit-learn's least squares on one-hot labels, all rows."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    task = arrays.load(folder, GIVEN | {"shortcut": ["size"]})
    data = frame()
    y = data.select("kind").to_dummies().to_numpy()
    x = data.select("size").to_numpy()
    guess = sklearn.LinearRegression().fit(x, y).predict(x).argmax(axis=1)
    wanted = (guess == y.argmax(axis=1)).mean()
    found = task.declared[0].facts["shortcut"]["kind"]["train"]
    assert found == pytest.approx(wanted, abs=1e-6)


def test_images_are_read_in_their_own_shape(tmp_path):
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(60, 4, 4)), np.arange(60) % 3
    np.savez(tmp_path / "d.npz", images=images, digit=y)
    given = {
        "file": "d.npz",
        "target": ["digit"],
        "inputs": "images",
        "standardize": False,
        "features": {"top": ["images[0..1, *]"], "corner": ["images[3,3]"]},
    }
    task = arrays.load(tmp_path, given)
    assert task.input_shape == (4, 4) and len(task.input_names) == 16
    assert [f.columns for f in task.declared] == [tuple(range(8)), (15,)]
    batch = task.build(drawn(task))
    rows = streams(0, "data")("split").permutation(60)[24:]
    np.testing.assert_array_equal(batch.inputs, images[rows].astype(np.float32))
    np.testing.assert_array_equal(batch.features[:, 1], images[rows, 3, 3].astype(np.float32))
    for wrong, says in {
        "pictures": "expected an array of the npz",
        "digit": "There are: images",
    }.items():
        with pytest.raises(pydantic.ValidationError, match=says):
            arrays.load(tmp_path, given | {"inputs": wrong})
    with pytest.raises(pydantic.ValidationError, match='"digit" in "x" is no part of inputs'):
        arrays.load(tmp_path, given | {"target": ["images[0,0]"], "features": {"x": ["digit"]}})


STUDY = """
name = "mine"
seeds = 2
[task]
kind = "arrays"
file = "data.csv"
target = ["kind"]
[task.features]
size = ["size", "color", "still"]
weight = ["weight"]
[model]
kind = "mlp"
widths = [8]
[training]
steps = 8
"""


def test_every_mistake_of_a_table_at_once_with_its_cure(folder):
    data = frame().with_columns(
        weight=pl.Series([None, *range(ROWS - 1)]),
        kind=pl.when(pl.int_range(ROWS) == 4).then(None).otherwise(pl.col("kind")),
    )
    data.write_csv(folder / "data.csv")
    (folder / "s.toml").write_text(STUDY)
    with pytest.raises(ValueError) as error:
        studyfile.read(str(folder / "s.toml"))
    told = str(error.value)
    assert "1 missing value (first: row 5); leave these rows out" in told
    assert 'as_class = ["color"]' in told
    assert '1 missing value (first: row 1); impute = "median"' in told
    # A column that never changes is no mistake, and its group says so.
    good = STUDY.replace('["kind"]', '["label"]\nas_class = ["color"]\nimpute = "mean"')
    (folder / "s.toml").write_text(good)
    condition = studyfile.read(str(folder / "s.toml")).conditions["default"]
    assert described(condition).features[0].facts["constant_columns"] == ["still"]
    for levels, says in (
        ([f"n{i}" for i in range(ROWS)], "90 different values; at most 50"),
        (["a"] * ROWS, 'always "a"'),
    ):
        data.with_columns(kind=pl.Series(levels)).write_csv(folder / "data.csv")
        with pytest.raises(pydantic.ValidationError, match=says):
            arrays.load(folder, GIVEN)
        with pytest.raises(pydantic.ValidationError, match=says):
            arrays.load(folder, GIVEN | {"target": ["label"], "as_class": ["kind"]})


def test_a_draft_of_classes_can_be_run(folder):
    frame().drop("label").write_csv(folder / "data.csv")
    (folder / "s.toml").write_text(draft(folder / "data.csv"))
    task = studyfile.read(str(folder / "s.toml")).conditions["default"].task
    assert task.targets[0].classes == ("ant", "bee", "cat") and task.as_class == ("color",)
