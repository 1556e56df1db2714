"""Binary features behind gates: the feature-complexity demo's task, and any boolean expression.

Each feature has a block of units, Bernoulli(1/2) bits of which a few decide it, and is a target
of its own. Reference: Lampinen, Chan, Hermann 2024, arXiv 2405.05847.
"""

import dataclasses
import functools
import itertools
import re
from typing import Annotated, Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float
from pydantic import AfterValidator, Field

from primacy.registry import closest, spec, tasks
from primacy.tasks import subterms, truthtable
from primacy.types import Batch, Draws, Feature, Streams, Target

FEWEST_UNITS = 4
LONGEST_TEXT = 200
_COPIES = 4  # of linear's unit, as many units as matter to a gate

GATES = tuple("_".join(names) for names in itertools.product(("and", "or", "xor"), repeat=3))
PARITIES = tuple(f"parity{k}" for k in range(2, truthtable.MOST_BITS + 1))
NAMED = ("linear", "linear1", "linear2", *GATES, *PARITIES)

_LINEAR = re.compile(r"linear([1-9][0-9]?)?")

_FORMS = "linear, top_left_right (xor_xor_xor), parityK, or an expression (a and (b xor not c))"


@dataclasses.dataclass(frozen=True)
class Function:
    """What a feature computes: a truth table over the first units of its block."""

    table: Bool[np.ndarray, "rows"]
    copies: int = 1
    """How often the (single) bit stands in the block."""

    @property
    def units(self) -> int:
        """The units from the front of the block that it names."""
        return truthtable.size(self.table) * self.copies

    @property
    def columns(self) -> tuple[int, ...]:
        """The units that matter; a bit may be named and change nothing (`a or (b and not b)`)."""
        matters = np.repeat(truthtable.sensitive(self.table).any(1), self.copies)
        return tuple(int(unit) for unit in np.flatnonzero(matters))


@functools.lru_cache(maxsize=1000)
def function(text: str) -> Function:
    """The function that a feature's text names.

    Raises:
        ValueError: it names none; says why and what is near.
    """
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{len(text)} characters; at most {LONGEST_TEXT} are possible")
    words = text.split()
    if text != text.strip():
        raise ValueError(f"not a feature: blanks at its ends.{closest(text, NAMED)}")
    if ":" in text:
        raise ValueError(
            "a feature has bits of its own. A term that shares the bits of another feature is "
            f"measured, not trained: put it under `watched` ({subterms.FORM})"
        )
    if found := _LINEAR.fullmatch(text):
        return Function(np.array([False, True]), copies=int(found[1] or _COPIES))
    if text in GATES:
        a, b, c, d = truthtable.bits(4).T
        top, left, right = (truthtable.OPERATIONS[name] for name in text.split("_"))
        return Function(top(left(a, b), right(c, d)))
    if found := re.fullmatch(r"parity([0-9]{1,3})", text):
        if not 1 <= (k := int(found[1])) <= truthtable.MOST_BITS:
            raise ValueError(f"{k} bits; parity is of 1 to {truthtable.MOST_BITS}")
        return Function(truthtable.bits(k).sum(1) % 2 == 1)
    if len(words) < 2 and "(" not in text:
        parts = text.split("_")
        if len(parts) != 3 and set(parts) <= set(truthtable.OPERATIONS):
            raise ValueError(
                f"not a feature: {len(parts)} operation{'s' * (len(parts) > 1)}, but a gate is "
                "top_left_right, three of and, or, xor (xor_and_or). To combine two bits write "
                f"'a {parts[0]} b'"
            )
        near = closest(text, NAMED)
        raise ValueError(f"not a feature.{near or f' Expected {_FORMS}'}")
    try:
        _, table = truthtable.parse(text)
    except ValueError as problem:
        near = closest(text.replace(" ", "_"), NAMED)
        raise ValueError(f"not a feature: {problem}{near and '.' + near}") from None
    if table.all() or not table.any():
        raise ValueError(
            f"always {int(table[0])}, says its truth table; a feature must take both values"
        )
    return Function(table)


@functools.lru_cache(maxsize=1000)
def law(text: str, exact: bool) -> Float[np.ndarray, "rows"]:
    """How often each row of a feature's table is drawn: half ones if exact, else all alike."""
    table = function(text).table
    if not exact:
        return np.full(table.size, 1 / table.size)
    return np.where(table, 0.5 / table.sum(), 0.5 / (~table).sum())


@functools.lru_cache(maxsize=1000)
def facts(text: str, exact: bool) -> dict[str, Any]:
    """What is known about a feature before training.

    Under the sampling law: `base_rate` (share of ones), `bit_correlations` (Pearson r of each
    unit that matters with the label) and `average_sensitivity`. Under the uniform law:
    `average_sensitivity_uniform`, `fourier_mass` by degree from 0, `leap`. And
    `linearly_separable`. `linear` is a function of one bit.
    """
    rule, weights = function(text), law(text, exact)
    table = rule.table.astype(float)
    settings = truthtable.bits(truthtable.size(rule.table)).astype(float)
    label = table - weights @ table
    centered = settings - weights @ settings
    r = (weights * label) @ centered / np.sqrt(weights @ centered**2 * (weights @ label**2))
    # A law that is uniform or symmetric gives a zero correlation rounding of 1e-17.
    r = np.repeat(np.where(np.abs(r) < 1e-12, 0.0, r), rule.copies)
    mass = truthtable.fourier_mass(rule.table)
    return {
        "base_rate": float(weights @ table),
        "bit_correlations": [float(r[unit]) for unit in rule.columns],
        "fourier_mass": mass.tolist(),
        "average_sensitivity": truthtable.average_sensitivity(rule.table, weights),
        "average_sensitivity_uniform": truthtable.average_sensitivity(rule.table),
        "leap": truthtable.leap(rule.table),
        "linearly_separable": truthtable.linearly_separable(rule.table),
    }


def _check_units(units: int) -> int:
    if units < FEWEST_UNITS:
        raise ValueError(f"expected at least {FEWEST_UNITS}: linear and gates take units 0 to 3")
    return units


def _check_room(text: str, units: int | None) -> str:
    needed = function(text).units
    if units is not None and units < needed:
        raise ValueError(f"takes {needed} units, but units_per_feature is {units}")
    return text


def _check_feature(text: str, info: Any) -> str:  # pydantic.ValidationInfo
    return _check_room(text, info.data.get("units_per_feature"))


def _check_some(features: tuple[str, ...]) -> tuple[str, ...]:
    if not features:
        raise ValueError(f"expected at least one feature: {_FORMS}")
    return features


Prevalence = Annotated[float, Field(gt=0, le=1)]


def _optional(default: Any) -> Any:
    """A field that came later: at its default it is in no hash."""
    return dataclasses.field(default=default, metadata={"optional": True})


def _fails(check: Any, value: Any) -> bool:
    try:
        check(value)
    except ValueError:
        return True
    return False


@tasks.add("boolean")
@spec
class Boolean:
    """Blocks of random bits; each feature is a function of the first units of its block."""

    loss = "sigmoid_cross_entropy"

    # Stands first so that a feature can be checked against it.
    units_per_feature: Annotated[int, AfterValidator(_check_units)] = 16
    """Random bits of each feature's block; those that do not matter to it are distractors."""
    features: Annotated[
        tuple[Annotated[str, AfterValidator(_check_feature)], ...], AfterValidator(_check_some)
    ] = ("linear", "xor_xor_xor")
    """`linear` (unit 0, copied to units 0-3), `linearK` (in K units instead of four), a gate
    `top_left_right` = top(left(0, 1), right(2, 3)), `parityK`, or an expression over named bits
    with not, and, xor, or (binding in this order): the first is unit 0, the next unit 1, ..."""
    balance: Literal["demo", "exact", "none"] = "demo"
    """Exact: half the labels are 1 (for odd n the odd one is 0), in random order. Demo: so, but
    `linear` is a fair coin. None: all bits are fair coins."""
    trained: Annotated[int, Field(ge=1)] | None = _optional(None)
    """Only the first so many features are targets. The blocks of the others stay in the input, and
    the others are measured as `watched` ones are. Left out: all are targets."""
    watched: tuple[str, ...] = _optional(())
    """Functions that are measured and never trained, each of the units of one feature's block:
    `"xor_xor_xor: a xor b"`, where a is unit 0, b unit 1, and so on. They have a value for
    every measure of what is represented, and no time-to-learn."""
    prevalence: dict[str, Prevalence] | None = _optional(None)
    """In which share of the training examples a feature is there, by name: `{ "linear #2" = .1 }`.
    Each example and feature is drawn for itself, and what is there at .1 is there at .5. Fit and
    test examples hold every feature. Left out: all are there, always."""
    prevalence_of: Literal["label", "block"] = _optional("label")
    """What is rare. Label: where a feature is not there, its label does not count in the loss, and
    its bits are drawn all the same. Block: its bits are all 0 there, and the label says so."""

    def __post_init__(self) -> None:
        """Check what was written in Python as a study file is checked; list all that is wrong.

        Raises:
            ValueError: some field is no good.
        """
        checks: list[tuple[str, Any, Any]] = [
            ("units_per_feature", self.units_per_feature, _check_units),
            ("features", self.features, _check_some),
        ]
        enough = self.units_per_feature >= FEWEST_UNITS
        room = functools.partial(_check_room, units=self.units_per_feature if enough else None)
        checks += [(f"features[{i}]", text, room) for i, text in enumerate(self.features)]
        if not any(_fails(check, value) for _, value, check in checks):
            checks += [("trained", self.trained, self._check_trained)]
            checks += [
                (f"watched[{i}]", text, self._check_watched) for i, text in enumerate(self.watched)
            ]
            checks += [(f"prevalence.{n}", n, self._check_rare) for n in self.prevalence or ()]
        problems = []
        for name, value, check in checks:
            try:
                check(value)
            except ValueError as problem:
                shown = f'"{value}"' if isinstance(value, str) else value
                problems.append(f"{name} = {shown}: {problem}")
        if problems:
            raise ValueError("\n".join(problems))

    @property
    def names(self) -> tuple[str, ...]:
        """The features' names: their texts, repeats with ` #2`, ` #3`, ..."""
        seen = [self.features[: i + 1].count(text) for i, text in enumerate(self.features)]
        return tuple(
            text if count == 1 else f"{text} #{count}"
            for text, count in zip(self.features, seen, strict=True)
        )

    def _check_trained(self, trained: int | None) -> None:
        if trained is not None and trained > len(self.features):
            raise ValueError(f"there are {len(self.features)} features")

    def _check_watched(self, text: str) -> None:
        subterms.subterm(text, self.names, self.units_per_feature)
        if self.watched.count(text) > 1 or text in self.names:
            raise ValueError("stands twice")

    def _check_rare(self, name: str) -> None:
        if name not in self.names:
            raise ValueError(
                f"not a feature.{closest(name, self.names)} There are: {', '.join(self.names)}"
            )

    @property
    def _terms(self) -> tuple[subterms.Subterm, ...]:
        return tuple(
            subterms.subterm(text, self.names, self.units_per_feature) for text in self.watched
        )

    @property
    def _outputs(self) -> int:
        return len(self.features) if self.trained is None else self.trained

    def _exact(self, text: str) -> bool:
        return self.balance == "exact" or (self.balance == "demo" and not _LINEAR.fullmatch(text))

    @property
    def declared(self) -> tuple[Feature, ...]:
        """The features; each that is trained is its own target, fully determined."""
        block = self.units_per_feature
        features = []
        for i, (name, text) in enumerate(zip(self.names, self.features, strict=True)):
            columns = function(text).columns
            # Units 4-7 in the demo; earlier ones that do not matter only where these run out.
            idle = [*range(max(_COPIES, function(text).units), block)]
            idle += [unit for unit in range(block) if unit not in (*columns, *idle)]
            known = facts(text, self._exact(text))
            features.append(
                Feature(
                    name=name,
                    columns=tuple(i * block + unit for unit in columns),
                    target=i if i < self._outputs else None,
                    predictivity=1.0 if i < self._outputs else None,
                    complexity=known["average_sensitivity"],
                    null_columns=tuple(i * block + unit for unit in idle[: len(columns)]),
                    facts=known,
                    watched=i >= self._outputs,
                )
            )
        first = {name: i * block for i, name in enumerate(self.names)}
        return (*features, *(subterms.declared(term, first[term.block]) for term in self._terms))

    @property
    def targets(self) -> tuple[Target, ...]:
        """One 0/1 target a feature; nothing is noisy, so the ceiling is 1."""
        rates = [facts(text, self._exact(text))["base_rate"] for text in self.features]
        return tuple(
            Target(name=name, kind="binary", chance=max(rate, 1 - rate))
            for name, rate in zip(self.names, rates, strict=True)
        )[: self._outputs]

    @property
    def input_names(self) -> tuple[str, ...]:
        """Feature and number of each unit."""
        units = range(self.units_per_feature)
        return tuple(f"{name} unit {unit}" for name in self.names for unit in units)

    @property
    def sizes(self) -> None:
        """As many as asked for."""
        return None

    def draw(self, split: str, rng: Streams, n: int) -> Draws:
        """Blocks and labels; each feature has its own stream, so others leave it alone."""
        blocks, labels = [], []
        for name, text in zip(self.names, self.features, strict=True):
            label, units = self._draw_feature(text, rng(split, name), n)
            labels.append(label)
            blocks.append(units)
        found = {"inputs": np.concatenate(blocks, 1), "features": np.stack(labels, 1)}
        if self.prevalence:
            # Numbers between 0 and 1, of which `build` asks whether they are below the prevalence:
            # all prevalences share them, and what is rare is nested. Held out they are all 0.
            found["present"] = np.stack(
                [rng(split, name, "prevalence").random(n, np.float32) for name in self.names], 1
            ) * np.float32(split in ("train", "stream"))
        return found

    def _draw_feature(
        self, text: str, generator: np.random.Generator, n: int
    ) -> tuple[np.ndarray, np.ndarray]:
        rule = function(text)
        if self._exact(text):
            # Rows of the table with the wanted label, all alike: what redrawing until the label
            # fits leads to, without the redrawing.
            wanted = generator.permutation(n) % 2 == 1
            ones, zeros = np.flatnonzero(rule.table), np.flatnonzero(~rule.table)
            row = np.where(
                wanted,
                ones[generator.integers(ones.size, size=n)],
                zeros[generator.integers(zeros.size, size=n)],
            )
        else:
            row = generator.integers(rule.table.size, size=n)
        bits = (row[:, None] >> np.arange(truthtable.size(rule.table))) & 1
        idle = generator.integers(0, 2, (n, self.units_per_feature - rule.units), dtype=np.uint8)
        units = np.concatenate([np.repeat(bits, rule.copies, axis=1).astype(np.uint8), idle], 1)
        return rule.table[row].astype(np.uint8), units

    def build(self, draws: Draws) -> Batch:
        """The draws as 0.0 and 1.0; the trained features are the targets."""
        features = jnp.asarray(draws["features"]).astype(jnp.float32)
        inputs = jnp.asarray(draws["inputs"]).astype(jnp.float32)
        weights = None
        if "present" in draws:
            rates = [(self.prevalence or {}).get(name, 1.0) for name in self.names]
            present = jnp.asarray(draws["present"]) < jnp.stack(list(map(jnp.asarray, rates)))[None]
            if self.prevalence_of == "label":
                weights = present.astype(jnp.float32)[:, : self._outputs]
            else:
                empty = np.array([float(function(text).table[0]) for text in self.features])
                features = jnp.where(present, features, jnp.asarray(empty, jnp.float32)[None])
                inputs = inputs * jnp.repeat(present, self.units_per_feature, axis=1)
        targets = features[:, : self._outputs] if self._outputs < len(self.features) else features
        if self.watched:
            block = dict(
                zip(self.names, jnp.split(inputs, len(self.features), axis=1), strict=True)
            )
            seen = [subterms.values(term, block[term.block]) for term in self._terms]
            features = jnp.concatenate([features, jnp.stack(seen, 1)], axis=1)
        return Batch(inputs=inputs, features=features, targets=targets, weights=weights)
