"""What of an example goes with what: in a control lane, targets and features are those of others.

A control is the same structure with other draws, so it shares the compiled program of the lanes
that it controls. Programs are therefore given the draws three times: those that inputs, targets
and features are built from. In an ordinary lane all three are one and the same array.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from primacy.records.study import ControlKind
from primacy.types import Batch, Draws, Streams


class Sources(NamedTuple):
    """The draws from which inputs, targets and features are built; the same but in a control."""

    inputs: Draws
    targets: Draws
    features: Draws


def built(task: Any, draws: Draws | Sources) -> Batch:
    """Examples, each part of them from its own draws; traced, so a task's numbers are arrays."""
    if not isinstance(draws, Sources):
        return task.build(draws)
    asked, answered, described = (task.build(part) for part in draws)
    return Batch(
        inputs=asked.inputs,
        features=described.features,
        targets=answered.targets,
        weights=answered.weights,
    )


def of_set(control: ControlKind | None, split: str, draws: Draws, rng: Streams) -> Sources:
    """The sources of one lane's fixed set of examples.

    Args:
        control: of the lane; null: it is an ordinary one.
        split: `train`, `fit` or `test`.
        draws: as an ordinary lane has them.
        rng: of the lane's seed, for the purpose `control`.
    """
    if control is None:
        return Sources(draws, draws, draws)
    n = len(jax.tree.leaves(draws)[0])
    if control == "constant feature":
        return Sources(draws, draws, rows(draws, np.zeros(n, int)))
    # A permutation, not other examples: what the targets are is kept, so is their exact balance,
    # and data of limited size have no other examples. Over permutations the covariance of a target
    # with any input is exactly 0.
    others = rows(draws, rng("permutation", split).permutation(n))
    # Held-out examples keep their true targets: a score above chance means that something leaks.
    # Their features are as in training: a feature that no input carries.
    return Sources(draws, others if split == "train" else draws, others)


def of_stream(control: ControlKind | None, draws: Draws, others: Callable[[], Draws]) -> Sources:
    """The sources of one lane's fresh examples; `others` draws ones unrelated to them.

    A permutation within a page would leave one example in a few hundred its own target, which a
    network that is shown a stream of them would learn from.
    """
    if control != "shuffled labels":
        return Sources(draws, draws, draws)
    elsewhere = others()
    return Sources(draws, elsewhere, elsewhere)


def stacked(each: Sequence[Sources], width: int, stack: Callable[[Iterable[Any]], Any]) -> Sources:
    """The sources of `width` lanes side by side, the last one's again where there are fewer.

    Where all are ordinary lanes, it is the same array thrice.
    """
    padded = [*each, *[each[-1]] * (width - len(each))]
    inputs = stack(one.inputs for one in padded)
    if all(one.inputs is one.targets is one.features for one in each):
        return Sources(inputs, inputs, inputs)
    return Sources(
        inputs, stack(one.targets for one in padded), stack(one.features for one in padded)
    )


def mapped(function: Callable[[Any], Any], sources: Sources) -> Sources:
    """The function of each part, called once for parts that are one and the same object."""
    done = {id(part): function(part) for part in sources}
    return Sources(*(done[id(part)] for part in sources))


def rows(draws: Draws, chosen: np.ndarray) -> Any:
    """These rows of every array."""
    return jax.tree.map(lambda a: np.asarray(a)[chosen], draws)
