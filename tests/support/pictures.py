"""A tiny task of images: where a bright square is tells the class, its color may go with it."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp

from primacy.registry import spec
from primacy.types import Batch, Draws, Feature, Streams, Target

CLASSES = ("left", "middle", "right")


@spec
class Pictures:
    """Three places for a square, and two colors, in images of 2 x 3 x 2 numbers."""

    noise: float = 0.1
    kind = "pictures"
    loss = "softmax_cross_entropy"
    input_shape = (2, 3, 2)
    sizes = None

    @property
    def declared(self) -> tuple[Feature, ...]:
        place = Feature(name="place", columns=(), levels=CLASSES, target=0)
        color = Feature(name="color", columns=(), levels=("red", "green"), predictivity=None)
        corner = Feature(name="corner", columns=(0, 1), predictivity=None)
        return place, color, corner

    @property
    def targets(self) -> tuple[Target, ...]:
        return (Target(name="place", kind="class", classes=CLASSES, chance=1 / 3),)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"y{y} x{x} c{c}" for y in range(2) for x in range(3) for c in range(2))

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        own = rng(split, "pictures")
        return {
            "place": own.integers(0, 3, n).astype("float32"),
            "color": own.integers(0, 2, n).astype("float32"),
            "noise": own.normal(size=(n, 2, 3, 2)).astype("float32"),
        }

    def build(self, draws: Draws) -> Batch:
        place, color = draws["place"], draws["color"]
        at = (place[:, None] == jnp.arange(3)[None]).astype(jnp.float32)
        paint = (color[:, None] == jnp.arange(2)[None]).astype(jnp.float32)
        images = at[:, None, :, None] * paint[:, None, None, :] + self.noise * draws["noise"]
        features = jnp.stack([place, color, jnp.full_like(place, jnp.nan)], axis=1)
        return Batch(inputs=images, features=features, targets=place[:, None])

    def swap(self, draws: Draws, donors: Draws, feature: str) -> Mapping | None:
        return None if feature == "corner" else {**draws, feature: donors[feature]}


def condition(**changes):
    """A condition of it on a small network."""
    from primacy.models.mlp import MLP
    from primacy.study.spec import Condition, Training

    training = Training(
        optimizer="adam", learning_rate=0.02, batch_size=32, examples="stream", steps=60,
        evaluations=4, fit_examples=128, test_examples=128,
    )  # fmt: skip
    found = Condition(task=Pictures(), model=MLP(widths=(8, 6)), training=training)
    return dataclasses.replace(found, **changes)
