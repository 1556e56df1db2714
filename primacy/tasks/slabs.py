"""Coordinates that all tell the label, some with a line, some only with several slabs.

The synthetic data of Shah et al.: a network that could use every coordinate is seen to use the
simplest one alone. Along a coordinate the two labels lie in slabs that take turns, `pieces` of them
between -1 and 1 with gaps between: 2 margin wide; a classifier that reads it has so many linear
pieces. Slabs are symmetric, so that their coordinates have no linear relation to the label.
"""

import functools
from collections.abc import Sequence
from typing import Annotated

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from pydantic import AfterValidator, Field

from primacy.registry import spec, tasks
from primacy.rng import streams
from primacy.types import Batch, Draws, Feature, Streams, Target

MARGIN = 0.1
"""Half of the gap between two slabs, and how far a linear coordinate stays from 0."""

MOST_COORDINATES = 4_096

SHARES: dict[int, tuple[float, ...]] = {
    3: (1.0, 1.0),
    5: (3 / 4, 1.0, 1 / 4),
    7: (1 / 2, 7 / 8, 1 / 2, 1 / 8),
}
"""By pieces: for each slab from the middle outwards (left and right together), the probability that
an example of its label lies in it. The middle one holds label 0, the next one 1, and so on. With 5
and 7 pieces both labels then have one second moment, so that only what is beyond it tells them
apart."""


def _check_pieces(pieces: int) -> int:
    if pieces not in (1, *SHARES):
        raise ValueError(f"{pieces} is none of 1, 3, 5, 7")
    return pieces


Pieces = Annotated[int, AfterValidator(_check_pieces)]


def slabs(pieces: int) -> Float[np.ndarray, "j 2"]:
    """Ends of the slabs at and right of the middle; the others mirror them.

    Reference:
        Shah et al. 2020, arXiv 2006.07710, appendix B.
    """
    width = (2 - 2 * MARGIN * (pieces - 1)) / pieces
    middles = np.arange((pieces + 1) // 2) * (width + 2 * MARGIN)
    ends = np.stack([middles - width / 2, middles + width / 2], axis=1)
    ends[0, 0] = 0.0
    return ends


def second_moments(pieces: int) -> tuple[float, float]:
    """Mean square of a coordinate under label 0 and under label 1, without noise."""
    if pieces == 1:
        square = (1 - MARGIN**3) / (3 * (1 - MARGIN))
        return square, square
    low, high = slabs(pieces).T
    squares = np.array(SHARES[pieces]) * (high**3 - low**3) / (3 * (high - low))
    return float(squares[0::2].sum()), float(squares[1::2].sum())


@functools.lru_cache(maxsize=100)
def rotation(number: int, d: int) -> Float[np.ndarray, "d d"]:
    """The random rotation or reflection of that number, uniform (Haar) over the orthogonal ones."""
    from scipy.stats import ortho_group  # takes a second to import, which only a rotation needs

    generator = streams(number, "rotation")("slabs", d)
    return np.asarray(ortho_group.rvs(d, random_state=generator), np.float32).reshape(d, d)


@tasks.add("slabs")
@spec
class Slabs:
    """A binary label that every coordinate tells, by a line or by slabs, perhaps rotated.

    `pieces = (1, k)` with copies (1, d - 1) is LMS-k, (5, 7) with copies (1, d - 1) is MS-(5,7).

    Reference: Shah et al. 2020, The pitfalls of simplicity bias, arXiv 2006.07710.
    """

    loss = "sigmoid_cross_entropy"

    pieces: Annotated[tuple[Pieces, ...], Field(min_length=1)] = (1, 5)
    """The kinds of coordinates, each once: 1 (linear), 3, 5 or 7 slabs."""
    copies: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 9)
    """How many coordinates of each kind."""
    noise: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of examples whose linear coordinates say nothing: they lie evenly in the gap, each
    coordinate in examples of its own. So a linear coordinate's best accuracy is 1 - noise / 2."""
    rotation: Annotated[int, Field(ge=0)] | None = None
    """The number of a random rotation of the inputs, the same for every seed; left out: each
    coordinate is an input column. One for all seeds is enough where weights start alike in every
    direction, since only its place relative to them matters, and those are drawn per seed."""

    def __post_init__(self) -> None:
        """Refuse kinds and copies that make no task.

        Raises:
            ValueError: with all that is wrong.
        """
        problems = []
        if len(self.pieces) != len(self.copies):
            problems.append(
                f"{len(self.pieces)} pieces and {len(self.copies)} copies: give one "
                "number of copies for each kind"
            )
        if len(set(self.pieces)) < len(self.pieces):
            problems.append("pieces: a kind stands twice; give it more copies")
        if unknown := sorted({*self.pieces} - {1, *SHARES}):
            problems.append(f"pieces: {unknown[0]} is none of 1, 3, 5, 7")
        if any(number < 1 for number in self.copies):
            problems.append("copies: at least 1 of each kind")
        if sum(self.copies) > MOST_COORDINATES:
            problems.append(f"copies: more than {MOST_COORDINATES} coordinates")
        if self.pieces == (1,) and self.noise == 1:
            problems.append("noise = 1: no coordinate would tell anything")
        if self.rotation is not None and sum(self.copies) < 2:
            problems.append("rotation: one coordinate has nowhere to turn")
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def coordinates(self) -> tuple[tuple[str, Pieces], ...]:
        """Name and pieces of each coordinate."""
        named = []
        for pieces, count in zip(self.pieces, self.copies, strict=True):
            kind = "linear" if pieces == 1 else f"{pieces}-slab"
            numbers = [""] if count == 1 else [f" {i + 1}" for i in range(count)]
            named += [(kind + number, pieces) for number in numbers]
        return tuple(named)

    @property
    def declared(self) -> tuple[Feature, ...]:
        """Every coordinate, then all of a kind together where there are several.

        `complexity` is the number of pieces. With a rotation, `columns` count coordinates, which
        are no columns of the input: `rotation_matrix` says how measures find them.
        """
        columns: dict[Pieces, list[int]] = {pieces: [] for pieces in self.pieces}
        for i, (_, pieces) in enumerate(self.coordinates):
            columns[pieces].append(i)
        one = [self._feature(*named, (i,)) for i, named in enumerate(self.coordinates)]
        groups = [
            self._feature("linear coordinates" if pieces == 1 else f"{pieces}-slabs", pieces, own)
            for pieces, own in columns.items()
            if len(own) > 1
        ]
        return (*one, *groups)

    def _feature(self, name: str, pieces: Pieces, columns: Sequence[int]) -> Feature:
        # Several noisy coordinates are uninformative together only where each of them is.
        missing = self.noise ** len(columns) if pieces == 1 else 0.0
        return Feature(
            name=name,
            columns=tuple(columns),
            predictivity=1 - missing / 2,
            complexity=float(pieces),
            facts={"pieces": pieces, "second_moments": list(second_moments(pieces))},
        )

    @property
    def targets(self) -> tuple[Target, ...]:
        """The label, a fair coin."""
        return (Target(name="label", kind="binary", chance=0.5, ceiling=self._ceiling),)

    @property
    def _ceiling(self) -> float:
        return max(f.predictivity or 0.0 for f in self.declared)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The coordinates; numbered mixtures of them after a rotation."""
        if self.rotation is None:
            return tuple(name for name, _ in self.coordinates)
        return tuple(f"x{i + 1}" for i in range(len(self.coordinates)))

    @property
    def rotation_matrix(self) -> Float[np.ndarray, "d d"] | None:
        """Row i is the direction of coordinate i in the input; null: input i is coordinate i."""
        return None if self.rotation is None else rotation(self.rotation, len(self.coordinates))

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """The label, every coordinate, and for linear ones what stands in where they say nothing.

        Each coordinate has a stream of its own, so that one more leaves the others alone.
        """
        label = rng(split, "label").integers(0, 2, n).astype(np.uint8)
        values, gap, turn = [], [], []
        for name, pieces in self.coordinates:
            generator = rng(split, name)
            values.append(_coordinate(generator, pieces, label))
            if pieces == 1:
                gap.append(generator.uniform(-MARGIN, MARGIN, n).astype(np.float32))
                turn.append(generator.random(n, np.float32))
        draws = {"label": label, "coordinates": np.stack(values, axis=1)}
        if gap:
            draws |= {"gap": np.stack(gap, axis=1), "turn": np.stack(turn, axis=1)}
        return draws

    def build(self, draws: Draws) -> Batch:
        """The coordinates with their noise, rotated; features are the coordinates themselves."""
        values = jnp.asarray(draws["coordinates"])
        if "gap" in draws:
            linear = np.array([i for i, (_, pieces) in enumerate(self.coordinates) if pieces == 1])
            silent = jnp.asarray(draws["turn"]) < self.noise
            values = values.at[:, linear].set(jnp.where(silent, draws["gap"], values[:, linear]))
        # A group of several coordinates has no one value.
        groups = sum(count > 1 for count in self.copies)
        none = jnp.full((len(values), groups), jnp.nan, values.dtype)
        turned = self.rotation_matrix
        return Batch(
            inputs=values if turned is None else values @ turned,
            features=jnp.concatenate([values, none], axis=1),
            targets=jnp.asarray(draws["label"]).astype(jnp.float32)[:, None],
        )


def _coordinate(
    generator: np.random.Generator, pieces: Pieces, label: np.ndarray
) -> Float[np.ndarray, " n"]:
    """Values of a coordinate that tells the label without noise, in single precision."""
    n = len(label)
    place = generator.random(n)
    if pieces == 1:
        return ((2.0 * label - 1) * (MARGIN + (1 - MARGIN) * place)).astype(np.float32)
    ends, shares = slabs(pieces), np.array(SHARES[pieces])
    chosen = np.empty(n, int)
    for value in (0, 1):
        own = np.arange(value, len(shares), 2)
        chosen[label == value] = generator.choice(own, (label == value).sum(), p=shares[own])
    low, high = ends[chosen].T
    side = generator.choice([-1.0, 1.0], n)
    return (side * (low + (high - low) * place)).astype(np.float32)
