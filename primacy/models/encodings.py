"""What a network makes of its inputs before its first layer: nothing, standardized, positional.

An encoding is part of the model and not of the task: the examples, their features and the columns
that measures interchange stay those of the task, and gradients run through the encoding.
"""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree
from pydantic import Field

from primacy.models.dense import flat

Encoding = Literal["none", "standardize", "positional"]

Frequencies = Annotated[
    tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)
]  # cycles per unit of the input

DECADES: tuple[float, ...] = (0.1, 1.0, 10.0)
"""Frequencies for inputs of unknown scale, one a decade: .1 is slow enough for an input of size 10,
10 is fast enough for one of size .1. Structure, so another choice is another compiled program."""


def encoded_width(encoding: Encoding, frequencies: tuple[float, ...], d: int) -> int:
    """Numbers that a network reads for `d` inputs."""
    return d * (1 + 2 * len(frequencies)) if encoding == "positional" else d


def fitted(encoding: Encoding, params: PyTree, inputs: Float[np.ndarray, "n *shape"]) -> PyTree:
    """The parameters with what the encoding has to know of the data; on the host, once.

    Standardize adds `params["input"] = {"mean": [d], "sd": [d]}` (SD with ddof 0), as float32.
    These are constants, not parameters to train: see `trained`. A column that never varies has SD
    1 here, so that it becomes 0; one that is not finite stays so, and its network diverges.
    """
    if encoding != "standardize":
        return params
    wide = flat(inputs).astype(np.float64)  # float32 sums of a far shifted column lose its spread
    with np.errstate(invalid="ignore", over="ignore"):
        mean, sd = wide.mean(axis=0), wide.std(axis=0)
    # The spread that rounding leaves of a constant is no spread: ptp is exactly 0, std is not.
    sd = np.where((wide == wide[:1]).all(axis=0), 1.0, sd)
    return {**params, "input": {"mean": mean.astype(np.float32), "sd": sd.astype(np.float32)}}


def encode(
    encoding: Encoding,
    frequencies: tuple[float, ...],
    params: PyTree,
    inputs: Float[Array, "n *shape"],
) -> Float[Array, "n e"]:
    """The inputs as the first layer reads them, row by row where they are no vectors.

    none: as they are. standardize: (x - mean) / SD, each column. positional: x itself, then for
    each frequency f sin(2 pi f x) and cos(2 pi f x), each with all columns: `d (1 + 2 F)` numbers.
    x is kept so that the encoded network can still do what a plain one does, on inputs of any
    size; without it, inputs one period apart are the same to the network. Misleads: two settings
    of one encoding also differ in the first layer's number of parameters.

    Raises:
        ValueError: standardize, and `fitted` was not called.

    Reference: Mildenhall et al. 2020 (NeRF), arXiv 2003.08934; Tancik et al. 2020,
    arXiv 2006.10739.
    """
    inputs = flat(inputs)
    if encoding == "standardize":
        if "input" not in params:
            raise ValueError(
                'encoding = "standardize" needs the mean and SD of the inputs: '
                "call model.fitted(params, inputs) after model.init"
            )
        # Neither is trained: without this, gradients would fit them to the loss.
        told = jax.lax.stop_gradient(params["input"])
        return (inputs - told["mean"][None]) / told["sd"][None]
    if encoding == "positional":
        angles = [2 * np.pi * f * inputs for f in frequencies]
        waves = [wave(angle) for angle in angles for wave in (jnp.sin, jnp.cos)]
        return jnp.concatenate([inputs, *waves], axis=1)
    return inputs


def trained(params: PyTree) -> PyTree:
    """True for each part of the parameters that training may change: all but `input`.

    For optimizers that move what has no gradient, as adamw's decay does
    (`optax.adamw(..., mask=trained)`).
    """
    return {name: name != "input" for name in params}
