"""The page of a run that is not done yet, rewritten now and then."""

import time
from pathlib import Path

from primacy.result import Result

PAGE_SECONDS = 30.0
"""Between two pages, at least."""

PAGE_SHARE = 0.02
"""Of the run's time that its pages may take."""


class Pages:
    """Writes `report.html` of a run in progress; the page says first that it is provisional."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.written = folder, 0
        self._next = time.monotonic() + PAGE_SECONDS
        self._of = 0

    def rewrite(self, done: int) -> None:
        """Write the page if it is due and more networks are stored than it shows.

        Args:
            done: networks that are stored.
        """
        began = time.monotonic()
        if began < self._next or done == self._of:
            return
        self._of = done
        try:
            Result(self.folder).report()
        except (OSError, ValueError):  # a by-product: the run goes on without it
            self._next = float("inf")
            return
        self.written += 1
        now = time.monotonic()
        self._next = now + max(PAGE_SECONDS, (now - began) / PAGE_SHARE)
