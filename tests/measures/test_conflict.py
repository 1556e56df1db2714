"""Which side answers take in a conflict: planted networks that follow one cue in a known share."""

import jax.numpy as jnp
import numpy as np
import pytest

from primacy.measures.conflict import conflict_decided, conflict_index
from primacy.training.evaluate import swapped

N = 3000


def world(tells, seed, n=N):
    """Three classes of shape, and a color that goes with them in a share of the examples."""
    rng = np.random.default_rng(seed)
    shape = rng.integers(0, 3, n)
    color = np.where(rng.random(n) < tells, shape, (shape + rng.integers(1, 3, n)) % 3)
    return shape, color


def asked(network, tells=0.9, seed=0, n=N):
    """Index and decided of shape and color, of a network of both (three logits)."""
    fit, test = world(tells, seed + 100), world(tells, seed, n)

    def inputs(pair):
        return jnp.asarray(np.concatenate([np.eye(3)[pair[0]], np.eye(3)[pair[1]]], 1), jnp.float32)

    x, fit_x = inputs(test), inputs(fit)
    columns = jnp.asarray([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]], bool)
    donors = jnp.asarray(np.random.default_rng(seed + 1).permutation(n))
    given = {
        "swapped": swapped(network, x, columns, donors),
        "outputs": network(x),
        "fit_features": fit_x,
        "features": x,
        "fit_targets": jnp.asarray(fit[0], jnp.float32)[:, None],
        "targets": jnp.asarray(test[0], jnp.float32)[:, None],
        "donors": donors,
    }
    index, decided = (
        np.asarray(f(**given, codes=(3, 3), heads=(3,)))[:, 0]
        for f in (conflict_index, conflict_decided)
    )
    return index, decided, test, np.asarray(donors)


def follows(weight_of_color):
    return lambda x: x[:, :3] + weight_of_color * x[:, 3:]


def test_a_network_that_sees_only_shapes_or_only_colors():
    index, decided, *_ = asked(follows(0.0))
    np.testing.assert_array_equal(index, [1, 0])
    np.testing.assert_array_equal(decided, [1, 1])
    index, decided, (shape, color), donors = asked(follows(100.0))
    np.testing.assert_array_equal([index[1], decided[1]], [1, 1])
    # Given another shape, an answer is still the color's: by the few that were wrong to begin with
    # it seems to follow the shape, or neither side.
    there = shape[donors] != shape
    followed, stayed = ((color == other) & there for other in (shape[donors], shape))
    either = followed.sum() + stayed.sum()
    np.testing.assert_allclose(index[0], followed.sum() / either, rtol=1e-6)
    np.testing.assert_allclose(decided[0], either / there.sum(), rtol=1e-6)


def test_the_index_counts_what_a_plain_loop_counts():
    """Oracle: the definition written as a loop over examples, of a network that weighs both."""
    rng = np.random.default_rng(3)
    table = jnp.asarray(rng.normal(size=(3, 3, 3)), jnp.float32)  # by shape and color: logits

    def network(x):
        return jnp.einsum("ns,nc,sco->no", x[:, :3], x[:, 3:], table)

    index, decided, (shape, color), donors = asked(network)
    fit_shape, fit_color = world(0.9, 100)
    stands = [np.bincount(fit_shape[fit_color == c], minlength=3).argmax() for c in range(3)]
    followed = stayed = conflicts = 0
    for i in range(N):
        said = stands[color[donors[i]]]
        if said == shape[i]:
            continue
        answer = int(np.argmax(table[shape[i], color[donors[i]]]))
        conflicts += 1
        followed += answer == said
        stayed += answer == shape[i]
    assert 0.1 < followed / (followed + stayed) < 0.9
    np.testing.assert_allclose(index[1], followed / (followed + stayed), rtol=1e-6)
    np.testing.assert_allclose(decided[1], (followed + stayed) / conflicts, rtol=1e-6)


def test_a_color_that_says_nothing_has_no_index():
    """Oracle: the exclusion rule; at a share of 1/3 color and shape are independent."""
    unknown = [np.isnan(asked(follows(0.5), 1 / 3, seed)[0][1]) for seed in range(0, 20, 2)]
    assert np.mean(unknown) >= 0.9  # a chance of about 2.5 % each, by 2 standard errors
    assert not np.isnan(asked(follows(0.5), 0.45)[0][1])


def test_few_answers_have_no_index():
    assert np.isnan(asked(follows(0.5), 0.9, n=8)[0]).all()


def binary(network, features, fit_features, targets, fit_targets, columns, inputs, donors):
    return np.asarray(
        conflict_index(
            swapped(network, inputs, columns, donors),
            network(inputs),
            fit_features,
            features,
            fit_targets,
            targets,
            donors,
        )
    )


def test_numbers_and_regions_say_their_donor_s_label():
    """A 0/1 label that one number decides: whoever follows it answers the donor's label."""
    rng = np.random.default_rng(0)
    x, fit_x = (jnp.asarray(rng.normal(size=(400, 3)), jnp.float32) for _ in range(2))
    labels = [(a[:, :1] > 0).astype(jnp.float32) for a in (x, fit_x)]
    nothing = jnp.full((400, 1), jnp.nan, jnp.float32)
    columns = jnp.asarray([[1, 0, 0], [0, 1, 0], [1, 1, 0]], bool)
    donors = jnp.asarray(rng.permutation(400))
    features = [jnp.concatenate([a[:, :2], nothing], 1) for a in (x, fit_x)]
    found = binary(lambda a: a[:, :1], *features, *labels, columns, x, donors)
    np.testing.assert_array_equal(found[:, 0], [1, 0, 1])


def test_a_diverged_network_has_no_index():
    broken = asked(lambda x: jnp.where(x[:, 3:4] > 0, jnp.nan, 1.0) * x[:, :3])
    assert np.isnan(broken[0]).all() and np.isnan(broken[1]).all()


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_two_levels_say_a_class_whichever_way_they_are_coded(flip):
    """A shortcut of signs: the map from level to class is learned, so its sign does not matter."""
    rng = np.random.default_rng(1)
    label = rng.integers(0, 2, (2, 500))
    cue = np.where(rng.random((2, 500)) < 0.9, label, 1 - label)
    x = [np.stack([2.0 * a - 1, flip * (2.0 * b - 1)], 1) for a, b in zip(label, cue, strict=True)]
    x, fit_x = (jnp.asarray(a, jnp.float32) for a in x)
    targets = [jnp.asarray(a, jnp.float32)[:, None] for a in label]
    donors = jnp.asarray(rng.permutation(500))
    columns = jnp.eye(2, dtype=bool)
    own, other = label[0], label[0][np.asarray(donors)]
    # Who follows the cue seems to follow the label where the cue was wrong to begin with.
    seems = (cue[0] == other)[own != other].mean()
    for weight, wanted in ((0.5, [1, 0]), (2.0, [seems, 1])):
        found = binary(
            lambda a, w=weight: a[:, :1] + flip * w * a[:, 1:],
            x,
            fit_x,
            *targets,
            columns,
            x,
            donors,
        )
        np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-6)
