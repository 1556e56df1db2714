"""RSA and CKA: SciPy, plain loops, closed forms, exhaustive permutations, a published value."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import pearsonr, rankdata, spearmanr, zscore

from primacy.measures import cka as cka_file
from primacy.measures import geometry as geometry_file
from primacy.measures import represented as represented_file
from primacy.measures import rsa as rsa_file
from tests.support.compiled import Compiled

files = (geometry_file, rsa_file, cka_file, represented_file)
geometry, rsa, cka_measures, represented = map(Compiled, files)

FLOAT32 = 2e-5
"""Against oracles in float64."""

STATISTIC = {"pearson": pearsonr, "spearman": spearmanr}
INPUTS = np.array(list(itertools.product([0.0, 1.0], repeat=2)), np.float32)
BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=4)), np.float32)


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def rotation(h, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(h, h)))[0].astype(np.float32)


def correlated(a, b, distance, comparison):
    """SciPy: pdist, then pearsonr or spearmanr."""
    one, other = (pdist(np.asarray(x, float), distance) for x in (a, b))
    return STATISTIC[comparison](one, other)[0]


# RSA -------------------------------------------------------------------------------------------


def test_two_solutions_of_xor():
    """science.md section 6, row 6: the same function, opposite geometries."""
    a, b = INPUTS.T.astype(bool)
    one = np.stack([a & b, a | b], axis=1).astype(np.float32)
    other = np.stack([a & ~b, b & ~a], axis=1).astype(np.float32)
    assert geometry.rsa(one, other) == pytest.approx(-0.7947, abs=5e-5)


@pytest.mark.parametrize("shift", [0.0, 1e3])
@pytest.mark.parametrize("distance", ["euclidean", "correlation"])
def test_rdm_against_scipy(distance, shift):
    reps = drawn(30, 7) + (np.float32(shift) if distance == "euclidean" else 0)
    found = geometry.rdm(reps, distance)
    np.testing.assert_allclose(found, pdist(reps.astype(float), distance), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("comparison", ["pearson", "spearman"])
@pytest.mark.parametrize("distance", ["euclidean", "correlation"])
@pytest.mark.parametrize("n", [7, 40])
def test_rsa_against_scipy(distance, comparison, n):
    a = drawn(n, 6)
    b = a[:, :4] ** 2 + drawn(n, 4, seed=1)
    found = geometry.rsa(a, b, distance, comparison)
    # Ranks are taken in steps of 1/65536 of the largest distance: a few close pairs are ties.
    close = FLOAT32 if comparison == "pearson" else 1e-4
    assert found == pytest.approx(correlated(a, b, distance, comparison), abs=close)


def test_ties_share_their_mean_rank():
    reps = np.round(drawn(40, 2))
    wanted = correlated(reps, reps[:, :1], "euclidean", "spearman")
    assert geometry.rsa(reps, reps[:, :1], comparison="spearman") == pytest.approx(
        wanted, abs=FLOAT32
    )


def test_rounding_makes_no_order():
    """Many equal distances; rotated, they differ in their last bits."""
    reps = np.hstack([BITS, BITS[:, :2]])
    turned = (reps @ rotation(6)).astype(np.float32)
    assert len(np.unique(geometry.rdm(turned))) > len(np.unique(geometry.rdm(reps)))
    for comparison in STATISTIC:
        found = geometry.rsa(turned, BITS[:, :2], comparison=comparison)
        assert found == pytest.approx(
            correlated(reps, BITS[:, :2], "euclidean", comparison), abs=FLOAT32
        )


@pytest.mark.parametrize("n", [2, 3, 4, 9, 10])
def test_all_pairs_are_all_and_once(n):
    pairs = geometry.all_pairs(n)
    partner, counted = np.asarray(pairs.partner), np.asarray(pairs.counted)
    example = np.broadcast_to(np.arange(n), partner.shape)
    found = {frozenset(p) for p in zip(example[counted], partner[counted], strict=True)}
    assert found == {frozenset(p) for p in itertools.combinations(range(n), 2)}
    assert counted.sum() == n * (n - 1) // 2


def test_sampled_pairs_follow_the_donors():
    donors = np.random.default_rng(0).permutation(200)
    pairs = geometry.sampled_pairs(jnp.asarray(donors), 3)
    for row, wanted in enumerate((donors, donors[donors], donors[donors[donors]])):
        assert np.array_equal(pairs.partner[row], wanted)
        assert np.array_equal(pairs.counted[row], wanted != np.arange(200))


@pytest.mark.parametrize("comparison", ["pearson", "spearman"])
@pytest.mark.parametrize("distance", ["euclidean", "correlation"])
@pytest.mark.parametrize("n", [60, 1000])
def test_registered_rsa_against_scipy(n, distance, comparison):
    """SciPy on the pairs: all of them, or eight of each example."""
    rng = np.random.default_rng(3)
    reps, features = drawn(n, 5), np.stack([rng.integers(0, 2, n), rng.normal(size=n)], axis=1)
    features = features.astype(np.float32)
    reps[:, 0] += 2 * features[:, 0]
    reps[:, 1] += features[:, 1]
    donors = rng.permutation(n)
    pairs, at = [], np.arange(n)
    for _ in range(8):
        at = donors[at]
        pairs += [(i, j) for i, j in enumerate(at) if i != j]
    if n == 60:
        pairs = list(itertools.combinations(range(n), 2))
    i, j = np.array(pairs).T
    layer = cdist(reps.astype(float), reps.astype(float), distance)[i, j]
    name = "rsa_" + ("correlation_" if distance == "correlation" else "") + comparison
    found = getattr(rsa, name)(reps, features, donors)
    for f in range(2):
        wanted = STATISTIC[comparison](layer, np.abs(features[i, f] - features[j, f]))[0]
        assert found[f] == pytest.approx(wanted, abs=1e-4)


def test_rsa_of_the_sampled_pairs_is_near_that_of_all():
    n = 1000
    reps = drawn(n, 5) * [3, 1, 1, 1, 1]
    reps = reps.astype(np.float32)
    donors = np.random.default_rng(0).permutation(n)
    found = rsa.rsa_pearson(reps, reps[:, :1], donors)[0]
    # The error of a correlation over 8,000 pairs is 1 / sqrt(8000) = .011 at most.
    assert found == pytest.approx(
        correlated(reps, reps[:, :1], "euclidean", "pearson"), abs=4 * 0.011
    )


def test_rsa_with_the_inputs():
    inputs = drawn(50, 4)
    donors = np.arange(50)
    reps = (7 * inputs @ rotation(4) + 3).astype(np.float32)
    for name in ("rsa_inputs_pearson", "rsa_inputs_spearman"):
        assert getattr(rsa, name)(reps, inputs, donors) == pytest.approx(1, abs=FLOAT32)
        comparison = name.rpartition("_")[2]
        wanted = correlated(reps[:, :2], inputs, "euclidean", comparison)
        found = getattr(rsa, name)(reps[:, :2], inputs, donors)
        assert found == pytest.approx(wanted, abs=1e-4)


def test_planted_features_by_their_distances():
    """Sole, absent, duplicated: closed forms of the factorial."""
    donors = np.arange(16)
    sole = np.outer(BITS[:, 0], [2, 1, 0]).astype(np.float32)
    for name in ("rsa_pearson", "rsa_spearman"):
        found = getattr(rsa, name)(sole, BITS, donors)
        assert found[0] == pytest.approx(1, abs=FLOAT32)
        # Of 120 pairs 64 differ in a bit, 32 of them in another one too: phi coefficient -1/14.
        np.testing.assert_allclose(found[1:], np.full(3, -1 / 14), atol=FLOAT32)


def test_silent_examples_have_no_correlation_distance():
    reps, feature = drawn(20, 5), drawn(20, 1, seed=1)
    reps[:3] = 0
    found = rsa.rsa_correlation_pearson(reps, feature, np.arange(20))
    assert found[0] == pytest.approx(
        pearsonr(pdist(reps[3:].astype(float), "correlation"), pdist(feature[3:]))[0], abs=FLOAT32
    )
    assert np.isnan(geometry.rdm(reps, "correlation")).sum() == 3 * 17 + 3
    one_unit = rsa.rsa_correlation_pearson(reps[:, :1], feature, np.arange(20))
    assert np.isnan(one_unit).all()


def test_split_half_noise_ceiling_against_a_loop():
    reps = drawn(40, 3) @ drawn(3, 9, seed=1) + 0.5 * drawn(40, 9, seed=2)
    r = pearsonr(pdist(reps[:, ::2].astype(float)), pdist(reps[:, 1::2].astype(float)))[0]
    found = rsa.rsa_noise_ceiling(reps, np.arange(40))
    assert found == pytest.approx(np.sqrt(2 * r / (1 + r)), abs=FLOAT32)
    twice = np.repeat(reps, 2, axis=1)  # each half has every unit
    assert rsa.rsa_noise_ceiling(twice, np.arange(40)) == pytest.approx(1, abs=FLOAT32)
    assert np.isnan(rsa.rsa_noise_ceiling(reps[:, :1], np.arange(40)))


@pytest.mark.parametrize("comparison", ["pearson", "spearman"])
def test_noise_ceiling_of_networks_against_a_loop(comparison):
    """Nili et al. 2014, written out: the mean of standardized or ranked RDMs."""
    rdms = np.abs(drawn(1, 45) + 0.7 * drawn(6, 45, seed=1))
    statistic = STATISTIC[comparison]
    z = np.stack([(zscore if comparison == "pearson" else rankdata)(r.astype(float)) for r in rdms])
    lower = np.mean(
        [statistic(z[i], np.delete(z, i, axis=0).mean(axis=0))[0] for i in range(len(z))]
    )
    upper = np.mean([statistic(one, z.mean(axis=0))[0] for one in z])
    found = geometry.noise_ceiling(rdms, comparison)
    np.testing.assert_allclose(
        found, (lower, upper), atol=1e-3 if comparison != "pearson" else 1e-5
    )
    assert lower < upper
    same = geometry.noise_ceiling(np.repeat(rdms[:1], 3, axis=0), comparison)
    np.testing.assert_allclose(same, (1, 1), atol=FLOAT32)
    assert np.isnan(geometry.noise_ceiling(rdms[:1], comparison)).all()


# CKA -------------------------------------------------------------------------------------------


def aligned(x, y, debiased):
    """Linear CKA from n x n kernels in float64, HSIC_1 as Song et al. 2012 write it."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    k, l = x @ x.T, y @ y.T
    n = len(k)
    ones = np.ones(n)

    def hsic(a, b):
        if not debiased:
            center = np.eye(n) - 1 / n
            return np.trace(a @ center @ b @ center)
        a, b = (m - np.diag(np.diag(m)) for m in (a, b))
        middle = (ones @ a @ ones) * (ones @ b @ ones) / ((n - 1) * (n - 2))
        last = 2 / (n - 2) * (ones @ a @ b @ ones)
        return (np.trace(a @ b) + middle - last) / (n * (n - 3))

    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("shape", [(40, 5, 3), (12, 30, 40), (4, 2, 9)])
def test_cka_against_kernels(shape, debiased):
    n, p, q = shape
    x, y = drawn(n, p) + 5, drawn(n, q, seed=1)
    y[:, :2] += 2 * x[:, :2]
    assert geometry.cka(x, y, debiased) == pytest.approx(aligned(x, y, debiased), abs=FLOAT32)
    measure = cka_measures.cka_debiased if debiased else cka_measures.cka
    wanted = [aligned(x, y[:, [f]], debiased) for f in range(q)]
    np.testing.assert_allclose(measure(x, y), wanted, atol=FLOAT32)
    inputs = cka_measures.cka_inputs_debiased if debiased else cka_measures.cka_inputs
    assert inputs(x, y) == pytest.approx(aligned(x, y, debiased), abs=FLOAT32)


def test_bias_of_cka_over_all_permutations():
    """Its mean over all pairings of examples is sqrt(p q) / (n - 1); of the debiased, 0."""
    x, y = drawn(6, 4), drawn(6, 3, seed=1)
    orders = np.array(list(itertools.permutations(range(6))))
    for debiased in (False, True):
        found = jax.vmap(lambda o, d=debiased: geometry.cka(x, jnp.asarray(y)[o], d))(orders)
        p, q = (represented.participation_ratio(jnp.asarray(a)) for a in (x, y))
        wanted = 0 if debiased else np.sqrt(p * q) / 5
        assert np.mean(found) == pytest.approx(wanted, abs=FLOAT32)


def test_cka_of_a_feature_is_its_share_times_the_root_of_the_participation_ratio():
    reps = (BITS @ drawn(4, 8)).astype(np.float32)
    share = represented.variance_explained(reps, BITS, reps, BITS)
    wanted = share * np.sqrt(represented.participation_ratio(reps))
    np.testing.assert_allclose(cka_measures.cka(reps, BITS), wanted, atol=FLOAT32)


def test_cka_of_the_same_and_of_the_unrelated():
    reps = drawn(30, 6)
    moved = (4 * reps @ rotation(6) + 100).astype(np.float32)
    for debiased in (False, True):
        assert geometry.cka(reps, moved, debiased) == pytest.approx(1, abs=FLOAT32)
    assert geometry.cka(BITS[:, :2], BITS[:, 2:]) == pytest.approx(0, abs=FLOAT32)


# What cannot be compared -----------------------------------------------------------------------


@pytest.mark.parametrize("broken", [np.nan, np.inf, "constant"])
def test_null(broken):
    reps, feature = drawn(20, 4), drawn(20, 1, seed=1)
    if broken == "constant":
        reps[:] = 0.3
    else:
        reps[3, 1] = broken
    for distance, comparison in itertools.product(("euclidean", "correlation"), STATISTIC):
        assert np.isnan(geometry.rsa(reps, feature, distance, comparison))
        assert np.isnan(geometry.rsa(drawn(20, 4), reps, distance, comparison))
    for debiased in (False, True):
        assert np.isnan(geometry.cka(reps, feature, debiased))
        assert np.isnan(geometry.cka(feature, reps, debiased))


def test_groups_and_constants_are_null_and_poison_nothing():
    reps, features = drawn(20, 4), drawn(20, 3, seed=1)
    features[:, 0], features[:, 1] = np.nan, 0.1
    donors = np.arange(20)
    names = ("rsa_pearson", "rsa_spearman", "rsa_correlation_pearson", "rsa_correlation_spearman")
    found = [getattr(rsa, name)(reps, features, donors) for name in names]
    found += [measure(reps, features) for measure in (cka_measures.cka, cka_measures.cka_debiased)]
    for value in found:
        assert np.isnan(value).tolist() == [True, True, False]
    assert rsa.rsa_pearson(reps, features[:, :0], donors).shape == (0,)


def test_three_examples_have_no_debiased_cka():
    assert np.isnan(geometry.cka(drawn(3, 4), drawn(3, 2, seed=1), debiased=True))


@pytest.mark.parametrize("size", [1e-15, 1e15])
def test_scale_does_not_matter(size):
    reps, other = drawn(20, 4), drawn(20, 3, seed=1)
    scaled = reps * np.float32(size)
    for comparison in STATISTIC:
        for distance in ("euclidean", "correlation"):
            assert geometry.rsa(scaled, other, distance, comparison) == pytest.approx(
                float(geometry.rsa(reps, other, distance, comparison)), abs=1e-5
            )
    for debiased in (False, True):
        assert geometry.cka(scaled, other, debiased) == pytest.approx(
            float(geometry.cka(reps, other, debiased)), abs=1e-5
        )
