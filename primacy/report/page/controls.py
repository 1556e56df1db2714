"""The controls of a study as the page shows them: expected, measured, passed or failed."""

from collections.abc import Sequence
from typing import Any

from primacy.analysis.outcomes import FALSE_ALARMS, MARGIN, Outcome, failed
from primacy.errors import counted
from primacy.report.page.wording import number

SYMBOLS = {"passed": "✔", "failed": "✘", "shown": "–"}
MEANINGS = {
    "untrained": "the study's own networks before their first step must not beat a constant",
    "shuffled labels": "networks trained on targets of other examples must not beat a constant on "
    "held-out ones",
    "random feature": "in the last hidden layer of those networks, a feature that no input carries "
    "must not be found",
    "constant feature": "a feature that never changes must have no number",
    "null columns": "inputs that carry nothing must be worth nothing to trained networks",
    "claims": "the study's claims, judged on networks trained on shuffled labels",
    "task learned": "the study's own networks must beat a constant{} on held-out examples: if not, "
    "what they rely on says nothing about the data",
    "rows in both": "test rows with the same inputs as a row that trains: with many, a good score "
    "can be memory",
}
NOT_NULL = ("task learned", "rows in both")
"""Kinds that do not ask whether something is found where there is nothing."""
FEW = 8
"""Controls of a kind that stand open on the page."""


def groups(controls: Sequence[Outcome]) -> list[dict[str, Any]]:
    """A group for each kind: what it means, its rows (failed ones first), and how they came out."""
    found = []
    shuffled = any(o.control == "shuffled labels" for o in controls)
    beaten = " and shuffled labels" if shuffled else ""
    for kind, meaning in MEANINGS.items():
        own = [o for o in controls if o.control == kind]
        if not own:
            continue
        words = [o.word for o in own]
        counts = [f"{words.count(w)} {w}" for w in ("failed", "passed", "shown") if w in words]
        own.sort(key=lambda o: o.word != "failed")
        found.append(
            {
                "kind": kind,
                "meaning": meaning.format(beaten),
                "rows": [_row(o) for o in own],
                "counts": ", ".join(counts),
                "open": len(own) <= FEW or "failed" in words,
            }
        )
    return found


def warning(controls: Sequence[Outcome]) -> str | None:
    """What stands at the top of the page where a control failed; null where none did."""
    wrong = failed(controls)
    if not wrong:
        return None
    kinds = list(dict.fromkeys(o.control for o in wrong))
    said = f"{len(wrong)} of {counted(len(controls), 'control')} failed ({', '.join(kinds)}): "
    reasons = [
        text
        for kind, text in (
            ("task learned", "the task was not learned on held-out examples"),
            ("rows in both", "test rows also train, so a good score can be memory"),
        )
        if kind in kinds
    ]
    if set(kinds) - set(NOT_NULL):
        reasons.append(
            "something is found where there is nothing to find, so the numbers on this page are "
            "not to be trusted"
        )
    return f"{said}{'; '.join(reasons)}."


OFF = (
    "No control networks were trained (controls: none). This leaves open what the measures find "
    "where no input predicts the label, which networks trained on shuffled labels show. `primacy "
    "run` with `--controls default` trains them."
)


def rule(controls: Sequence[Outcome] = ()) -> str:
    """How it is decided, with the rate of false alarms."""
    untested = (
        " Whether the task was learned, and whether test rows also train, is compared without a "
        "test."
        if any(o.control in NOT_NULL for o in controls)
        else ""
    )
    return (
        "The unit of replication is one trained network. A control fails if its score exceeds "
        f"chance by more than {MARGIN:g} and the excess is significant, corrected for the number "
        f"of controls: at most {100 * FALSE_ALARMS:g} of 100 sound studies fail one. Fewer than "
        f"six networks are shown and not tested.{untested} No verdict, summary or figure contains "
        "a control."
    )


def _row(o: Outcome) -> dict[str, Any]:
    between = ""
    if o.low is not None and o.high is not None:
        between = f"{number(o.low)} to {number(o.high)}"
    elif o.values:
        between = ", ".join(number(v) for v in o.values)
    measured = number(o.value) if o.value is not None else "null"
    if o.control == "claims":
        measured = o.why.removeprefix("Trained on shuffled labels: ").split(".")[0]
    return {
        "outcome": o,
        "symbol": SYMBOLS[o.word],
        "between": between,
        "measured": measured,
        "what": o.measure.replace("_", " ") + (f" of {o.of}" if o.of else ""),
    }
