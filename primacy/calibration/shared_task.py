"""The trap of comparing networks by their geometry: the same complex task, less alike than to a
simple one.

A layer that holds a simple feature by a share g of its variance, and in the rest whatever this
network alone found for the hard feature. Two such layers share only the simple part, which both
also share with a network of the simple task, where it is all there is: they resemble each other by
about r^2 where each resembles that one by r. How far apart the two are hangs on the gap between the
features, and the order turns where the hard part has one geometry in all networks. Distances of
all inputs are counted here in double precision.
"""

import itertools

import jax
import numpy as np
from jaxtyping import Float

from primacy.calibration import Check, case
from primacy.measures.geometry import rsa

BITS = np.array(list(itertools.product([-1.0, 1.0], repeat=6)))
SIMPLE = BITS[:, 0]
OWN = BITS[:, 1] * BITS[:, 2], BITS[:, 3] * BITS[:, 4]
"""What two networks hold beside the simple feature: parities that share no bit."""
SHARES = (0.9, 0.7, 0.5)
"""Of the layer's variance, held by the simple feature."""


def layer(share: float, rest: Float[np.ndarray, " n"], turn: int) -> Float[np.ndarray, "n h"]:
    """The simple feature by its share and the rest, in eight units, turned at random."""
    both = np.stack([np.sqrt(share) * SIMPLE, np.sqrt(1 - share) * rest], axis=1)
    units = np.linalg.qr(np.random.default_rng(turn).normal(size=(8, 8)))[0]
    return (both @ units[:2]).astype(np.float32)


def alike(a: Float[np.ndarray, "n h"], b: Float[np.ndarray, "n g"]) -> float:
    """Pearson's r of the Euclidean distances of all pairs of inputs."""
    pairs = np.array(list(itertools.combinations(range(len(BITS)), 2)))
    first, second = (np.linalg.norm(x[pairs[:, 0]] - x[pairs[:, 1]], axis=1) for x in (a, b))
    return float(np.corrcoef(first, second)[0, 1])


@case(
    "shared task",
    title="Networks of one complex task resemble a simple network more than each other",
    reference="closed form: distances of all 64 inputs; the trap: Lampinen, Chan, Hermann 2024, "
    "arXiv 2405.05847",
)
def shared_task() -> list[Check]:
    """Two complex layers with each other and with a simple one, by the share of the simple part."""
    between, found = jax.jit(rsa), []
    simple = layer(1.0, OWN[0], 0)
    for share in SHARES:
        one, other = layer(share, OWN[0], 1), layer(share, OWN[1], 2)
        planted = [np.stack([np.sqrt(share) * SIMPLE, np.sqrt(1 - share) * own], 1) for own in OWN]
        rows = {
            "two complex ones": (alike(*planted), between(one, other)),
            "a complex and a simple one": (
                alike(planted[0], SIMPLE[:, None]),
                between(one, simple),
            ),
            "two complex ones of one code": (1.0, between(one, layer(share, OWN[0], 3))),
        }
        values = {what: float(measured) for what, (_, measured) in rows.items()}
        apart = values["two complex ones"] < values["a complex and a simple one"]
        turned = values["two complex ones of one code"] > values["a complex and a simple one"]
        found += [
            Check(
                quantity=f"simple part {share:g}: {what}, Pearson's r",
                expected=float(expected),
                measured=float(measured),
                tolerance=1e-4,
            )
            for what, (expected, measured) in rows.items()
        ]
        found.append(
            Check(
                quantity=f"simple part {share:g}: complex ones are less alike, more with one code",
                expected=1.0,
                measured=float(apart and turned),
                tolerance=0.0,
            )
        )
    return found
