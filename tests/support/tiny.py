"""A study that trains in a moment, for tests of the way a study takes."""

from primacy.models.mlp import MLP
from primacy.records.study import Contrast, Hypothesis
from primacy.study.spec import Condition, Study, Training
from primacy.tasks.boolean import Boolean

SIMPLE_FIRST = Hypothesis(
    id="simple-first",
    claim="linear is learned before xor_and_or",
    contrast=Contrast(
        measure="time_to_learn", of={"feature": "linear"}, minus={"feature": "xor_and_or"}
    ),
    expect="less",
)


def condition(**training) -> Condition:
    """A small network on two features; `training` overrides."""
    told = {
        "batch_size": 32, "examples": 128, "fit_examples": 64, "test_examples": 64, "epochs": 6,
        "evaluations": 7, "learning_rate": 0.01,
    }  # fmt: skip
    return Condition(
        task=Boolean(features=("linear", "xor_and_or"), units_per_feature=8),
        model=MLP(widths=(8, 6)),
        training=Training(**{**told, **training}),
    )


def study(**changes) -> Study:
    """One condition, seven seeds, one hypothesis; `changes` are fields of `Study`."""
    told = {
        "name": "tiny",
        "question": "Is it quick?",
        "conditions": {"default": condition()},
        "hypotheses": (SIMPLE_FIRST,),
        "seeds": 7,
    }
    return Study(**{**told, **changes})
