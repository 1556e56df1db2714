"""Axis letters, and the types that tasks, models and measures share.

Axis letters, the same in every file:

    n examples   d inputs   k features   t targets   h units of a layer   l layers
    s seeds      c conditions   e evaluations (points in training)        m fit examples
    o outputs (as many as targets, but of a class one for each value)
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Float, PyTree

LossName = Literal["sigmoid_cross_entropy", "squared_error", "softmax_cross_entropy"]

Evidence = Literal["measured", "decoded", "attributed", "intervened"]
EVIDENCE: dict[Evidence, str] = {
    "measured": "measured: read off outputs or a layer as they are. It says what there is, not "
    "what it is due to.",
    "decoded": "decoded: a layer compared with a feature. It says that the feature can be told "
    "from the layer; that the network uses it takes an intervention, such as "
    "`interchange_accuracy`.",
    "attributed": "attributed: slopes of the outputs. It says what small changes would do; that "
    "real ones do it takes an intervention, such as `reliance`.",
    "intervened": "intervened: something was changed, and the outputs were looked at. It says what "
    "the outputs depend on, for changes of this kind.",
}
"""What a number can be evidence of, and what would say more."""


def evidence_of(asks: tuple[str, ...]) -> Evidence:
    """The kind of evidence of a measure, by what it asks for.

    One that runs the network itself only to follow slopes says so on its card.
    """
    if {"forward", "onward", "swapped", "swapped_rest"} & set(asks):
        return "intervened"
    if "slopes" in asks:
        return "attributed"
    if "reps" in asks and {"features", "inputs"} & set(asks):
        return "decoded"
    return "measured"


# Draws of one purpose: `rng("train", "linear")` is the generator of that name, always the same
# for the same seed and names, whatever else is asked for.
Streams = Callable[..., np.random.Generator]
Shape = tuple[int, ...]
"""Of one example: `(d,)`, or as an image or a sequence has it."""
Draws = Mapping[str, Any]  # NumPy arrays whose leading axis is the example


class _Mapping(tuple):
    """A mapping as structure: hashable, so that it can be part of what programs are keyed by."""

    @classmethod
    def freeze(cls, value: Any) -> Any:
        return cls(value.items()) if isinstance(value, Mapping) else value


def as_pytree(cls: type, leaves: Sequence[str], structure: Sequence[str] = ()) -> None:
    """Register a frozen dataclass as a pytree whose unflattening skips `__init__`.

    So tracers, axis numbers and stacked arrays pass through, while `__init__` still checks what
    people write (`jax.tree_util.register_dataclass` calls it with whatever JAX puts in).
    """

    def flatten(self):
        aux = tuple(_Mapping.freeze(getattr(self, n)) for n in structure)
        return [getattr(self, n) for n in leaves], aux

    def unflatten(aux, children):
        self = object.__new__(cls)
        aux = (dict(v) if isinstance(v, _Mapping) else v for v in aux)
        for name, value in zip((*structure, *leaves), (*aux, *children), strict=True):
            object.__setattr__(self, name, value)
        return self

    jax.tree_util.register_pytree_node(cls, flatten, unflatten)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Feature:
    """A known function of the input, with the facts the experimenter controls."""

    name: str
    columns: tuple[int, ...]
    """The inputs that carry it."""
    target: int | None = None
    """Index of the target that it fully determines, if any."""
    predictivity: float | None = 1.0
    """Accuracy (0/1 targets) or R^2 of the best predictor of its target from it alone; null where
    the data decide and nobody knows."""
    levels: tuple[str, ...] = ()
    """The names of its values where it is a class; its value is then the index among them. Empty:
    its value is a number."""
    complexity: float | None = None
    """Average sensitivity for gates; stated by the task for others; null where unknown."""
    null_columns: tuple[int, ...] = ()
    """As many columns that carry nothing, from the same place: the matched control of reliance."""
    best: float | None = None
    """Where the features of a task share one target: the slope of the target's best predictor
    along this feature's one column. 0 for a feature that it ignores; null where the data do not
    identify it."""
    solo: float | None = None
    """The slope of the best predictor from this feature alone, Cov / Var; null as above."""
    judged_by: str | None = None
    """The measure by which it counts as learned, where it is none of its target's: `full` is its
    value once the feature is learned, and the chance on the measure's card what it starts from."""
    full: float = 1.0
    """Of the measure that it is judged by: its value for the best predictor."""
    reason: str | None = None
    """Why it has no time-to-learn, where it has none."""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """More about it that is known before training (JSON values only)."""
    watched: bool = False
    """Measured only: no target is made of it, and it has no time-to-learn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One thing that the network is trained to answer."""

    name: str
    kind: Literal["binary", "number", "class"]
    """Binary: 0 or 1, answered by one logit. Number: in its own unit. Class: one of `classes`, by
    its index, answered by the largest of as many logits."""
    chance: float
    """The score of the best constant guess: accuracy (binary, class) or R^2 (number, 0)."""
    classes: tuple[str, ...] = ()
    """Of a class: the names of its values, in the order of the outputs about it."""
    ceiling: float = 1.0
    """The score of the best possible predictor."""
    ceiling_known: bool = True
    """False for a user's own data, where nobody knows the Bayes optimum."""

    @property
    def width(self) -> int:
        """Outputs of the network that are about it: one, or one for each class."""
        return len(self.classes) or 1


@dataclasses.dataclass(frozen=True)
class Batch:
    """Examples and the ground truth about them."""

    inputs: Float[Array, "n *shape"]
    """What the network reads: `n d`, or of the task's `input_shape` (an image: `n y x c`)."""
    features: Float[Array, "n k"]
    """The value of every declared feature; a group of several columns has NaN here. Of a class it
    is the index of the level."""
    targets: Float[Array, "n t"]
    """The value of every target; of a class it is the index."""
    weights: Float[Array, "n t"] | None = None
    """How much each example counts in the loss of each target in training; None: 1, everywhere."""


@dataclasses.dataclass(frozen=True)
class Forward:
    """What a model did with a batch."""

    outputs: Float[Array, "n o"]
    """One for each target, or as many as a class has values (`Target.width`)."""
    layers: dict[str, Float[Array, "n h"]]
    """Each hidden layer by name, after its activation; `hidden1` is next to the input."""


as_pytree(Batch, ("inputs", "features", "targets", "weights"))
as_pytree(Forward, ("outputs", "layers"))


@runtime_checkable
class Task(Protocol):
    """Where examples come from, with the truth about them. A frozen spec (`registry.spec`)."""

    loss: LossName

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The features that can be asked about, in a fixed order (axis `k`)."""
        ...

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the network answers, in order (axis `t`)."""
        ...

    @property
    def input_names(self) -> tuple[str, ...]:
        """A name for each number that the network reads (axis `d`), as flattened."""
        ...

    @property
    def sizes(self) -> Mapping[str, int] | None:
        """Examples available by split (`train`, `fit`, `test`); None: as many as asked for."""
        ...

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """All randomness of `n` examples, on the host, free of the spec's float fields."""
        ...

    def build(self, draws: Draws) -> Batch:
        """The examples made from draws; traced, so float fields may be arrays."""
        ...

    # Optional: `rotation_matrix`, an orthogonal [d, d] array or None. Its row i is the direction of
    # coordinate i in the input, features' `columns` count coordinates, and measures see those.
    # Optional: `input_shape`, the shape of one example; without it `(len(input_names),)`. Features'
    # `columns` count the numbers of an example as flattened, row by row.
    # Optional: `swap(draws, donors, feature) -> draws or None`, the examples of `draws` with the
    # value of the feature (by name) that those of `donors` have, row by row: how a feature is
    # interchanged that is not a set of columns (the color of what an image shows). None: by its
    # columns.


@runtime_checkable
class Model(Protocol):
    """A network. A frozen spec (`registry.spec`)."""

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the hidden layers, input side first."""
        ...

    @property
    def layer_sizes(self) -> tuple[int, ...]:
        """Units of each hidden layer, in the order of `layer_names`."""
        ...

    def shapes(self, shape: Shape, outputs: int) -> PyTree[jax.ShapeDtypeStruct]:
        """Shape and type of every parameter, known without drawing one.

        `shape` is that of one example, `(d,)` for a plain vector of `d` numbers.
        """
        ...

    def cost(self, shape: Shape, outputs: int) -> int:
        """Multiply-adds of one example's forward pass; a bias is one, its input a constant 1."""
        ...

    def init(self, rng: np.random.Generator, shape: Shape, outputs: int) -> PyTree[np.ndarray]:
        """Initial parameters, float32 NumPy arrays drawn on the host, as `shapes` says."""
        ...

    def apply(self, params: PyTree, inputs: Float[Array, "n *shape"]) -> Forward:
        """Outputs, and every hidden layer as `n h` numbers."""
        ...

    # Optional: `fitted(params, inputs) -> params`, called once on the host with the fit examples
    # where the model's `encoding` is `standardize`.
    # Optional: `draws_in_training`, true where a training step draws (dropout), and then
    # `apply_in_training(params, inputs, key)`, which is `apply` with what the key draws.
    # Optional: `settled(params, inputs) -> params`, the parameters as they are evaluated: with the
    # statistics (batch normalization) of these inputs, the fit examples, in them.
    # Optional: `one_by_one`, true where side by side is slower than one after another at any size.
    # Optional: `by_ynnpack`, true where YNNPACK trains it faster than Eigen (`training.programs`).
    # Optional: `sizes_of(shape, outputs)`, for a model whose `layer_sizes` depend on these.
    # Optional: `onward(params, layer, reps) -> outputs`, the outputs when the hidden layer of that
    # name is `reps`: with its own reps, what `apply` gives. Without it the measures that change a
    # hidden layer have no value for this model.


def input_shape(task: Task) -> Shape:
    """The shape of one example: what the task says, or a vector of its inputs."""
    return getattr(task, "input_shape", None) or (len(task.input_names),)


def outputs_of(targets: Sequence[Target]) -> int:
    """Outputs of a network that answers these targets (axis `o`)."""
    return sum(target.width for target in targets)
