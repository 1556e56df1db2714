"""A small transformer that reads numbers as tokens and answers in one slot for each target."""

import math
from typing import Annotated, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree
from pydantic import Field

from primacy.models.dense import affine, dense_shapes, fan_in_uniform, float32
from primacy.models.normalization import layer_normalized, normalization, normalization_shapes
from primacy.registry import models, spec
from primacy.types import Forward, Shape

Mask = Literal["decoder", "prefix", "queries"]

EMBEDDING_SD = 0.5
"""Standard deviation of tokens, positions and queries at the start."""

BARRED = -1e9
"""Added to the attention that a mask forbids."""


@models.add("transformer")
@spec
class Transformer:
    """Pre-norm attention layers over one token for each input and one slot for each target.

    A token is the embedding of 0 or that of 1 (of a number between, the mixture) plus a learned
    position. One binary output is shared by all slots and read after the final normalization.

    Inputs of the task `tokens` end in the labels of all slots but the last, for slots to read
    back; other tasks have none, and only `mask = "queries"` can read them.

    Hidden layers are read-outs of the last attention layer: `inputs-mean` and `inputs` (the mean
    over the tokens that are inputs, and all of them side by side), `outputs` (all slots side by
    side) and `outputs-norm` (the same after the final normalization, which removes the size of
    each slot). The tokens that are inputs do not decide the outputs from there on, so measures
    that change a hidden layer have no value.

    Reference: Vaswani et al. 2017, arXiv 1706.03762; pre-norm: Xiong et al. 2020, arXiv 2002.04745.
    """

    one_by_one = True

    width: Annotated[int, Field(ge=1)] = 32
    """Numbers of a token."""
    depth: Annotated[int, Field(ge=1)] = 2
    """Attention layers, each followed by a hidden layer of 4 x `width` GELU units."""
    heads: Annotated[int, Field(ge=1)] = 4
    """Attention heads; they divide `width`."""
    mask: Mask = "decoder"
    """Decoder: every position sees itself and those before it; the first slot reads a separator,
    every other the label before it. Prefix: so, but inputs see one another. Queries: inputs see
    one another, a slot reads a learned query and sees the inputs and itself, and no label."""

    def __post_init__(self) -> None:
        """Refuse heads that do not divide a token.

        Raises:
            ValueError: they do not.
        """
        if self.width % self.heads:
            raise ValueError(f"heads = {self.heads} do not divide width = {self.width}")

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The read-outs; see the class."""
        return ("inputs-mean", "inputs", "outputs", "outputs-norm")

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Numbers of one token, for each read-out; `sizes_of` says how many tokens."""
        return (self.width,) * 4

    def sizes_of(self, shape: Shape, outputs: int) -> tuple[int, ...]:
        """Units of each read-out, in the order of `layer_names`."""
        inputs = self._inputs(shape, outputs)
        return tuple(self.width * tokens for tokens in (1, inputs, outputs, outputs))

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shapes of the parameters: embeddings, a dictionary for each layer, norm and output.

        Raises:
            ValueError: labels are read back, and the task's inputs have none.
        """
        d, inputs = self.width, self._inputs(shape, outputs)
        slots = {"query": float32(outputs, d)} if self.mask == "queries" else {"start": float32(d)}
        layer = {
            "attention_norm": normalization_shapes(d),
            "attention": dense_shapes(d, 3 * d),
            "mixed": dense_shapes(d, d),
            "hidden_norm": normalization_shapes(d),
            "hidden": dense_shapes(d, 4 * d),
            "written": dense_shapes(4 * d, d),
        }
        return {
            "token": float32(2, d),
            "position": float32(inputs, d),
            "slot_position": float32(outputs, d),
            **slots,
            **{f"layer{i + 1}": layer for i in range(self.depth)},
            "norm": normalization_shapes(d),
            "output": dense_shapes(d, 1),
        }

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example: matrices once a position, attention once a pair of them."""
        d, positions = self.width, self._inputs(shape, outputs) + outputs
        matrices = 12 * d * d + 9 * d
        return self.depth * positions * (matrices + 2 * positions * d) + outputs * (d + 1)

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters: matrices as in `nn.Linear`, embeddings normal, SD .5."""
        d, shapes = self.width, self.shapes(shape, outputs)

        def normal(name: str) -> np.ndarray:
            return (EMBEDDING_SD * rng.standard_normal(shapes[name].shape)).astype(np.float32)

        found: dict[str, PyTree] = {"token": normal("token")}
        for name in ("position", "slot_position"):
            found[name] = normal(name)
        slots = "query" if self.mask == "queries" else "start"
        found[slots] = normal(slots)
        for i in range(self.depth):
            found[f"layer{i + 1}"] = {
                "attention_norm": normalization(d),
                "attention": fan_in_uniform(rng, d, 3 * d),
                "mixed": fan_in_uniform(rng, d, d),
                "hidden_norm": normalization(d),
                "hidden": fan_in_uniform(rng, d, 4 * d),
                "written": fan_in_uniform(rng, 4 * d, d),
            }
        return {**found, "norm": normalization(d), "output": fan_in_uniform(rng, d, 1)}

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs and the read-outs."""
        n, d = len(inputs), self.width
        tokens, slots = len(params["position"]), len(params["slot_position"])
        positions = tokens + slots
        allowed = visible(self.mask, tokens, slots)
        flat = self._embedded(params, inputs.reshape(n, -1)).reshape(-1, d)
        for i in range(self.depth):
            layer = params[f"layer{i + 1}"]
            seen = affine(layer["attention"], layer_normalized(layer["attention_norm"], flat))
            mixed = attended(seen.reshape(n, positions, 3, self.heads, -1), allowed)
            flat = flat + affine(layer["mixed"], mixed.reshape(-1, d))
            made = affine(layer["hidden"], layer_normalized(layer["hidden_norm"], flat))
            flat = flat + affine(layer["written"], jax.nn.gelu(made))
        x = flat.reshape(n, positions, d)
        read, answers = x[:, :tokens], x[:, tokens:]
        normal = layer_normalized(params["norm"], answers)
        outputs = affine(params["output"], normal.reshape(-1, d)).reshape(n, slots)
        layers = (read.mean(axis=1), read, answers, normal)
        named = zip(self.layer_names, layers, strict=True)
        return Forward(outputs, {name: layer.reshape(n, -1) for name, layer in named})

    def _embedded(self, params: PyTree, values: Float[Array, "n l"]) -> Float[Array, "n p d"]:
        """What every position reads: a token or a slot's own vector, plus its place."""
        n, d = len(values), self.width
        tokens, slots = len(params["position"]), len(params["slot_position"])
        zero, one = params["token"]

        def embedded(part: Float[Array, "n a"]) -> Float[Array, "n a d"]:
            return zero[None, None] + part[..., None] * (one - zero)[None, None]

        if self.mask == "queries":
            asked = jnp.broadcast_to(params["query"][None], (n, slots, d))
        else:
            start = jnp.broadcast_to(params["start"][None, None], (n, 1, d))
            asked = jnp.concatenate([start, embedded(values[:, tokens:])], axis=1)
        read = embedded(values[:, :tokens]) + params["position"][None]
        return jnp.concatenate([read, asked + params["slot_position"][None]], axis=1)

    def _inputs(self, shape: Shape, outputs: int) -> int:
        """Tokens that are inputs.

        Raises:
            ValueError: labels are read back, and the task's inputs have none.
        """
        if is_sequence(shape):
            return shape[0] - (outputs - 1)
        if self.mask != "queries" and outputs > 1:
            raise ValueError(
                f'mask = "{self.mask}": a slot reads the label before it, and the inputs of this '
                'task hold no labels. Choose the task kind = "tokens", or mask = "queries"'
            )
        return math.prod(shape)


def is_sequence(shape: Shape) -> bool:
    """Whether inputs are tokens x 1: a sequence with the labels to read back at its end."""
    return len(shape) == 2 and shape[1] == 1


def visible(mask: Mask, inputs: int, slots: int) -> Bool[np.ndarray, "p p"]:
    """Which position (row) sees which: inputs come first, then slots."""
    p = inputs + slots
    at = np.arange(p)
    causal = at[:, None] >= at[None]
    if mask == "decoder":
        return causal
    reads = np.broadcast_to(at[None] < inputs, (p, p))  # an input is seen from everywhere
    return reads | (causal if mask == "prefix" else np.eye(p, dtype=bool))


def attended(
    seen: Float[Array, "n p three a e"], allowed: Bool[np.ndarray, "p p"]
) -> Float[Array, "n p a e"]:
    """What each head of each position takes from the positions that it may see."""
    query, key, value = seen[:, :, 0], seen[:, :, 1], seen[:, :, 2]
    scores = jnp.einsum("npae,nqae->napq", query, key) / np.sqrt(query.shape[-1])
    barred = jnp.where(allowed, 0.0, BARRED)[None, None]
    return jnp.einsum("napq,nqae->npae", jax.nn.softmax(scores + barred, axis=-1), value)
