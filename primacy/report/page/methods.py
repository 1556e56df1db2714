"""The methods of a study as sentences to paste, and what every column and measure means."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from primacy.analysis.outcomes import FALSE_ALARMS
from primacy.analysis.verdicts import Verdict
from primacy.errors import counted
from primacy.records.study import ConditionRecord, StudyRecord
from primacy.report.page import ranks
from primacy.report.page.wording import MINUS, listed, number

CURVES = {
    "condition": ("name", "condition; on disk its key"),
    "seed": ("", "which of the repeated networks"),
    "step": ("training steps", "when it was measured; 0 is before training"),
    "split": ("", "the examples: train (as trained on) or test (held out)"),
    "layer": ("", "hidden layer, input side first; null: not of a layer"),
    "feature": ("", "feature, or its matched null columns; null: not of a feature"),
    "target": ("", "output of the network; null: not of a target"),
    "measure": ("", "what was measured (see the cards)"),
    "value": ("the measure's", "the number; null: undefined, or the run diverged"),
}
"""Columns of curves: unit and meaning."""

VARIANCE = "variance explained"
"""The family of measures that are regressions fitted on examples of their own."""

SUMMARY = {
    "condition": ("name", "condition"),
    "seed": ("", "which of the repeated networks"),
    "feature": ("", "declared feature"),
    "rank": ("1 = first", "order of learning within the network, ties shared; null: not learned"),
    "time_to_learn": (
        "training steps",
        "first evaluation of those that stay at the criterion; "
        "null: not learned within tau, or no criterion",
    ),
    "low_step": ("training steps", "the evaluation before it: the true time lies between the two"),
    "learned": ("true/false", "reached the criterion; null: it has none, or the run stopped early"),
    "forgotten": ("true/false", "later below the criterion; the time stands"),
    "time_to_pick_up": (
        "training steps",
        "first evaluation of those that stay at a quarter of the "
        "feature's slope in the best predictor, from all features or from it "
        "alone, whichever is larger; null: not picked up, or it has no such slope",
    ),
    "picked_up": (
        "true/false",
        "reached that quarter within tau; null: it has no such slope, or the run stopped early",
    ),
    "dropped": (
        "true/false",
        "picked up, and under a tenth of that slope at the end; null: it has "
        "no such slope, or the run diverged",
    ),
    "time_to_abandon": (
        "training steps",
        "in a hypothesis: first evaluation of those with a reliance below 0.1 up to the end, after "
        "the reliance was at 0.25 or more for as long as confirming takes; a network that never "
        "relied on the feature counts as one that did not abandon it",
    ),
    "diverged": ("true/false", "loss or weights not finite, or loss beyond 1,000 x the constant's"),
    "ended": ("", "budget, learned (stop rule), diverged or crashed"),
    "end_step": ("training steps", "last evaluation"),
    "area": ("the criterion's", "mean height of its curve up to tau: no threshold enters"),
    "final_accuracy": ("share", "held-out accuracy of the feature's target at the end"),
    "final_r_squared": ("share", "held-out R² of the feature's target at the end"),
    "score_lost": ("accuracy, R²", "what interchanging the feature costs at the end, held out"),
    "score_lost_train": ("accuracy, R²", "the same on training examples"),
    "final_score_train": ("accuracy, R²", "score on training examples at the end"),
    "total_variance": ("activation²", "of the last hidden layer, summed over units"),
    "reliance": (
        "share",
        "change of the feature's own output when its columns are interchanged among examples",
    ),
    "variance_explained": ("share", "of the last hidden layer at the end, pooled over units"),
    "variance_absolute": ("activation²", "variance_explained x total_variance"),
}
"""Columns of the summary: unit and meaning; other columns are the measures of that name."""

AREAS = {
    "area": (
        "share of the way from chance to ceiling",
        "mean over steps 0 to tau of the first feature's learning curve minus the second's: above "
        "0 where the first is learned sooner or further. Curves that cross may have 0, and speed "
        'and final height are one number. Tested over networks by a contrast with at = "mean"',
    ),
    "area_total": (
        "share of the way from chance to ceiling",
        "the same without its sign: 0 only where the curves are one; noise adds to it",
    ),
}
"""Columns of `Result.areas`, the area between learning curves: unit and meaning."""


def paragraphs(
    record: StudyRecord,
    provenance: Mapping[str, Any],
    lanes: pl.DataFrame,
    verdicts: Sequence[Verdict] = (),
) -> list[str]:
    """The methods section: network, training, measurement, statistics."""
    if not record.conditions:
        return ["This study has no conditions."]
    first = record.conditions[0]
    said = [_networks(record, first, lanes), _measured(record, first)]
    said.append(_statistics(record, verdicts) + _judged_before(provenance))
    if record.controls != "none":
        said.append(_controls(record))
    versions = {**record.versions, **dict(provenance.get("versions") or {})}
    primacy = versions.get("primacy")
    with_ = f"primacy {primacy}" if primacy else "primacy"
    others = [f"{k} {v}" for k, v in versions.items() if k != "primacy"]
    said.append(
        f"Everything was computed with {with_}{f' ({listed(others)})' if others else ''}"
        f"{_device(record, provenance)}. The study's SHA-256, taken before the runs with every "
        f"hypothesis and margin in it, is {provenance.get('hash') or record.study_hash}."
    )
    return said


def _judged_before(provenance: Mapping[str, Any]) -> str:
    """That the claims were judged with fewer networks first, which makes errors more frequent."""
    before = [f"{n:,}" for n in provenance.get("judged_before") or ()]
    if not before:
        return ""
    return (
        f" The claims were judged before, with {listed(before)} networks per condition. To look, "
        "add networks and look again is to test more than once: a false verdict is then more "
        "frequent than stated."
    )


def _device(record: StudyRecord, provenance: Mapping[str, Any]) -> str:
    device = provenance.get("device") or record.device
    return f" on {device}" if device else ""


def _networks(record: StudyRecord, c: ConditionRecord, lanes: pl.DataFrame) -> str:
    """How many networks were trained, and how those of the condition `c` were."""
    task, model, training = (c.spec.get(k) or {} for k in ("task", "model", "training"))
    shape = ""
    if widths := model.get("widths"):
        shape = f" with hidden layers of {listed([str(w) for w in widths])} units"
    activation = f", {model['activation'].replace('_', ' ')}" if model.get("activation") else ""
    kind, size = f"{_kind(model)}{shape}{activation}", f"{c.parameters:,} parameters"
    task_of = f"the {task.get('kind', 'study')} task{_settings(c, task)}"
    trained = counted(networks(record, lanes), "network")
    if len(record.conditions) == 1:
        said = f"We trained {trained} ({kind}; {size}) on {task_of}. "
    else:
        factors = dict.fromkeys(k for one in record.conditions for k in one.factors)
        across = f", which differ in {listed(list(factors))}" if factors else ""
        said = (
            f"We trained {trained}, one per seed ({len(record.seeds)}) in each of "
            f"{len(record.conditions)} conditions{across}. What follows describes the condition "
            f"{c.name}: {kind} ({size}), trained on {task_of}. "
        )
    varied = {"init": "initial weights", "data": "examples", "order": "order of examples"}
    own = [varied[a] for a in record.seed_axes]
    if own and len(record.seeds) > 1:
        said += f"Each seed has its own {listed(own)}. "
    return said + _trained(c, training)


def networks(record: StudyRecord, lanes: pl.DataFrame) -> int:
    """How many networks a study has trained; one that several member studies share counts once."""
    keys = {c.name: c.key for c in record.conditions}
    names = lanes["condition"].cast(pl.String).to_list()
    return len({(keys[n], s) for n, s in zip(names, lanes["seed"].to_list(), strict=True)})


def _kind(model: Mapping[str, Any]) -> str:
    kind = str(model.get("kind", "networks"))
    return {"mlp": "multilayer perceptrons"}.get(kind, kind)


def _settings(c: ConditionRecord, task: Mapping[str, Any]) -> str:
    # The table of settings has the columns of every feature and the hash of the data.
    told = [f"features: {listed(ranks.declared(c))}"]
    told += [
        f"{k.replace('_', ' ')}: {_named(v)}"
        for k, v in task.items()
        if k not in ("kind", "features", "sha256") and v is not None
    ]
    return f" ({'; '.join(told)})"


def _named(value: Any) -> str:
    """A value of a task; what is told by name, such as `as_binary`, as `region = south`."""
    pairs = (
        isinstance(value, list | tuple)
        and value
        and all(
            isinstance(v, list | tuple) and len(v) == 2 and all(isinstance(x, str) for x in v)
            for v in value
        )
    )
    return listed([f"{k} = {v}" for k, v in value]) if pairs else setting(value)


def setting(value: Any) -> str:
    """A value of a specification as text."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    if isinstance(value, list | tuple):
        return ", ".join(f"({setting(v)})" if isinstance(v, list) else setting(v) for v in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {setting(v)}" for k, v in value.items()) or "none"
    return number_of(value)


def _trained(c: ConditionRecord, training: Mapping[str, Any]) -> str:
    if "optimizer" not in training:
        return f"Training lasted {c.budget:,} steps."
    names = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
    optimizer = str(training["optimizer"])
    details = [f"learning rate {number_of(training.get('learning_rate'))}"]
    if optimizer == "sgd" and training.get("momentum"):
        details.append(f"momentum {number_of(training['momentum'])}")
    if optimizer == "adamw":
        details.append(f"weight decay {number_of(training.get('weight_decay'))}")
    for penalty in ("ridge", "spectral_decoupling"):
        if training.get(penalty):
            details.append(f"{penalty.replace('_', ' ')} {number_of(training[penalty])}")
    details.append(f"{training.get('schedule', 'constant')} schedule")
    details.append(f"batches of {training.get('batch_size', '?'):,}")
    examples = training.get("examples")
    data = {"stream": "fresh examples at every step", "all": "every training example"}.get(
        str(examples),
        f"a fixed set of {examples:,} examples" if isinstance(examples, int) else "data",
    )
    epochs = f" ({c.budget / c.steps_per_epoch:g} epochs)" if c.steps_per_epoch else ""
    stop = ", stopped early once every feature was learned" if c.stop == "learned" else ""
    return (
        f"Training used {names.get(optimizer, optimizer)} ({', '.join(details)}) on {data} for "
        f"{c.budget:,} steps{epochs}{stop}."
    )


def number_of(value: Any) -> str:
    """A setting that is a number in full, not rounded to three digits; other text as it is."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.6g}".replace("-", MINUS) if isinstance(value, float) else str(value)


def _size(examples: Any) -> str:
    return f"{examples:,}" if isinstance(examples, int) else setting(examples)


def _measured(record: StudyRecord, c: ConditionRecord) -> str:
    training = c.spec.get("training") or {}
    test, fit = training.get("test_examples"), training.get("fit_examples")
    held = f" on {_size(test)} held-out examples" if test else " on held-out examples"
    said = f"Each network was evaluated {len(c.steps)} times, before the first step included,{held}"
    if fit and any(m.family == VARIANCE for m in record.measures):
        further = "those kept for it" if fit == "all" else f"{_size(fit)} further ones"
        said += f"; regressions of variance explained were fitted on {further}"
    said += "."
    racers = ranks.racers(c)
    if not racers:
        return said
    chosen = next(f.criterion for f in c.features if f.name == racers[0])
    measure = chosen.measure.replace("_", " ") if chosen else ""
    span = f"{counted(c.confirm, 'evaluation')} in a row"
    if chosen is not None and chosen.amount is not None:
        where = "training" if chosen.split == "train" else "held-out"
        return (
            f"{said} A feature counts as {ranks.verb(c)} at the first of {span} with {measure} "
            f"among {where} examples at or above {chosen.amount:g}. Features not there by step "
            f"{c.tau:,} are right-censored."
        )
    if ranks.relative(c):
        floor = chosen.floor if chosen and chosen.floor is not None else 0
        return (
            f"{said} A feature counts as learned at the first of {span} with {measure} at or above "
            f"{100 * c.theta:g} % of the network's own last value, and as not used where that last "
            f"value is below {floor:g}; such times are relative to the end of the run. Features "
            f"not there by step {c.tau:,} are right-censored."
        )
    levels = sorted({round(v, 4) for n in racers if (v := ranks.level(c, n)) is not None})
    return (
        f"{said} A feature counts as learned at the first of {span} with held-out {measure} at or "
        f"above {listed([f'{v:g}' for v in levels], 'or')} ({100 * c.theta:g} % of the way from "
        f"chance to the ceiling). Features not learned by step {c.tau:,} are right-censored; "
        "medians and quartiles of times are over all networks, those that never learned counted "
        "as later than any step."
    )


def _statistics(record: StudyRecord, verdicts: Sequence[Verdict]) -> str:
    if not record.hypotheses:
        return "No hypothesis was fixed before the runs, so nothing here is a test."
    late = f" {len(record.post_hoc)} of them changed after the first run (post hoc)."
    n = len(record.hypotheses)
    return (
        f"{'One hypothesis' if n == 1 else f'{n} hypotheses'} with margins "
        "stood in the study file before the runs."
        f"{late if record.post_hoc else ''} The unit of replication is one trained network; "
        "comparisons are "
        "paired by seed. Intervals (95 %) and p-values come from the same sign-flip permutation "
        "test; equivalence is judged by two one-sided tests on the 90 % interval, and shares by "
        "Clopper-Pearson intervals. Each p is of the null that its word rejects, at the margin or "
        "threshold of the claim, and is also given after Holm's correction over "
        f"{_family(verdicts)}. A verdict is called fragile where another criterion or number of "
        "confirming evaluations, another definition of the measure, the next layer, half the "
        "budget, one seed fewer or Holm's correction changes it."
    )


def _family(verdicts: Sequence[Verdict]) -> str:
    """Over which hypotheses Holm's correction goes, and why not over all."""
    without = [v for v in verdicts if v.p is None]
    if not without:
        return "the study's hypotheses"
    shares = sum(v.scale == "share" for v in without)
    why = [f"{counted(shares, 'share')} of seeds"] if shares else []
    if rest := len(without) - shares:
        why.append(f"{rest} that could not be tested")
    have = "has" if len(without) == 1 else "have"
    if len(without) == len(verdicts):
        return f"the claims with a p-value, of which there is none ({listed(why)})"
    return f"the {len(verdicts) - len(without)} with a p-value ({listed(why)} {have} none)"


def _controls(record: StudyRecord) -> str:
    extent = {
        "default": "as far as a fifth of the study's work pays for them",
        "full": "for every condition and seed",
    }
    return (
        "Beside these networks, control networks were trained on targets of other examples, "
        f"{extent[record.controls]}, and asked about a feature that never changes. With the "
        "networks before their first step and with inputs that carry nothing, they are judged so "
        f"that at most {100 * FALSE_ALARMS:g} of 100 sound studies fail one. No verdict, "
        "summary or figure contains a control."
    )


def dictionary(columns: Mapping[str, tuple[str, str]], present: list[str]) -> list[dict[str, str]]:
    """Column, unit and meaning of the columns that a table has."""
    otherwise = ("the measure's", "the measure of that name, at the end of the run")
    return [
        {"column": c, "unit": columns.get(c, otherwise)[0], "meaning": columns.get(c, otherwise)[1]}
        for c in present
    ]


def settings(condition: ConditionRecord) -> list[tuple[str, str]]:
    """Everything that decides a condition's runs, by dotted key."""
    return [
        (f"{part}.{key}", setting(value))
        for part, spec in condition.spec.items()
        for key, value in (spec.items() if isinstance(spec, Mapping) else [("", spec)])
    ]


def known(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was known about a feature before training, as text."""

    def told(value: Any) -> str:
        if isinstance(value, Mapping):
            return "; ".join(f"{k}: {told(v)}" for k, v in value.items()) or "none"
        if isinstance(value, float):
            return number(value)
        if isinstance(value, list | tuple):
            return ", ".join(told(v) for v in value) or "none"
        return setting(value)

    return [(key.replace("_", " "), told(value)) for key, value in facts.items()]
