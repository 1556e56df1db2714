"""The slab tasks of Shah et al. 2020 (arXiv 2006.07710), and measures of features that are turned.

Oracles: closed forms of the slabs and their moments, SciPy's tests of distributions, scikit-learn's
roc_auc_score, and planted networks that read one known direction.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from primacy.analysis.first_layer import units
from primacy.calibration.slabs import slabs as calibration
from primacy.models.linear import Linear
from primacy.registry import measures
from primacy.rng import streams
from primacy.study.describe import describe, sites
from primacy.study.spec import Condition, Study, Training
from primacy.study.toml.mistakes import checked
from primacy.tasks.slabs import SHARES, Slabs, rotation, second_moments, slabs
from primacy.training.evaluate import evaluate_condition

N = 40_000

INTERVALS = {  # label: ends of its slabs right of 0, and the share of the label's examples in each
    3: {0: [(0, 4 / 15, 1)], 1: [(7 / 15, 1, 1)]},
    5: {0: [(0, 0.12, 3 / 4), (0.76, 1, 1 / 4)], 1: [(0.32, 0.56, 1)]},
    7: {
        0: [(0, 0.0571, 1 / 2), (0.5714, 0.6857, 1 / 2)],
        1: [(0.2571, 0.3714, 7 / 8), (0.8857, 1, 1 / 8)],
    },
}


def drawn(task, n=N, seed=0, split="test"):
    batch = task.build(task.draw(split, streams(seed, "data"), n))
    return np.asarray(batch.inputs), np.asarray(batch.features), np.asarray(batch.targets[:, 0])


@pytest.mark.parametrize("pieces", SHARES)
def test_slabs_are_those_of_the_paper(pieces):
    """Ends to the four digits that are given; shares within five standard errors."""
    for label, intervals in INTERVALS[pieces].items():
        np.testing.assert_allclose(slabs(pieces)[label::2], [i[:2] for i in intervals], atol=5e-5)
    x, _, y = drawn(Slabs(pieces=(pieces,), copies=(1,)))
    for label, intervals in INTERVALS[pieces].items():
        own = np.abs(x[y == label, 0])
        assert 0.5 - 5 * 0.5 / np.sqrt(N) < (y == label).mean() < 0.5 + 5 * 0.5 / np.sqrt(N)
        inside = [(own >= low - 5e-5) & (own <= high + 5e-5) for low, high, _ in intervals]
        assert np.sum(inside, axis=0).min() == np.sum(inside, axis=0).max() == 1
        for (low, high, share), here in zip(intervals, inside, strict=True):
            error = np.sqrt(share * (1 - share) / len(own))
            assert abs(here.mean() - share) <= 5 * error
            if (low, high) != (0, 0):
                law = stats.uniform(low, high - low)
                assert stats.kstest(own[here], law.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("pieces", "expected"), [(5, (0.1984, 0.1984)), (7, (0.19864, 0.19864)), (1, (0.37, 0.37)),
                             (3, (16 / 675, (1 - (7 / 15) ** 3) / 1.6))]
)  # fmt: skip
def test_second_moments(pieces, expected):
    """Closed forms; .1984 and .19864 are the values for five and seven slabs, alike for both
    labels, and the sample's are within five standard errors."""
    np.testing.assert_allclose(second_moments(pieces), expected, atol=6e-6)
    x, _, y = drawn(Slabs(pieces=(pieces,), copies=(1,)))
    for label, moment in enumerate(expected):
        squares = x[y == label, 0] ** 2
        assert abs(squares.mean() - moment) < 5 * squares.std() / np.sqrt(len(squares))


def test_coordinates_are_independent_given_the_label_and_none_but_the_line_leans():
    x, _, y = drawn(Slabs(pieces=(1, 5, 7), copies=(1, 2, 2)))
    for label in (0, 1):
        r = np.corrcoef(x[y == label].T) - np.eye(5)
        squares = np.corrcoef(x[y == label].T ** 2) - np.eye(5)
        assert max(np.abs(r).max(), np.abs(squares).max()) < 5 / np.sqrt(N / 2)
    r = np.corrcoef(x.T, y)[-1, :-1]
    assert r[0] > 0.85 and np.abs(r[1:]).max() < 5 / np.sqrt(N)


@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_noise_hides_the_label_in_so_many_linear_coordinates(noise):
    """Oracle: the best cut of the line, at 0, is right in 1 - noise / 2; five standard errors."""
    task = Slabs(pieces=(1, 5), copies=(1, 1), noise=noise)
    x, _, y = drawn(task)
    inside = np.abs(x[:, 0]) < 0.1
    assert abs(inside.mean() - noise) <= 5 * np.sqrt(noise * (1 - noise) / N)
    right = ((x[:, 0] > 0) == (y == 1)).mean()
    assert abs(right - (1 - noise / 2)) <= 5 * 0.5 / np.sqrt(N) * (noise > 0)
    assert task.declared[0].predictivity == 1 - noise / 2
    assert task.targets[0].ceiling == 1  # the slab tells the rest
    clean = drawn(Slabs(pieces=(1, 5), copies=(1, 1)))
    np.testing.assert_array_equal(x[:, 1], clean[0][:, 1])  # draws are shared, whatever the noise
    assert Slabs(pieces=(1,), copies=(2,), noise=0.5).targets[0].ceiling == 1 - 0.5**2 / 2


def test_features_are_the_coordinates_and_groups_of_them():
    task = Slabs(pieces=(1, 5), copies=(1, 2))
    assert [f.name for f in task.declared] == ["linear", "5-slab 1", "5-slab 2", "5-slabs"]
    assert [f.columns for f in task.declared] == [(0,), (1,), (2,), (1, 2)]
    assert [f.complexity for f in task.declared] == [1, 5, 5, 5]
    x, features, _ = drawn(task, 10)
    np.testing.assert_array_equal(features[:, :3], x)
    assert np.isnan(features[:, 3]).all()


def test_one_coordinate_more_leaves_the_others_alone():
    few, more = (drawn(Slabs(pieces=(5, 7), copies=(2, n)), 100) for n in (2, 3))
    np.testing.assert_array_equal(few[0], more[0][:, :4])
    np.testing.assert_array_equal(few[2], more[2])


def test_a_rotation_is_orthogonal_fixed_and_undone_by_its_matrix():
    task = Slabs(pieces=(1, 5), copies=(1, 5), rotation=3)
    turned = task.rotation_matrix
    np.testing.assert_allclose(turned @ turned.T, np.eye(6), atol=1e-6)
    plain = drawn(Slabs(pieces=(1, 5), copies=(1, 5)), 100)
    x, features, y = drawn(task, 100)
    np.testing.assert_allclose(x @ turned.T, plain[0], atol=1e-6)
    np.testing.assert_array_equal(features, plain[1])
    np.testing.assert_array_equal(y, plain[2])
    assert not np.array_equal(turned, rotation(4, 6))
    assert task.input_names == ("x1", "x2", "x3", "x4", "x5", "x6")


@pytest.mark.parametrize("number", range(3))
def test_rotations_are_uniform(number):
    """Oracle: the square of an entry of a Haar-distributed matrix is Beta(1/2, (d - 1)/2)."""
    d = 60
    first = rotation(number, d)[0] ** 2  # one row: its entries are nearly independent
    assert stats.kstest(first, stats.beta(0.5, (d - 1) / 2).cdf).pvalue > 1e-3


# Measures of features that are directions


def evaluated(task, direction, names, n=4000):
    """Measures of a linear network that reads one direction of the input."""
    training = Training(batch_size=8, examples="stream", steps=4, evaluations=3, test_examples=n)
    condition = Condition(task=task, model=Linear(), training=training)
    params = {
        "output": {"kernel": jnp.asarray(direction, jnp.float32)[:, None], "bias": jnp.zeros(1)}
    }
    sets = {
        split: jax.tree.map(jnp.asarray, task.draw(split, streams(0, "data"), n))
        for split in ("fit", "test")
    }
    columns = jnp.asarray(sites(task.declared, len(task.input_names))[1])
    donors = jnp.asarray(np.random.default_rng(1).permutation(n))
    registered = measures.load()
    chosen = tuple(registered[name] for name in names)
    given = sets, columns, donors
    found = jax.jit(lambda p: evaluate_condition(condition, chosen, p, *given))(params)
    return {name: np.asarray(found[f"{name}/test"])[..., 0] for name in names}, sets, donors


NAMES = ("auc", "randomized_auc", "reliance", "reliance_accuracy", "input_gradient_signed")


@pytest.mark.parametrize("number", [None, 0, 1])
def test_a_planted_network_uses_the_direction_it_reads(number):
    """Read along the linear coordinate with weight 2: it alone is used, wherever it points."""
    task = Slabs(pieces=(1, 5), copies=(1, 4), rotation=number)
    basis = np.eye(5) if number is None else task.rotation_matrix
    found, sets, donors = evaluated(task, 2 * basis[0], NAMES)
    other = [1, 2, 3, 4]  # slabs; site 5 is all of them together
    assert found["auc"] == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(found["randomized_auc"][[*other, 5]], 1, atol=1e-6)
    np.testing.assert_allclose(found["input_gradient_signed"][:5], [2, 0, 0, 0, 0], atol=1e-5)
    np.testing.assert_allclose(found["reliance"][[*other, 5]], 0, atol=1e-9)
    np.testing.assert_array_equal(found["reliance_accuracy"][[*other, 5]], 0)
    assert found["reliance_accuracy"][0] == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(4000))
    values, label = np.asarray(sets["test"]["coordinates"])[:, 0], sets["test"]["label"]
    theirs = roc_auc_score(label, values[np.asarray(donors)])
    assert found["randomized_auc"][0] == pytest.approx(theirs, abs=2e-6)
    assert abs(theirs - 0.5) < 5 * np.sqrt(1 / (12 * 1000))


def test_a_group_is_interchanged_together():
    """A network that adds two copies: either alone leaves something, both together nothing.

    Oracle: with one copy interchanged, the difference of two sums of one honest and one arbitrary
    term is above 0 with probability .8678 (NumPy, a million draws); standard errors below .01.
    """
    task = Slabs(pieces=(1,), copies=(2,), rotation=7)
    found, *_ = evaluated(task, task.rotation_matrix.sum(axis=0), ("auc", "randomized_auc"))
    one, two, both = found["randomized_auc"]
    assert found["auc"] == pytest.approx(1, abs=1e-6)
    assert one == pytest.approx(0.8678, abs=0.03) and two == pytest.approx(0.8678, abs=0.03)
    assert both == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("number", [None, 0])
def test_what_units_read_is_not_told_of_turned_inputs(number):
    task = Slabs(pieces=(1, 5), copies=(1, 2), rotation=number)
    training = Training(batch_size=8, examples="stream", steps=4, evaluations=3)
    condition = Condition(task=task, model=Linear(), training=training)
    own = describe(Study(name="one", conditions={"default": condition})).conditions[0]
    weights = {"output/kernel": np.ones((3, 1), np.float32), "output/bias": np.zeros(1)}
    assert (units(own, weights) is None) == (number is not None)


WRONG = {
    "other pieces": ({"pieces": (4,), "copies": (1,)}, "4 is none of 1, 3, 5, 7"),
    "lengths": ({"pieces": (1, 5), "copies": (1,)}, "2 pieces and 1 copies"),
    "twice": ({"pieces": (5, 5), "copies": (1, 1)}, "a kind stands twice"),
    "too many": ({"pieces": (1, 5), "copies": (1, 5000)}, "more than 4096 coordinates"),
    "nothing tells": ({"pieces": (1,), "copies": (3,), "noise": 1.0}, "no coordinate would tell"),
    "one rotated": ({"pieces": (5,), "copies": (1,), "rotation": 0}, "nowhere to turn"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_task_is_refused(case):
    fields, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        Slabs(**fields)
    (mistake,) = checked(Slabs, fields, ("task",))[1]
    assert message in mistake.message


# The calibration's network


def test_a_network_uses_the_line_and_none_of_the_slabs():
    """LMS-5 with 10 coordinates, rotated; Shah et al.: the area falls to chance, or stays at 1."""
    checks = calibration()
    assert len(checks) == 7
    assert [(c.quantity, c.measured) for c in checks if not c.passed] == []
