"""Online code: scikit-learn's probabilities, and planted layers of known length."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from primacy.measures import description as description_file
from primacy.measures.description import ends
from tests.support.compiled import Compiled

description = Compiled(description_file)
M, N, D = 256, 192, 6


def bits(rng, n, d=D):
    return rng.integers(0, 2, (n, d)).astype(np.float32)


def by_scikit_learn(fit, test, fit_labels, labels):
    """Bits of the code in double precision: its probes, this file's sums."""
    x = np.hstack([np.concatenate([fit, test]), np.ones((len(fit) + len(test), 1))]).astype(float)
    y = np.concatenate([fit_labels, labels])
    sent, total = ends(len(fit)), float(ends(len(fit))[0])
    for start, stop in zip(sent, (*sent[1:], len(x)), strict=True):
        if len(set(y[:start])) == 1:
            raise ValueError("scikit-learn has no answer for one label; choose another seed")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            own = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=10**4)
            log_p = own.fit(x[:start], y[:start]).predict_log_proba(x[start:stop])
        total -= log_p[np.arange(stop - start), y[start:stop].astype(int)].sum() / np.log(2)
    return total / len(x)


@pytest.mark.parametrize("apart", [0.0, 1.0, 5.0])
def test_against_scikit_learn(apart):
    rng = np.random.default_rng(3)
    reps = rng.normal(size=(M + N, 5)).astype(np.float32)
    labels = rng.integers(0, 2, M + N).astype(np.float32)
    reps[:, 0] += apart * labels
    wanted = by_scikit_learn(reps[:M], reps[M:], labels[:M], labels[M:])
    found = description.code_length(reps[:M], reps[M:], labels[:M, None], labels[M:, None])
    assert float(found[0]) == pytest.approx(wanted, abs=2e-5)


def test_blocks_double():
    assert ends(1024) == (16, 32, 64, 128, 256, 512, 1024)
    assert ends(64) == (1, 2, 4, 8, 16, 32, 64)
    assert ends(3) == (1, 2, 3)


def length(reps_of, label_of, m=4096, seed=0, name="description_length"):
    rng = np.random.default_rng(seed)
    sets = [bits(rng, m) for _ in range(2)]
    labels = [label_of(x, rng).astype(np.float32)[:, None] for x in sets]
    layers = [reps_of(x, rng).astype(np.float32) for x in sets]
    given = {"fit_reps": layers[0], "fit_inputs": sets[0], "fit_features": labels[0],
             "reps": layers[1], "features": labels[1]}  # fmt: skip
    if name.endswith("control"):
        given["inputs"] = sets[1]
    return float(getattr(description, name)(**given)[0])


def entropy(q):
    return 0.0 if q in (0, 1) else float(-q * np.log2(q) - (1 - q) * np.log2(1 - q))


def noisy(x, rng, q):
    return np.where(rng.random(len(x)) < q, 1 - x[:, 0], x[:, 0])


def test_it_falls_with_the_true_description_length():
    """A layer that holds a bit, and a label that is the bit but for a share q of errors: no code is
    shorter than the entropy H(q), and the price of learning the probe is small."""
    qs = (0.0, 0.02, 0.1, 0.25, 0.5)
    found = [length(lambda x, rng: x, lambda x, rng, q=q: noisy(x, rng, q)) for q in qs]
    assert found == sorted(found)
    wanted = np.array([entropy(q) for q in qs])
    # 6 weights and an intercept at half of log2 n bits each, and the first block of 64.
    price = (7 / 2 * np.log2(8192) + 64) / 8192
    sampling = 4 * np.sqrt(0.25 / 8192) * 3  # of q, by a slope of H of at most 3 here
    assert (np.array(found) > wanted - sampling).all()
    assert (np.array(found) < wanted + price + sampling).all()


def test_it_falls_with_what_the_probe_must_learn():
    """The same label, exact in every layer: with more units of noise beside it it costs more."""

    def beside(units):
        def layer(x, rng):
            return np.hstack([x[:, :1], rng.normal(size=(len(x), units))])

        return length(layer, lambda x, rng: x[:, 0], m=512)

    found = [beside(units) for units in (1, 8, 32)]
    assert found == sorted(found) and found[-1] > found[0] + 0.05


def test_a_layer_of_noise_and_the_control():
    noise = lambda x, rng: rng.normal(size=(len(x), 4))  # noqa: E731
    first = lambda x, rng: x[:, 0]  # noqa: E731
    assert 1 < length(noise, first) < 1.02
    # 64 inputs, each 128 times: 6 bits explain 6 of 63 parts of the variance of labels by chance,
    # which saves about .095 / (2 ln 2) = .07 bits of 1; a probe of bits cannot memorize more.
    control = length(lambda x, rng: x, first, name="description_length_control")
    assert 0.85 < control < 1
    # With a unit for each input it can.
    one_hot = lambda x, rng: np.eye(64)[(x @ 2 ** np.arange(6)).astype(int)]  # noqa: E731
    assert length(one_hot, first, name="description_length_control") < 0.3


def test_the_order_is_the_inputs_own():
    """Sorted by a hash: the same examples in another order cost the same bits."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(M, D)).astype(np.float32), bits(rng, M, 1)
    test, labels = rng.normal(size=(N, D)).astype(np.float32), bits(rng, N, 1)
    order = rng.permutation(M)
    one, other = (
        description.description_length(
            fit_reps=x[o], fit_inputs=x[o], fit_features=y[o], reps=test, features=labels
        )
        for o in (np.arange(M), order)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_null_without_two_values():
    rng = np.random.default_rng(0)
    x, test = rng.normal(size=(2, M, D)).astype(np.float32)
    features = np.stack([np.zeros(M), rng.normal(size=M), x[:, 0] > 0], axis=1).astype(np.float32)
    found = description.description_length(
        fit_reps=x, fit_inputs=x, fit_features=features, reps=test, features=features
    )
    assert np.isnan(found).tolist() == [True, True, False]
    constant = description.description_length(
        fit_reps=0 * x, fit_inputs=x, fit_features=features, reps=0 * x, features=features
    )
    assert np.isnan(constant).all()
