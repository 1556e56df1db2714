"""Which of two cues the answers follow, asked of examples in which the two are in conflict.

Conflict examples are made of the test examples by interchange: everything of an example stays but
one feature, which says another class from then on (the color of another shape). They cost no
forward pass of their own: `reliance` asks for the same outputs. What is left out is stated on the
card: a conflict set is only as good as its exclusions.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from primacy.measures.classes import Widths, answers, finite, slices
from primacy.measures.labels import two_valued
from primacy.registry import measure

FEWEST = 8
"""Answers that follow either side below which there is no index."""

SURE = 2.0
"""Standard errors by which a feature must predict the target better than the best constant."""

REFERENCE = "shape bias on cue-conflict images: Geirhos et al. 2019, arXiv 1811.12231"
MADE = (
    "A conflict example is a test example with the feature of its donor, where that says another "
    "class than the example's own label. A feature with levels (a class, two values) says the "
    "class that is most frequent with its level in the fit examples; any other (a number, a group "
    "of columns) the donor's label. Left out: donors that say the example's own class; levels "
    "without one most frequent class; features whose levels do not predict the label of the test "
    "examples better than the most frequent class does, by 2 standard errors"
)


class _Conflicts(NamedTuple):
    """Of one feature and target: where there is a conflict, and which side each answer takes."""

    there: Bool[Array, " n"]
    followed: Bool[Array, " n"]
    """Conflict examples whose answer is what the feature says."""
    stayed: Bool[Array, " n"]
    """Those whose answer is still the example's own label."""
    known: Bool[Array, ""]


def _one_hot(values: Float[Array, " n"], width: int) -> Float[Array, "n w"]:
    levels = jnp.arange(width, dtype=values.dtype)[None]
    return (values[:, None] == levels).astype(values.dtype)


def _said(
    fit_levels: Float[Array, "m l"],
    levels: Float[Array, "n l"],
    fit_target: Float[Array, " m"],
    target: Float[Array, " n"],
    classes: int,
) -> tuple[Float[Array, " n"], Bool[Array, " n"], Bool[Array, ""]]:
    """The class that each test example's level says, where it says one, and whether they predict.

    Predict: the said classes are right on held-out examples more often than the most frequent one.
    """
    counts = fit_levels.T @ _one_hot(fit_target, classes)
    most = counts.max(axis=1)
    one = (counts == most[:, None]).sum(axis=1) == 1
    says = levels @ counts.argmax(axis=1).astype(levels.dtype)
    surely = levels @ one.astype(levels.dtype) > 0
    share = _one_hot(target, classes).mean(axis=0).max()
    right = ((says == target) & surely).mean()
    beyond = SURE * jnp.sqrt(share * (1 - share) / len(target))
    return says, surely, right > share + beyond


def _levels(
    fit_features: Float[Array, "m c"], features: Float[Array, "n c"], codes: Widths | None
) -> list[tuple[Float[Array, "m l"], Float[Array, "n l"], Bool[Array, ""]]]:
    """Of each feature: its levels as 0/1 columns, and whether it has levels at all."""
    labels, two = two_valued(fit_features, features)
    fit_labels, _ = two_valued(fit_features, fit_features)
    widths = codes or (1,) * features.shape[1]
    found = []
    for own in slices(widths):
        if own.stop - own.start > 1:
            yes = jnp.asarray(True)
            found.append((fit_features[:, own], features[:, own], yes))
        else:
            fit, test = fit_labels[:, own], labels[:, own]
            pair = (jnp.concatenate([1 - a, a], axis=1) for a in (fit, test))
            found.append((*pair, two[own.start]))
    return found


def _conflicts(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    fit_features: Float[Array, "m c"],
    features: Float[Array, "n c"],
    fit_targets: Float[Array, "m t"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    codes: Widths | None,
    heads: Widths | None,
) -> list[list[_Conflicts]]:
    widths = heads or (1,) * targets.shape[1]
    table = []
    for k, (fit_levels, levels, has) in enumerate(_levels(fit_features, features, codes)):
        given = answers(swapped[k], heads)
        sound = finite(swapped[k], heads) & finite(outputs, heads)
        row = []
        for t, width in enumerate(widths):
            own = targets[:, t]
            says, surely, predicts = _said(
                fit_levels, levels, fit_targets[:, t], own, max(width, 2)
            )
            said = jnp.where(has, says[donors], own[donors])
            usable = ~has | surely[donors]
            there = usable & (said != own)
            answer = given[:, t]
            followed, stayed = there & (answer == said), there & (answer == own)
            row.append(_Conflicts(there, followed, stayed, sound[t] & (~has | predicts)))
        table.append(row)
    return table


def _as_table(rows: list[list[Array]]) -> Float[Array, "k t"]:
    return jnp.stack([jnp.stack(row) for row in rows])


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction of the answers that follow either",
    direction="higher is an answer that follows the feature against everything else",
    range=(0.0, 1.0),
    chance=0.5,
    formula="of the conflict examples whose answer is what the feature says or the example's own "
    f"label: share whose answer is what the feature says. {MADE}",
    invariance="any change of the outputs that leaves the answers",
    misleads="Answers that follow neither side are not counted: read it beside conflict_decided. A "
    "network that is wrong to begin with seems to follow whatever is interchanged: read it beside "
    "accuracy, or compare with a network trained where the link is broken (training.unlinked). The "
    "rest of an example may hold more cues than one, and then it is not a contest of two. In held "
    "out examples where the feature has nothing to do with the label it has no value; see "
    "agreement.",
    reference=REFERENCE,
)
def conflict_index(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    fit_features: Float[Array, "m c"],
    features: Float[Array, "n c"],
    fit_targets: Float[Array, "m t"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How often the answers follow a feature when all else of the example says otherwise.

    0: never. .5: as often as all the rest together. 1: always, as shape bias of a network that
    sees nothing but shapes. Null: fewer than 8 answers follow either; the feature does not predict
    the target; it cannot be interchanged; an output is not finite.
    """
    table = _conflicts(
        swapped, outputs, fit_features, features, fit_targets, targets, donors, codes, heads
    )

    def index(c: _Conflicts) -> Float[Array, ""]:
        followed, stayed = c.followed.sum(), c.stayed.sum()
        either = followed + stayed
        share = followed / jnp.maximum(either, 1)
        return jnp.where(c.known & (either >= FEWEST), share, jnp.nan).astype(outputs.dtype)

    return _as_table([[index(c) for c in row] for row in table])


@measure(
    axes=("feature", "target"),
    by_default=False,
    losses=("sigmoid_cross_entropy", "softmax_cross_entropy"),
    unit="fraction of the conflict examples",
    direction="higher is a conflict that more answers decide one way or the other",
    range=(0.0, 1.0),
    chance=None,
    formula="share of the conflict examples whose answer is what the feature says or the example's "
    f"own label. {MADE}",
    invariance="any change of the outputs that leaves the answers",
    misleads="Of a target with two values it is 1: there is no third answer.",
    reference=REFERENCE,
)
def conflict_decided(
    swapped: Float[Array, "p n o"],
    outputs: Float[Array, "n o"],
    fit_features: Float[Array, "m c"],
    features: Float[Array, "n c"],
    fit_targets: Float[Array, "m t"],
    targets: Float[Array, "n t"],
    donors: Int[Array, " n"],
    codes: Widths | None = None,
    heads: Widths | None = None,
) -> Float[Array, "k t"]:
    """How many of the conflict examples are answered by one of the two sides.

    1: conflict_index speaks of all of them. Near 0: the network answers something else, and the
    index speaks of few. Null: fewer than 8 conflict examples; else as for conflict_index.
    """
    table = _conflicts(
        swapped, outputs, fit_features, features, fit_targets, targets, donors, codes, heads
    )

    def decided(c: _Conflicts) -> Float[Array, ""]:
        all_of_them, either = c.there.sum(), c.followed.sum() + c.stayed.sum()
        share = either / jnp.maximum(all_of_them, 1)
        return jnp.where(c.known & (all_of_them >= FEWEST), share, jnp.nan).astype(outputs.dtype)

    return _as_table([[decided(c) for c in row] for row in table])
