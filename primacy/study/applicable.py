"""Whether measures apply to what a study trains, and what else is to be known before it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from primacy.analysis.contrasts import FEWEST
from primacy.analysis.resolve import SelectionError, resolve, without_layers
from primacy.records.study import Hypothesis, StudyRecord
from primacy.registry import Measure, measures
from primacy.study.spec import Condition, Study
from primacy.types import Task

KINDS = {
    "sigmoid_cross_entropy": ("0/1", "0/1"),
    "softmax_cross_entropy": ("class", "a class"),
    "squared_error": ("number", "a number"),
}
"""The targets that a loss is of, and what one of them is."""


def misapplied(study: Study, record: StudyRecord, hypothesis: Hypothesis) -> str | None:
    """Why the measure of a hypothesis has no value where it is asked for; None: it may have one.

    Args:
        study: with conditions of its own, or with members.
        record: of the study.
        hypothesis: of the study or of a member.
    """
    measure = measures.load().get(hypothesis.contrast.measure)
    if measure is None:  # an event, or computed from others
        return None
    conditions = _named(study)
    reasons = [_unfit(measure, c) for c in conditions.values()]
    if None not in reasons:
        return next(iter(reasons), None)
    if not any(reasons):
        return None
    try:
        picks = resolve(record, hypothesis.contrast).picks
    except SelectionError:
        return None  # which says what is wrong
    return next((w for p in picks if (w := _unfit(measure, conditions[p.condition]))), None)


def notes(study: Study, listed: Sequence[str]) -> tuple[str, ...]:
    """What a study will not do though it is no mistake, a sentence each.

    Args:
        study: with conditions of its own, or with members.
        listed: the measures that its file names.
    """
    claims = [h for each in (study, *study.members) for h in each.hypotheses]
    return (*_left_out(_named(study).values(), listed), *_too_few(study.seeds if claims else None))


def _left_out(conditions: Iterable[Condition], listed: Sequence[str]) -> Iterator[str]:
    """Measures that no condition can have."""
    every = tuple(conditions)
    for name in listed:
        reasons = [_unfit(measures.load()[name], condition) for condition in every]
        if reasons and None not in reasons:
            yield f"{name} is not measured: it {reasons[0]}"


def _too_few(seeds: int | None) -> Iterator[str]:
    if seeds is not None and seeds < FEWEST:
        count = "1 seed" if seeds == 1 else f"{seeds} seeds"
        yield f"{count}: no claim can be tested with fewer than {FEWEST}"


def _named(study: Study) -> Mapping[str, Condition]:
    """Its conditions as its record calls them."""
    if not study.members:
        return study.conditions
    return {f"{m.name}/{name}": c for m in study.members for name, c in m.conditions.items()}


def _unfit(measure: Measure, condition: Condition) -> str | None:
    task, model = condition.task, condition.model
    if task.loss not in measure.losses:
        of = " and ".join(KINDS[loss][0] for loss in measure.losses)
        return f"is of {of} targets, and {_targets(task)}{_instead(measure.name, task.loss)}"
    if measure.by_layer and not model.layer_names:
        return without_layers(getattr(model, "kind", ""))
    return None


def _targets(task: Task) -> str:
    what = KINDS[task.loss][1]
    if len(task.targets) == 1:
        return f"the target {task.targets[0].name} is {what}"
    return f"each of the {len(task.targets)} targets is {what}"


def _instead(name: str, loss: str) -> str:
    """The measure of the same thing for targets of the other kind, where there is one."""
    offered = measures.load()
    for one, other in (("accuracy", "r_squared"), ("r_squared", "accuracy")):
        instead = name.replace(one, other)
        if instead != name and instead in offered and loss in offered[instead].losses:
            return f": use {instead}"
    return ""
