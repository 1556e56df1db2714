"""What a tracker says of its run on stderr."""

from collections.abc import Sequence
from typing import Any

PROBABILITIES = (
    "outputs lie between 0 and 1, as probabilities do; primacy reads logits, so what it measures "
    "is wrong: leave out the last Sigmoid or Softmax, or give "
)


def logits(classes: bool, torch: bool) -> str:
    """That outputs are probabilities, and what to give instead.

    Args:
        classes: whether there is an output for each class.
        torch: whether it is PyTorch.
    """
    library = "torch" if torch else "jax.numpy"
    if classes:
        way = f"{library}.log(p + 1e-9)"
    else:
        way = "torch.logit(p, 1e-6)" if torch else "jax.scipy.special.logit(p.clip(1e-6, 1 - 1e-6))"
    return f"{PROBABILITIES}outputs=lambda p: {way}"


def missed(due: Sequence[int], step: int) -> str:
    """That evaluations were due before the call came."""
    told = ", ".join(map(str, due[:5]))
    return (
        f"evaluations were due after steps {told}{', ...' if len(due) > 5 else ''}, and the call "
        f"came after step {step}: evaluated there. Call evaluate after every step, or give the "
        "steps: evaluations=[...]"
    )


def stopped(step: int, steps: int, last: int) -> str:
    """That a training ended before its planned end.

    Args:
        step: of the last call.
        steps: of the whole training, as planned.
        last: step of the last evaluation.
    """
    told = f"stopped after step {step} of {steps}: the last evaluation was after step {last}"
    if step == steps - 1:
        return f"{told}; call tracker.evaluate(model, {steps}) after the loop"
    if step > last:
        return f'{told}; give steps={step}, or evaluations at even distances: spacing="linear"'
    return told


def already(condition: str, seed: int, folder: Any) -> str:
    """That a folder has this run, and how to measure it again."""
    return (
        f"{condition}, seed {seed} is in {folder} already: not evaluated. To measure it again, "
        "give another out= or condition=, or remove the folder"
    )


def another(folder: Any, differences: Sequence[str]) -> str:
    """That the run that a folder has is of another network or of other data."""
    more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
    return f"the run in {folder} is another one: {differences[0]}{more}"


def other_runs(folder: Any, wrong: Sequence[str]) -> str:
    """What keeps a run out of a folder."""
    return (
        f"{folder} holds other runs:\n  " + "\n  ".join(wrong[:20]) + "\nGive the condition "
        'another name (condition="..."), or another out=.'
    )
