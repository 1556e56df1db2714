"""Which measures and claims a run has, as its user chose them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from primacy.errors import StudyError
from primacy.networks.declared import Declared
from primacy.networks.recording import needed
from primacy.records.study import Hypothesis
from primacy.registry import Measure, measures
from primacy.study.toml.document import parsed
from primacy.study.toml.hypotheses import read_claims
from primacy.study.toml.mistakes import placed


def chosen(
    declared: Declared, names: Sequence[str], hypotheses: Sequence[Hypothesis]
) -> tuple[Measure, ...]:
    """The measures asked for or the default ones, and what times and claims need."""
    offered = measures.load()
    wanted = {*names, *needed(declared, names)}
    wanted |= set() if names else {h.contrast.measure for h in hypotheses}
    return tuple(
        measure
        for name, measure in sorted(offered.items())
        if name in names
        or (
            (name in wanted or (measure.by_default and not names))
            and declared.loss in measure.losses
        )
    )


def read_hypotheses(given: Any, measured: Sequence[str], factors: Sequence[str]) -> Any:
    """Claims: made ones, mappings, or the path of a TOML file.

    Raises:
        StudyError: lists all that is wrong with them.
    """
    called, text = "hypotheses", ""
    if isinstance(given, (str, Path)):
        called, text = str(given), Path(given).read_text("utf-8")
        given = parsed(text, called).get("hypothesis", [])
    tables = [claim for claim in given if not isinstance(claim, Hypothesis)]
    made = [claim for claim in given if isinstance(claim, Hypothesis)]
    claims, mistakes = read_claims(tables, measured, factors=factors)
    if mistakes:
        document = {"hypothesis": tables}
        raise StudyError(placed(mistakes, file=called, document=document, lines={}, overridden=[]))
    return (*made, *claims)
