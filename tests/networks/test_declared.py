"""What a user declares about data of their own. Oracle: the arrays themselves."""

import numpy as np
import pytest
import torch

import primacy
from primacy.errors import StudyError

X = np.random.default_rng(0).normal(size=(40, 4, 4)).astype(np.float32)
Y = np.arange(40) % 3
COLOR = np.array(["red", "green", "blue", "red"])[np.arange(40) % 4]


def moved(i, j):
    made = X[i].copy()
    made[:, 0] = X[j][:, 0]
    return made


def test_each_kind_of_feature_and_how_it_is_exchanged():
    mask = np.zeros((4, 4), bool)
    mask[1] = True
    data = primacy.declare(
        X,
        {"class": Y},
        {
            "region": mask,
            "columns": [0, 5],
            "one": [3],
            "color": primacy.values(COLOR, moved),
            "size": primacy.values(X.sum((1, 2))),
        },
        fit=8,
        test=16,
    )
    assert [t.kind for t in data.targets] == ["class"] and data.targets[0].classes == (
        "0",
        "1",
        "2",
    )
    assert data.targets[0].chance == pytest.approx(14 / 40)
    assert [f.levels for f in data.features][3] == ("blue", "green", "red")
    assert set(data.fit).isdisjoint(data.test) and (len(data.fit), len(data.test)) == (8, 16)
    keep, take = data.test[:5], data.test[5:10]
    changed = data.swapped(0, keep, take)
    assert (changed[:, 1] == X[take][:, 1]).all() and (changed[:, 2] == X[keep][:, 2]).all()
    rest = data.swapped(0, keep, take, rest=True)
    assert (rest[:, 1] == X[keep][:, 1]).all() and (rest[:, 2] == X[take][:, 2]).all()
    assert (data.swapped(3, keep, take) == moved(keep, take)).all()
    assert (data.swapped(3, keep, take, rest=True) == moved(take, keep)).all()
    assert data.swapped(4, keep, take) is None
    assert (
        np.isnan(data.values[:, 0]).all() and (data.values[:, 2] == X.reshape(40, 16)[:, 3]).all()
    )


def test_inputs_may_be_tensors_and_mappings():
    tokens = {"ids": np.arange(80).reshape(40, 2), "mask": torch.ones(40, 2)}
    data = primacy.declare(tokens, torch.as_tensor(Y), {"c": primacy.values(COLOR)})
    assert not data.numeric and set(data.rows(data.test)) == {"ids", "mask"}


def test_every_mistake_comes_at_once():
    with pytest.raises(StudyError) as found:
        primacy.declare(
            X,
            {"class": Y[:-1]},
            {
                "outside": [99],
                "named": ["colour"],
                "shape": np.ones((3, 3), bool),
                "short": primacy.values(COLOR[1:]),
                "same": primacy.values(np.ones(40)),
                "many": primacy.values(np.arange(40) + 100 * np.arange(40)),
                "elsewhere": primacy.values(COLOR, target="klass"),
            },
        )
    keys = [problem.key for problem in found.value.problems]
    assert keys == [
        "targets.class",
        "features.outside",
        "features.named",
        "features.shape",
        "features.short",
        "features.same",
        "features.elsewhere",
    ]
    assert 'Did you mean "class"' in str(found.value)


@pytest.mark.parametrize(
    ("swap", "told"),
    [
        (lambda i, j: X[i][:, :2], r"returned shape \(2, 2, 4\); the examples have \(2, 4, 4\)"),
        (lambda i, j: X[i] * np.nan, "numbers that are not finite"),
        (lambda i, j: 1 / 0, "raised ZeroDivisionError"),
        (lambda i: X[i], "raised TypeError"),
    ],
)
def test_a_swap_is_tried_before_training(swap, told):
    with pytest.raises(StudyError, match=told):
        primacy.declare(X, Y, {"color": primacy.values(COLOR, swap)})


@pytest.mark.parametrize(
    ("inputs", "targets", "told"),
    [
        (X * np.nan, Y, "not finite; fill or drop them"),
        (X[:3], Y[:3], "too few"),
        (np.array(["a"] * 40), Y, "an array of numbers"),
        (X, np.zeros(40, int), "1 classes; 2 to 50"),
        (X, {"a": Y, "b": X[:, 0, 0]}, "no one loss"),
        (X, Y - 1, "classes count from 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(inputs, targets, told):
    with pytest.raises(StudyError, match=told):
        primacy.declare(inputs, targets, {"one": [0]})


def test_the_hash_is_of_all_that_decides():
    one = primacy.declare(X, Y, {"a": [0]})
    assert one.sha256 == primacy.declare(X.copy(), list(Y), {"a": [0]}).sha256
    assert one.sha256 != primacy.declare(X + 1, Y, {"a": [0]}).sha256
    assert one.sha256 != primacy.declare(X, Y, {"a": [0]}, seed=1).sha256
