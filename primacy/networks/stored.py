"""A stored network, rebuilt: the model of its condition with the weights of its seed.

What to build is read from the study's record as data: a registered name and its fields, checked
as those of a study file are. No path of a module, so a run folder cannot make anything run.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from primacy.errors import shown
from primacy.models import encodings
from primacy.records.files import Damaged
from primacy.records.store import StoreError
from primacy.records.study import ConditionRecord
from primacy.registry import Registry, models, tasks
from primacy.report.page.function_plot import grid
from primacy.result import Result
from primacy.rng import streams
from primacy.study.toml.mistakes import checked, dotted
from primacy.types import Model, Task

EXAMPLES = 1024
"""Test examples by which the range and the spread of inputs are told."""


@dataclasses.dataclass(frozen=True)
class Network:
    """A trained network: call it with inputs for its outputs."""

    record: ConditionRecord
    seed: int
    model: Model
    params: PyTree

    def __call__(self, inputs: Float[np.ndarray, "n *shape"]) -> Float[np.ndarray, "n o"]:
        """The outputs: logits of 0/1 targets and of classes, else numbers in the target's unit."""
        return np.asarray(_outputs(self.model, self.params, inputs.astype(np.float32)))


def network(result: Result, condition: str, seed: int) -> Network:
    """One network of a run, as it was at the end of its training.

    With batch normalization it uses the statistics of its fit examples, as when it was measured.

    Args:
        result: the run.
        condition: display name.
        seed: which of its networks.

    Raises:
        StoreError: it is not stored, or what is stored does not fit its model; or it has batch
            normalization, and its examples are those of a file.
    """
    record = result.record.condition(condition)
    model = model_of(record)
    params = params_of(model, record, result.weights(condition, seed))
    if getattr(model, "normalization", "none") == "batch":
        own = seed if "data" in result.record.seed_axes else 0
        inputs = examples_drawn(record, own, "fit", record.spec["training"]["fit_examples"])
        params = model.settled(params, inputs)  # type: ignore[attr-defined]
    return Network(record, seed, model, params)


def model_of(record: ConditionRecord) -> Model:
    """The model of a condition.

    Raises:
        StoreError: it is not one that is registered here, or a field is wrong.
    """
    _of_primacy(record)
    return _rebuilt(models, record, "model")


def task_of(record: ConditionRecord) -> Task:
    """The task of a condition.

    Raises:
        StoreError: as for a model; or its examples are those of a file, which no run folder holds.
    """
    _of_primacy(record)
    table = record.spec.get("task")
    if isinstance(table, Mapping) and "file" not in table and "sha256" in table:
        raise StoreError(
            f"{record.name}: its examples come from a file, and a run folder holds none. "
            "Give the study file that names it: --task FILE.toml"
        )
    return _rebuilt(tasks, record, "task")


def _of_primacy(record: ConditionRecord) -> None:
    """Refuse a network whose code is the user's: a run folder holds no code."""
    model = record.spec.get("model")
    if isinstance(model, Mapping) and model.get("kind") == "own network":
        raise StoreError(
            f"{record.name}: its networks are your own code ({model.get('module')}), of which a "
            "run folder holds the weights alone. `primacy audit FILE.py:NAME --checkpoints ...` "
            "measures saved networks of yours on other data"
        )


def _rebuilt(registry: Registry, record: ConditionRecord, part: str) -> Any:
    table = record.spec.get(part)
    kind = table.get("kind") if isinstance(table, Mapping) else None
    if not isinstance(table, Mapping) or not isinstance(kind, str):
        raise StoreError(f"{record.name}: the study's record does not say which {part} it has")
    fields = {key: value for key, value in table.items() if key != "kind"}
    thing, mistakes = checked(registry.load()[kind], fields, (part,))
    if mistakes:
        first = mistakes[0]
        raise StoreError(f"{record.name}: {dotted(first.path)}: {first.message}")
    return thing


def params_of(
    model: Model, record: ConditionRecord, weights: Mapping[str, np.ndarray]
) -> PyTree[np.ndarray]:
    """Stored weights in the shape of the model's parameters.

    Raises:
        Damaged: a name or a shape is not the model's.
    """
    read, outputs = record.size
    shape: Any = model.shapes(read, outputs)
    if hasattr(model, "fitted"):
        shape = model.fitted(shape, np.zeros((2, *read), np.float32))  # type: ignore[attr-defined]
    paths, structure = jax.tree_util.tree_flatten_with_path(shape)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    wanted = {name: leaf.shape for name, (_, leaf) in zip(names, paths, strict=True)}
    stored = {name: array.shape for name, array in weights.items()}
    if wanted != stored:
        odd = sorted(set(wanted.items()) ^ set(stored.items()))[0][0]
        raise Damaged(
            f"{record.name}: the stored weights do not fit the model: {shown(odd)} is "
            f"{stored.get(odd, 'missing')}, and should be {wanted.get(odd, 'absent')}"
        )
    return jax.tree.unflatten(structure, [weights[name] for name in names])


def examples_of(record: ConditionRecord, seed: int) -> Float[np.ndarray, "n *shape"] | None:
    """Inputs of test examples of a condition's own task; None: they are not in the run folder."""
    try:
        task = task_of(record)
    except StoreError:
        return None
    n = EXAMPLES if task.sizes is None else min(EXAMPLES, task.sizes["test"])
    return np.asarray(examples_drawn(record, seed, "test", n))


def examples_drawn(
    record: ConditionRecord, seed: int, split: str, n: int
) -> Float[Array, "n *shape"]:
    """Inputs of so many examples of a condition's own task.

    Raises:
        StoreError: they are those of a file.
    """
    task = task_of(record)
    draws = jax.tree.map(jnp.asarray, task.draw(split, streams(seed, "data"), n))
    return task.build(draws).inputs


def function(
    trained: Network, examples: Float[np.ndarray, "m d"] | None
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n t"]]:
    """Inputs over the range of the examples, and what the network makes of them.

    Without examples the range is -3 to 3.

    Raises:
        ValueError: the network has more than two inputs.
    """
    d = len(trained.record.inputs)
    low, high = np.full(d, -3.0), np.full(d, 3.0)
    if examples is not None:
        low, high = examples.min(axis=0), examples.max(axis=0)
    inputs = grid(low.astype(np.float64), high.astype(np.float64))
    return inputs, trained(inputs)


def spread_read(trained: Network, inputs: Float[np.ndarray, "n *shape"]) -> Float[np.ndarray, " r"]:
    """Standard deviation of each number that the first layer reads, over the examples.

    The inputs themselves, or what the model's encoding makes of them.
    """
    model = trained.model
    read = inputs.astype(np.float32).reshape(len(inputs), -1)
    if hasattr(model, "encoding"):
        encoding, frequencies = model.encoding, model.frequencies  # type: ignore[attr-defined]
        read = encodings.encode(encoding, frequencies, trained.params, jnp.asarray(read))
    return np.asarray(read).astype(np.float64).std(axis=0)


@jax.jit
def _outputs(model: Model, params: PyTree, inputs: Float[Array, "n *shape"]) -> Float[Array, "n o"]:
    return model.apply(params, inputs).outputs
