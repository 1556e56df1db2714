"""The worked examples, run from end to end: real data, real training, a verdict."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from primacy.engine import run
from primacy.rng import streams
from primacy.study import file

EXAMPLES = Path(__file__).parent.parent / "examples"


def made(name, folder):
    """The data and the study file of an example, in a folder."""
    found = importlib.util.spec_from_file_location(f"make_{name}", EXAMPLES / f"make_{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    module.make(folder)
    shutil.copy(EXAMPLES / f"{name}.toml", folder)
    return str(folder / f"{name}.toml")


def test_the_cancer_study_is_as_accurate_as_logistic_regression_and_gets_its_verdicts(tmp_path):
    sklearn = pytest.importorskip("sklearn.linear_model")
    study = file.read(made("cancer", tmp_path)).replace(seeds=6)
    result = run.run(study, tmp_path / "run")

    # Oracle: scikit-learn's logistic regression on the same rows of the same splits.
    task = next(iter(study.conditions.values())).task
    ends = result.curves.filter(
        (pl.col("measure") == "accuracy")
        & (pl.col("split") == "test")
        & (pl.col("step") == pl.col("step").max())
    )
    assert ends.height == 6
    for seed, accuracy in ends.select("seed", "value").iter_rows():
        rng = streams(seed, "data")
        train, test = (task.draw(split, rng, task.sizes[split]) for split in ("train", "test"))
        linear = sklearn.LogisticRegression(max_iter=1000)
        linear.fit(train["inputs"], train["targets"][:, 0])
        score = linear.score(test["inputs"], test["targets"][:, 0])
        # Two classifiers that are equally good differ on 113 rows by 5 or fewer.
        assert abs(accuracy - score) <= 5 / 113 + 1e-6

    words = {v.id: v.word for v in result.verdicts}
    assert words == {"size-before-texture": "supported", "size-over-regularity": "supported"}
    relied = result.curves.filter(
        (pl.col("measure") == "reliance") & (pl.col("step") == pl.col("step").max())
    )
    assert set(relied["feature"].cast(str)) == {"size", "outline", "regularity", "texture"}
    assert np.isfinite(relied["value"].to_numpy()).all()


@pytest.mark.parametrize(
    ("name", "classes", "overrides", "rows"),
    [
        ("iris", 3, ["seeds=2"], 3),
        ("digits", 10, ["seeds=1", "training.epochs=20", "training.evaluations=8"], 18),
    ],
)
def test_three_and_ten_classes_answer(tmp_path, name, classes, overrides, rows):
    """Oracle: scikit-learn's logistic regression on the same rows; so many rows apart at most."""
    sklearn = pytest.importorskip("sklearn.linear_model")
    study = file.read(made(name, tmp_path), overrides=overrides)
    result = run.run(study.replace(controls="none"), tmp_path / "run")
    condition = next(iter(study.conditions.values()))
    assert [len(t.classes) for t in condition.task.targets] == [classes]
    ends = result.curves.filter(
        (pl.col("measure") == "accuracy")
        & (pl.col("split") == "test")
        & (pl.col("step") == pl.col("step").max())
    )
    for seed, accuracy in ends.select("seed", "value").iter_rows():
        rng, task = streams(seed, "data"), condition.task
        train, test = (task.draw(split, rng, task.sizes[split]) for split in ("train", "test"))
        linear = sklearn.LogisticRegression(max_iter=5000)
        linear.fit(train["inputs"], train["targets"][:, 0])
        score = linear.score(test["inputs"], test["targets"][:, 0])
        assert abs(accuracy - score) <= rows / task.sizes["test"] + 1e-6
    learned = result.summary.filter(pl.col("feature").is_not_null())
    assert learned["final_accuracy"].min() > 0.8 and learned["reliance"].is_not_null().all()
