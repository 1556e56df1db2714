"""Measures of features and targets that are classes, against scikit-learn on one-hot columns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss, r2_score

from primacy.measures import probes
from primacy.measures.classes import answers, coded, free, membership, plain, pooled
from primacy.registry import measures
from primacy.training.answers import Answers, Facts, Seen, measured

M, N, H = 200, 100, 6
CODES, HEADS = (3, 1, 4), (3, 1)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}

NAMES = (
    "accuracy", "loss", "reliance_accuracy", "variance_explained", "variance_explained_unit_mean",
    "variance_explained_example_mean", "variance_explained_joint", "variance_explained_unique",
    "variance_explained_shapley", "best_unit_r_squared", "probe_accuracy", "probe_r_squared",
    "rsa_pearson", "rsa_spearman", "cka", "erasure_accuracy", "subspace_reliance",
    "steering_dose", "components_needed", "units_effective", "class_selectivity", "probe_control",
)  # fmt: skip


def one_hot(values, width):
    return (values[:, None] == np.arange(width)).astype(float) if width > 1 else values[:, None]


@functools.cache
def world():
    """A layer that holds a class of three, a number and a class of four, in part; two targets."""
    rng = np.random.default_rng(0)
    made = {}
    mixing = rng.normal(size=(8, H))
    for name, n in (("fit", M), ("test", N)):
        values = np.stack(
            [rng.choice(3, n, p=(0.5, 0.3, 0.2)), rng.normal(size=n), rng.choice(4, n)], 1
        )
        columns = np.concatenate([one_hot(values[:, k], w) for k, w in enumerate(CODES)], 1)
        reps = columns @ mixing + 0.7 * rng.normal(size=(n, H))
        targets = np.stack([values[:, 0], values[:, 1] > 0], 1)
        made[name] = {"features": values, "columns": columns, "reps": reps, "targets": targets}
    out = rng.normal(size=(H, 4))
    for part in made.values():
        part["outputs"] = part["reps"] @ out
    donors = rng.permutation(N)
    swapped = np.stack([made["test"]["reps"][donors] @ out, made["test"]["outputs"] * 0.5])
    return made, out, donors, swapped


@functools.cache
def found():
    made, out, donors, swapped = world()

    def seen(part, **more):
        given = (part["reps"], part["features"], part["targets"], part["outputs"])
        inputs, *rest = (jnp.asarray(x, jnp.float32) for x in given)
        return Seen(inputs, *rest, {"hidden": inputs}, **more)

    weights = jnp.asarray(out, jnp.float32)
    test = seen(made["test"], swapped=jnp.asarray(swapped, jnp.float32))
    asked = Answers(seen(made["fit"]), test, onward={"hidden": lambda reps: reps @ weights})
    chosen = tuple(measures.load()[name] for name in NAMES)
    value = jax.jit(
        lambda: measured(
            chosen,
            asked,
            columns=jnp.ones((2, H), bool),
            donors=jnp.asarray(donors),
            loss="softmax_cross_entropy",
            facts=Facts((0, 1, -1), heads=HEADS, codes=CODES),
            layers=("hidden",),
        )
    )()
    plain_values = {name.split("/")[0]: np.asarray(v) for name, v in value.items()}
    return {n: v[0] if n in NAMES and measures[n].by_layer else v for n, v in plain_values.items()}


def own(k):
    return slice(sum(CODES[:k]), sum(CODES[: k + 1]))


def predicted(columns):
    """scikit-learn's fit of the layer on these columns, and its guess on the test examples."""
    made = world()[0]
    fit, test = made["fit"], made["test"]
    model = LinearRegression().fit(fit["columns"][:, columns], fit["reps"])
    return model.predict(test["columns"][:, columns])


def pooled_r2(columns):
    return r2_score(world()[0]["test"]["reps"], predicted(columns), multioutput="variance_weighted")


def test_accuracy_and_loss():
    """Oracle: scikit-learn's accuracy_score and log_loss on softmax probabilities."""
    test = world()[0]["test"]
    logits, label = test["outputs"][:, :3], test["targets"][:, 0]
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    binary = 1 / (1 + np.exp(-test["outputs"][:, 3]))
    wanted = [
        accuracy_score(label, logits.argmax(axis=1)),
        accuracy_score(test["targets"][:, 1], binary > 0.5),
    ]
    np.testing.assert_allclose(found()["accuracy"], wanted, **CLOSE)
    wanted = [log_loss(label, probability), log_loss(test["targets"][:, 1], binary)]
    np.testing.assert_allclose(found()["loss"], wanted, **CLOSE)
    swapped = world()[3]
    lost = [
        accuracy_score(label, logits.argmax(axis=1))
        - accuracy_score(label, s[:, :3].argmax(axis=1))
        for s in swapped
    ]
    np.testing.assert_allclose(found()["reliance_accuracy"][:, 0], lost, **CLOSE)


@pytest.mark.parametrize("k", range(3))
def test_variance_explained(k):
    """Oracle: LinearRegression on the one-hot columns, and r2_score."""
    reps, guess, value = world()[0]["test"]["reps"], predicted(own(k)), found()
    np.testing.assert_allclose(value["variance_explained"][k], pooled_r2(own(k)), **CLOSE)
    mean = r2_score(reps, guess, multioutput="uniform_average")
    np.testing.assert_allclose(value["variance_explained_unit_mean"][k], mean, **CLOSE)
    apart = ((reps - reps.mean(axis=0)) ** 2).sum(axis=1)
    each = 1 - ((reps - guess) ** 2).sum(axis=1) / apart
    np.testing.assert_allclose(
        value["variance_explained_example_mean"][k], each.mean(), rtol=1e-4, atol=1e-5
    )  # examples near the mean weigh without bound
    everything = np.arange(8)
    rest = np.setdiff1d(everything, everything[own(k)])
    unique = pooled_r2(everything) - pooled_r2(rest)
    np.testing.assert_allclose(value["variance_explained_unique"][k], unique, **CLOSE)
    np.testing.assert_allclose(value["variance_explained_joint"], pooled_r2(everything), **CLOSE)


def test_best_unit_and_shapley_shares_add_up():
    """Oracle: r2_score by unit, the unit chosen in the fit; shares add up to the joint value."""
    made, value = world()[0], found()
    for k in range(3):
        fit = LinearRegression().fit(made["fit"]["columns"][:, own(k)], made["fit"]["reps"])
        within = r2_score(
            made["fit"]["reps"],
            fit.predict(made["fit"]["columns"][:, own(k)]),
            multioutput="raw_values",
        )
        held_out = r2_score(made["test"]["reps"], predicted(own(k)), multioutput="raw_values")
        np.testing.assert_allclose(
            value["best_unit_r_squared"][k], held_out[within.argmax()], **CLOSE
        )
    nothing = r2_score(
        made["test"]["reps"],
        np.tile(made["fit"]["reps"].mean(axis=0), (N, 1)),
        multioutput="variance_weighted",
    )
    np.testing.assert_allclose(
        value["variance_explained_shapley"].sum(), pooled_r2(np.arange(8)) - nothing, **CLOSE
    )


@pytest.mark.parametrize("k", [0, 2])
def test_probes_read_the_level_whose_regression_is_surest(k):
    """Oracle: scikit-learn's LogisticRegression of each level, balanced; the largest decides."""
    made = world()[0]
    fit, test = made["fit"], made["test"]
    mean = fit["reps"].mean(axis=0)
    scale = np.sqrt(((fit["reps"] - mean) ** 2).mean())
    x, y = ((part["reps"] - mean) / scale for part in (fit, test))
    logits = [
        LogisticRegression(
            C=1 / probes.PENALTY, class_weight="balanced", tol=1e-10, max_iter=10_000
        )
        .fit(x, fit["columns"][:, c])
        .decision_function(y)
        for c in range(own(k).start, own(k).stop)
    ]
    wanted = balanced_accuracy_score(test["features"][:, k], np.argmax(logits, axis=0))
    np.testing.assert_allclose(found()["probe_accuracy"][k], wanted, **CLOSE)


@pytest.mark.parametrize("k", [0, 2])
def test_distances_and_kernels_are_those_of_one_hot_columns(k):
    """Oracle: SciPy's pdist, pearsonr and spearmanr; CKA by its definition in NumPy."""
    test = world()[0]["test"]
    columns = test["columns"][:, own(k)]
    layer, feature = pdist(test["reps"]), pdist(columns)
    value = found()
    np.testing.assert_allclose(value["rsa_pearson"][k], pearsonr(layer, feature)[0], **CLOSE)
    np.testing.assert_allclose(value["rsa_spearman"][k], spearmanr(layer, feature)[0], **CLOSE)
    x, y = (a - a.mean(axis=0) for a in (test["reps"], columns))
    size = [np.linalg.norm(a.T @ a) for a in (x, y)]
    wanted = np.linalg.norm(x.T @ y) ** 2 / (size[0] * size[1])
    np.testing.assert_allclose(value["cka"][k], wanted, **CLOSE)


def test_a_class_is_erased_as_least_squares_shows():
    """Oracle: LEACE in float64, x - W^+ P W x with P the span of the whitened covariance; after it
    scikit-learn's LinearRegression of the levels on the layer explains nothing."""
    made, out, donors, _ = world()
    fit, test = made["fit"], made["test"]
    mean = fit["reps"].mean(axis=0)
    deviations, columns = fit["reps"] - mean, fit["columns"][:, own(0)]
    size, axes = np.linalg.eigh(deviations.T @ deviations / M)
    whiten, color = (axes * size**p @ axes.T for p in (-0.5, 0.5))
    cross = whiten @ deviations.T @ (columns - columns.mean(axis=0)) / M
    left, strength, _ = np.linalg.svd(cross, full_matrices=False)
    span = left[:, strength > 1e-10]
    assert span.shape[1] == 2  # the third level is the complement of the others
    eraser = color @ span @ span.T @ whiten
    gone = deviations - deviations @ eraser.T
    assert LinearRegression().fit(gone, columns).score(gone, columns) < 1e-10
    erased = (test["reps"] - (test["reps"] - mean) @ eraser.T) @ out
    label = test["targets"][:, 0]
    lost = accuracy_score(label, test["outputs"][:, :3].argmax(axis=1))
    lost -= accuracy_score(label, erased[:, :3].argmax(axis=1))
    np.testing.assert_allclose(found()["erasure_accuracy"][0, 0], lost, **CLOSE)
    taken = test["reps"] + (test["reps"][donors] - test["reps"]) @ eraser.T
    now, before = ((x @ out)[:, :3] for x in (taken, test["reps"]))
    now, before = (x - x.mean(axis=1, keepdims=True) for x in (now, before))
    wanted = ((now - before) ** 2).mean(axis=0).sum() / (2 * before.var(axis=0).sum())
    np.testing.assert_allclose(found()["subspace_reliance"][0, 0], wanted, **CLOSE)


def test_what_classes_have_no_value_for_is_null():
    value = found()
    assert np.isnan(value["steering_dose"][[0, 2]]).all()  # no one other value to steer to
    for name in ("components_needed", "units_effective", "class_selectivity", "probe_control"):
        assert np.isfinite(value[name][[0, 2]]).all(), name


def test_one_output_and_one_column_each_are_the_identity():
    x = jnp.ones((4, 2))
    for widths in (None, (1, 1)):
        assert plain(widths)
        assert free(x, widths) is x and coded(x, widths) is x and pooled(x, widths) is x
        np.testing.assert_array_equal(membership(widths, 2), np.eye(2, dtype=bool))
    assert answers(jnp.asarray([[0.1, 3, 2, -1]]), (3, 1)).tolist() == [[1, 0]]
