"""A user's network while it is asked: it may print without end, and it may never come back."""

import contextlib
import io
import threading
from collections.abc import Callable, Iterator

PATIENCE = 120.0
"""Seconds of one evaluation after which a line says what is being waited for; the first one of a
process compiles the measures, which takes a minute where the machine is busy."""


class _Counting(io.TextIOBase):
    """Takes text and keeps nothing of it but its length."""

    def __init__(self) -> None:
        self.characters = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.characters += len(text)
        return len(text)


@contextlib.contextmanager
def overseen(what: str, tell: Callable[[str], None]) -> Iterator[Callable[[], int]]:
    """Drop what is printed on stdout meanwhile; say when it takes very long.

    Gives a function that says how many characters were dropped.

    A network is asked some dozens of times in an evaluation, so one that prints would print as
    often. Nothing can end a network that hangs but who started it: an interrupt keeps what was
    measured before.

    Args:
        what: is being done, such as `the evaluation after step 3`.
        tell: prints a line, not on stdout.
    """
    late = threading.Timer(
        PATIENCE,
        lambda: tell(
            f"{what} has not come back for {PATIENCE:g} s. If the network hangs, interrupt the "
            "program: what was measured before is kept"
        ),
    )
    late.daemon = True
    late.start()
    printed = _Counting()
    try:
        with contextlib.redirect_stdout(printed):
            yield lambda: printed.characters
    finally:
        late.cancel()
