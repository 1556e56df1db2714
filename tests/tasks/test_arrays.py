"""A user's own data: rows, splits and facts against NumPy; every mistake named at its place."""

import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from primacy.registry import canonical
from primacy.rng import streams
from primacy.tasks import arrays
from primacy.tasks.arrays import Arrays, Groups

EXAMPLES = Path(__file__).parents[2] / "examples"
ROWS = 53
GIVEN = {
    "file": "data.csv",
    "target": ["sick"],
    "features": {"size": ["radius", "area"], "texture": ["texture"]},
}


def frame(rows=ROWS):
    rng = np.random.default_rng(0)
    numbers = {name: rng.normal(5, 3, rows) for name in ("radius", "area", "texture", "cost")}
    sick = (numbers["radius"] + rng.normal(size=rows) > 6).astype(int)
    part = np.resize(["train", "train", "fit", "test"], rows)
    return pl.DataFrame(
        numbers
        | {"sick": sick, "old": rng.integers(0, 2, rows), "part": part, "still": [2.5] * rows}
        | {"kind": np.where(sick, "malignant", "benign")}
    )


@pytest.fixture
def folder(tmp_path):
    frame().write_csv(tmp_path / "data.csv")
    return tmp_path


def drawn(task, split="train", n=None, seed=0):
    return task.draw(split, streams(seed, "data"), task.sizes[split] if n is None else n)


def standardized(task, seed=0):
    """Oracle: the file read by polars, z-scored with NumPy by the rows that the seed trains on."""
    order = streams(seed, "data")("split").permutation(ROWS)
    parts = {"test": order[:10], "fit": order[10:20], "train": order[20:]}
    x = frame().select(task.input_names).to_numpy().astype(np.float32).astype(float)
    train = x[parts["train"]]
    return {name: (x[rows] - train.mean(0)) / train.std(0) for name, rows in parts.items()}, parts


def test_rows_are_split_60_20_20_and_standardized_by_the_rows_that_train(folder):
    task = arrays.load(folder, GIVEN)
    assert task.sizes == {"train": 33, "fit": 10, "test": 10}
    expected, parts = standardized(task, seed=3)
    for split, rows in parts.items():
        draws = drawn(task, split, seed=3)
        assert draws["inputs"].dtype == draws["targets"].dtype == np.float32
        np.testing.assert_allclose(draws["inputs"], expected[split], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(draws["targets"][:, 0], frame()["sick"].to_numpy()[rows])
    assert sorted(np.concatenate(list(parts.values()))) == list(range(ROWS))


def test_each_seed_splits_anew_and_the_same_seed_alike(folder):
    task = arrays.load(folder, GIVEN | {"standardize": False})
    one, other = drawn(task, "test", seed=0), drawn(task, "test", seed=1)
    np.testing.assert_array_equal(one["inputs"], drawn(task, "test", seed=0)["inputs"])
    assert (one["inputs"] != other["inputs"]).any()


def test_fewer_rows_are_the_first_of_them_with_the_same_scale(folder):
    task = arrays.load(folder, GIVEN)
    np.testing.assert_array_equal(drawn(task, n=7)["inputs"], drawn(task)["inputs"][:7])
    with pytest.raises(ValueError, match='34 rows of "train" asked for; there are 33'):
        drawn(task, n=34)
    with pytest.raises(ValueError, match='no rows for "stream"'):
        task.draw("stream", streams(0, "data"), 3)


def test_inputs_as_they_are(folder):
    task = arrays.load(folder, GIVEN | {"standardize": False})
    values = frame().select("radius", "area", "texture").to_numpy().astype(np.float32)
    every = np.concatenate([drawn(task, split)["inputs"] for split in task.sizes])
    np.testing.assert_array_equal(every[np.lexsort(every.T)], values[np.lexsort(values.T)])


def test_a_column_can_hold_the_split(folder):
    task = arrays.load(folder, GIVEN | {"split": "part", "standardize": False})
    assert task.sizes == {"train": 27, "fit": 13, "test": 13}
    for split in task.sizes:
        own = frame().filter(pl.col("part") == split)["radius"].to_numpy().astype(np.float32)
        one, other = (drawn(task, split, seed=s)["inputs"][:, 0] for s in (0, 1))
        assert sorted(one) == sorted(other) == sorted(own)
        assert one.tolist() != other.tolist()


def test_declared_features_targets_and_facts(folder):
    task = arrays.load(folder, GIVEN | {"features": GIVEN["features"] | {"idle": ["still"]}})
    size, texture, idle = task.declared
    assert (size.name, size.columns, texture.columns, idle.columns) == ("size", (0, 1), (2,), (3,))
    assert size.target is None and size.predictivity is None and size.null_columns == ()
    assert task.input_names == ("radius", "area", "texture", "still")
    # Oracle: NumPy's corrcoef on the table.
    r = np.corrcoef(frame()["area"], frame()["sick"])[0, 1]
    assert size.facts["target_correlations"]["sick"][1] == pytest.approx(r, abs=1e-6)
    assert idle.facts["constant_columns"] == ["still"]
    assert idle.facts["target_correlations"]["sick"] == [None]
    (target,) = task.targets
    share = frame()["sick"].mean()
    assert target.kind == "binary" and target.chance == pytest.approx(max(share, 1 - share))
    assert target.ceiling == 1 and not target.ceiling_known
    assert task.loss == "sigmoid_cross_entropy"
    json.dumps([f.facts for f in task.declared], allow_nan=False)


def test_a_constant_column_becomes_zero(folder):
    task = arrays.load(folder, GIVEN | {"features": {"idle": ["still"], "size": ["radius"]}})
    assert (drawn(task)["inputs"][:, 0] == 0).all()


def test_number_targets_are_standardized_by_the_rows_that_train(folder):
    """Oracle: NumPy's z-scores with the mean and SD of the rows that the seed trains on."""
    task = arrays.load(folder, GIVEN | {"target": ["cost"]})
    assert task.loss == "squared_error" and task.standardize_target is True
    assert (task.targets[0].kind, task.targets[0].chance) == ("number", 0)
    _, parts = standardized(task)
    cost = frame()["cost"].to_numpy().astype(np.float32).astype(float)
    expected = (cost - cost[parts["train"]].mean()) / cost[parts["train"]].std()
    for split, rows in parts.items():
        found = drawn(task, split)["targets"][:, 0]
        np.testing.assert_allclose(found, expected[rows], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [1e6, 1e30])
def test_another_unit_leaves_the_examples_as_they_are(folder, factor):
    """Squares of the larger one overflow single precision."""
    given = GIVEN | {"target": ["cost"]}
    plain = drawn(arrays.load(folder, given))
    frame().with_columns(pl.col("cost", "radius", "texture") * factor).write_csv(
        folder / "data.csv"
    )
    found = drawn(arrays.load(folder, given))
    for name in ("inputs", "targets"):
        np.testing.assert_allclose(found[name], plain[name], rtol=1e-4, atol=1e-5)


def test_number_targets_keep_their_units_on_request(folder):
    task = arrays.load(folder, GIVEN | {"target": ["cost"], "standardize_target": False})
    assert set(drawn(task)["targets"][:, 0]) <= set(frame()["cost"].to_numpy().astype(np.float32))


def test_whole_numbers_of_few_values_must_say_what_they_are(folder):
    whole = frame().with_columns(grade=pl.Series(np.arange(ROWS) % 3), two=np.arange(ROWS) % 2 + 1)
    whole.write_csv(folder / "data.csv")
    whole = whole.with_columns(stars=pl.col("grade") + 3)
    whole.write_csv(folder / "data.csv")
    says = mistakes(folder, target=["stars"])["target.0"]
    assert says.startswith("holds whole numbers (3, 4, 5): classes or amounts?")
    assert 'target_kind = "class" or target_kind = "number"' in says
    task = arrays.load(folder, GIVEN | {"target": ["stars"], "target_kind": "class"})
    assert task.targets[0].classes == ("3", "4", "5")
    # 0, 1, 2 without a gap are classes, as they are usually numbered.
    task = arrays.load(folder, GIVEN | {"target": ["grade"]})
    assert task.targets[0].kind == "class" and task.loss == "softmax_cross_entropy"
    assert 'as_binary = { two = "2" }' in mistakes(folder, target=["two"])["target.0"]
    task = arrays.load(folder, GIVEN | {"target": ["grade"], "target_kind": "number"})
    assert task.loss == "squared_error"
    task = arrays.load(folder, GIVEN | {"target": ["two"], "as_binary": {"two": "2"}})
    assert task.loss == "sigmoid_cross_entropy"
    # Many different whole numbers are amounts: nobody has so many classes.
    whole.with_columns(grade=pl.Series(np.arange(ROWS))).write_csv(folder / "data.csv")
    assert arrays.load(folder, GIVEN | {"target": ["grade"]}).loss == "squared_error"


def test_0_and_1_may_be_numbers(folder):
    task = arrays.load(folder, GIVEN | {"target_kind": "number"})
    assert task.loss == "squared_error" and task.targets[0].chance == 0
    says = mistakes(folder, target=["cost"], target_kind="binary")["target.0"]
    assert says == 'not 0/1 in every row, as target_kind = "binary" says'


def test_options_at_their_defaults_leave_the_hash_as_it_was(folder):
    """Oracle: the keys of the specification before there were these options."""
    assert set(canonical(arrays.load(folder, GIVEN))) == {
        "kind", "sha256", "target", "features", "split", "standardize", "ceiling",
    }  # fmt: skip
    assert canonical(arrays.load(folder, GIVEN | {"impute": "mean"}))["impute"] == "mean"


def test_two_levels_of_text_become_0_and_1_on_request(folder):
    given = {"features": {"size": ["radius"], "kind": ["kind"]}, "as_binary": {"kind": "malignant"}}
    task = arrays.load(folder, GIVEN | given | {"standardize": False})
    order = streams(0, "data")("split").permutation(ROWS)
    expected = (frame()["kind"] == "malignant").to_numpy()[order[20:]]
    np.testing.assert_array_equal(drawn(task)["inputs"][:, 1], expected)
    assert "as_binary = { kind = " in mistakes(folder, features={"a": ["kind"]})["features.a.0"]
    for levels, says in (
        ({"kind": "good"}, '"kind" never is "good"; its levels: "benign", "malignant"'),
        ({"part": "fit"}, '"part" has 3 levels ("fit", "test", "train"); expected two'),
        ({"knd": "good"}, 'no such column. Did you mean "kind"?'),
    ):
        assert says in mistakes(folder, as_binary=levels)["as_binary"]


def test_missing_values_are_filled_in_as_stated(folder):
    """Oracle: NumPy's median over the rows that train and have a value."""
    spoiled(folder, "area", 16, None)
    says = mistakes(folder)["features.size.1"]
    assert says == '1 missing value (first: row 17); impute = "median" (or "mean") fills them in'
    task = arrays.load(folder, GIVEN | {"impute": "median", "standardize": False})
    _, parts = standardized(task)
    area = frame()["area"].to_numpy().astype(np.float32).copy()
    known = [row for row in parts["train"] if row != 16]
    area[16] = np.median(area[known].astype(float))
    for split, rows in parts.items():
        np.testing.assert_array_equal(drawn(task, split)["inputs"][:, 1], area[rows])
    assert task.declared[0].facts["missing_values"] == {"area": 1}
    np.testing.assert_array_equal(np.isfinite(drawn(task)["inputs"]), True)
    spoiled(folder, "sick", 3, None)
    says = mistakes(folder, impute="mean")["target.0"]
    assert says == "1 missing value (first: row 4); leave these rows out of the file"


def test_patterns_and_ranges_of_columns(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 6))
    np.savez(tmp_path / "data.npz", x=x, y=x[:, 0] > 0, z=x[:, 1], zoo=x[:, 2])
    given = {"file": "data.npz", "target": ["y"]}
    groups = {"left": ["x[0]..x[1]"], "right": ["x[3]..x[4]", "x[5]"], "rest": ["z*", "x[2]"]}
    task = arrays.load(tmp_path, given | {"features": groups})
    assert [f.columns for f in task.declared] == [(0, 1), (2, 3, 4), (5, 6, 7)]
    expected = ("x[0]", "x[1]", "x[3]", "x[4]", "x[5]", "z", "zoo", "x[2]")
    assert task.input_names == expected
    # What fits everything leaves out the target.
    task = arrays.load(tmp_path, given | {"features": {"all": ["*"]}})
    assert task.input_names == (*(f"x[{i}]" for i in range(6)), "z", "zoo")
    with pytest.raises(ValidationError, match="fits no column"):
        arrays.load(tmp_path, given | {"features": {"all": ["q*"]}})
    with pytest.raises(ValidationError, match='stands in "a" and "b"'):
        arrays.load(tmp_path, given | {"features": {"a": ["x[?]"], "b": ["x[5]..z"]}})


def patients(folder, visits=4):
    """20 patients, each several times, with a column that says who."""
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(20), visits)
    once = pl.DataFrame({"a": rng.normal(size=20), "b": rng.normal(size=20)})
    once = once.with_columns(sick=pl.Series(np.arange(20) % 2))
    table = once[who].with_columns(patient=pl.Series([f"p{i}" for i in who]))
    table.write_csv(folder / "data.csv")
    return table


BOTH = {"file": "data.csv", "target": ["sick"], "features": {"a": ["a"], "b": ["b"]}}


def test_rows_that_belong_together_are_on_one_side(tmp_path):
    """Oracle: the patients of each split, read off the inputs, which are one number each."""
    table = patients(tmp_path)
    task = arrays.load(tmp_path, BOTH | {"split_by": "patient", "standardize": False})
    assert task.sizes == {"train": 80 - 32 - 6, "fit": 16, "test": 16}
    whose = dict(zip(table["a"].cast(pl.Float32), table["patient"], strict=True))
    for seed in range(5):
        sides = [
            {whose[float(np.float32(v))] for v in drawn(task, split, seed=seed)["inputs"][:, 0]}
            for split in ("train", "fit", "test")
        ]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
        assert all(len(side) >= 4 for side in sides)
    tests = [tuple(drawn(task, "test", seed=s)["inputs"][:, 0]) for s in (0, 1)]
    assert tests[0] != tests[1]


def test_copies_across_the_split_are_counted(tmp_path):
    """Oracle: the share of test rows with a copy that trains, counted over 300 seeds."""
    table = patients(tmp_path, visits=3)
    task = arrays.load(tmp_path, BOTH | {"standardize": False})
    counted = []
    for seed in range(300):
        parts = [set(drawn(task, s, seed=seed)["inputs"][:, 0].tolist()) for s in ("train", "test")]
        rows = drawn(task, "test", seed=seed)["inputs"][:, 0].tolist()
        counted.append(np.mean([v in parts[0] for v in rows]))
    assert task.facts["test_rows_in_training"] == pytest.approx(np.mean(counted), abs=0.02)
    assert task.facts["expected_by_chance"] < 0.1
    assert arrays.load(tmp_path, BOTH | {"split_by": "patient"}).facts == {}
    part = np.resize(["train", "fit", "test"], table.height)
    table.with_columns(part=pl.Series(part)).write_csv(tmp_path / "data.csv")
    assert arrays.load(tmp_path, BOTH | {"split": "part"}).facts["test_rows_in_training"] == 1


def test_few_different_values_alone_are_no_copies(tmp_path):
    """Two bits: every test row also trains, and columns permuted apart do the same."""
    bits = np.random.default_rng(0).integers(0, 2, (80, 3))
    pl.DataFrame(dict(zip(("a", "b", "sick"), bits.T, strict=True))).write_csv(
        tmp_path / "data.csv"
    )
    facts = arrays.load(tmp_path, BOTH).facts
    assert facts["test_rows_in_training"] > 0.99 and facts["expected_by_chance"] > 0.99


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("patint", 'Did you mean "patient"?'),
        ("sick", "2 different values; expected at least 10"),
        ("most", 'rows are of "x": too large a part'),
        ("gap", "has rows without a value"),
    ],
)
def test_what_cannot_say_which_rows_belong_together(tmp_path, column, says):
    table = patients(tmp_path)
    most = ["x"] * 60 + [f"y{i}" for i in range(20)]
    table.with_columns(most=pl.Series(most), gap=pl.Series([None, *range(79)])).write_csv(
        tmp_path / "data.csv"
    )
    with pytest.raises(ValidationError) as caught:
        arrays.load(tmp_path, BOTH | {"split_by": column})
    assert says in str(caught.value)


def test_a_stated_ceiling(folder):
    (target,) = arrays.load(folder, GIVEN | {"ceiling": 0.9}).targets
    assert target.ceiling == 0.9 and target.ceiling_known


def test_build_gives_single_columns_as_features_and_nan_for_groups(folder):
    task = arrays.load(folder, GIVEN)
    draws = drawn(task)
    batch = jax.jit(task.build)(draws)
    np.testing.assert_array_equal(batch.features[:, 1], draws["inputs"][:, 2])
    assert np.isnan(batch.features[:, 0]).all()
    np.testing.assert_array_equal(batch.targets, draws["targets"])


def test_the_key_holds_the_content_not_the_place(folder, tmp_path):
    there = tmp_path / "elsewhere"
    there.mkdir()
    (there / "copy.csv").write_bytes((folder / "data.csv").read_bytes())
    one, other = arrays.load(folder, GIVEN), arrays.load(there, GIVEN | {"file": "copy.csv"})
    assert canonical(one) == canonical(other) and str(tmp_path) not in json.dumps(canonical(one))
    # The order of groups is the order of inputs, so it decides the run.
    turned = GIVEN | {"features": dict(reversed(GIVEN["features"].items()))}
    assert canonical(arrays.load(folder, turned)) != canonical(one)
    (there / "copy.csv").write_text((folder / "data.csv").read_text() + "1,1,1,1,1,1,fit,1,x\n")
    assert arrays.load(there, GIVEN | {"file": "copy.csv"}).sha256 != one.sha256


def test_specs_of_one_file_share_a_structure_and_hash(folder):
    one, other = arrays.load(folder, GIVEN), arrays.load(folder, GIVEN)
    assert one == other
    assert hash(jax.tree.structure(one)) == hash(jax.tree.structure(other))
    assert isinstance(one.features, Groups)


def test_npz_with_a_whole_array_as_a_group(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3))
    np.savez(tmp_path / "data.npz", x=x, y=x[:, 0] > 0, z=x[:, 1])
    given = {"file": "data.npz", "target": ["y"], "features": {"all": ["x"], "z": ["z"]}}
    task = arrays.load(tmp_path, given | {"standardize": False})
    assert task.input_names == ("x[0]", "x[1]", "x[2]", "z")
    order = streams(0, "data")("split").permutation(20)
    expected = np.column_stack([x, x[:, 1]])[order[8:]].astype(np.float32)
    np.testing.assert_array_equal(drawn(task)["inputs"], expected)


def mistakes(folder, **changes):
    with pytest.raises(ValidationError) as caught:
        arrays.load(folder, GIVEN | changes)
    return {
        ".".join(map(str, e["loc"])): str(e.get("ctx", {}).get("error", e["msg"]))
        for e in caught.value.errors()
    }


def spoiled(folder, column, row, value):
    table = frame()
    values = table[column].to_list()
    values[row] = value
    table.with_columns(pl.Series(column, values)).write_csv(folder / "data.csv")


def test_all_mistakes_at_once_each_at_its_place(folder):
    spoiled(folder, "area", 16, float("nan"))
    found = mistakes(
        folder,
        target=["sck", "still"],
        features={"size": ["radus", "area"], "texture": ["texture", "kind"]},
        split="prt",
        shuffle=True,
    )
    assert found == {
        "target.0": 'no such column. Did you mean "sick"?',
        "target.1": "always 2.5 in all 53 rows: there is nothing to learn",
        "features.size.0": 'no such column. Did you mean "radius"?',
        "features.size.1": '1 missing value (first: row 17); impute = "median" (or "mean") fills '
        "them in",
        "features.texture.1": found["features.texture.1"],
        "split": 'no such column. Did you mean "part"?',
        "shuffle": "Unexpected keyword argument",
    }
    assert found["features.texture.1"].startswith('holds text ("')


@pytest.mark.parametrize(
    ("changes", "key", "says"),
    [
        ({"file": "dta.csv"}, "file", "no such file in the folder of the study file"),
        ({"file": "../data.csv"}, "file", "no absolute path, no .."),
        ({"file": "data.pkl"}, "file", "no such file"),
        ({"sha256": "0" * 64}, "sha256", "it is another file, or has changed"),
        ({"target": []}, "target", "at least one column"),
        ({"target": ["sick", "sick"]}, "target", '"sick" stands twice'),
        ({"target": ["sick", "cost"]}, "target", 'one kind: "sick" is 0/1, "cost" holds other'),
        ({"target": ["kind"]}, "target.0", '0 and 1 with as_binary = { kind = "malignant" }'),
        ({"target": "sick"}, "target", "valid array"),
        ({"features": {}}, "features", "expected groups of columns"),
        ({"features": {"a": []}}, "features", '"a" has no columns'),
        ({"features": {"": ["area"]}}, "features", "a name has 1 to 200 characters"),
        ({"features": {"x" * 201: ["area"]}}, "features", "a name has 1 to 200 characters"),
        ({"features": {"\u00e9": ["area"], "e\u0301": ["cost"]}}, "features", "look the same"),
        ({"features": {"a": ["area"], "b": ["area"]}}, "features", 'in "a" and "b"; expected once'),
        ({"features": {"a": ["area", "area"]}}, "features", 'stands twice in "a"'),
        ({"features": {"a": ["area", "sick"]}}, "features", "the network would see the answer"),
        ({"features": {"a": ["zzzz"]}}, "features.a.0", "There are: radius, area, texture, cost"),
        ({"split": "kind"}, "split", "in row 1. Expected train, fit, test"),
        ({"split": "old"}, "split", 'expected "seed", or a column that holds train, fit, test'),
        ({"ceiling": 0.2}, "ceiling", "expected above chance ("),
        ({"ceiling": 1.5}, "ceiling", "and at most 1"),
        ({"standardize": "yes"}, "standardize", "valid boolean"),
    ],
)
def test_every_mistake_says_what_is_expected(folder, changes, key, says):
    assert says in mistakes(folder, **changes)[key]


def test_values_of_a_split_column(folder):
    spoiled(folder, "part", 6, "tset")
    assert mistakes(folder, split="part")["split"] == '"tset" in row 7. Did you mean "test"?'
    frame().with_columns(part=pl.lit("train")).write_csv(folder / "data.csv")
    assert '0 rows of "fit"; expected at least 2' in mistakes(folder, split="part")["split"]
    ordered = (
        frame()
        .sort("sick")
        .with_columns(part=pl.Series(["fit"] * 5 + ["train"] * 40 + ["test"] * 8))
    )
    ordered.write_csv(folder / "data.csv")
    says = '"sick" is constant in the rows of "fit"'
    assert says in mistakes(folder, split="part")["split"]


def test_too_few_rows(folder):
    frame(9).with_columns(sick=pl.Series([0, 1, 0, 1, 0, 1, 0, 1, 0])).write_csv(
        folder / "data.csv"
    )
    assert mistakes(folder)["split"] == "9 rows; expected at least 10"


def test_without_the_folder_a_file_cannot_name_data(folder):
    from pydantic import TypeAdapter

    with pytest.raises(ValidationError, match="cannot be found without the folder"):
        TypeAdapter(Arrays).validate_json(json.dumps(GIVEN | {"file": str(folder / "data.csv")}))


def test_in_python_any_path_will_do_and_all_mistakes_are_listed(folder):
    path = str(folder / "data.csv")
    task = Arrays(file=path, target=("sick",), features=Groups(GIVEN["features"]))
    assert task == arrays.load(folder, GIVEN)
    with pytest.raises(ValueError) as caught:
        Arrays(file=path, target=("sck",), features=Groups({"a": ["radus"], "b": ["kind"]}))
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        'target[0] = "sck"',
        'features.a[0] = "radus"',
        'features.b[0] = "kind"',
    ]


def test_a_rare_class_has_a_high_chance(folder):
    sick = [0] * ROWS
    sick[20] = 1
    frame().with_columns(sick=pl.Series(sick)).write_csv(folder / "data.csv")
    assert arrays.load(folder, GIVEN).targets[0].chance == pytest.approx(1 - 1 / ROWS)


def test_the_cancer_example(tmp_path):
    pytest.importorskip("sklearn")
    found = importlib.util.spec_from_file_location("make_cancer", EXAMPLES / "make_cancer.py")
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    made.make(tmp_path)
    study = tomllib.loads((EXAMPLES / "cancer.toml").read_text())
    given = {key: value for key, value in study["task"].items() if key != "kind"}
    task = arrays.load(tmp_path, given)
    assert task.sizes == {"train": 343, "fit": 113, "test": 113}
    assert {f.name: len(f.columns) for f in task.declared} == {
        "size": 9,
        "outline": 9,
        "regularity": 9,
        "texture": 3,
    }
    # Oracle: the data set's own description, 212 malignant and 357 benign.
    assert task.targets[0].chance == pytest.approx(357 / 569)
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    r = np.corrcoef(data.data[:, 0], 1 - data.target)[0, 1]
    assert task.declared[0].facts["target_correlations"]["malignant"][0] == pytest.approx(r, 1e-5)
    batch = task.build(drawn(task))
    assert batch.inputs.shape == (343, 30) and np.isfinite(batch.inputs).all()


def test_an_array_of_other_rows_is_told_where_it_is_asked_for(tmp_path):
    rows = np.arange(20)
    np.savez(tmp_path / "x.npz", a=rows, y=rows % 2, pictures=np.ones((7, 2, 2)))
    given = {"file": "x.npz", "target": ["y"], "features": {"a": ["a"]}}
    assert arrays.load(tmp_path, given).input_names == ("a",)
    with pytest.raises(ValueError, match='"pictures" has 7 rows, others have 20'):
        arrays.load(tmp_path, given | {"features": {"a": ["a", "pictures"]}})


def test_one_target_in_quotes_is_told_to_be_a_list(tmp_path):
    """In a process of its own, without the type checker of the tests."""
    (tmp_path / "x.csv").write_text("a,big\n" + "1,0\n2,1\n" * 10)
    code = (
        "from primacy.tasks.arrays import Arrays\n"
        "Arrays(file='x.csv', target='big', features={'a': ['a']})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert 'ValueError: target = "big": expected a list: ["big"]' in done.stderr
