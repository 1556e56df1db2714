"""Linear probes: scikit-learn on the same data and penalty; planted layers; the control task."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score

from primacy.measures import labels as labels_file
from primacy.measures import probes as probes_file
from primacy.measures import represented as represented_file
from tests.support.compiled import Compiled

labels, probes, represented = map(Compiled, (labels_file, probes_file, represented_file))

FLOAT32 = 1e-4
"""Against scikit-learn in float64."""

BITS = np.array(list(itertools.product([0.0, 1.0], repeat=5)), np.float32)


def drawn(h=20, m=300, n=400, rate=0.3, apart=0.6, seed=0):
    """A feature with two values and a numeric one, in units of very different scale."""
    rng = np.random.default_rng(seed)
    features = np.stack([rng.random(m + n) < rate, rng.normal(size=m + n)], axis=1)
    reps = rng.normal(size=(m + n, h)) * np.logspace(-1, 0.5, h) + 20
    reps += apart * features @ rng.normal(size=(2, h))
    parts = (reps[:m], features[:m], reps[m:], features[m:])
    return [part.astype(np.float32) for part in parts]


def standardized(fit_reps, reps):
    """Centered, and divided by the root of the mean unit variance."""
    x, y = fit_reps.astype(float), reps.astype(float)
    scale = np.sqrt(x.var(axis=0).mean())
    return (x - x.mean(axis=0)) / scale, (y - x.mean(axis=0)) / scale


def logistic(x, label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a solver that did not converge is no oracle
        return LogisticRegression(
            C=1 / probes.PENALTY, class_weight="balanced", tol=1e-10, max_iter=10**5
        ).fit(x, label)


@pytest.mark.parametrize("apart", [0.1, 0.6, 30])
@pytest.mark.parametrize("h,m", [(5, 300), (20, 300), (90, 60)])
@pytest.mark.parametrize("rate", [0.5, 0.05])
def test_probe_against_scikit_learn(h, m, apart, rate):
    """Separable and not, units beyond examples, one value rare: the same logits."""
    fit_reps, fit_features, reps, features = drawn(h, m, apart=apart, rate=rate)
    x, y = standardized(fit_reps, reps)
    oracle = logistic(x, fit_features[:, 0])
    wanted = oracle.decision_function(y)
    found = probes._logistic(probes.scaled(fit_reps, reps), fit_features[:, :1])[:, 0]
    close = 5e-4 * np.abs(wanted).max()
    np.testing.assert_allclose(found, wanted, atol=close)
    accuracy = probes.probe_accuracy(fit_reps, fit_features, reps, features)
    # Which side of 0 a logit lies is only known where it is farther away than the logits agree.
    label, unclear = features[:, 0].astype(bool), np.abs(wanted) <= close
    worst, best = (
        balanced_accuracy_score(label, np.where(unclear, told, wanted > 0))
        for told in (~label, label)
    )
    assert worst - 1e-6 <= accuracy[0] <= best + 1e-6
    assert unclear.mean() <= 0.01
    assert np.isnan(accuracy[1]), "a numeric feature has no accuracy"
    ridge = probes.probe_r_squared(fit_reps, fit_features, reps, features)
    for f in range(2):
        wanted = Ridge(alpha=probes.PENALTY).fit(x, fit_features[:, f]).score(y, features[:, f])
        assert ridge[f] == pytest.approx(wanted, rel=FLOAT32, abs=FLOAT32)


def test_one_in_a_thousand():
    fit_reps, fit_features, reps, features = drawn(8, 1000, 2000, rate=0.5, apart=0)
    fit_features[:, 0], features[:, 0] = 0, 0
    fit_features[7, 0] = features[:2, 0] = 1
    fit_reps[7, 3] += 3
    x, y = standardized(fit_reps, reps)
    score = balanced_accuracy_score(
        features[:, 0], logistic(x, fit_features[:, 0]).predict(y).astype(float)
    )
    accuracy = probes.probe_accuracy(fit_reps, fit_features, reps, features)
    assert accuracy[0] == pytest.approx(score, abs=1e-3)


def test_decodable_without_being_large():
    """R^2 of .0016 with probe accuracy 1 (science.md section 2): the two ask different things."""
    rng = np.random.default_rng(0)
    feature = np.repeat([0.0, 1.0], 500)[:, None]
    known = np.hstack([np.ones((1000, 1)), feature])

    def half():
        """The loud units have exactly variance 1 and no covariance with the feature."""
        loud = rng.normal(size=(1000, 63))
        loud -= known @ np.linalg.lstsq(known, loud)[0]
        reps = np.hstack([loud / loud.std(axis=0), 0.64 * feature])
        return reps.astype(np.float32), feature.astype(np.float32)

    data = (*half(), *half())
    share = represented.variance_explained(*data)[0]
    assert share == pytest.approx(0.64**2 / 4 / (63 + 0.64**2 / 4), abs=1e-5)
    assert probes.probe_accuracy(*data)[0] == 1


def test_absent_sole_joint_duplicated():
    """On the factorial: chance for what is absent, 1 for what is there, however often."""
    xor = BITS[:, :1] != BITS[:, 1:2]
    features = np.hstack([BITS[:, :3], xor]).astype(np.float32)
    sole = np.outer(BITS[:, 0], [1, -2, 0]).astype(np.float32)
    twice = np.hstack([BITS[:, :2], BITS[:, :2], np.zeros((32, 3))]).astype(np.float32)
    joint = np.outer(xor, [1, 3]).astype(np.float32)
    for reps, there in ((sole, [0]), (twice, [0, 1]), (joint, [3])):
        # Silent units carry nothing; with as many units in all there is one program.
        reps = np.pad(reps, ((0, 0), (0, 7 - reps.shape[1])))
        accuracy = probes.probe_accuracy(reps, features, reps, features)
        r_squared = probes.probe_r_squared(reps, features, reps, features)
        for f in range(4):
            if f in there:
                assert accuracy[f] == 1 and r_squared[f] > 0.95
            else:  # a fit without effect: all logits are 0 but for rounding, so any guess
                assert r_squared[f] == pytest.approx(0, abs=1e-5)


def test_which_value_is_called_one_does_not_matter():
    fit_reps, fit_features, reps, features = drawn(seed=2)
    plain = probes.probe_accuracy(fit_reps, fit_features, reps, features)[0]
    turned = probes.probe_accuracy(fit_reps, 5 - 3 * fit_features, reps, 5 - 3 * features)[0]
    assert turned == plain


# The control task ------------------------------------------------------------------------------


def test_control_labels_are_a_function_of_the_input_alone():
    rate = np.array([0.5, 0.1], np.float32)
    inputs = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    found = np.asarray(labels.control_labels(inputs, rate))
    order = np.random.default_rng(1).permutation(5000)
    assert np.array_equal(labels.control_labels(inputs[order], rate), found[order])
    # Binomial SD .007 and .004; four of them.
    np.testing.assert_allclose(found.mean(axis=0), rate, atol=4 * 0.007)
    signs = np.where(inputs == 0, 0, inputs)
    signs[:, 0] = -0.0
    other = signs.copy()
    other[:, 0] = 0.0
    assert np.array_equal(labels.control_labels(signs, rate), labels.control_labels(other, rate))


def test_control_labels_of_bits_go_with_none_of_them_nor_with_pairs():
    """Every correlation over all 2^14 inputs is that of coin flips: SD 1/128."""
    bits = np.array(list(itertools.product([0.0, 1.0], repeat=14)), np.float32)
    label = np.asarray(labels.control_labels(bits, np.array([0.5], np.float32)))[:, 0] - 0.5
    signs = 2 * bits - 1
    linear = 2 * label @ signs / len(bits)
    pairs = 2 * (signs * label[:, None]).T @ signs / len(bits)
    many = np.concatenate([linear, pairs[np.triu_indices(14, 1)]])
    assert np.abs(many).max() < 4 / 128
    assert np.sqrt((many**2).mean()) == pytest.approx(1 / 128, rel=0.25)


def test_selectivity_where_inputs_come_back_and_where_they_do_not():
    rng = np.random.default_rng(0)
    few = BITS[rng.integers(0, 32, 600)]
    many = (rng.random((600, 30)) < 0.5).astype(np.float32)
    # A layer with a unit an input lets any labels be learned by heart.
    one_hot = (few[:, None] == BITS[None]).all(axis=2).astype(np.float32)
    for reps, inputs, control in ((one_hot, few, 1.0), (many, many, 0.5)):
        data = {
            "fit_reps": reps[:300], "fit_inputs": inputs[:300], "fit_features": inputs[:300, :1],
            "reps": reps[300:], "inputs": inputs[300:], "features": inputs[300:, :1],
        }  # fmt: skip
        accuracy = probes.probe_accuracy(
            *(data[k] for k in ("fit_reps", "fit_features", "reps", "features"))
        )[0]
        assert accuracy == 1
        found = probes.probe_control(**data)[0]
        # Chance of 300 held-out examples: SD .03.
        assert found == pytest.approx(control, abs=1e-6 if control == 1 else 0.12)
        assert probes.probe_selectivity(**data)[0] == pytest.approx(
            float(accuracy - found), abs=1e-6
        )


def test_control_against_scikit_learn():
    fit_reps, fit_features, reps, features = drawn()
    rng = np.random.default_rng(5)
    fit_inputs, inputs = (rng.normal(size=(len(x), 4)).astype(np.float32) for x in (fit_reps, reps))
    rate = fit_features[:, :1].mean(axis=0)
    fit_label, label = (
        np.asarray(labels.control_labels(x, rate))[:, 0] for x in (fit_inputs, inputs)
    )
    x, y = standardized(fit_reps, reps)
    wanted = balanced_accuracy_score(label, logistic(x, fit_label).predict(y))
    found = probes.probe_control(fit_reps, fit_inputs, fit_features, reps, inputs, features)
    assert found[0] == pytest.approx(wanted, abs=1e-6)


# What cannot be measured -----------------------------------------------------------------------


@pytest.mark.parametrize("broken", [np.nan, np.inf, "constant"])
def test_a_layer_that_is_not_finite_or_constant_is_null(broken):
    fit_reps, fit_features, reps, features = drawn()
    if broken == "constant":
        fit_reps[:] = reps[:] = 0.3
    else:
        reps[3, 1] = broken
    for measure in (probes.probe_accuracy, probes.probe_r_squared):
        assert np.isnan(measure(fit_reps, fit_features, reps, features)).all()


def test_groups_and_constants_are_null_and_poison_nothing():
    fit_reps, fit_features, reps, features = drawn()
    plain = [
        m(fit_reps, fit_features, reps, features)
        for m in (probes.probe_accuracy, probes.probe_r_squared)
    ]
    more = []
    for x in (fit_features, features):
        group, constant = np.full((len(x), 1), np.nan), np.full((len(x), 1), 0.1)
        more.append(np.hstack([group, x, constant]).astype(np.float32))
    found = [
        m(fit_reps, more[0], reps, more[1]) for m in (probes.probe_accuracy, probes.probe_r_squared)
    ]
    for one, other in zip(plain, found, strict=True):
        assert np.isnan(np.asarray(other)[[0, 3]]).all()
        np.testing.assert_allclose(other[1:3], one, atol=1e-6)


def test_two_valued():
    fit = np.array([[0, -1, 0, 5, 0], [1, 2, 1, 5, 1], [1, 2, 2, 5, 1]], np.float32)
    test = np.array([[1, 2, 1, 5, 1], [0, -1, 0, 5, 1]], np.float32)
    label, two = labels.two_valued(fit, test)
    assert two.tolist() == [True, True, False, False, False]
    assert np.asarray(label)[:, :2].tolist() == [[1, 1], [0, 0]]
