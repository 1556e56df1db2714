"""A user's own examples with the features to ask about: what a foreign network is measured on.

No framework is named here: inputs are NumPy arrays (one, or a mapping of several, as language
models have), and the leading axis is the example.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from primacy.errors import Problem, StudyError, closest
from primacy.networks.frameworks.network import one_line, picked, rows_of
from primacy.networks.user_arrays import (
    Swap,
    Values,
    feature_of,
    inputs_of,
    like,
    names_of,
    problem,
    target_of,
)
from primacy.registry import RAISED
from primacy.rng import streams
from primacy.types import Feature, LossName, Target

MIN_EXAMPLES = 8


def values(
    values: Any,
    swap: Swap | None = None,
    *,
    target: str | None = None,
    complexity: float | None = None,
) -> Values:
    """A feature by its value in every example.

    Args:
        values: one per example. Texts and whole numbers are classes (at most 50), other numbers a
            quantity.
        swap: `swap(i, j)` returns examples `i` as they would be with the feature's value of
            examples `j` and all else as it was (both are arrays of row numbers): rendered again,
            rewritten, cut and pasted. Without it nobody can say whether the network uses the
            feature, and those measures have no value.
        target: the target that it fully determines. The feature then counts as learned when that
            target is answered; else when the network relies on it.
        complexity: stated, for the axis of charts.
    """
    return Values(values, swap, target, complexity)


@dataclasses.dataclass(frozen=True, eq=False)
class Declared:
    """Examples, targets and features; made by `declare`."""

    name: str
    inputs: Any
    features: tuple[Feature, ...]
    values: Float[np.ndarray, "rows k"]
    """Of every feature; of a class the index of its level, of several columns NaN."""
    swaps: tuple[Swap | np.ndarray | None, ...]
    """How each feature is interchanged: a function, columns of a flattened example, or not."""
    targets: tuple[Target, ...]
    answers: Float[np.ndarray, "rows t"]
    loss: LossName
    fit: Int[np.ndarray, " m"]
    """Rows on which measures are fitted, and those on which everything is scored."""
    test: Int[np.ndarray, " n"]
    sha256: str

    @property
    def numeric(self) -> bool:
        """Whether an example is one array of real numbers, so that slopes along it exist."""
        return isinstance(self.inputs, np.ndarray) and self.inputs.dtype.kind == "f"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example that is an array."""
        return self.inputs.shape[1:]

    def rows(self, index: np.ndarray) -> Any:
        """Some of the examples."""
        return picked(self.inputs, index)

    def swapped(self, k: int, keep: np.ndarray, take: np.ndarray, rest: bool = False) -> Any:
        """Examples `keep` with feature k of examples `take`; None where there is no way to.

        Args:
            k: which feature.
            keep: rows of the examples that are changed.
            take: rows of the examples from which the value comes, one for each.
            rest: everything but feature k comes from there instead.

        Raises:
            ValueError: the user's function raised or returned something else than examples.
        """
        swap = self.swaps[k]
        if swap is None:
            return None
        if callable(swap):
            name = f"swap of {self.features[k].name}"
            try:
                made = swap(take, keep) if rest else swap(keep, take)
            except RAISED as error:
                raise ValueError(f"{name} raised {one_line(error)}") from error
            return like(made, self.rows(keep), name)
        own = self.inputs[keep].reshape(len(keep), -1)
        changed = np.zeros(own.shape[1], bool)
        changed[swap] = True
        if rest:
            changed = ~changed
        if not changed.any():
            return None
        donated = self.inputs[take].reshape(len(take), -1)
        return np.where(changed[None], donated, own).reshape(len(keep), *self.shape)

    def unlinked(self, feature: str, seed: int = 0) -> Any:
        """All examples, each with the feature's value of another one: its link is broken.

        What to train a control network on, where the examples to train on are declared, too: what
        the networks use of the feature beyond that one's is the excess that the link brought about.

        Args:
            feature: which.
            seed: decides from which example each has it.

        Raises:
            ValueError: there is no such feature, or it cannot be interchanged.
        """
        names = [f.name for f in self.features]
        if feature not in names:
            raise ValueError(f"no feature is called {feature!r}.{closest(feature, names)}")
        order = streams(seed, "data")("unlinked", feature).permutation(len(self.values))
        made = self.swapped(names.index(feature), np.arange(len(order)), order)
        if made is None:
            raise ValueError(f"{feature}: nothing says how it is interchanged (swap=, or columns)")
        return made


# Longer than 60 lines: most of them tell a user what to give.
def declare(
    inputs: Any,
    targets: Any,
    features: Mapping[str, Any],
    *,
    name: str = "own data",
    columns: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    fit: int = 256,
    test: int = 256,
    seed: int = 0,
) -> Declared:
    """Say on what networks are to be measured: examples, their targets, and features of them.

    ```python
    data = primacy.declare(
        images, {"class": labels}, classes=["disc", "square", "cross"],
        features={
            "shape": primacy.values(shape, swap=lambda i, j: draw(i, shape_of=j), target="class"),
            "color": primacy.values(color, swap=lambda i, j: draw(i, color_of=j)),
            "corner": corner_mask,          # a region (boolean mask) or a list of columns
        },
    )
    ```

    Args:
        inputs: what the network reads, one example per row: an array of any shape, or a mapping of
            arrays (token ids and mask). Give examples that it is not trained on.
        targets: whole numbers or texts (classes), or other numbers (squared error); a mapping for
            several by name.
        features: by name: a boolean array of the shape of one example (a region), a list of columns
            (numbers, or names where `columns` gives them), or `primacy.values(...)`.
        name: of the data, on the page.
        columns: names of the numbers of an example; a table of pandas or polars brings its own.
        classes: names of the target's classes, where there is one target.
        fit: examples on which measures are fitted, at most: where there are fewer, all that are
            not scored.
        test: examples on which everything is scored, at most: where there are fewer, half of them.
        seed: which of the examples.

    Raises:
        StudyError: lists all that is wrong.
    """
    problems: list[Problem] = []
    arrays = inputs_of(inputs, problems)
    size = rows_of(arrays) if arrays is not None else 0
    if arrays is None or size < MIN_EXAMPLES:
        if arrays is not None:
            text = f"{size} examples are too few to fit on some and score on others"
            problems.append(problem("inputs", text))
        raise StudyError(problems)
    columns = names_of(inputs) if columns is None else columns
    given = dict(targets) if isinstance(targets, Mapping) else {"target": targets}
    found, answers = _targets_of(given, size, classes, problems)
    for key, count in (("fit", fit), ("test", test)):
        if count < 1:
            problems.append(problem(key, f"{count}: a number of examples, 1 or more"))
    if not features:
        problems.append(problem("features", "none is declared"))
    made = []
    for title, feature in features.items():
        with _Collected(problems, f"features.{title}"):
            made.append(feature_of(title, feature, arrays, columns, list(given)))
    if problems:
        raise StudyError(problems)
    order = streams(seed, "data")("declared").permutation(size)
    half = min(test, size // 2)
    table = np.stack([values for _, values, _ in made], 1).astype(np.float32)
    answered = np.stack(answers, 1).astype(np.float32)
    rows = {"test": order[:half], "fit": order[half : half + fit]}
    declared = Declared(
        name=name,
        inputs=arrays,
        features=tuple(feature for feature, _, _ in made),
        values=table,
        swaps=tuple(swap for _, _, swap in made),
        targets=tuple(found),
        answers=answered,
        loss="squared_error" if found[0].kind == "number" else "softmax_cross_entropy",
        **rows,
        sha256=_hash(arrays, table, answered, rows),
    )
    for k, feature in enumerate(declared.features):  # a mistake costs two examples now
        with _Collected(problems, f"features.{feature.name}"):
            declared.swapped(k, declared.test[:2], declared.fit[:2])
    if problems:
        raise StudyError(problems)
    return declared


def _targets_of(
    given: Mapping[str, Any], size: int, classes: Sequence[str] | None, problems: list[Problem]
) -> tuple[list[Target], list[np.ndarray]]:
    """The targets, all numbers or all classes, and what each is in every example."""
    if classes is not None and len(given) > 1:
        problems.append(problem("classes", "they name the classes of one target; there are more"))
        classes = None
    found, answers = [], []
    for title, values_ in given.items():
        with _Collected(problems, f"targets.{title}"):
            target, answer = target_of(title, values_, size, classes)
            found.append(target)
            answers.append(answer)
    if len({target.kind == "number" for target in found}) > 1:
        text = "numbers and classes together have no one loss; declare them apart"
        problems.append(problem("targets", text))
    return found, answers


def rows_only(declared: Declared) -> Declared:
    """The same data for representations: an example is its row number, nothing is interchanged."""
    size = len(declared.values)
    return dataclasses.replace(
        declared,
        inputs=np.arange(size)[:, None],
        swaps=(None,) * len(declared.features),
        features=tuple(dataclasses.replace(f, columns=()) for f in declared.features),
    )


class _Collected:
    """Turns a ValueError into one more problem."""

    def __init__(self, problems: list[Problem], key: str) -> None:
        self.problems, self.key = problems, key

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, ValueError):
            self.problems.append(problem(self.key, str(error)))
        return isinstance(error, ValueError)


def _hash(inputs: Any, table: np.ndarray, answers: np.ndarray, rows: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    every = inputs if isinstance(inputs, dict) else {"": inputs}
    for key, array in {**every, "features": table, "targets": answers, **rows}.items():
        digest.update(f"{key} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
