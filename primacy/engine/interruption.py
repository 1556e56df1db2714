"""Ending a command on a signal, whatever it is waiting for."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

GRACE_SECONDS = 8.0
"""From the first signal until the process is ended without waiting any longer."""

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What asks a command to end; Windows has no SIGHUP."""

PACKAGE = Path(__file__).parents[1]


class Interruption:
    """While entered, the first signal asks the command to end; a second one ends it at once.

    A command that does not end within `GRACE_SECONDS` is ended, with a line that says where its
    threads wait. A thread of its own watches, because Python runs signal handlers in the main
    thread only, and not while that is inside a compiled library.
    """

    def __init__(self, polled: bool = False, hint: str = "") -> None:
        """Nothing is changed before `with`.

        Args:
            polled: the command looks at `stop` by itself; otherwise the main thread gets a
                KeyboardInterrupt.
            hint: printed when the process is ended by force.
        """
        self.stop = threading.Event()
        """Set by the first signal."""
        self.number: int | None = None
        """Of the first signal."""
        self._polled, self._hint = polled, hint

    def __enter__(self) -> "Interruption":
        self._active = threading.current_thread() is threading.main_thread()
        if not self._active:  # only the main thread may set handlers
            return self
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._woken = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before = {s: signal.signal(s, self._caught) for s in SIGNALS}
        self._guard = threading.Thread(target=self._watch, name="interruption", daemon=True)
        self._guard.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._active:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._woken)
        os.close(self._write)  # the guard reads the end of the pipe, and returns
        self._guard.join()
        os.close(self._read)

    @property
    def code(self) -> int:
        """The exit code: 128 and the number of the signal; 130 where there was none."""
        return 128 + (self.number or signal.SIGINT)

    def _caught(self, number: int, _: FrameType | None) -> None:
        # The main thread may come here before the guard has read the number, or after it.
        self.number = self.number or number
        self.stop.set()
        if not self._polled:
            raise KeyboardInterrupt

    def _watch(self) -> None:
        """Read the numbers of signals as they come; the end of the pipe is the end of the watch."""
        while numbers := os.read(self._read, 16):
            asked = [number for number in numbers if number in SIGNALS]
            if not asked:
                continue
            self.number = self.number or asked[0]
            self.stop.set()
            self._await_end(again=len(asked) > 1)

    def _await_end(self, again: bool) -> None:
        """End the process at a second signal, or when the time is over; return if it ends."""
        ends = time.monotonic() + GRACE_SECONDS
        while not again:
            left = ends - time.monotonic()
            ready, _, _ = select.select([self._read], [], [], max(0.0, left))
            if not ready:
                where = "; ".join(waiting(sys._current_frames()))
                hint = f" {self._hint}" if self._hint else ""
                print(
                    f"Still busy {GRACE_SECONDS:g} s after the signal: {where}. Stopped.{hint}",
                    file=sys.stderr,
                    flush=True,
                )
                break
            numbers = os.read(self._read, 16)
            if not numbers:  # the command has ended by itself
                return
            again = any(number in SIGNALS for number in numbers)
        os._exit(self.code)


def waiting(frames: Mapping[int, FrameType]) -> Iterator[str]:
    """For every thread inside this package, the innermost function of ours and its line.

    Args:
        frames: of `sys._current_frames`, as for `compiling`.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in frames.items():
        inner: FrameType | None = frame
        while inner is not None and not Path(inner.f_code.co_filename).is_relative_to(PACKAGE):
            inner = inner.f_back
        if inner is not None and inner.f_code.co_filename != __file__:
            place = Path(inner.f_code.co_filename).relative_to(PACKAGE)
            yield (
                f"{names.get(ident, 'a thread')} in {inner.f_code.co_name} ({place}:"
                f"{inner.f_lineno})"
            )


COMPILE = PACKAGE / "training" / "programs.py"


def compiling(frames: Mapping[int, FrameType]) -> bool:
    """Whether a thread of this process compiles a program."""
    for frame in frames.values():
        inner: FrameType | None = frame
        while inner is not None:
            if inner.f_code.co_name == "compile" and inner.f_code.co_filename == str(COMPILE):
                return True
            inner = inner.f_back
    return False
