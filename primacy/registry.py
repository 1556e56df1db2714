"""How a named thing is added: registries of tasks, models and measures, and frozen specs."""

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import traceback
import types
import typing
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict

from primacy.errors import closest, refuse
from primacy.types import EVIDENCE, Evidence, as_pytree, evidence_of

T = TypeVar("T")

# What a measure may ask for, by the name of its arguments. Data names exist as `fit_*` too: the
# examples on which a measure fits, apart from those on which it is scored.
DATA = ("inputs", "features", "targets", "outputs", "reps")
OFFERED = (
    *(*DATA, *(f"fit_{name}" for name in DATA)),
    *("forward", "columns", "donors", "loss"),
    "onward",  # the outputs that the rest of the network gives for an edited hidden layer
    "own_targets",  # of each feature, the index of the target that it fully determines; else -1
    # Answers that are asked of the network once, for all measures:
    "swapped",  # the outputs with each site interchanged; NaN for a site without columns
    "swapped_rest",  # and with everything but the site
    "slopes",  # of every output along every input, at the examples
    "heads",  # of each target, how many outputs are about it
    "codes",  # of each feature, how many columns of `features` tell it
)


class Registry(dict[str, Any]):
    """Named things of one kind. Refuses another module's thing under a taken name."""

    def __init__(self, kind: str, package: str, needs: tuple[str, ...] = ()) -> None:
        """Nothing is imported before `load`.

        Args:
            kind: what a thing is called in errors.
            package: whose files register things.
            needs: members that every thing must have.
        """
        super().__init__()
        self.kind, self.package, self.needs = kind, package, needs
        self._loaded = False

    def add(self, name: str) -> Callable[[T], T]:
        """Register under `name`; the same module may do so again, as a cell run twice does.

        Raises:
            ValueError: the name is taken by another module, or the thing lacks a member.
        """

        def register(thing: T) -> T:
            if missing := [member for member in self.needs if not hasattr(thing, member)]:
                raise ValueError(
                    f"{self.kind} {name!r} lacks {', '.join(missing)}; docs/design.md says what "
                    f"a {self.kind} needs"
                )
            if self.kind == "model":
                _takes_a_shape(name, thing)
            if name in self.keys() and _module(self[name]) != _module(thing):
                raise ValueError(
                    f"{self.kind} {name!r} is already registered by {_module(self[name])}; "
                    "choose another name"
                )
            self[name] = thing
            if isinstance(thing, type):
                thing.kind = name  # type: ignore[attr-defined]
            return thing

        return register

    def load(self) -> "Registry":
        """Import every sibling file of the package and every `primacy` entry point, once."""
        if not self._loaded:
            self._loaded = True
            package = importlib.import_module(self.package)
            for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
                importlib.import_module(f"{self.package}.{module}")
            from importlib.metadata import entry_points

            for point in sorted(entry_points(group="primacy"), key=lambda p: p.name):
                point.load()
        return self

    def __missing__(self, name: str) -> Any:
        choices = sorted(self)
        raise ValueError(
            f"no {self.kind} named {name!r}.{closest(name, choices)} "
            f"There are: {', '.join(choices)}"
        )


PLUGINS: dict[str, str] = {}
"""SHA-256 of the files of Python that this process was told to run, by name of the file."""


RAISED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What the code of a person may raise who is to be told in one line."""


def load_plugin(file: Path) -> None:
    """Run a file of Python that registers tasks, models or measures of one's own.

    Only the person who starts the program names one; no study file and no run folder can.

    Raises:
        StudyError: there is none, or it fails; says in which line.
    """
    for registry in (tasks, models, measures):
        registry.load()  # so that a taken name is refused
    executed(file, f"primacy_plugin_{file.stem}")


def executed(file: Path, name: str) -> types.ModuleType:
    """A user's file of Python as a module of that name; its SHA-256 is kept in `PLUGINS`.

    Raises:
        StudyError: there is none, or it fails; says in which line.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        refuse(str(file), f"cannot be read: {error.strerror}")
    found = importlib.util.spec_from_loader(name, SourceFileLoader(name, str(file)))
    module = importlib.util.module_from_spec(found)  # type: ignore[arg-type]
    sys.modules[name] = module  # dataclasses look their annotations up there
    try:
        found.loader.exec_module(module)  # type: ignore[union-attr]
    except SyntaxError as error:
        refuse(str(file), f"not valid Python: {error.msg}", error.lineno)
    except RAISED as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame.lineno for frame in frames if frame.filename == str(file)]
        refuse(str(file), f"{type(error).__name__}: {error}", own[-1] if own else None)
    PLUGINS[file.name] = hashlib.sha256(content).hexdigest()
    return module


def _takes_a_shape(name: str, model: Any) -> None:
    """Refuse a model that wants the number of inputs, as models did before inputs had a shape."""
    for method in ("shapes", "cost", "init"):
        if not hasattr(model, method):
            continue
        given = list(inspect.signature(getattr(model, method)).parameters.values())
        first = given[2 if method == "init" else 1 : 3]
        if first and (first[0].annotation in (int, "int") or first[0].name == "d"):
            raise ValueError(
                f"model {name!r}: {method} takes {first[0].name}, the number of inputs; it is "
                f"given the shape of one example instead. Write {method}(self, ..., shape: "
                "tuple[int, ...], outputs: int) with d = math.prod(shape)"
            )


def _module(thing: Any) -> str:
    """Where a task, a model or a measure's function was written."""
    return getattr(thing, "function", thing).__module__


tasks = Registry("task", "primacy.tasks")
models = Registry(
    "model",
    "primacy.models",
    needs=("layer_names", "layer_sizes", "shapes", "cost", "init", "apply"),
)
measures = Registry("measure", "primacy.measures")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def spec(cls: type[T]) -> type[T]:
    """A frozen dataclass that is also a pytree: numbers are leaves, all else is structure.

    A field annotated `float` (or a nested spec) is a leaf and may differ between networks that
    train side by side in one compiled program; every other field (counts, widths, names) is
    structure. One annotated `float | None` is a leaf where it has a number, and None is structure:
    what it would do is then no part of the program. Of a `dict[str, float]` the names are
    structure and the numbers leaves.
    `jax.tree.structure(a) == jax.tree.structure(b)` says that two specs can share one.
    Unflattening skips `__init__`, so tracers pass while the fields stay plain `float` for
    pydantic and for the run-time type checker.
    """
    cls = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    cls.__pydantic_config__ = ConfigDict(  # type: ignore[attr-defined]
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
    hints = typing.get_type_hints(cls, include_extras=False)
    names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    numbers = (float, float | None, dict[str, float], dict[str, float] | None)
    leaves = [name for name in names if hints[name] in numbers or _is_spec(hints[name])]
    structure = [name for name in names if name not in leaves]

    as_pytree(cls, leaves, structure)
    return cls


def _is_spec(hint: Any) -> bool:
    # Protocols (Task, Model) stand for specs of an open set.
    return isinstance(hint, type) and (
        getattr(hint, "_is_protocol", False) or hasattr(hint, "__pydantic_config__")
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """What is to be known of a measure."""

    axes: tuple[str, ...]
    """Axes of the result, of `feature`, `site` (features, then null columns), `target`."""
    unit: str
    direction: str
    range: tuple[float | None, float | None]
    """Its smallest and largest value; null: no such."""
    chance: float | None
    formula: str
    invariance: str
    misleads: str
    reference: str
    splits: tuple[str, ...] = ("test",)
    """`test`, or `train` and `test`."""
    losses: tuple[str, ...] = ("sigmoid_cross_entropy", "squared_error", "softmax_cross_entropy")
    """The losses under which it makes sense: accuracy has none with number targets."""
    by_default: bool = True
    """Whether a study that lists no measures has it; if not, it is computed where it is named."""
    family: str = ""
    """Measures of one quantity by several definitions: a claim about one is tried on the others."""
    family_order: int = 0
    """Place within the family; 0 is its headline, by which the page shows the family in figures."""
    label: str = ""
    """What it is called beside the others of its family; empty: its name."""
    control_of: str | None = None
    """The measure whose matched control this is (of random directions, say)."""
    at_chance: float | None = None
    """Its expectation, or more, for a feature that the inputs do not carry; null: not known."""
    section: Literal["table", "summary"] | None = None
    """Where the page shows it beyond its card. `table`: in "First, represented, used" and the
    summary. `summary`: in the summary alone. Null: a panel of the hidden layers, where it is
    measured in them for every feature."""
    evidence: Evidence | None = None
    """What kind of evidence it is: a key of `EVIDENCE`; null: that which its arguments give."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measure(Card):
    """A registered measure: its card, the function, and what that asks for."""

    name: str
    function: Callable[..., Any]
    asks: tuple[str, ...]
    evidence: Evidence = "measured"

    @property
    def low(self) -> float | None:
        """The smallest value."""
        return self.range[0]

    @property
    def high(self) -> float | None:
        """The largest value."""
        return self.range[1]

    @property
    def by_layer(self) -> bool:
        """Whether it is computed once for every hidden layer."""
        return "reps" in self.asks

    @property
    def by_onward(self) -> bool:
        """Whether it runs the rest of the network from an edited hidden layer."""
        return "onward" in self.asks

    def card(self) -> dict[str, Any]:
        """What is to be known of it, as JSON values."""
        return {
            "means": inspect.getdoc(self.function) or "",
            "formula": self.formula,
            "unit": self.unit,
            "direction": self.direction,
            "range": list(self.range),
            "chance": self.chance,
            "invariance": self.invariance,
            "misleads": self.misleads,
            "reference": self.reference,
            "evidence": EVIDENCE[self.evidence],
            **self._standing(),
            "computed": "in every study that lists no measures"
            if self.by_default
            else "only where a study names it",
        }

    def _standing(self) -> dict[str, Any]:
        """What it is to other measures, where it is anything to them."""
        told = {
            "family": self.family,
            "control_of": self.control_of,
            "at_chance": self.at_chance,
        }
        return {key: value for key, value in told.items() if value not in ("", None)}


class measure(Card):
    """Register a function as a measure, with its card. Its argument names say what it needs.

    Raises:
        ValueError: an argument name is not on the list of what can be offered, `onward` comes
            without the `reps` of the layer from which it goes on, or the measure is in the page's
            table without a family, or the control of a measure that is not registered.
    """

    def __call__(self, function: T) -> T:
        asks = tuple(inspect.signature(function).parameters)  # type: ignore[arg-type]
        name = function.__name__  # type: ignore[attr-defined]
        if unknown := [a for a in asks if a not in OFFERED]:
            raise ValueError(
                f"measure {name!r} asks for {', '.join(unknown)}."
                f"{closest(unknown[0], OFFERED)} It may ask for: {', '.join(OFFERED)}"
            )
        if "onward" in asks and "reps" not in asks:
            raise ValueError(f"measure {name!r} asks for onward without reps: of which layer?")
        if self.section == "table" and not self.family:
            raise ValueError(f"measure {name!r}: a column of the table stands under its family")
        if self.control_of is not None and self.control_of not in measures.keys():  # noqa: SIM118
            measures.load()[self.control_of]  # refuses a name that is no measure's
        card: dict[str, Any] = {**vars(self), "evidence": self.evidence or evidence_of(asks)}
        measures.add(name)(Measure(**card, name=name, function=function, asks=asks))  # type: ignore[arg-type]
        return function


def canonical(thing: Any) -> Any:
    """A spec as JSON values, `kind` first: what its hash is taken of.

    Fields with `metadata={"unkeyed": True}` (where a file lies, say) do not decide a run. Those
    with `metadata={"optional": True}` are left out at their default, so that an option that came
    later leaves the hashes of earlier runs as they are.
    """
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        kind = {"kind": thing.kind} if hasattr(thing, "kind") else {}  # type: ignore[attr-defined]
        return kind | {
            field.name: canonical(getattr(thing, field.name))
            for field in dataclasses.fields(thing)
            if not field.metadata.get("unkeyed")
            and not (field.metadata.get("optional") and getattr(thing, field.name) == field.default)
        }
    if isinstance(thing, (tuple, list)):
        return [canonical(item) for item in thing]
    if isinstance(thing, dict):
        return {key: canonical(value) for key, value in thing.items()}
    return thing
