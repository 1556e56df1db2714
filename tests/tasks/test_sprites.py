"""Sprites: what can be read from what, and that interchanging a feature paints it anew."""

import numpy as np
import pytest

from primacy.rng import streams
from primacy.tasks.sprites import BOX, COLORS, NAMES, SIDE, Sprites

CHANCE = 0.03
"""How far from .5 a score may be that tells nothing: three standard errors of 4,096 examples."""


def drawn(split="train", n=4096, task=None, seed=0):
    task = task or Sprites()
    draws = task.draw(split, streams(seed, "data"), n)
    return draws, task.build(draws)


def moments(images):
    """Of each channel over the pixels: mean, spread, skew, kurtosis, extremes and deciles."""
    x = np.asarray(images, float).reshape(len(images), -1, 3)
    mean = x.mean(1)
    central = [((x - mean[:, None]) ** power).mean(1) for power in (2, 3, 4)]
    parts = np.quantile(x, [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1], axis=1)
    return mean, np.concatenate([mean, *central, *parts], axis=1)


@pytest.fixture(scope="module")
def scores():
    """Accuracy of a logistic regression (scikit-learn) for each feature, from means and moments."""
    linear = pytest.importorskip("sklearn.linear_model")
    pipeline = pytest.importorskip("sklearn.pipeline")
    scale = pytest.importorskip("sklearn.preprocessing")
    _, train = drawn()
    _, test = drawn("test")
    found = {}
    for name, seen, held in zip(
        ("means", "moments"), moments(train.inputs), moments(test.inputs), strict=True
    ):
        for i, feature in enumerate(NAMES):
            model = pipeline.make_pipeline(
                scale.StandardScaler(), linear.LogisticRegression(max_iter=300)
            )
            labels = (np.asarray(b.targets[:, i]) for b in (train, test))
            fitted = model.fit(seen, next(labels))
            found[name, feature] = fitted.score(held, next(labels))
    return found


@pytest.mark.parametrize("read", ["means", "moments"])
def test_no_statistic_of_the_pixels_says_the_shape_or_the_texture(scores, read):
    """Oracle: chance, .5; color is read almost without error."""
    for feature in ("shape", "texture"):
        assert abs(scores[read, feature] - 0.5) < CHANCE
    assert scores[read, "color"] > 0.98


def test_shapes_have_one_area_and_half_of_it_is_bright():
    """Oracle: counted by hand, 6 x 6 and 2 x 10 x 2 - 2 x 2; on images without noise or jitter."""
    task = Sprites(jitter=0.0, noise=0.0)
    draws, batch = drawn(n=200, task=task)
    images = np.asarray(batch.inputs)
    painted = np.ptp(images, axis=3) > 0.05  # the background is grey
    assert (painted.sum((1, 2)) == 36).all()
    for image, where, color in zip(images, painted, draws["features"][:, 0], strict=True):
        own = image[where] / np.float32(COLORS[color])
        np.testing.assert_allclose(np.sort(own[:, 0]), [0.6] * 18 + [1.4] * 18, rtol=1e-5)
    # The box is somewhere: each of its seven places in each direction occurs.
    assert set(draws["place"].ravel()) == set(range(SIDE - BOX + 1))


def test_a_swap_paints_one_feature_of_the_donor_and_nothing_else():
    """Oracle: the image that the donor's value and everything else of the receiver would give."""
    task = Sprites()
    draws, batch = drawn(n=64, task=task)
    order = np.random.default_rng(0).permutation(64)
    donors = {name: value[order] for name, value in draws.items()}
    for i, feature in enumerate(NAMES):
        made = task.build(task.swap(draws, donors, feature))
        np.testing.assert_array_equal(made.features[:, i], batch.features[order, i])
        rest = [j for j in range(3) if j != i]
        np.testing.assert_array_equal(made.features[:, rest], batch.features[:, rest])
        same = np.asarray(batch.features[order, i] == batch.features[:, i])
        assert 0 < same.sum() < 64
        np.testing.assert_array_equal(made.inputs[same], batch.inputs[same])
        moved = np.abs(np.asarray(made.inputs - batch.inputs)).max((1, 2, 3))
        assert (moved[~same] > 0.1).all()
