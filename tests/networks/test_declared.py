"""What a user declares about data of their own. Oracle: the arrays themselves."""

import numpy as np
import pytest
import torch

import primacy
from primacy.errors import StudyError
from primacy.networks import asking
from primacy.networks.frameworks.network import NetworkRefused

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
        (X, np.ones(40, int), "always 1 in all 40 examples: there is nothing to learn"),
        (X, np.full(40, 2.5), r"always 2\.5 in all 40 examples"),
        (X, ["yes"] * 40, "always yes in all 40 examples"),
        (X, np.arange(40) * 2, "79 classes; 2 to 50"),
        (X, np.eye(3)[Y], r"shape \(40, 3\); there are 40 examples. Give the class, such as targ"),
        (X, X[:, 0], r"shape \(40, 4\); there are 40 examples\n1 problem"),
        (X, {"a": Y, "b": X[:, 0, 0]}, "no one loss"),
        (X, Y - 1, "classes count from 0"),
    ],
)
def test_what_cannot_be_measured_is_refused(inputs, targets, told):
    with pytest.raises(StudyError, match=told):
        primacy.declare(inputs, targets, {"one": [0]})


def only(refused):
    """The message of a single problem."""
    (problem,) = refused.value.problems
    return problem.message


@pytest.mark.parametrize("of", ["pandas", "polars"])
def test_a_table_brings_the_names_of_its_columns(of):
    frame = pytest.importorskip(of).DataFrame
    table = frame({"age": X[:, 0, 0], "cpu": X[:, 0, 1]})
    data = primacy.declare(table, Y, {"a": ["cpu"]})
    assert data.features[0].columns == (1,)
    assert (data.inputs == X[:, 0, :2]).all()
    with pytest.raises(StudyError, match='Did you mean "age"'):
        primacy.declare(table, Y, {"a": ["agee"]})
    given = primacy.declare(table, Y, {"a": ["x"]}, columns=["x", "y"])
    assert given.features[0].columns == (0,)


def test_a_name_without_names_says_how_columns_are_called():
    with pytest.raises(StudyError) as refused:
        primacy.declare(X[:, 0, :2], Y, {"a": ["age"]})
    assert only(refused) == (
        "no column is called 'age': here they are numbered 0 to 1. Give the numbers, or the names "
        "of all: columns=[...]"
    )


def test_more_examples_than_there_are_means_half_of_them_each():
    data = primacy.declare(X, Y, {"a": [0]}, fit=500, test=500)
    assert len(data.test) == len(data.fit) == 20
    data = primacy.declare(X, Y, {"a": [0]}, fit=500, test=10)
    assert (len(data.test), len(data.fit)) == (10, 30)
    with pytest.raises(StudyError) as refused:
        primacy.declare(X, Y, {"a": [0]}, fit=0)
    assert only(refused) == "0: a number of examples, 1 or more"


def test_classes_numbered_from_one_are_told_from_too_few_outputs():
    """Oracle: the message, word for word; the network is right and its labels are not."""
    told = (
        "the network has 3 outputs; the targets need 4 (class 4). class holds 1, 2, 3 and no 0: "
        "classes are numbered from 0, so declare labels - 1"
    )
    data = primacy.declare(X, {"class": Y + 1}, {"a": [0]})
    with pytest.raises(NetworkRefused) as refused:
        asking.resolved(data, 3)
    assert str(refused.value) == told
    plain = primacy.declare(X, {"class": Y}, {"a": [0]})
    with pytest.raises(NetworkRefused, match=r"the targets need 3 \(class 3\)$"):
        asking.resolved(plain, 4)
    with pytest.raises(StudyError, match=r"class 3 has no name.* holds 1, 2, 3 and no 0: .*- 1"):
        primacy.declare(X, Y + 1, {"a": [0]}, classes=["x", "y", "z"])


def test_the_hash_is_of_all_that_decides():
    one = primacy.declare(X, Y, {"a": [0]})
    assert one.sha256 == primacy.declare(X.copy(), list(Y), {"a": [0]}).sha256
    assert one.sha256 != primacy.declare(X + 1, Y, {"a": [0]}).sha256
    assert one.sha256 != primacy.declare(X, Y, {"a": [0]}, seed=1).sha256
