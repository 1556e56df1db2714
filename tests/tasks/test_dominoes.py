"""Dominoes: the digits are scikit-learn's, and no image trains and is tested in one seed."""

import numpy as np
import pytest

from primacy.rng import streams
from primacy.tasks.dominoes import Dominoes, digits


def test_the_digits_are_scikit_learns():
    """Oracle: sklearn.datasets.load_digits."""
    theirs = pytest.importorskip("sklearn.datasets").load_digits()
    np.testing.assert_array_equal(digits().images, theirs.images)
    np.testing.assert_array_equal(digits().labels, theirs.target)


def test_each_half_shows_the_digit_that_the_label_asks_for():
    """Oracle: the stored images, looked up pixel by pixel."""
    task = Dominoes(left=(0, 6), right=(8, 9))
    draws = task.draw("train", streams(0, "data"), 100)
    images, labels = digits()
    shown = {image.tobytes(): int(digit) for image, digit in zip(images, labels, strict=True)}
    for label, pixels in zip(draws["label"], draws["pixels"], strict=True):
        halves = np.split(pixels, 2, axis=1)
        found = [shown[np.ascontiguousarray(half).tobytes()] for half in halves]
        assert found == [task.left[label], task.right[label]]


def test_columns_of_a_half_are_its_pixels():
    task = Dominoes()
    batch = task.build(task.draw("train", streams(0, "data"), 5))
    flat = np.asarray(batch.inputs).reshape(5, -1)
    for feature, half in zip(task.declared, np.split(np.asarray(batch.inputs), 2, 2), strict=True):
        np.testing.assert_array_equal(flat[:, feature.columns], half.reshape(5, -1))


def test_splits_share_no_image_and_seeds_draw_others():
    """Of a digit 60, 20 and 20 % of the images; pairs are drawn with replacement."""
    task = Dominoes(left=(0, 1), right=(0, 1))
    seen = {}
    for split in ("train", "fit", "test"):
        pixels = task.draw(split, streams(0, "data"), 3000)["pixels"]
        halves = np.concatenate(np.split(pixels, 2, axis=2))
        seen[split] = {half.tobytes() for half in halves}
    assert not seen["train"] & seen["test"] and not seen["train"] & seen["fit"]
    assert not seen["fit"] & seen["test"]
    assert len(set().union(*seen.values())) == (digits().labels <= 1).sum()
    other = task.draw("test", streams(1, "data"), 3000)["pixels"]
    assert {half.tobytes() for half in np.concatenate(np.split(other, 2, 2))} != seen["test"]
