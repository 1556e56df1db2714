"""Small images whose color, shape and texture are three independent facts, equally visible.

Shapes have the same area and textures the same mean, so that no pixel statistic of the whole image
says which it is: color can be read from channel means, shape and texture only from where pixels
are.
"""

from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from pydantic import Field

from primacy.registry import spec, tasks
from primacy.types import Batch, Draws, Feature, Shape, Streams, Target

SIDE = 16
"""Rows and columns of an image."""
BOX = 10
"""Rows and columns of the box in which a shape is drawn, and which is put somewhere at random."""
PERIOD = 4
"""Pixels from stripe to stripe."""
PHASES = (1, 3)
"""Where stripes may begin within the box: with these, bright and dark each cover 18 pixels of a
square and of a plus. With others the spread of the pixels would tell the shape."""
STRIPES = (0.6, 1.4)
"""What a dark and a bright stripe multiply the color by: 1 on average."""
COLORS = ((0.7, 0.3, 0.3), (0.3, 0.3, 0.7))
"""Red and blue, equally bright."""
GREY = (0.3, 0.6)
"""Between what the background lies."""

NAMES = ("color", "shape", "texture")


@tasks.add("sprites")
@spec
class Sprites:
    """16 x 16 color images of one shape: red or blue, square or plus, stripes along or across.

    Three fair coins decide, each a target. Square and plus cover 36 pixels each; stripes have a
    period of four pixels, and half of the pixels are bright. Where the shape is, where its stripes
    begin, how grey the background is and how the color varies is random. Interchanging a feature
    paints it anew (`swap`): no pixel is the color's own.

    Reference: the question is that of Hermann and Lampinen 2020, arXiv 2006.12433, and of Lampinen
    et al. 2024, arXiv 2405.05847; the images are our own.
    """

    loss = "sigmoid_cross_entropy"

    jitter: Annotated[float, Field(ge=0)] = 0.1
    """Standard deviation of the color, each channel by itself."""
    noise: Annotated[float, Field(ge=0)] = 0.05
    """Standard deviation of what is added to each pixel of each channel."""

    @property
    def declared(self) -> tuple[Feature, ...]:
        """Color, shape and texture; each is its own target, and all of an image carries it."""
        everywhere = tuple(range(SIDE * SIDE * 3))
        values = (("red", "blue"), ("square", "plus"), ("horizontal", "vertical"))
        return tuple(
            Feature(name=name, columns=everywhere, target=i, facts={"values": list(own)})
            for i, (name, own) in enumerate(zip(NAMES, values, strict=True))
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """One 0/1 target a feature: blue, plus and vertical are 1."""
        return tuple(Target(name=name, kind="binary", chance=0.5) for name in NAMES)

    @property
    def input_shape(self) -> Shape:
        """Rows x columns x channels."""
        return (SIDE, SIDE, 3)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Row, column and channel of each number."""
        return tuple(
            f"row {r} column {c} {channel}"
            for r in range(SIDE)
            for c in range(SIDE)
            for channel in ("red", "green", "blue")
        )

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The coins, and all that varies beside them, a stream each."""
        coins = [rng(split, name).integers(0, 2, n, dtype=np.uint8) for name in NAMES]
        return {
            "features": np.stack(coins, axis=1),
            "place": rng(split, "place").integers(0, SIDE - BOX + 1, (n, 2), dtype=np.int32),
            "phase": rng(split, "phase").choice(np.array(PHASES, np.int32), n),
            "grey": rng(split, "grey").uniform(*GREY, n).astype(np.float32),
            "jitter": rng(split, "jitter").standard_normal((n, 3), dtype=np.float32),
            "noise": rng(split, "noise").standard_normal((n, SIDE, SIDE, 3), dtype=np.float32),
        }

    def build(self, draws: Draws) -> Batch:
        """The images painted; features are the targets."""
        features = jnp.asarray(draws["features"]).astype(jnp.float32)
        blue, plus, vertical = features.T
        color = jnp.asarray(COLORS[0])[None] * (1 - blue)[:, None]
        color = color + jnp.asarray(COLORS[1])[None] * blue[:, None]
        color = color + self.jitter * jnp.asarray(draws["jitter"])
        place = jnp.asarray(draws["place"])
        covered = _placed(plus, place)
        bright = _striped(vertical, place, jnp.asarray(draws["phase"]))
        painted = color[:, None, None] * jnp.where(bright, STRIPES[1], STRIPES[0])[..., None]
        grey = jnp.asarray(draws["grey"])[:, None, None, None]
        images = jnp.where(covered[..., None], painted, grey)
        images = images + self.noise * jnp.asarray(draws["noise"])
        return Batch(inputs=images, features=features, targets=features)

    def swap(self, draws: Draws, donors: Draws, feature: str) -> Any:
        """The same images, but for this feature's value, which is the donors'."""
        at = NAMES.index(feature)
        own = jnp.asarray(draws["features"])
        return {**draws, "features": own.at[:, at].set(jnp.asarray(donors["features"])[:, at])}


def _placed(plus: Float[Array, " n"], place: Array) -> Bool[Array, "n r c"]:
    """Which pixels of the image the shape covers."""
    at = jnp.arange(SIDE)
    rows, columns = (at[None] - place[:, i][:, None] for i in (0, 1))
    inside = ((rows >= 0) & (rows < BOX))[:, :, None] & ((columns >= 0) & (columns < BOX))[:, None]
    square = ((rows >= 2) & (rows < 8))[:, :, None] & ((columns >= 2) & (columns < 8))[:, None]
    arms = ((rows >= 4) & (rows < 6))[:, :, None] | ((columns >= 4) & (columns < 6))[:, None]
    return jnp.where((plus > 0.5)[:, None, None], inside & arms, square)


def _striped(vertical: Float[Array, " n"], place: Array, phase: Array) -> Bool[Array, "n r c"]:
    """Which pixels a bright stripe covers, were the shape everywhere."""
    within = jnp.arange(SIDE)[None, None] - place[..., None] + phase[:, None, None]
    rows, columns = ((within % PERIOD) < PERIOD // 2).swapaxes(0, 1)
    return jnp.where((vertical > 0.5)[:, None, None], columns[:, None, :], rows[:, :, None])
