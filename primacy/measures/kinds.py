"""For which targets and features each measure has a value, and why not for the others.

What a card's losses do not say is stated here; `tests/contract/test_kinds.py` measures a network
with features and targets of every kind and compares.
"""

from primacy.registry import Measure

TARGETS = {
    "0/1": "sigmoid_cross_entropy",
    "number": "squared_error",
    "class": "softmax_cross_entropy",
}
FEATURES = ("0/1", "number", "class", "group")

NOT_NUMBERS = frozenset({"inputs", "fit_inputs", "forward", "slopes"})
"""What measures cannot have of examples that are no single array of real numbers (token ids)."""
ONLY_A_NETWORK = frozenset({"forward", "onward", "swapped", "swapped_rest", "slopes"})
"""What representations alone do not answer."""
INPUTS = {
    "array": (frozenset(), ""),
    "tokens": (NOT_NUMBERS, "no slopes and no means of token ids"),
    "representations": (NOT_NUMBERS | ONLY_A_NETWORK, "representations alone are no network"),
}
"""What a network is given, or what there is in its place: what is not answered then, and why."""

_NO_ONE_VALUE = "a group of columns has no one value"
_ONE_SIGN = "several slopes have no one sign"
_ONE_SLOPE = "several directions have no one slope"
_NO_OTHER = "there is no one other value to steer to"
_NOT_TWO = "it has no two values to tell apart"

WITHOUT: dict[str, dict[str, str]] = {
    "agreement": dict.fromkeys(("number", "class"), _NOT_TWO),
    "class_selectivity": {"number": _NOT_TWO},
    **{
        f"concept_{name}": {"class": _ONE_SLOPE, "class target": _ONE_SIGN}
        for name in ("sensitivity", "slope", "slope_null", "slope_p")
    },
    "description_length": dict.fromkeys(("number", "class"), _NOT_TWO),
    "description_length_control": dict.fromkeys(("number", "class"), _NOT_TWO),
    "downstream_lean": dict.fromkeys(("number", "class"), _NOT_TWO),
    "downstream_lean_standardized": dict.fromkeys(("number", "class"), _NOT_TWO),
    "input_gradient_signed": {
        "class target": _ONE_SIGN,
        "class": "several columns have no one slope",
        "group": "several columns have no one slope",
    },
    "output_coefficient": {
        "class target": "several outputs have no one coefficient",
        "class": "a class has no one unit",
    },
    "probe_accuracy": {"number": _NOT_TWO},
    "probe_control": {"number": _NOT_TWO},
    "probe_selectivity": {"number": _NOT_TWO},
    "steering_dose": dict.fromkeys(("number", "class"), _NO_OTHER),
    "steering_push": dict.fromkeys(("number", "class"), _NO_OTHER),
    "steering_side_effect": dict.fromkeys(("number", "class"), _NO_OTHER),
    "steering_side_effect_null": dict.fromkeys(("number", "class"), _NO_OTHER),
}
"""By measure and kind (of a feature, or with `target` of a target): why it has no value."""

OF_GROUPS = ("conflict_decided", "conflict_index")
"""Measures of features that need no value of theirs: a group of columns has one, too."""

_BY_LOSS = {
    "0/1": "it is not of answers that are right or wrong",
    "number": "it is of answers that are right or wrong",
    "class": "it is not of classes",
}


def targets_of(card: Measure) -> dict[str, str | None]:
    """By kind of target: null where the measure has a value, else why not."""
    known = WITHOUT.get(card.name, {})
    return {
        kind: known.get(f"{kind} target") if loss in card.losses else _BY_LOSS[kind]
        for kind, loss in TARGETS.items()
    }


def features_of(card: Measure) -> dict[str, str | None] | None:
    """By kind of feature: null where the measure has a value, else why not.

    None: the measure is not of a feature.
    """
    if not {"feature", "site"} & set(card.axes):
        return None
    known = WITHOUT.get(card.name, {})
    found = {kind: known.get(kind) for kind in FEATURES}
    if "feature" in card.axes and card.name not in OF_GROUPS:
        found["group"] = _NO_ONE_VALUE
    return found


def inputs_of(card: Measure) -> dict[str, str | None]:
    """By what the network is given: null where the measure has a value, else why not."""
    return {kind: why if lacks & set(card.asks) else None for kind, (lacks, why) in INPUTS.items()}


def table(cards: list[Measure]) -> list[str]:
    """The table of the page of measures, as lines of Markdown."""
    heads = [f"{kind} target" for kind in TARGETS] + [f"{kind} feature" for kind in FEATURES]
    heads += INPUTS
    lines = [
        "| measure | " + " | ".join(heads) + " | why not |",
        "| --- |" + " --- |" * (len(heads) + 1),
    ]
    for card in sorted(cards, key=lambda card: card.name):
        targets = targets_of(card)
        features: dict[str, str | None] = features_of(card) or dict.fromkeys(FEATURES, "")
        cells = ["yes" if why is None else "no" for why in targets.values()]
        cells += ["" if why == "" else "yes" if why is None else "no" for why in features.values()]
        given = inputs_of(card)
        cells += ["yes" if why is None else "no" for why in given.values()]
        every = (*targets.values(), *features.values(), *given.values())
        reasons = dict.fromkeys(why for why in every if why)
        lines.append(f"| `{card.name}` | {' | '.join(cells)} | {'; '.join(reasons)} |")
    return lines
