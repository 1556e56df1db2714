"""What a calibration found: checks against known answers, courses over formulas, and their file.

The file lies in the user's data folder and not in a run: it says how this machine, with these
versions, answers where the answer is known. Later reports cite it.
"""

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from primacy.records import formats

FORMAT = 1
LARGEST = 1 << 24
"""Bytes beyond which a file is not read: it is no certificate."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """One number that was measured where the answer is known."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    quantity: str
    """What was measured, in words a reader of the table understands."""
    expected: float
    measured: float | None
    """Null where there was no number to be had; that never passes, nor does NaN."""
    tolerance: float
    """How far the measured number may be from the expected one."""
    relative: bool = False
    """The tolerance is a share of the expected number, not in its unit."""
    measures: tuple[str, ...] = ()
    """Registered measures whose number this is: `primacy explain` shows it with their cards."""
    reference: str = ""
    """Where the answer comes from; left empty, the case's own reference."""
    case: str = ""
    """The case it belongs to; the case puts it in."""

    @property
    def passed(self) -> bool:
        """Whether the measured number is within its tolerance of the expected one."""
        if self.measured is None or not math.isfinite(self.measured):
            return False
        allowed = self.tolerance * (abs(self.expected) if self.relative else 1.0)
        return bool(abs(self.measured - self.expected) <= allowed)  # NumPy's numbers, too


@dataclasses.dataclass(frozen=True, kw_only=True)
class Curve:
    """A measured course, and the formula's at the same places: a line of a chart."""

    chart: str
    """Title of the chart; curves of one title are drawn together."""
    label: str
    """What sets this line apart, such as `s = 4`."""
    x: tuple[float, ...]
    measured: tuple[float, ...]
    formula: tuple[float, ...]
    x_label: str
    y_label: str
    case: str = ""
    """The case it belongs to; the case puts it in."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Certificate:
    """The outcome of one calibration: with which versions, on what, when."""

    __pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)

    versions: Mapping[str, str]
    device: str
    date: str
    """Day it was made, in UTC."""
    full: bool
    """Whether the cases that take long were among them."""
    seconds: float
    checks: tuple[Check, ...]
    format: int = FORMAT

    @property
    def hits(self) -> int:
        """How many known answers were hit."""
        return sum(check.passed for check in self.checks)

    def of_measure(self, name: str) -> tuple[Check, ...]:
        """The checks whose number is this measure's."""
        return tuple(check for check in self.checks if name in check.measures)


def rows(checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The table as JSON values, one object a check."""
    return [
        {
            "case": c.case,
            "quantity": c.quantity,
            "expected": c.expected,
            "measured": c.measured,
            "tolerance": c.tolerance,
            "relative": c.relative,
            "passed": c.passed,
            "measures": list(c.measures),
            "reference": c.reference,
        }
        for c in checks
    ]


def place() -> Path:
    """Where this user's certificate lies."""
    home = os.environ.get("XDG_DATA_HOME") or Path("~/.local/share").expanduser()
    return Path(home) / "primacy" / "calibration.json"


def to_json(certificate: Certificate) -> bytes:
    """The content of `calibration.json`."""
    content = {**dataclasses.asdict(certificate), "checks": rows(certificate.checks)}
    return json.dumps(content, allow_nan=False, ensure_ascii=False, indent=1).encode() + b"\n"


def from_json(text: bytes) -> Certificate:
    """The certificate in a file's content; whether a check passed is found anew.

    Raises:
        ValueError: it is none, or of another format.
    """
    content = formats.json_value(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"no calibration of format {FORMAT}")
    checks = content.get("checks")
    if isinstance(checks, list):
        told = [c for c in checks if isinstance(c, dict)]
        content["checks"] = [{k: v for k, v in c.items() if k != "passed"} for c in told]
    return TypeAdapter(Certificate).validate_python(content)


def read() -> Certificate | None:
    """This user's certificate; None where there is none that can be read."""
    path = place()
    try:
        if path.stat().st_size > LARGEST:
            return None
        return from_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def to_markdown(certificate: Certificate) -> str:
    """The table as Markdown: the content of `docs/calibration.md`."""
    versions = ", ".join(f"{name} {version}" for name, version in certificate.versions.items())
    lines = [
        "# Calibration",
        "",
        "Numbers that a formula or a paper gives, and what primacy measured, through the code that "
        "measures real studies. Written from a real run of "
        f"`primacy calibrate{' --full' if certificate.full else ''}` "
        "(`primacy.records.certificate.to_markdown`); run it to see your own machine's.",
        "",
        f"{certificate.hits} of {len(certificate.checks)} known results reproduced in "
        f"{certificate.seconds:.0f} s on {certificate.device}, {certificate.date}; {versions}.",
    ]
    case = None
    for c in certificate.checks:
        if c.case != case:
            case = c.case
            own = [x.reference for x in certificate.checks if x.case == case]
            lines += ["", f"## {case}", "", "; ".join(dict.fromkeys(own)) + ".", ""]
            lines += ["| quantity | expected | measured | tolerance | |", "|---|---|---|---|---|"]
        quantity = c.quantity.replace("|", "\\|")
        expected, hit = f"{c.expected:.5g}", "hit" if c.passed else "**missed**"
        lines.append(f"| {quantity} | {expected} | {shown(c)} | {allowed(c)} | {hit} |")
    return "\n".join(lines) + "\n"


def shown(check: Check) -> str:
    """The measured number as text; 0 for what is a thousandth of the tolerance."""
    if check.measured is None:
        return "–"
    size = abs(check.expected) if check.relative else 1.0
    return "0" if abs(check.measured) < 1e-3 * check.tolerance * size else f"{check.measured:.5g}"


def allowed(check: Check) -> str:
    """The tolerance as text: a share of the expected number in percent."""
    return f"{100 * check.tolerance:g} %" if check.relative else f"{check.tolerance:.3g}"


def cited(certificate: Certificate | None, versions: Mapping[str, str], device: str) -> str:
    """What a report says of the calibration: a sentence.

    Args:
        certificate: this user's, if there is one.
        versions: of the libraries that made the numbers of the report.
        device: that made them.
    """
    again = "run `primacy calibrate`"
    if certificate is None:
        return f"Not calibrated on this machine: {again}."
    others = [
        f"{name} {certificate.versions.get(name, 'missing')}, here {version}"
        for name, version in versions.items()
        if certificate.versions.get(name) != version
    ]
    if certificate.device != device:
        others.append(f"{certificate.device}, here {device or 'unknown'}")
    hits, n = certificate.hits, len(certificate.checks)
    if others:
        return (
            f"Calibrated only with other versions or on another device ({'; '.join(others)}), "
            f"where {hits} of {n} known answers were hit: {again}."
        )
    return (
        f"Calibrated: {hits} of {n} known results reproduced with these versions on this device "
        f"({certificate.date})."
    )
