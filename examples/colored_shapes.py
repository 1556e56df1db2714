"""Colored shapes, drawn here: an image is a disc, a square or a cross of a color somewhere.

The class is the shape. The color goes with it in a share of the images: a shortcut, made on
purpose. Everything that decides an image is kept, so that any of it can be exchanged.
"""

import numpy as np

COLORS = np.array([[1, 0.15, 0.15], [0.15, 1, 0.15], [0.2, 0.3, 1]], np.float32)
COLOR, SHAPE = ["red", "green", "blue"], ["disc", "square", "cross"]
SIZE = 16


def render(color, shape, place, size, noise):
    """Images `[n, 3, 16, 16]` of what they show."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    dx, dy = x[None] - place[:, :1, None], y[None] - place[:, 1:, None]
    r = size[:, None, None]
    far = np.maximum(abs(dx), abs(dy))
    disc = dx**2 + dy**2 <= r**2
    square = far <= 0.88 * r
    cross = ((abs(dx) <= 0.38 * r) | (abs(dy) <= 0.38 * r)) & (far <= 1.15 * r)
    which = shape[:, None, None]
    inside = np.where(which == 0, disc, np.where(which == 1, square, cross))
    image = 0.1 + inside[:, None] * (COLORS[color][:, :, None, None] - 0.1)
    return (image + noise).astype(np.float32)


class World:
    """`n` images; in a share `tells` of them color and shape are the same number."""

    def __init__(self, n, seed, tells=1 / 3):
        rng = np.random.default_rng(seed)
        self.shape = rng.integers(0, 3, n)
        other = (self.shape + rng.integers(1, 3, n)) % 3
        self.color = np.where(rng.random(n) < tells, self.shape, other)
        self.place = rng.uniform(5, 11, (n, 2)).astype(np.float32)
        self.size = rng.uniform(3, 4.5, n).astype(np.float32)
        self.noise = rng.normal(0, 0.15, (n, 3, SIZE, SIZE)).astype(np.float32)

    def images(self, rows=None, **others):
        """The images of these rows; `color=j`: with the color of images `j`."""
        rows = np.arange(len(self.shape)) if rows is None else rows
        parts = ("color", "shape", "place", "size", "noise")
        return render(**{part: getattr(self, part)[others.get(part, rows)] for part in parts})
