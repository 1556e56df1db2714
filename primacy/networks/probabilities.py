"""Whether outputs are probabilities; primacy reads logits, and would read them wrongly."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from primacy.types import Target

SUM_TOLERANCE = 1e-3
"""Rows of a softmax sum to 1 this nearly, also in half precision."""

ROUNDING = 1e-6

PARAMETER_DRAWS = 4


def as_probabilities(
    outputs: Float[np.ndarray, "n o"],
    answers: Float[np.ndarray, "n t"],
    targets: Sequence[Target],
) -> bool:
    """Whether outputs about every target that is a class, or 0 or 1, are more likely probabilities.

    They lie between 0 and 1 and are not all the same. Beyond that, those of a class sum to 1 in
    every example; and the one output about a 0 or 1 has a lower cross-entropy if it is read as a
    probability than if it is read as a logit. Logits of a network that has learned little can lie
    between 0 and 1, too, but they fit better as what they are.
    """
    at, found = 0, []
    for target, answer in zip(targets, answers.T, strict=True):
        own = outputs[:, at : at + target.width]
        at += target.width
        if target.kind != "number":
            found.append(_between(own) and (_sums(own) if target.width > 1 else _fits(own, answer)))
    return bool(found) and all(found)


def whatever_its_parameters(network: Any, inputs: Float[np.ndarray, "n ..."]) -> bool:
    """Whether a network answers between 0 and 1 with its own parameters and with any others.

    An untrained network can do so by accident, with a few sets of random parameters hardly.

    Args:
        network: with `flat` and `applied`, as a study trains it.
        inputs: a few examples.
    """
    own = {name: np.asarray(value) for name, value in network.flat().items()}
    rng = np.random.default_rng(0)
    tried = [own]
    for _ in range(PARAMETER_DRAWS):
        tried.append({n: rng.normal(size=v.shape).astype(np.float32) for n, v in own.items()})
    x = jnp.asarray(inputs)
    return _between(np.concatenate([np.asarray(network.applied(p, x)[0]) for p in tried]))


def _between(outputs: np.ndarray) -> bool:
    """Not so for NaN, nor where a network gives one number whatever it reads."""
    return bool(outputs.min() >= 0 and outputs.max() <= 1 and np.ptp(outputs) > 0)


def _sums(outputs: np.ndarray) -> bool:
    return bool(np.abs(outputs.sum(1) - 1).max() <= SUM_TOLERANCE)


def _fits(outputs: np.ndarray, answer: np.ndarray) -> bool:
    p = outputs[:, 0].clip(ROUNDING, 1 - ROUNDING)
    read_so = -(answer * np.log(p) + (1 - answer) * np.log1p(-p)).mean()
    read_as_logit = (np.logaddexp(0, outputs[:, 0]) - answer * outputs[:, 0]).mean()
    return bool(read_so < read_as_logit)
