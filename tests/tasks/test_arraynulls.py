"""Control columns of own data; oracle: NumPy, on what was drawn."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import primacy
from primacy.registry import canonical
from primacy.rng import streams
from primacy.study.describe import sites
from primacy.tasks.arrays import Arrays, Groups

ROWS = 60


@pytest.fixture
def task(tmp_path):
    rng = np.random.default_rng(3)
    a, b, c = rng.normal(size=(3, ROWS))
    table = pl.DataFrame({"a": a, "b": a + 0.1 * b, "c": c, "sick": (a > 0).astype(int)})
    table.write_csv(tmp_path / "data.csv")
    return Arrays(
        file=str(tmp_path / "data.csv"),
        target=("sick",),
        null_columns=True,
        features=Groups({"pair": ("a", "b"), "alone": ("c",)}),
    )


def drawn(task, split, seed=0):
    found = task.draw(split, streams(seed, "data"), task.sizes[split])
    return np.asarray(found["inputs"], float), np.asarray(found["targets"], float)


def test_copies_have_the_groups_rows_in_another_order(task):
    for split in ("train", "fit", "test"):
        x, _ = drawn(task, split)
        own, copy = x[:, :3], x[:, 3:]
        for columns in ([0, 1], [2]):
            rows = {tuple(r) for r in own[:, columns]}
            assert {tuple(r) for r in copy[:, columns]} == rows and len(rows) == len(x)
            assert not (own[:, columns] == copy[:, columns]).all()
        # What goes together in a group still does; of two groups each has its own order.
        assert np.corrcoef(copy[:, 0], copy[:, 1])[0, 1] == pytest.approx(
            np.corrcoef(own[:, 0], own[:, 1])[0, 1]
        )
        order = [np.argmax(own[:, i] == copy[:, j : j + 1], axis=1) for i, j in ((0, 0), (2, 2))]
        assert not (order[0] == order[1]).all()


def test_copies_carry_nothing_and_each_seed_has_its_own(task):
    """Over 200 seeds the mean correlation with the target is 0: four standard errors."""
    found = []
    for seed in range(200):
        x, y = drawn(task, "train", seed)
        found.append(np.corrcoef(x[:, 3], y[:, 0])[0, 1])
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(len(found))
    own = [
        np.corrcoef(drawn(task, "train", s)[0][:, 0], drawn(task, "train", s)[1][:, 0])[0, 1]
        for s in range(3)
    ]
    assert min(own) > 0.6 and len(np.unique(found)) == len(found)


def test_what_is_declared_of_them(task):
    assert task.input_names == ("a", "b", "c", "a permuted", "b permuted", "c permuted")
    assert task.input_shape == (6,)
    assert [f.null_columns for f in task.declared] == [(3, 4), (5,)]
    names, columns = sites(task.declared, 6)
    assert names == ["pair", "alone", "pair null", "alone null"]
    assert columns.sum(axis=1).tolist() == [2, 1, 2, 1]


def test_without_them_nothing_changes(task):
    plain = dataclasses.replace(task, null_columns=False)
    assert "null_columns" not in str(canonical(plain))
    assert plain.input_names == ("a", "b", "c")
    np.testing.assert_array_equal(drawn(plain, "test")[0], drawn(task, "test")[0][:, :3])


def test_an_array_in_its_own_shape_has_no_room(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "d.npz", images=rng.normal(size=(40, 2, 2)), y=np.arange(40) % 2)
    with pytest.raises(ValueError, match=r"null_columns: .*leave `inputs` out"):
        Arrays(
            file=str(tmp_path / "d.npz"),
            target=("y",),
            inputs="images",
            null_columns=True,
            features=Groups({"top": ("images[0, *]",)}),
        )


def test_a_run_judges_them_as_a_control(task, tmp_path):
    study = primacy.Study(
        name="copies",
        task=task,
        model={"kind": "mlp", "widths": [8]},
        training={"epochs": 4, "batch_size": 8, "evaluations": 3, "learning_rate": 0.01},
    )
    result = primacy.run(study, seeds=6, out=tmp_path / "run")
    (control,) = [o for o in result.controls if o.control == "null columns"]
    assert control.n == 6 and control.chance == 0.0 and control.word in ("passed", "shown")
    relied = result.curves.filter(pl.col("measure").cast(pl.String) == "reliance")
    assert {"pair null", "alone null"} <= set(relied["feature"].cast(pl.String))
