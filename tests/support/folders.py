"""What tests compare of two run folders."""

from primacy.records.store import INBOX
from tests.faults.test_faults import content


def promised(folder):
    """Every byte of a run folder that a run promises: not the page that a long run writes early."""
    held = content(folder).items()
    return {name: own for name, own in held if name not in ("report.html", f"{INBOX}/.lock")}
