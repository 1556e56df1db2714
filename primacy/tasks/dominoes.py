"""Two digits side by side that both say the label: which half does a network read?"""

import functools
from importlib.resources import files
from typing import Annotated, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import UInt8
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Shape, Streams, Target

SIDE = 8
"""Rows and columns of a digit."""
BRIGHTEST = 16
"""The value of a white pixel in the file."""
PARTS = {"train": (0.0, 0.6), "fit": (0.6, 0.8), "test": (0.8, 1.0)}
"""Of the images of a digit in a seed's order, those that each split takes."""

Digit = Annotated[int, Field(ge=0, le=9)]
Pair = Annotated[tuple[Digit, ...], Field(min_length=2, max_length=2)]


class Digits(NamedTuple):
    """The images and what they show."""

    images: UInt8[np.ndarray, "m 8 8"]
    labels: UInt8[np.ndarray, " m"]


@functools.cache
def digits() -> Digits:
    """1,797 handwritten digits, 8 x 8 pixels of 0 to 16: scikit-learn's `load_digits`.

    The file is part of primacy, 45 KB, so that scikit-learn need not be installed.

    Reference: E. Alpaydin, C. Kaynak 1998, Optical Recognition of Handwritten Digits (its test
    set), UCI Machine Learning Repository, CC BY 4.0.
    """
    with files("primacy.tasks").joinpath("digits.npz").open("rb") as file:
        held = np.load(file, allow_pickle=False)
        return Digits(held["images"], held["labels"])


@tasks.add("dominoes")
@spec
class Dominoes:
    """Images of two digits; the left one is one of two, and so is the right one, by one label.

    Each half says the label without error, so a network may read either. `reliance_accuracy` of
    `left` is what interchanging the left half costs: where halves are independent of one another,
    the output follows `left` in accuracy - reliance_accuracy of `right`, and the other way round.
    Training, fit and test examples show different images of the digits; a seed draws which.

    Both features are the label, in every split. So what a layer holds of them is one number, and
    `variance_explained`, `steering_push` and the like are exactly equal for `left` and `right`; a
    lean (`downstream_lean`) has no value, because the two never conflict. Compare the halves by
    what interchanging their pixels does: `reliance_accuracy`, `reliance`.

    Reference: Shah et al. 2020, arXiv 2006.07710, there with MNIST and CIFAR images.
    """

    loss = "sigmoid_cross_entropy"

    left: Pair = (0, 1)
    """The digits on the left for label 0 and label 1."""
    right: Pair = (3, 8)
    """Those on the right."""

    def __post_init__(self) -> None:
        """Refuse a half that says nothing.

        Raises:
            ValueError: its two digits are the same.
        """
        for name in ("left", "right"):
            pair = getattr(self, name)
            if len(set(pair)) != 2 or not set(pair) <= set(range(10)):
                raise ValueError(f"{name} = {list(pair)}: give two different digits, 0 to 9")

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The two halves."""
        pixels = np.arange(SIDE * 2 * SIDE).reshape(SIDE, 2 * SIDE)
        halves = {"left": pixels[:, :SIDE], "right": pixels[:, SIDE:]}
        return tuple(
            Feature(
                name=name,
                columns=tuple(half.ravel().tolist()),
                facts={"digits": list(getattr(self, name))},
            )
            for name, half in halves.items()
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The label, a fair coin."""
        return (Target(name="label", kind="binary", chance=0.5),)

    @property
    def input_shape(self) -> Shape:
        """Rows x columns x 1."""
        return (SIDE, 2 * SIDE, 1)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Row and column of each pixel."""
        return tuple(f"row {r} column {c}" for r in range(SIDE) for c in range(2 * SIDE))

    @property
    def sizes(self) -> None:
        """As many as asked for: pairs are drawn with replacement."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The label and, for each half, an image of the digit that it asks for."""
        label = rng(split, "label").integers(0, 2, n).astype(np.uint8)
        halves = []
        for name in ("left", "right"):
            generator, half = rng(split, name), np.empty((n, SIDE, SIDE), np.uint8)
            for value, digit in enumerate(getattr(self, name)):
                pool = _pool(rng, split, digit)
                half[label == value] = pool[
                    generator.integers(0, len(pool), (label == value).sum())
                ]
            halves.append(half)
        return {"label": label, "pixels": np.concatenate(halves, axis=2)}

    def build(self, draws: Draws) -> Batch:
        """Pixels between 0 and 1; both features are the label."""
        label = jnp.asarray(draws["label"]).astype(jnp.float32)[:, None]
        pixels = jnp.asarray(draws["pixels"]).astype(jnp.float32)[..., None] / BRIGHTEST
        return Batch(inputs=pixels, features=jnp.tile(label, (1, 2)), targets=label)


def _pool(rng: Streams, split: str, digit: int) -> UInt8[np.ndarray, "m 8 8"]:
    """The images of a digit that a split may show; a stream shows those of `train`."""
    images, labels = digits()
    own = images[labels == digit]
    order = rng("images", str(digit)).permutation(len(own))
    first, last = PARTS.get(split, PARTS["train"])
    return own[order[round(first * len(own)) : round(last * len(own))]]
