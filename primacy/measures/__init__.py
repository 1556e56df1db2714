"""Measures: pure functions on arrays, one file a question."""

import inspect

from primacy.measures import kinds
from primacy.registry import Measure, measures
from primacy.types import EVIDENCE

_QUESTIONS = {
    "learned": "What has it learned?",
    "represented": "What does it represent?",
    "groups": "What does it represent? A group of input columns",
    "shares": "What does it represent? Divided among features that overlap",
    "probes": "What does it represent? What a linear probe reads",
    "description": "What does it represent? The bits that a feature still costs (MDL)",
    "rsa": "What does it represent? Its distances (RSA)",
    "cka": "What does it represent? Its kernel (CKA)",
    "units": "What does it represent? In which units",
    "dimensions": "What does it represent? In how many directions",
    "followed": "What do its outputs follow?",
    "used": "What does it use?",
    "replacement": "What does it use? A feature held at its mean or at zero",
    "agreement": "What does it use? The feature that its answers follow",
    "conflict": "What does it use? The side that its answers take in a conflict",
    "sufficiency": "What does it use? Everything but a feature interchanged",
    "shapley": "What does it use? The outputs divided among the features (Shapley)",
    "gradients": "What does it use? The slopes of its outputs",
    "interchange": "What does it use? A layer's feature taken from another example",
    "erasure": "What does it use? A feature erased from a layer",
    "steering": "What does it use? A layer pushed along a feature",
    "concepts": "What does it use? A small push along a feature's direction",
    "pushes": "What does it use? How little of a layer it takes",
    "lean": "What does somebody who trains on a layer use?",
}


def cards() -> str:
    """The card of every registered measure, as Markdown: the content of `docs/measures.md`."""
    measures.load()
    lines = [
        "# Measures",
        "",
        "What each number means, and when it misleads. Written from the measures themselves "
        "(`primacy.measures.cards`): edit those, not this page.",
    ]
    rooms = list(_QUESTIONS)

    def place(card: Measure) -> tuple[int, str, str]:
        module = _module(card)  # one of a third party comes after ours
        return rooms.index(module) if module in rooms else len(rooms), module, card.name

    lines += [
        "",
        "## What has a value for what",
        "",
        "By kind of target and feature. Inputs may have any shape: measures see the numbers of an "
        "example row by row. A feature that its task interchanges itself (`Task.swap`) and no "
        "column carries has no slopes, no ablation and no columns of its own. Measures of a hidden "
        "layer need one, and those that edit it need a model with `onward`.",
        "",
        "A feature that is a class of three or more levels is coded as a 0/1 column for each. Fits "
        "of the layer take the columns together; a probe reads the level whose own regression is "
        "surest; distances and kernels are those of the columns; a direction becomes the subspace "
        "that the means of the levels span; `class_selectivity` is the mean over levels of each "
        "against the rest. A target that is a class has several outputs: measures of use add up "
        "over them, each less the mean over the class, which softmax cannot see.",
        "",
        "The last columns are of networks of your own (see own-model.md). `array`: an example is "
        "one array of real numbers. `tokens`: whole numbers, or several arrays. `representations`: "
        "layers and outputs in a file, without a network. Networks in PyTorch (Lightning, Hugging "
        "Face), flax (nnx, linen), equinox and any other function of JAX answer alike.",
        "",
        *kinds.table(list(measures.values())),
    ]
    question = ""
    for card in sorted(measures.values(), key=place):
        module = _module(card)
        if module != question:
            question = module
            lines += ["", f"## {_QUESTIONS.get(module, module)}"]
        lines += ["", *_card(card)]
    return "\n".join(lines) + "\n"


def _module(card: Measure) -> str:
    return card.function.__module__.rpartition(".")[2]


def _card(card: Measure) -> list[str]:
    low, high = ("unbounded" if x is None else f"{x:g}" for x in (card.low, card.high))
    one = [*(["hidden layer"] if card.by_layer else []), *card.axes]
    rows = {
        "Formula": card.formula,
        "Unit": card.unit,
        "Range": f"{low} to {high}",
        "Chance": "none" if card.chance is None else f"{card.chance:g}",
        "Direction": card.direction,
        "One number for each": " and ".join(one),
        "Losses": ", ".join(card.losses).replace("_", " "),
        "Evidence": EVIDENCE[card.evidence],
        "Examples": " and ".join(card.splits),
        "Family": card.family,
        "Control of": f"`{card.control_of}`" if card.control_of else "",
        "Computed": "" if card.by_default else "only where a study names it",
        "Unchanged by": card.invariance,
        "Misleads when": card.misleads,
        "Reference": card.reference,
    }
    return [
        f"### `{card.name}`",
        "",
        inspect.getdoc(card.function) or "",
        "",
        *(f"- **{title}**: {text}" for title, text in rows.items() if text),
    ]
