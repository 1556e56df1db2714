"""What a study is: training, conditions, hypotheses, seeds."""

import dataclasses
import hashlib
import json
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field

from primacy.records.study import Controls, Hypothesis, Level
from primacy.registry import canonical, closest, spec
from primacy.types import Model, Shape, Task, input_shape, outputs_of

SeedAxis = Literal["init", "data", "order"]
SEED_AXES: tuple[SeedAxis, ...] = ("init", "data", "order")


@spec
class Phase:
    """A part of the training in which the loss is that of some targets only."""

    epochs: Annotated[int, Field(ge=1)] | None = None
    """How long it lasts, in passes through the training examples; or give `steps`."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """How long it lasts, in steps."""
    targets: tuple[str, ...] = ()
    """The targets that are trained; left out: all. The others have no part in the loss, and the
    gradient of those that are trained is what it is when all are."""
    reset: bool = False
    """Start the optimizer anew: it forgets its averages. Not with a cosine schedule, which is one
    fall over the whole training."""


class Part(NamedTuple):
    """A phase, as the loop over steps needs it."""

    start: int
    end: int
    counted: tuple[float, ...]
    """1 for each target that is trained, else 0."""
    reset: bool


@spec
class Training:
    """How a network is trained and measured."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Adam, AdamW or stochastic gradient descent."""
    learning_rate: Annotated[float, Field(ge=0)] = 1e-3
    """The size of a step; with a cosine schedule that of the first."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Used by SGD only."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    """Used by AdamW only."""
    ridge: Annotated[float, Field(ge=0)] | None = None
    """Adds `ridge` / 2 times the sum of all squared weights (biases too) to the loss, under any
    optimizer; that of adamw is no such penalty. Left out: no penalty."""
    spectral_decoupling: Annotated[float, Field(ge=0)] | None = None
    """Adds `spectral_decoupling` / 2 times the mean squared output, over examples and targets, to
    the loss, so that a feature learned first leaves the others something to learn (Pezeshki et al.
    2020, arXiv 2011.09468). Left out: no penalty."""
    schedule: Literal["constant", "cosine"] = "constant"
    """Cosine: the learning rate falls to 0 at the last step along half a cosine."""
    batch_size: Annotated[int, Field(ge=1)] = 1024
    """Examples of each training step. Left out of a study file and larger than the training set:
    the largest power of two that gives at least 8 steps an epoch."""
    examples: Annotated[int, Field(ge=1)] | Literal["stream", "all"] = 8192
    """A fixed set of so many, redrawn for each seed; `stream`: fresh ones at every step; `all`:
    every training example of a data set of limited size."""
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Passes through the training examples; or give `steps`."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """How long to train, in steps; give this or `epochs` (a stream has no epochs)."""
    phases: tuple[Phase, ...] = dataclasses.field(default=(), metadata={"optional": True})
    """Parts of the training, one after the other, in place of `epochs` or `steps`: `{ epochs = 70,
    targets = ["parity4"] }` trains that target alone. Weights, the order of examples and the
    optimizer go on from phase to phase, times count from step 0, and the end of each phase is
    evaluated. Left out: one phase, all targets."""
    unlinked: str = dataclasses.field(default="none", metadata={"optional": True})
    """A feature whose link to the targets is broken in training: every example has it from another
    example of its batch, while the held-out ones are as they are. With `"training.unlinked" =
    ["none", "color"]` in a grid, what the networks use of it beyond the second condition is the
    excess that the link has brought about. `none`: every feature stays where it is."""
    evaluations: Annotated[int, Field(ge=2)] = 101
    """How often the network is measured, before the first and after the last step included. Left
    out of a study file and more than the steps allow: after every step."""
    spacing: Literal["linear", "log"] = "linear"
    """Log: step 0, rounded log-spaced steps, the last `confirm` evenly in the last 2 %."""
    also: tuple[Annotated[int, Field(ge=1, le=10**9)], ...] = ()
    """More steps to evaluate after, each followed by `confirm` - 1 more evaluations, as far apart
    as the last ones: so that what was learned by such a step is confirmed, too."""
    fit_examples: Annotated[int, Field(ge=2)] | Literal["all"] = 1024
    """Held out for measures that fit something, such as variance explained."""
    test_examples: Annotated[int, Field(ge=2)] | Literal["all"] = 1024
    """Held out for every score."""
    stop: Literal["budget", "learned"] = "budget"
    """Learned: stop once every feature is learned; else at the last step."""
    theta: Annotated[float, Field(gt=0, le=1)] = 0.9
    """What counts as learned: this fraction of the way from chance to ceiling."""
    confirm: Annotated[int, Field(ge=1)] = 3
    """Evaluations in a row that must be at the criterion."""


@spec
class Condition:
    """Task, model and training: all that decides a run but the seed."""

    task: Task
    model: Model
    training: Training

    def __post_init__(self) -> None:
        """Let a model that must know what it reads and answers know it."""
        bound = getattr(self.model, "bound", None)
        if bound is not None:
            object.__setattr__(self, "model", bound(*self.size))

    @property
    def size(self) -> tuple[Shape, int]:
        """The shape of what a network of it reads for one example, and how many outputs it has."""
        return input_shape(self.task), outputs_of(self.task.targets)

    @property
    def hidden(self) -> int:
        """Numbers that the hidden layers of a network of it hold for one example."""
        sizes_of = getattr(self.model, "sizes_of", None)
        return sum(sizes_of(*self.size) if sizes_of else self.model.layer_sizes)

    @property
    def examples(self) -> dict[str, int]:
        """Examples of each split; `train` is absent for a stream.

        Raises:
            ValueError: more are asked for than the task has.
        """
        training, has = self.training, self.task.sizes
        asked = {
            "train": training.examples,
            "fit": training.fit_examples,
            "test": training.test_examples,
        }
        counts = {}
        for split, n in asked.items():
            if n == "stream":
                continue
            if n == "all":
                if has is None:
                    raise ValueError(f'{split}: "all" needs a task of limited size; give a number')
                n = has[split]
            elif has is not None and int(n) > has[split]:
                raise ValueError(f"{split}: {n} examples asked for; the data have {has[split]}")
            counts[split] = int(n)
        return counts

    @property
    def steps_per_epoch(self) -> int | None:
        """Full batches in the training set (a rest is left out of its epoch); None for a stream.

        Raises:
            ValueError: a batch is larger than the training set.
        """
        if self.training.examples == "stream":
            return None
        n = self.examples["train"]
        if self.training.batch_size > n:
            raise ValueError(
                f"batch_size = {self.training.batch_size} is larger than the training set of {n}"
            )
        return n // self.training.batch_size

    @property
    def budget(self) -> int:
        """Training steps.

        Raises:
            ValueError: not exactly one of `epochs` and `steps` is given, or a stream has epochs.
        """
        training = self.training
        if training.phases:
            if training.epochs is not None or training.steps is not None:
                raise ValueError("phases say how long: leave out epochs and steps")
            return self.parts[-1].end
        if (training.epochs is None) == (training.steps is None):
            raise ValueError("give exactly one of epochs and steps")
        return self._steps(training)

    def _steps(self, of: Training | Phase) -> int:
        if of.steps is not None:
            return of.steps
        if self.steps_per_epoch is None:
            raise ValueError('examples = "stream" has no epochs; give steps')
        return (of.epochs or 0) * self.steps_per_epoch

    @property
    def parts(self) -> tuple[Part, ...]:
        """The phases of training; none where it has no phases.

        Raises:
            ValueError: one does not say how long, or names a target that the task does not have.
        """
        names, parts, start = [t.name for t in self.task.targets], [], 0
        for i, phase in enumerate(self.training.phases):
            if (phase.epochs is None) == (phase.steps is None):
                raise ValueError(f"phases[{i}]: give exactly one of epochs and steps")
            for name in phase.targets:
                if name not in names:
                    raise ValueError(
                        f"phases[{i}].targets: {name!r} is not a target.{closest(name, names)} "
                        f"There are: {', '.join(names)}"
                    )
            if phase.reset and self.training.schedule == "cosine":
                raise ValueError(
                    f"phases[{i}].reset: a cosine schedule is one fall over the whole training and "
                    "cannot begin again; leave out one of the two"
                )
            counted = tuple(float(name in (phase.targets or names)) for name in names)
            end = start + self._steps(phase)
            parts.append(Part(start, end, counted, phase.reset))
            start = end
        return tuple(parts)

    @property
    def evaluations(self) -> tuple[int, ...]:
        """The steps after which the network is measured, 0 and the budget included.

        Raises:
            ValueError: there are more evaluations than steps, or fewer than `confirm`; or what
                follows a step of `also` lies beyond the budget.
        """
        training, budget = self.training, self.budget
        count, m = training.evaluations, training.confirm
        if count > budget + 1:
            raise ValueError(
                f"evaluations = {count}, but {budget} steps allow at most {budget + 1}"
            )
        if m > count:
            raise ValueError(f"confirm = {m} is more than the {count} evaluations")
        if training.spacing == "linear" or count <= m + 2:
            at, apart = np.linspace(0, budget, count), budget / (count - 1)
        else:
            # A last m within the last 2 % let what is learned late still be confirmed.
            early = np.geomspace(1, 0.98 * budget, count - 1 - m)
            at = np.concatenate([[0], early, budget * (0.98 + 0.02 * np.arange(1, m + 1) / m)])
            apart = 0.02 * budget / m
        steps = np.rint(at).astype(int)
        windows = np.rint(np.add.outer(training.also, max(1.0, apart) * np.arange(m))).astype(int)
        for step, last in zip(training.also, windows[:, -1:].ravel(), strict=True):
            if last > budget:
                raise ValueError(
                    f"also = {step}: the {m} evaluations from there on would end at step {last}, "
                    f"and training ends at {budget}"
                )
        ends = [part.end for part in self.parts]
        return tuple(np.union1d(np.union1d(steps, windows), ends).astype(int).tolist())

    @property
    def key(self) -> str:
        """Twelve hex digits of the hash of the spec; the same wherever the condition stands."""
        text = json.dumps(canonical(self), sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """Conditions x seeds, what is measured, and what was expected."""

    name: str
    question: str = ""
    conditions: dict[str, Condition] = dataclasses.field(default_factory=dict)
    """By display name; empty where the study includes others."""
    factors: dict[str, dict[str, Level]] = dataclasses.field(default_factory=dict)
    """For each condition, what sets it apart, by dotted key."""
    measures: tuple[str, ...] = ()
    """Empty: all."""
    hypotheses: tuple[Hypothesis, ...] = ()
    seeds: int = 30
    seed_offset: int = 0
    """The first seed: a replication of a study takes seeds that it did not have."""
    seed_axes: tuple[SeedAxis, ...] = SEED_AXES
    """The streams that differ between seeds; the others stay those of the first seed."""
    notes: tuple[str, ...] = ()
    """Defaults that were too large for its data and what they are instead, measures that it lists
    and cannot have, too few seeds for its claims: a sentence each."""
    source: str = ""
    """The study file's text, kept in the run folder."""
    controls: Controls = "default"
    """Negative-control networks: about 20 % extra work, at most 6 of a kind (default), one per
    network (full), or none."""
    exact_solo: bool = False
    """Train every network in a program of its own, though side by side would be faster: each is
    then bit for bit what it would be alone. Side by side, sums are taken
    in another order, which moves a time-to-learn by an evaluation or so."""
    members: tuple["Study", ...] = ()
    """The studies that this one includes. Seeds, their axes and which controls are run are those
    of the whole; conditions and measures are the members' own."""

    def __post_init__(self) -> None:
        """Refuse members that do not make one whole.

        Raises:
            ValueError: with what does not fit.
        """
        names = [member.name.casefold() for member in self.members]
        if self.members and self.conditions:
            raise ValueError("a study that includes others has no conditions of its own")
        if len(set(names)) < len(names):
            raise ValueError(f"two members have one name: {', '.join(names)}")
        for member in self.members:
            if member.members:
                raise ValueError(f"{member.name} includes studies itself; a member cannot")
            for field in ("seeds", "seed_offset", "seed_axes", "controls", "exact_solo"):
                ours, theirs = getattr(self, field), getattr(member, field)
                if ours != theirs:
                    raise ValueError(f"{field} of {member.name} is {theirs}, of the whole {ours}")

    @property
    def studies(self) -> tuple["Study", ...]:
        """The members; of a study that includes none, the study itself."""
        return self.members or (self,)

    def replace(self, **changes: Any) -> "Study":
        """A copy with some fields changed."""
        return dataclasses.replace(self, **changes)
