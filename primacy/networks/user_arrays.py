"""A user's arrays, turned into examples, targets and features, or told what is wrong with them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from primacy.errors import Problem, closest, shown
from primacy.networks.frameworks.network import rows_of
from primacy.types import Feature, Target

Swap = Callable[[np.ndarray, np.ndarray], Any]
"""`swap(i, j)`: examples `i` with the feature's value of examples `j`."""

MAX_LEVELS = 50
"""Values that a feature or a target which is a class may have."""

CALLED = "declare"
"""What errors call data that are in no file."""


@dataclasses.dataclass(frozen=True, eq=False)
class Values:
    """A feature by its value in every example; see `declared.values`."""

    values: Any
    swap: Swap | None = None
    target: str | None = None
    complexity: float | None = None


def problem(key: str, message: str) -> Problem:
    return Problem(file=CALLED, line=None, key=key, message=message)


def inputs_of(given: Any, problems: list[Problem]) -> Any:
    if isinstance(given, Mapping):
        arrays = {str(key): _input(f"inputs.{key}", a, problems) for key, a in given.items()}
        sizes = {key: len(a) for key, a in arrays.items() if a is not None}
        if len(set(sizes.values())) != 1:
            told = ", ".join(f"{key} {n}" for key, n in sizes.items())
            problems.append(problem("inputs", f"different numbers of examples: {told or 'none'}"))
        return None if problems else arrays
    return _input("inputs", given, problems)


def _input(key: str, given: Any, problems: list[Problem]) -> np.ndarray | None:
    array = array_of(given)
    if array.ndim < 1 or array.dtype.kind not in "fiub":
        what = f"shape {array.shape} of {array.dtype}"
        problems.append(
            problem(key, f"{what}: an array of numbers, one example per row, is needed")
        )
        return None
    if array.dtype.kind in "fb":
        array = array.astype(np.float32)
        if bad := int((~np.isfinite(array)).sum()):
            problems.append(problem(key, f"{bad} numbers are not finite; fill or drop them"))
    return array


def array_of(given: Any) -> np.ndarray:
    """An array of NumPy, of PyTorch (also on a device, also with gradients) or of JAX."""
    for step in ("detach", "cpu"):
        found = getattr(given, step, None)  # a table may have a column of that name
        given = found() if callable(found) else given
    return np.asarray(given)


def names_of(table: Any) -> list[str] | None:
    """Names of the columns of a table (pandas, polars); None for an array."""
    names = getattr(table, "columns", None)
    return None if names is None else [str(name) for name in names]


def like(made: Any, model: Any, what: str) -> Any:
    """What a user's function made, if it is as many examples of the same form, all finite.

    Raises:
        ValueError: it is not.
    """
    if isinstance(model, Mapping):
        if not isinstance(made, Mapping) or set(made) != set(model):
            got = ", ".join(map(str, made)) if isinstance(made, Mapping) else type(made).__name__
            raise ValueError(f"{what} returned {got}; examples have {', '.join(model)}")
        return {key: like(made[key], model[key], f"{what}, {key},") for key in model}
    array = array_of(made)
    if array.shape != model.shape:
        raise ValueError(f"{what} returned shape {array.shape}; the examples have {model.shape}")
    array = array.astype(model.dtype)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{what} returned numbers that are not finite")
    return array


def target_of(
    name: str, given: Any, size: int, classes: Sequence[str] | None
) -> tuple[Target, np.ndarray]:
    values = array_of(given)
    if values.shape == (size, 1):
        values = values[:, 0]
    if values.shape != (size,):
        hint = ". Give the class, such as targets.argmax(1)" if _one_hot(values) else ""
        raise ValueError(f"shape {values.shape}; there are {size} examples{hint}")
    if (values == values[0]).all():
        told = shown(str(values[0]))
        raise ValueError(f"always {told} in all {size} examples: there is nothing to learn")
    if values.dtype.kind in "OUSb":
        found, values = np.unique(values.astype(str), return_inverse=True)
        if classes is not None and (unknown := sorted(set(found) - set(classes))):
            raise ValueError(f"{unknown[0]!r} is not among the classes {', '.join(classes)}")
        if classes is not None:
            values = np.array([list(classes).index(level) for level in found])[values]
        classes = classes or [str(level) for level in found]
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    if values.dtype.kind == "f" and not np.isin(values, (0, 1)).all():
        return Target(name=name, kind="number", chance=0.0, ceiling_known=False), values
    values = values.astype(np.int64)
    if values.min() < 0:
        raise ValueError(f"class {values.min()}; classes count from 0")
    width = max(int(values.max()) + 1, len(classes or ()))
    if not 2 <= width <= MAX_LEVELS:
        raise ValueError(
            f"{width} classes; 2 to {MAX_LEVELS} can be told apart. Give floats for a quantity"
        )
    titles = tuple(map(str, classes or range(width)))
    if len(titles) < width:
        named = f"class {width - 1} has no name; classes are {', '.join(titles)}"
        raise ValueError(f"{named}{numbered_from_one(name, values)}")
    most = float(np.bincount(values).max() / size)
    target = Target(name=name, kind="class", chance=most, classes=titles, ceiling_known=False)
    return target, values


def _one_hot(values: np.ndarray) -> bool:
    """Whether each row has a single 1, and zeros."""
    plain = values.ndim == 2 and values.dtype.kind in "fiub"
    return plain and bool(np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all())


def numbered_from_one(name: str, classes: np.ndarray) -> str:
    """What to do about classes of which none is 0, with a leading blank; empty where one is."""
    held = np.unique(classes).astype(int).tolist()
    if held[0] == 0:
        return ""
    told = ", ".join(map(str, held)) if len(held) <= 5 else f"{held[0]} to {held[-1]}"
    return (
        f". {name} holds {told} and no 0: classes are numbered from 0, so declare "
        f"labels - {held[0]}"
    )


def feature_of(
    name: str, given: Any, inputs: Any, columns: Sequence[str] | None, targets: Sequence[str]
) -> tuple[Feature, np.ndarray, Swap | np.ndarray | None]:
    size = rows_of(inputs)
    if isinstance(given, Values):
        return _by_values(name, given, size, targets)
    if isinstance(inputs, Mapping):
        raise ValueError(
            "an example is several arrays, of which no region is meant: give primacy.values(...)"
        )
    shape = inputs.shape[1:]
    mask = array_of(given) if not isinstance(given, (list, tuple, str, int)) else None
    if mask is not None and mask.dtype == bool:
        if mask.shape != shape:
            raise ValueError(f"a region of shape {mask.shape}; an example has shape {shape}")
        own = np.flatnonzero(mask)
        facts = {"region": f"{len(own)} of {mask.size} numbers of an example"}
    else:
        width, listed = int(np.prod(shape)), [given] if isinstance(given, (str, int)) else given
        own, facts = np.array([_column(c, columns, width) for c in listed], np.int64), {}
    if not len(own):
        raise ValueError("it has no columns")
    feature = Feature(name=name, columns=tuple(own.tolist()), predictivity=None, facts=facts)
    alone = len(own) == 1
    value = inputs.reshape(size, -1)[:, own[0]] if alone else np.full(size, np.nan)
    return feature, value, own


def _by_values(
    name: str, given: Values, size: int, targets: Sequence[str]
) -> tuple[Feature, np.ndarray, Swap | None]:
    values = array_of(given.values)
    if values.shape != (size,):
        raise ValueError(f"values of shape {values.shape}; there are {size} examples")
    if given.target is not None and given.target not in targets:
        raise ValueError(
            f"its target {given.target!r} is none.{closest(given.target, targets)} "
            f"There are: {', '.join(targets)}"
        )
    levels: tuple[str, ...] = ()
    if values.dtype.kind in "OUSbiu":
        found, values = np.unique(
            values.astype(str) if values.dtype.kind in "OUS" else values, return_inverse=True
        )
        levels = tuple(map(str, found))
        if not 2 <= len(levels) <= MAX_LEVELS:
            raise ValueError(
                f"{len(levels)} different values; a class has 2 to {MAX_LEVELS}. "
                "Give floats if it is a quantity"
            )
        if len(levels) == 2:  # 0 and 1, a number like any other
            levels = ()
    elif not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    elif np.ptp(values) == 0:
        raise ValueError("it has the same value in all examples")
    how = "by a function of yours" if given.swap else "not: no swap was given"
    feature = Feature(
        name=name,
        columns=(),
        target=None if given.target is None else list(targets).index(given.target),
        predictivity=None,
        complexity=given.complexity,
        levels=levels,
        facts={"interchanged": how},
    )
    return feature, values.astype(np.float64), given.swap


def _column(given: Any, columns: Sequence[str] | None, width: int) -> int:
    if isinstance(given, str):
        names = list(columns or ())
        if not names:
            raise ValueError(
                f"no column is called {given!r}: here they are numbered 0 to {width - 1}. Give the "
                "numbers, or the names of all: columns=[...]"
            )
        if given not in names:
            raise ValueError(f"no column is called {given!r}.{closest(given, names)}")
        return names.index(given)
    if not isinstance(given, (int, np.integer)) or not 0 <= int(given) < width:
        raise ValueError(f"column {given!r}; they are whole numbers from 0 to {width - 1}")
    return int(given)
