"""What is known about a study apart from its numbers: the content of `study.lock.json`.

Everything that judges and draws reads this, never a task or a model, so a stored result is judged
and drawn where JAX is not installed. Only JSON values; read back through pydantic, so a damaged or
hostile file is an error message and never code.
"""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, TypeAdapter, model_serializer

from primacy.errors import closest

FORMAT = 1
"""Version of the run folder's layout; a newer one is refused."""

Level = str | int | float | bool
"""What a factor or a column may be compared with."""

ControlKind = Literal["shuffled labels", "constant feature"]
"""Shuffled labels: trained on targets, and described by features, of other examples than it sees.
Constant feature: untrained, with every feature the same in all examples."""

Controls = Literal["default", "full", "none"]
"""Which controls a study runs: at most 6 networks a kind and a fifth of its work, all, or none."""


T = TypeVar("T")
Sparse = Annotated[T, Field(exclude_if=lambda value: not value or value == "test")]
"""A field that is left out where it says nothing: records without it keep their bytes."""
Stated = Annotated[T, Field(exclude_if=lambda value: value is None)]
"""The same of a number that may be 0."""

Section = Literal["table", "summary"]


@dataclass_transform(frozen_default=True, kw_only_default=True)
def _record(cls):
    cls.__pydantic_config__ = ConfigDict(extra="forbid")
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


@_record
class Criterion:
    """When something counts as learned: `measure` reaches theta of the way from chance to ceiling.

    A ceiling below chance (a negative slope) is reached from above. `ceiling` null: the ceiling is
    the lane's own last value (a user's data, where nobody knows the optimum), and the feature is
    "not used" where that value is below `floor`. With `amount` the criterion is that very value,
    in the measure's unit, whatever chance and ceiling are.
    """

    measure: str
    chance: float
    ceiling: float | None
    floor: float | None = None
    amount: Sparse[float | None] = None
    split: Sparse[Literal["train", "test"]] = "test"
    """The examples on which it is measured."""


@_record
class FeatureRecord:
    """A declared feature, or the matched null columns of one (`null_of`)."""

    name: str
    columns: tuple[int, ...]
    target: str | None
    predictivity: float | None
    complexity: float | None
    criterion: Criterion | None
    """None: it has no time-to-learn, and `reason` says why."""
    best: float | None = None
    solo: float | None = None
    """Slopes of the best predictor from all features and from this one alone; null: no such."""
    reason: str | None = None
    null_of: str | None = None
    levels: Sparse[tuple[str, ...]] = ()
    """Of a class: the names of its values; its value is the index among them."""
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)


@_record
class TargetRecord:
    """One thing that the network answers: by one output, or by one for each class."""

    name: str
    kind: Literal["binary", "number", "class"]
    chance: float
    ceiling: float
    ceiling_known: bool
    classes: Sparse[tuple[str, ...]] = ()
    """Of a class: the names of its values, in the order of the outputs about it."""

    @property
    def width(self) -> int:
        """Outputs of the network that are about it."""
        return len(self.classes) or 1

    @property
    def score(self) -> Literal["accuracy", "r_squared"]:
        """The measure of how well it is met."""
        return "r_squared" if self.kind == "number" else "accuracy"

    @property
    def outputs(self) -> tuple[str, ...]:
        """A name for each output about it: its own, or one for each class."""
        return tuple(f"{self.name}: {c}" for c in self.classes) or (self.name,)


@_record
class ConditionRecord:
    """One condition: what decides its runs, and what there is to see in them."""

    key: str
    """Hash of `spec`; the `condition` column on disk."""
    name: str
    """What it is called in this study; the `condition` column in memory."""
    factors: dict[str, Level]
    """What sets it apart, by dotted key (`training.learning_rate`)."""
    spec: dict[str, Any]
    features: tuple[FeatureRecord, ...]
    """Declared features first, then null columns."""
    targets: tuple[TargetRecord, ...]
    inputs: tuple[str, ...]
    """A name for each number that the network reads, as flattened."""
    layers: tuple[str, ...]
    """Hidden layers, input side first."""
    steps: tuple[int, ...]
    """The evaluations, in training steps; step 0 and the end included."""
    steps_per_epoch: int | None
    """None for a stream."""
    theta: float
    confirm: int
    stop: Literal["budget", "learned"]
    parameters: int
    """Numbers that one network learns."""
    control: ControlKind | None = None
    """In the folder `controls`: which control this is."""
    control_of: str | None = None
    """And the key of the condition that it controls."""
    input_shape: Sparse[tuple[int, ...]] = ()
    """The shape of one example where it is no vector (an image)."""
    facts: Sparse[dict[str, Any]] = dataclasses.field(default_factory=dict)
    """More about its data that is known before training (`arrays`: rows that occur twice)."""

    @property
    def size(self) -> tuple[tuple[int, ...], int]:
        """The shape of what a network of it reads for one example, and how many outputs it has."""
        return self.input_shape or (len(self.inputs),), sum(t.width for t in self.targets)

    @property
    def budget(self) -> int:
        """The last step."""
        return self.steps[-1]

    @property
    def tau(self) -> int:
        """Step of the last evaluation that can still be confirmed (the m-th from the end)."""
        return self.steps[max(0, len(self.steps) - self.confirm)]


@_record
class MeasureRecord:
    """A measure's card."""

    name: str
    axes: tuple[str, ...]
    by_layer: bool
    unit: str
    direction: str
    low: float | None
    high: float | None
    chance: float | None
    formula: str
    invariance: str
    misleads: str
    reference: str
    in_training: Sparse[bool] = False
    """Also measured on the training examples, because a criterion or a hypothesis asks for it; not
    said of measures that every study has on both."""
    family: Sparse[str] = ""
    """Measures of one quantity by several definitions: a claim about one is tried on the others."""
    family_order: Sparse[int] = 0
    """Place within the family; 0 is its headline, by which the page shows the family in figures."""
    label: Sparse[str] = ""
    """What it is called beside the others of its family; empty: its name."""
    control_of: Stated[str | None] = None
    """The measure whose matched control this is (of random directions, say)."""
    at_chance: Stated[float | None] = None
    """Its expectation, or more, for a feature that the inputs do not carry; null: not known."""
    section: Stated[Section | None] = None
    """Where the page shows it beyond its card. `table`: in "First, represented, used" and the
    summary. `summary`: in the summary alone. Null: a panel of the hidden layers, where it is
    measured in them for every feature."""
    evidence: Sparse[str] = ""
    """What kind of evidence it is: measured, decoded, attributed or intervened."""

    @property
    def shown(self) -> str:
        """What it is called beside the others of its family."""
        return self.label or self.name.replace("_", " ")


_BEFORE_FAMILIES: dict[str, dict[str, Any]] = {
    "variance_explained": {
        "family": "variance explained",
        "label": "pooled",
        "at_chance": 0.0,
        "section": "table",
    },
    "variance_explained_unit_mean": {
        "family": "variance explained",
        "family_order": 1,
        "label": "unit mean",
        "at_chance": 0.0,
        "section": "table",
    },
    "variance_explained_example_mean": {
        "family": "variance explained",
        "family_order": 2,
        "label": "example mean",
        "section": "table",
    },
    "variance_explained_unique": {
        "family": "variance explained",
        "family_order": 3,
        "label": "unique",
        "at_chance": 0.0,
        "section": "table",
    },
    "variance_explained_joint": {"family": "variance explained", "section": "summary"},
    "variance_explained_group": {"family": "variance explained", "section": "summary"},
    "variance_explained_shapley": {
        "family": "variance explained",
        "at_chance": 0.0,
        "section": "summary",
    },
    "reliance": {"family": "reliance", "label": "another example"},
    **{
        name: {"at_chance": 0.0}
        for name in (
            "cka_debiased",
            "rsa_pearson",
            "rsa_spearman",
            "probe_r_squared",
            "probe_selectivity",
        )
    },
    **{
        f"{name}_null": {"control_of": name}
        for name in (
            "subspace_reliance",
            "interchange_accuracy",
            "erasure_loss",
            "erasure_accuracy",
            "steering_side_effect",
        )
    },
}
"""What records written before these fields existed do not say of their measures."""


def completed(card: MeasureRecord) -> MeasureRecord:
    """The card with what one written before families existed leaves out; any other as it is."""
    if card.family or card.control_of or card.at_chance is not None or card.section:
        return card
    return dataclasses.replace(card, **_BEFORE_FAMILIES.get(card.name, {}))


At = Literal["end", "mean", "learned"] | int | dict[Literal["learned"], str]


@_record
class Contrast:
    """`of` minus (or over) `minus`: two selections of one measure, compared within each seed.

    Without `minus` the value itself is judged. With `over` there is no `minus`: it is the trend
    of the measure over the levels of that factor (mean Kendall tau over seeds).
    """

    measure: str
    of: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Columns of curves or conditions and the level each must have; `at` may stand among them."""
    minus: dict[str, Any] | None = None
    scale: Literal["difference", "ratio"] = "difference"
    at: At = "end"
    over: str | None = None
    pool: tuple[str, ...] = ()
    """Factors whose levels are averaged within a seed."""
    relative_to: Stated[dict[str, Any] | None] = dataclasses.field(
        default=None, metadata={"optional": True}
    )
    """Another feature of the same network (or layer, or target; `at`, if it is another moment):
    every value is a gap then, the selected one less this one."""


@_record
class Hypothesis:
    """A claim fixed before the runs."""

    id: str
    claim: str
    contrast: Contrast
    expect: Literal["less", "greater", "equal", "never"]
    margin: float = 0.0
    """In the measure's unit; for a ratio .25 means beyond 1.25 or 1/1.25; for `never` a share."""
    threshold: float | None = dataclasses.field(default=None, metadata={"optional": True})
    """What the value is compared with; null: 0, or 1 for a ratio."""
    answers: str | None = None
    """The question it answers (`H1A`)."""
    control_for: str | None = None
    """Id of the hypothesis of which this is a control arm."""
    reported_by: Stated[str | None] = dataclasses.field(default=None, metadata={"unkeyed": True})
    """Who reported the expected direction before; null: the claim is this study's own."""
    leaves_open: Stated[str | None] = dataclasses.field(
        default=None, compare=False, metadata={"unkeyed": True}
    )
    """What of the question it does not answer: a note to the reader, which decides nothing."""

    @model_serializer(mode="wrap")
    def _as_before(self, fields: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Without a threshold that was not stated: earlier files have no such key."""
        stored = fields(self)
        if stored["threshold"] is None:
            del stored["threshold"]
        return stored


@_record
class StudyRecord:
    """A study as it was run: the content of `study.lock.json`."""

    format: int = FORMAT
    name: str
    question: str
    study_hash: str
    """SHA-256 of everything that was fixed before the runs, hypotheses and margins included."""
    earlier_hashes: tuple[str, ...] = ()
    """Hashes of this folder's study before its hypotheses were edited; not empty: post hoc."""
    seeds: tuple[int, ...]
    seed_axes: tuple[Literal["init", "data", "order"], ...] = ("init", "data", "order")
    conditions: tuple[ConditionRecord, ...]
    measures: tuple[MeasureRecord, ...]
    hypotheses: tuple[Hypothesis, ...]
    post_hoc: tuple[str, ...] = ()
    """Ids of the hypotheses that were added or changed after the first run."""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    device: str = ""
    block_widths: dict[str, int] = dataclasses.field(default_factory=dict)
    """Lanes that train side by side, by condition key."""
    members: tuple[str, ...] = ()
    """Of a study of studies: the run folders inside this one, each a study of its own."""
    controls: Controls = "none"
    """Which controls were run beside it; their record and runs are in the folder `controls`."""

    def condition(self, name: str) -> ConditionRecord:
        """The condition of that display name.

        Raises:
            ValueError: there is none; names those that there are.
        """
        found = {c.name: c for c in self.conditions}
        if name not in found:
            raise ValueError(
                f'no condition is called "{name}".{closest(name, found)} '
                f"There are: {', '.join(list(found)[:20])}{', ...' * (len(found) > 20)}"
            )
        return found[name]


_ADAPTER = TypeAdapter(StudyRecord)


def to_json(record: StudyRecord) -> bytes:
    """`study.lock.json`'s content."""
    return _ADAPTER.dump_json(record, indent=1)


def from_json(text: bytes) -> StudyRecord:
    """Read `study.lock.json`.

    Raises:
        ValueError: it is not such a file.
    """
    found = _ADAPTER.validate_json(text)
    for name in found.members:  # each is a folder inside this one
        if name in ("", ".", "..") or not {"/", "\\", "\0"}.isdisjoint(name):
            raise ValueError(f"{name!r} is no name of a member")
    seeds = set(found.seeds)
    if not seeds or len(seeds) < len(found.seeds) or not all(0 <= s < 2**63 for s in seeds):
        raise ValueError("seeds are distinct numbers, 0 or larger, and at least one")
    for c in found.conditions:
        if not c.steps or list(c.steps) != sorted(set(c.steps)) or c.steps[0] < 0:
            raise ValueError(f"the evaluations of {c.name!r} are not in order")
        if c.steps[-1] >= 2**63 or c.steps_per_epoch == 0 or c.confirm < 1:
            raise ValueError(f"the evaluations of {c.name!r} are not possible")
    return dataclasses.replace(found, measures=tuple(completed(m) for m in found.measures))
